import { decodeScalar, encodeScalar, encodeUncompressedG1s, encodeUncompressedG2, randomScalar, sha256, toAffinePoints, type G1Point } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, concatBytes, equalBytes, err, ok } from '../lib/index.ts';
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import type { CommitmentKey } from './commitment.ts';
import type { OnProgress } from './crs.ts';
import { unopenedBytes, type Header } from './header.ts';
import { blindingBytes, chunkCount, chunkLaneBytes, payloadBytes } from './lanes.ts';
import type { LaneFormat, ScalarCount } from './lanes.ts';
import { openingFactors, openingPoint } from './opening.ts';
import { combinePolynomials, evaluate, payloadPolynomial, quotient } from './polynomial.ts';
import { commitTimes } from './time.ts';

/** The payloads of a batch and the unsigned header that describes them. */
export interface Batch {
  readonly header: Header;
  /** `γ ‖ lanes` of each chunk. */
  readonly payloads: readonly Uint8Array<ArrayBuffer>[];
}

/** What a header says besides its columns. */
export interface BatchDescription {
  readonly task: TaskId;
  readonly round: number;
  readonly kind: Header['kind'];
  readonly author: PeerId;
  readonly lanes: LaneFormat;
  /** The batch that this one takes the place of. */
  readonly replaces?: HeaderId;
}

/** γ of what every member can compute: 1, because with 0 a chunk of zeros had no commitment. */
const publicBlinding = 1n;

/**
 * Cuts lanes into the payloads of their chunks.
 *
 * @param blindings γ of each chunk; null for what every member computes by itself (models), so
 * that all arrive at the same chunks
 */
export function cutPayloads(
  lanes: Uint8Array,
  scalars: ScalarCount,
  format: LaneFormat,
  blindings: readonly bigint[] | null,
): Uint8Array<ArrayBuffer>[] {
  assert(lanes.length > 0, 'a batch has at least one lane');
  const full = chunkLaneBytes(scalars, format);
  return Array.from({ length: chunkCount(lanes.length, scalars, format) }, (_, index) => {
    const part = lanes.subarray(index * full, (index + 1) * full);
    const payload = new Uint8Array(blindingBytes + part.length);
    const blinding = blindings === null ? publicBlinding : at(blindings, index);
    payload.set(encodeScalar(blinding));
    payload.set(part, blindingBytes);
    return payload;
  });
}

/** γ for each chunk of a batch that is to hide its values; `random` must be secure. */
export function drawBlindings(
  byteLength: number,
  scalars: ScalarCount,
  format: LaneFormat,
  random: Random,
): bigint[] {
  const length = chunkCount(byteLength, scalars, format);
  return Array.from({ length }, () => randomScalar(random));
}

/** When each chunk of an update is sealed, and the randomness that hides it. */
export interface Sealing {
  /** Seconds since the round's opening, whole; read as each chunk is sealed. */
  readonly seconds: () => number;
  /** Cryptographically secure. */
  readonly random: Random;
}

/**
 * Commits to payloads and opens them all with one proof (VDS.md, "Header and its one opening"):
 * a bucket sum per chunk and one more of size n.
 *
 * @param time of an update; null for everything else
 * @param onProgress awaited after each chunk
 */
export async function sealPayloads(
  key: CommitmentKey,
  about: BatchDescription,
  payloads: readonly Uint8Array<ArrayBuffer>[],
  time: Sealing | null,
  onProgress: OnProgress = () => undefined,
): Promise<Batch> {
  const steps = sealing(key, about, payloads, time);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await onProgress(step.value);
  }
}

/** As {@link sealPayloads}, in one go: for simulations, whose clock stands still meanwhile. */
export function sealAtOnce(
  key: CommitmentKey,
  about: BatchDescription,
  payloads: readonly Uint8Array<ArrayBuffer>[],
  time: Sealing | null,
): Batch {
  const steps = sealing(key, about, payloads, time);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The work of sealing, which can be left after each chunk; yields the share that is done. */
function* sealing(
  key: CommitmentKey,
  about: BatchDescription,
  payloads: readonly Uint8Array<ArrayBuffer>[],
  time: Sealing | null,
): Generator<number, Batch> {
  const { crs } = key;
  const commitments: G1Point[] = [];
  const seconds: number[] = [];
  for (const [index, payload] of payloads.entries()) {
    commitments.push(key.commit(payload, about.lanes));
    if (time !== null) seconds.push(time.seconds());
    yield (index + 1) / (payloads.length + 2);
  }
  const encoded = encodeUncompressedG1s(toAffinePoints(commitments));
  const { replaces = null, ...rest } = about;
  const unopened: Omit<Header, 'opening'> = {
    type: 'header',
    version: 2,
    suite: 'bls12-381',
    ...rest,
    scalars: crs.scalars,
    byteLength: payloads.reduce((sum, payload) => sum + payload.length - blindingBytes, 0),
    crs: crs.digest,
    columns: payloads.map((payload, i) => ({ digest: sha256(payload), commitment: at(encoded, i) })), // prettier-ignore
    time: time && encodeUncompressedG2(commitTimes(crs, seconds, time.random).commitment),
    replaces,
  };
  const point = openingPoint(unopenedBytes(unopened));
  const polynomials = payloads.map((payload) => payloadPolynomial(payload, about.lanes));
  const values = polynomials.map((polynomial) => evaluate(polynomial, point));
  const combined = combinePolynomials(polynomials, openingFactors(point, values));
  const proof = key.table.multiply(quotient(combined, point));
  yield 1;
  const opening = {
    values: values.map(encodeScalar),
    proof: at(encodeUncompressedG1s(toAffinePoints([proof])), 0),
  };
  return { header: { ...unopened, opening }, payloads };
}

/** bytes of chunk `index` of a batch, γ included. */
export function chunkBytes(header: Header, index: number): number {
  return payloadBytes(header.byteLength, header.scalars, header.lanes, index);
}

/**
 * z of a header, to check its chunks against; by header, because hashing it anew for each of its
 * chunks would cost as much as the chunk.
 */
const points = new WeakMap<Header, bigint>();

function pointOf(header: Header): bigint {
  const known = points.get(header);
  if (known !== undefined) return known;
  const point = openingPoint(unopenedBytes(header));
  points.set(header, point);
  return point;
}

/**
 * Checks a payload against a header whose opening was verified, without a pairing: its digest is
 * d_j, and it takes the value y_j at z. The error names the check that failed.
 */
export function verifyChunk(header: Header, index: number, payload: Uint8Array): Result<null> {
  const column = header.columns[index];
  const expected = header.opening.values[index];
  if (column === undefined || expected === undefined) {
    return err(`chunk ${index} is not in the header`);
  }
  if (payload.length !== chunkBytes(header, index)) return err('chunk length');
  if (!equalBytes(sha256(payload), column.digest)) return err('chunk digest');
  if (!decodeScalar(payload.subarray(0, blindingBytes)).ok) return err('chunk blinding');
  const value = evaluate(payloadPolynomial(payload, header.lanes), pointOf(header));
  if (!equalBytes(encodeScalar(value), expected)) return err('chunk evaluation');
  return ok(null);
}

/** Joins verified payloads, in order, back to the lanes. */
export function joinLanes(header: Header, payloads: readonly Uint8Array[]): Uint8Array {
  assert(payloads.length === header.columns.length, 'joining an incomplete batch');
  return concatBytes(...payloads.map((payload) => payload.subarray(blindingBytes)));
}
