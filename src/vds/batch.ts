import { decodeScalar, encodeScalar, encodeUncompressedG1s, encodeUncompressedG2, randomScalar, scalarBytes, sha256, toAffinePoints, type G1Point } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, concatBytes, equalBytes, err, ok } from '../lib/index.ts';
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import type { CommitChunks, CommitmentKey } from './commitment.ts';
import type { OnProgress } from './crs.ts';
import { formatOf, unopenedBytes, type Header } from './header.ts';
import { blinders, blindingBytes, chunkCount, chunkLaneBytes, payloadBytes } from './lanes.ts';
import type { LaneFormat, ScalarCount } from './lanes.ts';
import { openingFactors, openingPoint } from './opening.ts';
import { combinePolynomials, evaluatePayload, payloadPolynomial, quotient } from './polynomial.ts';
import { commitTimes, type TimeOpening } from './time.ts';

/** The payloads of a batch and the unsigned header that describes them. */
export interface Batch {
  readonly header: Header;
  /** `γ₀ ‖ γ₁ ‖ γ₂ ‖ lanes` of each chunk. */
  readonly payloads: readonly Uint8Array<ArrayBuffer>[];
  /** What opens C_time of an update: the author's to keep. */
  readonly time: TimeOpening | null;
}

/** What a header says besides its columns. */
export interface BatchDescription {
  readonly task: TaskId;
  /** SHA-256 of the `round.open` that it answers; {@link noOpening} where there was none. */
  readonly opening: Uint8Array;
  readonly round: number;
  readonly kind: Header['kind'];
  readonly author: PeerId;
  /** The batch that this one takes the place of. */
  readonly replaces?: HeaderId;
  /** Of a sum: the manifest's digest and the chunks that these payloads are. */
  readonly sum?: NonNullable<Header['sum']>;
  /** bytes of lanes of the whole sum, where these are some of its chunks. */
  readonly byteLength?: number;
}

/** The opening of what no `round.open` asked for: the initial model, files. */
export const noOpening = new Uint8Array(32);

/**
 * Cuts lanes into the payloads of their chunks.
 *
 * @param blinding γ₀, γ₁, γ₂ of each chunk; null for what every member computes by itself
 * (models): zeros, so that all arrive at the same chunks
 */
export function cutPayloads(
  lanes: Uint8Array,
  scalars: ScalarCount,
  format: LaneFormat,
  blinding: readonly (readonly bigint[])[] | null,
): Uint8Array<ArrayBuffer>[] {
  assert(lanes.length > 0, 'a batch has at least one lane');
  const full = chunkLaneBytes(scalars, format);
  return Array.from({ length: chunkCount(lanes.length, scalars, format) }, (_, index) => {
    const part = lanes.subarray(index * full, (index + 1) * full);
    const payload = new Uint8Array(blindingBytes + part.length);
    if (blinding !== null) {
      at(blinding, index).forEach((each, b) => payload.set(encodeScalar(each), b * scalarBytes));
    }
    payload.set(part, blindingBytes);
    return payload;
  });
}

