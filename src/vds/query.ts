import * as v from 'valibot';
import {
  decodeG1,
  decodeScalar,
  encodeCanonical,
  encodeG1,
  encodeScalar,
  G2,
  hashToScalar,
  hashToScalars,
  multiplyG2,
  multiScalarMultiply,
  pairingProductIsOne,
  pointBytes,
  scalarBytes,
  toScalar,
  trustedG1s,
} from '../crypto/index.ts';
import { at, err, hexToBytes, ok, type Result } from '../lib/index.ts';
import type { Crs } from './crs.ts';
import { maxColumns, type VerifiedHeader } from './header.ts';
import { combinePolynomials, dot, multiplyPolynomials, payloadPolynomial, powers } from './polynomial.ts'; // prettier-ignore

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');
const bytesOf = (length: number) => v.pipe(byteArray, v.length(length));
const whole = (low: number, high: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high));

/** Entries of a sparse weight vector: what a request may make both sides work. */
export const maxWeights = 256;
/** Columns asked for at once: their chunks are all read for the answer. */
export const maxAskedColumns = 64;

/** Columns in ascending order, none twice. */
export const askedColumnsSchema = v.pipe(
  v.array(whole(0, maxColumns - 1)),
  v.minLength(1),
  v.maxLength(maxAskedColumns),
  v.check(
    (columns) => columns.every((column, i) => i === 0 || column > (columns[i - 1] ?? column)),
    'columns are not in ascending order',
  ),
);

const weightsSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('sparse'),
    /** i from 1 to n, and t_i, 32 bytes big-endian; every other weight is 0. */
    entries: v.pipe(
      v.array(v.strictObject({ index: whole(1, 4096), weight: bytesOf(scalarBytes) })),
      v.minLength(1),
      v.maxLength(maxWeights),
      v.check(
        (entries) => entries.every(({ index }, i) => i === 0 || index > (entries[i - 1]?.index ?? index)), // prettier-ignore
        'indices are not in ascending order',
      ),
    ),
  }),
  v.strictObject({
    kind: v.literal('seed'),
    /** Both sides derive all n weights from it. */
    seed: bytesOf(32),
  }),
]);

/** A linear query: `x_j = Σ t_i·m_i` of each of these columns, with public weights t. */
export const queryRequestSchema = v.strictObject({
  columns: askedColumnsSchema,
  weights: weightsSchema,
});
export type QueryRequest = v.InferOutput<typeof queryRequestSchema>;

export const queryAnswerSchema = v.strictObject({
  /** x_j per column. */
  values: v.pipe(v.array(bytesOf(scalarBytes)), v.minLength(1), v.maxLength(maxAskedColumns)),
  /** One proof for all of them. */
  proof: bytesOf(pointBytes.g1),
});
export type QueryAnswer = v.InferOutput<typeof queryAnswerSchema>;

/**
 * t_1 … t_n of a request, of length n + 1 with t_0 = 0. n comes from the pinned CRS, never from
 * the request.
 */
export function queryWeights(request: QueryRequest, scalars: number): Result<bigint[]> {
  const weights = new Array<bigint>(scalars + 1).fill(0n);
  if (request.weights.kind === 'seed') {
    const perBlock = 128; // XMD yields at most 170 scalars at a time
    for (let block = 0; block * perBlock < scalars; block++) {
      const number = new Uint8Array([block >> 8, block & 255]);
      const drawn = hashToScalars('query', perBlock, request.weights.seed, number);
      for (let k = 0; k < perBlock && block * perBlock + k < scalars; k++) {
        weights[block * perBlock + k + 1] = at(drawn, k);
      }
    }
    return ok(weights);
  }
  for (const { index, weight } of request.weights.entries) {
    const value = decodeScalar(weight);
    if (!value.ok) return err(`query: weight ${index}: ${value.error}`);
    if (index > scalars) return err(`query: weight ${index} of a chunk of ${scalars} scalars`);
    weights[index] = value.value;
  }
  return ok(weights);
}

