import { arithmetic, encodeCanonical, encodeScalar, encodeUncompressedG1s, G1, hashToScalar, identityOf, invertScalar, sha256, sign, toAffinePoints, toScalar, type G1Point, type G2Point, type Identity, type Signed } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, bytesToHex, concatBytes, hexToBytes, ownBytes, randomBytes, seededRandom, uint16ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, Random, Result, TaskId } from '../lib/index.ts';
import type { AuditAnswer, AuditParties, AuditRequest } from './audit.ts';
import {
  cutPayloads,
  drawBlinders,
  joinLanes,
  noOpening,
  sealAtOnce,
  type Batch,
} from './batch.ts';
import { CommitmentKey } from './commitment.ts';
import { Crs } from './crs.ts';
import { DataOwner, type DataOwnerOptions } from './data-owner.ts';
import { admitHeader, formatOf, headerId, signHeader, unopenedBytes } from './header.ts';
import type { Header, SignedHeader, VerifiedHeader } from './header.ts';
import { openingFactors, openingPoint } from './opening.ts';
import { combinePolynomials, evaluate, payloadPolynomial, powers, quotient } from './polynomial.ts';
import type { QueryRequest } from './query.ts';
import { signCore, signFreshness } from './state.ts';
import { sumBlinders, sumCommitments, type SumOrder } from './sum.ts';
import { Verifier } from './verifier.ts';

/** n of the tests: the smallest, so that sealing costs little. */
export const scalars = 256;

/** The CRS for tests and its table, once for all tests of a file. */
export const crs = await Crs.forTests(scalars);
export const key = await CommitmentKey.build(crs);

const random = seededRandom(20_250_101);

/** An identity, a task, a header's id: any, and another one with every call. */
export const makeIdentity = (): Identity => identityOf(randomBytes(random, 32));
export const makeTask = () => bytesToHex(randomBytes(random, 16)) as TaskId;
export const makeHeaderId = () => bytesToHex(randomBytes(random, 32)) as HeaderId;

export const owner = makeIdentity();
export const author = makeIdentity();
export const stranger = makeIdentity();
const identities = [owner, author, stranger];

export const task = makeTask();

/** The time of the tests, in seconds since 1970. */
export const now = 1_760_000_000;

export function makeVerifier(source: Random = random): Verifier {
  return new Verifier({ crs, task, ownerKey: owner.id, random: source, allowTestCrs: true });
}

export function makeDataOwner(options: Partial<DataOwnerOptions> = {}): DataOwner {
  return new DataOwner({ crs, task, identity: owner, random, allowTestCrs: true, ...options });
}

/** A state with any points, signed by the Data Owner whether they are right or not. */
export function forgeState(
  epoch: number,
  revoked: readonly HeaderId[],
  points: { readonly accumulator: G1Point; readonly accumulatorKey: G2Point },
  previous: Signed | null = null,
) {
  const core = signCore({ task, epoch }, revoked, points, previous, owner);
  return { core, freshness: signFreshness(task, core, now, owner), revoked: [...revoked] };
}

/** A batch that is sealed, signed and admitted. */
export interface TestBatch extends Batch {
  readonly signed: SignedHeader;
  /** What a verifier hands out for it; here without its work. */
  readonly verified: VerifiedHeader;
}

interface About {
  readonly kind?: Header['kind'];
  readonly opening?: Uint8Array;
  readonly round?: number;
  readonly author?: Identity;
  readonly task?: TaskId;
  readonly replaces?: HeaderId;
  readonly sum?: NonNullable<Header['sum']>;
  readonly byteLength?: number;
}

/** Seals payloads; an update of round 1 by `author`, unless told otherwise. */
export function sealCut(payloads: readonly Uint8Array<ArrayBuffer>[], about: About = {}) {
  const { kind = 'update', author: by = author } = about;
  const description = { task, opening: noOpening, round: 1, ...about, kind, author: by.id };
  const time = kind === 'update' ? { seconds: () => 1, random } : null;
  return signed(sealAtOnce(key, description, payloads, time));
}