/** γ₀, γ₁, γ₂ for each chunk of a batch that is to hide its values; `random` must be secure. */
export function drawBlinders(
  byteLength: number,
  scalars: ScalarCount,
  format: LaneFormat,
  random: Random,
): bigint[][] {
  const length = chunkCount(byteLength, scalars, format);
  return Array.from({ length }, () => Array.from({ length: blinders }, () => randomScalar(random)));
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
 * @param commitChunks where the sums are computed
 */
export async function sealPayloads(
  key: CommitmentKey,
  about: BatchDescription,
  payloads: readonly Uint8Array<ArrayBuffer>[],
  time: Sealing | null,
  onProgress: OnProgress = () => undefined,
  commitChunks: CommitChunks = (...order) => key.commitChunks(...order),
): Promise<Batch> {
  const seconds = new Array<number>(payloads.length).fill(0);
  let done = 0;
  const onChunk = (index: number) => {
    seconds[index] = time?.seconds() ?? 0;
    return onProgress(++done / (payloads.length + 2));
  };
  // What a sum commits to follows from the updates, and every verifier computes it.
  const commitments = about.sum ? [] : await commitChunks(payloads, formatOf(about.kind), onChunk);
  const batch = openCommitted(key, about, payloads, commitments, time && { seconds, random: time.random }); // prettier-ignore
  await onProgress(1);
  return batch;
}

/** As {@link sealPayloads}, in one go: for simulations, whose clock stands still meanwhile. */
export function sealAtOnce(
  key: CommitmentKey,
  about: BatchDescription,
  payloads: readonly Uint8Array<ArrayBuffer>[],
  time: Sealing | null,
): Batch {
  const lanes = formatOf(about.kind);
  const commitments = about.sum ? [] : payloads.map((payload) => key.commit(payload, lanes));
  const seconds = time === null ? [] : payloads.map(() => time.seconds());
  return openCommitted(key, about, payloads, commitments, time && { seconds, random: time.random });
}

/** Describes payloads that are committed to and opens them. */
function openCommitted(
  key: CommitmentKey,
  about: BatchDescription,
  payloads: readonly Uint8Array<ArrayBuffer>[],
  commitments: readonly G1Point[],
  time: { readonly seconds: readonly number[]; readonly random: Random } | null,
): Batch {
  const { crs } = key;
  const { replaces = null, sum = null, ...rest } = about;
  const lanes = formatOf(about.kind);
  const encoded = encodeUncompressedG1s(toAffinePoints(commitments));
  const sealed = time && commitTimes(crs, time.seconds, time.random);
  const unopened: Omit<Header, 'y' | 'pi'> = {
    type: 'header',
    version: 3,
    suite: 'bls12-381',
    byteLength: payloads.reduce((total, payload) => total + payload.length - blindingBytes, 0),
    ...rest,
    lanes,
    scalars: crs.scalars,
    crs: crs.digest,
    columns: payloads.map((payload, i) => ({
      digest: sha256(payload),
      commitment: encoded[i] ?? null,
    })),
    time: sealed && encodeUncompressedG2(sealed.commitment),
    replaces,
    sum,
  };
  const point = openingPoint(unopenedBytes(unopened));
  const polynomials = payloads.map((payload) => payloadPolynomial(payload, lanes, crs.scalars));
  const values = payloads.map((each) => evaluatePayload(each, lanes, crs.scalars, point));
  const combined = combinePolynomials(polynomials, openingFactors(point, values));
  // The quotient depends on secret blinders. How long its sum takes depends on which of its bytes
  // are 0, which shows to the own tab only.
  const proof = key.table.multiply(quotient(combined, point));
  const pi = at(encodeUncompressedG1s(toAffinePoints([proof])), 0);
  const header: Header = { ...unopened, y: values.map(encodeScalar), pi };
  return {
    header,
    payloads,
    time: sealed && { blinding: sealed.blinding, seconds: time.seconds },
  };
}

/** bytes of the chunk in column `index` of a batch, blinders included. */
export function chunkBytes(header: Header, index: number): number {
  const chunk = header.sum === null ? index : at(header.sum.chunks, index);
  return payloadBytes(header.byteLength, header.scalars, header.lanes, chunk);
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
 *
 * @param digest the payload's SHA-256, where the caller has had it computed by faster means
 */
export function verifyChunk(
  header: Header,
  index: number,
  payload: Uint8Array,
  digest: Uint8Array | null = null,
): Result<null> {
  const column = header.columns[index];
  const expected = header.y[index];
  if (column === undefined || expected === undefined) {
    return err(`chunk ${index} is not in the header`);
  }
  if (payload.length !== chunkBytes(header, index)) return err('chunk length');
  if (!equalBytes(digest ?? sha256(payload), column.digest)) return err('chunk digest');
  return opens(header, payload, expected);
}

/** Whether a payload takes a column's value y_j at z. */
function opens(header: Header, payload: Uint8Array, expected: Uint8Array): Result<null> {
  for (let b = 0; b < blinders; b++) {
    const blinder = decodeScalar(payload.subarray(b * scalarBytes, (b + 1) * scalarBytes));
    if (!blinder.ok) return err('chunk blinding');
  }
  const value = evaluatePayload(payload, header.lanes, header.scalars, pointOf(header));
  return equalBytes(encodeScalar(value), expected) ? ok(null) : err('chunk evaluation');
}

/** Joins verified payloads, in order, back to the lanes. */
export function joinLanes(header: Header, payloads: readonly Uint8Array[]): Uint8Array {
  assert(payloads.length === header.columns.length, 'joining an incomplete batch');
  return concatBytes(...payloads.map((payload) => payload.subarray(blindingBytes)));
}
