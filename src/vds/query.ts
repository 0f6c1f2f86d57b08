import * as v from 'valibot';
import { decodeG1, decodeScalar, encodeCanonical, encodeG1, encodeScalar, G2, groupOrder, hashToScalar, hashToScalars, multiplyG2, arithmetic, pairingProductIsOne, pointBytes, scalarBytes, toAffinePoints, toScalar, trustedG1s } from '../crypto/index.ts'; // prettier-ignore
import type { AffinePoints } from '../crypto/index.ts';
import {
  at,
  bytesOf,
  bytesToHex,
  err,
  hexToBytes,
  isAscending,
  ok,
  whole,
  type Result,
} from '../lib/index.ts';
import { chunkBytes } from './batch.ts';
import type { Crs } from './crs.ts';
import { maxColumns, type VerifiedHeader } from './header.ts';
import { blindingBytes, laneFormats, laneLayouts } from './lanes.ts';
import { combinePolynomials, dot, multiplyPolynomials, payloadPolynomial, powers } from './polynomial.ts'; // prettier-ignore

/** Entries of a sparse weight vector: what a request may make both sides work. */
export const maxWeights = 512;
/** Columns asked for at once: their chunks are all read for the answer. */
export const maxAskedColumns = 64;

/** Columns in ascending order, none twice. */
export const askedColumnsSchema = v.pipe(
  v.array(whole(0, maxColumns - 1)),
  v.minLength(1),
  v.maxLength(maxAskedColumns),
  v.check((numbers) => isAscending(numbers), 'columns are not in ascending order'),
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
        (entries) => isAscending(entries.map(({ index }) => index)),
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
 * t_1 … t_n of a request, of length n + 1 with t_0 = 0: not all 0, and inside the data of every
 * column asked. n comes from the pinned CRS and the data's length from the verified header, never
 * from the request.
 */
export function queryWeights(
  header: VerifiedHeader,
  request: QueryRequest,
  scalars: number,
): Result<bigint[]> {
  const beyond = request.columns.find((column) => column >= header.columns.length);
  if (beyond !== undefined) return err(`query: column ${beyond} is not in the header`);
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
  const { bytesPerScalar } = laneFormats[header.lanes];
  const last = Math.min(
    ...request.columns.map((j) => Math.ceil((chunkBytes(header, j) - blindingBytes) / bytesPerScalar)), // prettier-ignore
  );
  for (const { index, weight } of request.weights.entries) {
    const value = decodeScalar(weight);
    if (!value.ok) return err(`query: weight ${index}: ${value.error}`);
    if (index > last) return err(`query: weight ${index} of a column of ${last} scalars`);
    weights[index] = value.value;
  }
  return weights.every((weight) => weight === 0n) ? err('query: all weights are 0') : ok(weights);
}

/** How several columns become one claim: bound to the request and to the values answered. */
function queryFactors(
  header: VerifiedHeader,
  { columns, weights }: QueryRequest,
  values: readonly Uint8Array[],
): bigint[] {
  // Without the x_j in the hash, x₁ + ε and x₂ − ε/ρ would pass.
  const asked = [encodeCanonical(columns), encodeCanonical(weights)];
  const rho = hashToScalar('query-rho', hexToBytes(header.id), ...asked, ...values);
  return powers(rho, values.length);
}

/**
 * Answers a linear query from payloads that were verified (VDS.md, "Linear query"; Libert and
 * Yung 2010): `π = Σ_i t_i·( γ₀·g_(N+1−i) + Σ_{j≠i} p_j·g_(N+1−i+j) )`, one sum over the 2N − 1
 * coefficients of the convolution of weights and values. The answer reveals x_j, and with enough
 * answers the data: whom to answer is the caller's to decide.
 *
 * @param payloads of the asked columns, in order
 */
export function answerQuery(
  crs: Crs,
  header: VerifiedHeader,
  request: QueryRequest,
  payloads: readonly Uint8Array[],
): Result<QueryAnswer> {
  const weights = queryWeights(header, request, crs.scalars);
  if (!weights.ok) return weights;
  const { scalars: n, degree } = crs;
  const polynomials = payloads.map((each) => payloadPolynomial(each, header.lanes, n));
  const products = polynomials.map((coefficients) =>
    dot(weights.value.slice(1), coefficients.slice(1)),
  );
  const values = products.map(encodeScalar);
  const combined = combinePolynomials(polynomials, queryFactors(header, request, values));
  // t_i·p_j belongs to the power N+1−i+j.
  const reversed = Array.from({ length: degree + 1 }, (_, k) => weights.value[degree + 1 - k] ?? 0n); // prettier-ignore
  const convolved = multiplyPolynomials(reversed, combined);
  convolved[degree + 1] = 0n; // Σ t_i·m_i itself: the power that is not published
  return ok({ values, proof: encodeG1(crs.combine(convolved)) });
}

/**
 * Checks an answer against the header's commitments:
 * `e( ΣρC_j, Σ t_i·ĝ_(N+1−i) ) = e( π, [1]₂ ) · e( g_1, ĝ_N )^Σρx_j`: three pairings and a sum
 * over the weights in G2. The values that hold, in the order of the columns; field elements, see
 * {@link decodeLanes}.
 */
export function verifyQuery(
  crs: Crs,
  header: VerifiedHeader,
  request: QueryRequest,
  answer: QueryAnswer,
): Result<bigint[]> {
  const weights = queryWeights(header, request, crs.scalars);
  if (!weights.ok) return weights;
  if (answer.values.length !== request.columns.length) return err('query: not one value a column');
  const values: bigint[] = [];
  for (const encoded of answer.values) {
    const value = decodeScalar(encoded);
    if (!value.ok) return err(`query: value: ${value.error}`);
    values.push(value.value);
  }
  const proof = decodeG1(answer.proof, 'identity allowed');
  if (!proof.ok) return err(`query: proof: ${proof.error}`);
  const factors = queryFactors(header, request, answer.values);
  const { degree } = crs;
  const used = weights.value.flatMap((weight, i) => (weight === 0n ? [] : [i]));
  const points = used.map((i) => crs.g2(degree + 1 - i));
  const weighed = used.length === 0 ? G2.ZERO : multiplyG2(points, used.map((i) => at(weights.value, i))); // prettier-ignore
  const inner = toScalar(-dot(values, factors));
  const holds = pairingProductIsOne([
    [arithmetic.multiScalarMultiply(columnCommitments(header, request.columns), factors), weighed],
    [proof.value.negate(), G2.BASE],
    [arithmetic.multiScalarMultiply(toAffinePoints([crs.g1(1)]), [inner]), crs.g2(degree)],
  ]);
  return holds ? ok(values) : err('query: the proof does not hold');
}

/** C_j of these columns of a verified header, which are all in it. */
export function columnCommitments(
  header: VerifiedHeader,
  columns: readonly number[],
): AffinePoints {
  const points = columns.map((column) => trustedG1s(at(header.commitments, column)));
  return { xs: points.flatMap(({ xs }) => xs), ys: points.flatMap(({ ys }) => ys) };
}

/** Σ t_i for which no lane of an update carries into the next: 257·255 < 2¹⁶. */
export const decodableScalars = 257;
const largestWeight = BigInt(decodableScalars);

/**
 * The lanes of an answered value, where it has any: `Σ t_i·lane` of each of the 15 lanes of an
 * update's scalars, the lanes themselves of one scalar of a sum (u16) or of bytes (u8).
 * Beyond that lanes may have carried into each other, and the value is a field element and
 * nothing else; the error says why.
 */
export function decodeLanes(
  header: VerifiedHeader,
  request: QueryRequest,
  value: bigint,
): Result<number[]> {
  if (request.weights.kind === 'seed') return err('a random projection has no lanes');
  const weights = request.weights.entries.map(({ weight }) => BigInt(`0x${bytesToHex(weight)}`));
  const total = weights.reduce((sum, weight) => (sum + weight) % groupOrder, 0n);
  const small = weights.every((weight) => weight <= largestWeight);
  if (header.lanes === 'update') {
    if (!small || total > largestWeight) return err('the weights add up to more than 257: lanes may carry'); // prettier-ignore
  } else if (!small || weights.filter((weight) => weight !== 0n).length > 1 || total > 1n) {
    return err('lanes of sums and bytes are read one scalar at a time, with weight 1');
  }
  const { bits, count } = laneLayouts[header.lanes];
  const mask = (1n << bits) - 1n;
  return ok(Array.from({ length: count }, (_, l) => Number((value >> (bits * BigInt(l))) & mask)));
}