/** Seals these lanes, or so many random ones, hidden by random blinders; a model is not. */
export function makeBatch(lanes: Uint8Array | number, about: About = {}): TestBatch {
  const bytes = typeof lanes === 'number' ? randomBytes(random, lanes) : lanes;
  const format = formatOf(about.kind ?? 'update');
  const hidden = about.kind !== 'model';
  const blinding = hidden ? drawBlinders(bytes.length, scalars, format, random) : null;
  const by = about.kind === 'model' ? owner : author;
  return sealCut(cutPayloads(bytes, scalars, format, blinding), { author: by, ...about });
}

/** The digest of the manifest that the sums of the tests are of. */
export const manifest = sha256(encodeCanonical('manifest'));

interface Term {
  readonly batch: TestBatch;
  readonly weight: number;
}

/** What a sum of these must be a sum of. */
export const orderOf = (terms: readonly Term[]): SumOrder => ({
  manifest,
  summands: terms.map(({ batch, weight }) => ({ header: batch.verified, weight })),
});

/** Seals Σ weight·update, or some chunks of it. */
export function makeSum(
  terms: readonly Term[],
  about: About & { readonly chunks?: readonly number[] } = {},
): TestBatch {
  const lanes = terms.map(({ batch }) => joinLanes(batch.header, batch.payloads));
  const sums = Uint16Array.from(at(lanes, 0), (_, i) =>
    terms.reduce((sum, { weight }, k) => sum + weight * at(at(lanes, k), i), 0),
  );
  const parts = terms.map(({ batch, weight }) => ({ payloads: batch.payloads, weight }));
  const all = cutPayloads(uint16ToBytes(sums), scalars, 'sum', sumBlinders(parts));
  const { chunks = all.map((_, index) => index), ...rest } = about;
  const { opening } = at(terms, 0).batch.header;
  const sealed = sealCut(
    chunks.map((index) => at(all, index)),
    {
      opening,
      byteLength: 2 * sums.length,
      sum: { manifest, chunks: [...chunks] },
      ...rest,
      kind: 'sum',
    },
  );
  const commitments = sumCommitments(orderOf(terms).summands, chunks);
  return { ...sealed, verified: { ...sealed.verified, commitments } };
}

/** Signs a header, true or not, as the author it names, and admits it. */
export function signed({ header, payloads }: Pick<Batch, 'header' | 'payloads'>): TestBatch {
  const by = identities.find(({ id }) => id === header.author);
  assert(by !== undefined, 'the author is one of the tests');
  const admitted = admitHeader(signHeader(header, by), owner);
  const commitments = header.columns.flatMap(({ commitment }) => commitment ?? []);
  const verified = { ...header, id: headerId(admitted.header), signed: admitted, commitments };
  return { header, payloads, time: null, signed: admitted, verified };
}

/** Signs and admits any value at all as if it were a header. */
export function signAnything(value: unknown, by: Identity = author): SignedHeader {
  const header = encodeCanonical(value);
  return admitHeader({ header, signature: sign('header', header, by), admission: null }, owner);
}

/** Opens payloads at the point that a header has by now, whatever its columns say of them. */
export function openAnew(header: Header, payloads: readonly Uint8Array[]): Header {
  const point = openingPoint(unopenedBytes(header));
  const polynomials = payloads.map((each) => payloadPolynomial(each, header.lanes, scalars));
  const values = polynomials.map((polynomial) => evaluate(polynomial, point));
  const combined = combinePolynomials(polynomials, openingFactors(point, values));
  const proof = toAffinePoints([key.table.multiply(quotient(combined, point))]);
  return { ...header, y: values.map(encodeScalar), pi: at(encodeUncompressedG1s(proof), 0) };
}