/** How several columns become one claim: bound to the request and to the values answered. */
function queryFactors(
  header: VerifiedHeader,
  request: QueryRequest,
  values: readonly Uint8Array[],
): bigint[] {
  const rho = hashToScalar('query-rho', hexToBytes(header.id), encodeCanonical(request), ...values);
  return powers(rho, values.length);
}

/**
 * Answers a linear query from payloads that were verified: one sum over the 2n−1 coefficients of
 * the convolution of weights and values (VDS.md, "Linear query").
 *
 * @param payloads of the asked columns, in order
 */
export function answerQuery(
  crs: Crs,
  header: VerifiedHeader,
  request: QueryRequest,
  payloads: readonly Uint8Array[],
): Result<QueryAnswer> {
  const weights = queryWeights(request, crs.scalars);
  if (!weights.ok) return weights;
  const n = crs.scalars;
  const polynomials = payloads.map((payload) => payloadPolynomial(payload, header.lanes));
  const products = polynomials.map((coefficients) =>
    dot(coefficients.slice(1), weights.value.slice(1)),
  );
  const values = products.map(encodeScalar);
  const combined = combinePolynomials(polynomials, queryFactors(header, request, values));
  // t_i·m_j belongs to the power n+1−i+j; γ counts as m_0.
  const reversed = Array.from({ length: n + 1 }, (_, k) => weights.value[n + 1 - k] ?? 0n);
  const convolved = multiplyPolynomials(reversed, combined);
  convolved[n + 1] = 0n; // Σ t_i·m_i itself: the power that is not published
  return ok({ values, proof: encodeG1(crs.combine(convolved)) });
}

/**
 * Checks an answer against the header's commitments:
 * `e( ΣρC_j, Σ t_i·ĝ_{n+1−i} ) = e( π, [1]₂ ) · e( g_1, ĝ_n )^Σρx_j`. The values that hold, in
 * the order of the columns.
 */
export function verifyQuery(
  crs: Crs,
  header: VerifiedHeader,
  request: QueryRequest,
  answer: QueryAnswer,
): Result<bigint[]> {
  const weights = queryWeights(request, crs.scalars);
  if (!weights.ok) return weights;
  if (answer.values.length !== request.columns.length) return err('query: not one value a column');
  const commitments = columnCommitments(header, request.columns);
  if (!commitments.ok) return err(`query: ${commitments.error}`);
  const values: bigint[] = [];
  for (const encoded of answer.values) {
    const value = decodeScalar(encoded);
    if (!value.ok) return err(`query: value: ${value.error}`);
    values.push(value.value);
  }
  const proof = decodeG1(answer.proof, 'identity allowed');
  if (!proof.ok) return err(`query: proof: ${proof.error}`);
  const factors = queryFactors(header, request, answer.values);
  const n = crs.scalars;
  const used = weights.value.flatMap((weight, i) => (weight === 0n ? [] : [i]));
  const points = used.map((i) => crs.g2(n + 1 - i));
  const weighed = used.length === 0 ? G2.ZERO : multiplyG2(points, used.map((i) => at(weights.value, i))); // prettier-ignore
  const inner = toScalar(-dot(values, factors));
  const holds = pairingProductIsOne([
    [multiScalarMultiply(commitments.value, factors), weighed],
    [proof.value.negate(), G2.BASE],
    [multiScalarMultiply(pointOf(crs), [inner]), crs.g2(n)],
  ]);
  return holds ? ok(values) : err('query: the proof does not hold');
}

function pointOf(crs: Crs) {
  const { x, y } = crs.g1(1).toAffine();
  return { xs: [x], ys: [y] };
}

/** The commitments of these columns of a verified header. */
export function columnCommitments(
  header: VerifiedHeader,
  columns: readonly number[],
): Result<{ xs: bigint[]; ys: bigint[] }> {
  const xs: bigint[] = [];
  const ys: bigint[] = [];
  for (const column of columns) {
    const commitment = header.columns[column]?.commitment;
    if (commitment === undefined) return err(`column ${column} is not in the header`);
    const point = trustedG1s(commitment);
    xs.push(...point.xs);
    ys.push(...point.ys);
  }
  return ok({ xs, ys });
}