/** The header with another column in place of one. */
export function withColumn(
  header: Header,
  index: number,
  change: Partial<Header['columns'][number]>,
): Header {
  const columns = header.columns.map((column, i) => (i === index ? { ...column, ...change } : column)); // prettier-ignore
  return { ...header, columns };
}

/** The header's column says of a payload what is true of it, except for the commitment. */
export const withDigestOf = (header: Header, index: number, payload: Uint8Array): Header =>
  withColumn(header, index, { digest: sha256(payload) });

/** The scalar of an encoding, reduced or not. */
export const numberOf = (bytes: Uint8Array) => BigInt(`0x${bytesToHex(bytes)}`);

/** (0, 2) is on the curve of G1, and of order 3: uncompressed and compressed. */
export const ofOrder3 = concatBytes(new Uint8Array(95), new Uint8Array([2]));
export const ofOrder3Compressed = concatBytes(new Uint8Array([0x80]), new Uint8Array(47));

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const flipped = ownBytes(bytes);
  flipped[bit >> 3] = at(bytes, bit >> 3) ^ (1 << (bit & 7));
  return flipped;
}

/** What a check said. */
export const errorOf = (result: Result<unknown>): string => (result.ok ? 'accepted' : result.error);

/** What a check accepted. */
export function valueOf<T>(result: Result<T>): T {
  assert(result.ok, `refused: ${errorOf(result)}`);
  return result.value;
}

/**
 * An audit answered from Σ ρ^j·P_j alone, by a holder that keeps that in place of the columns: it
 * holds where ρ is that of this very request.
 */
export function foldedAudit(
  reference: Crs,
  header: VerifiedHeader,
  request: AuditRequest,
  parties: AuditParties,
  payloads: readonly Uint8Array[],
  rho: bigint,
): AuditAnswer {
  const columns = payloads.map((each) => payloadPolynomial(each, header.lanes, reference.scalars));
  const kept = combinePolynomials(columns, powers(rho, columns.length));
  const point = auditPoint(header, request, parties);
  const mask = G1.BASE.multiply(5n).toBytes(true);
  const chi = hashToScalar('audit-mask', encodeScalar(point), mask);
  const masked = combinePolynomials([kept, [5n]], [chi, 1n]);
  const proof = arithmetic.multiScalarMultiply(reference.openingPowers, quotient(masked, point)).toBytes(true); // prettier-ignore
  return { mask, value: encodeScalar(evaluate(masked, point)), proof };
}

/** z and ρ of an audit, as VDS.md writes them. */
export function auditPoint(header: VerifiedHeader, request: AuditRequest, parties: AuditParties) {
  const { task: of, auditor, holder } = parties;
  const { nonce, epoch, columns } = request;
  return hashToScalar('audit-z', hexToBytes(of), nonce, hexToBytes(auditor), hexToBytes(holder), encodeCanonical(epoch), hexToBytes(header.id), encodeCanonical(columns)); // prettier-ignore
}
export const auditFactor = (point: bigint) => hashToScalar('audit-rho', encodeScalar(point));

/** ρ of a query of these columns and values; of none, ρ as it would be if it did not hash them. */
export const queryFactor = (header: VerifiedHeader, request: QueryRequest, values: readonly Uint8Array[]) => // prettier-ignore
  hashToScalar('query-rho', hexToBytes(header.id), encodeCanonical(request.columns), encodeCanonical(request.weights), ...values); // prettier-ignore

/** x₁ + ε and x₂ − ε/ρ in place of two values: what the proof is of stays the same. */
export function shiftPair(values: readonly Uint8Array[], rho: bigint): Uint8Array[] {
  const [x1 = 0n, x2 = 0n] = values.map(numberOf);
  const epsilon = 12_345n;
  return [x1 + epsilon, x2 - epsilon * invertScalar(rho)].map((x) => encodeScalar(toScalar(x)));
}

export { answerAudit } from './audit.ts';
