import { sha256 } from '../crypto/index.ts';
import { assert, concatBytes, equalBytes, err, ok, randomBytes } from '../lib/index.ts';
import type { PeerId, Random, Result, TaskId } from '../lib/index.ts';
import type { Header } from './header.ts';
import { blindingBytes, chunkCount, chunkLaneBytes, payloadBytes } from './lanes.ts';
import type { LaneFormat, ScalarCount } from './lanes.ts';

/** The payloads of a batch and the unsigned header that describes them. */
export interface Batch {
  readonly header: Header;
  /** `γ ‖ lanes` of each chunk. */
  readonly payloads: readonly Uint8Array[];
}

/**
 * Cuts lanes into the payloads of their chunks.
 *
 * @param blinding draws γ of each chunk, and must be cryptographically secure; null for what
 * every member computes by itself (models, sums): γ = 0, so that all arrive at the same chunks.
 */
export function cutPayloads(
  lanes: Uint8Array,
  scalars: ScalarCount,
  format: LaneFormat,
  blinding: Random | null,
): Uint8Array<ArrayBuffer>[] {
  assert(lanes.length > 0, 'a batch has at least one lane');
  const full = chunkLaneBytes(scalars, format);
  return Array.from({ length: chunkCount(lanes.length, scalars, format) }, (_, index) => {
    const part = lanes.subarray(index * full, (index + 1) * full);
    const payload = new Uint8Array(blindingBytes + part.length);
    if (blinding !== null) payload.set(randomBytes(blinding, blindingBytes));
    payload.set(part, blindingBytes);
    return payload;
  });
}

/** Cuts lanes into chunks and describes them; see {@link cutPayloads} for `blinding`. */
export function cutBatch(
  about: {
    readonly task: TaskId;
    readonly round: number;
    readonly kind: Header['kind'];
    readonly author: PeerId;
    readonly scalars: ScalarCount;
    readonly lanes: LaneFormat;
  },
  lanes: Uint8Array,
  blinding: Random | null,
): Batch {
  const payloads = cutPayloads(lanes, about.scalars, about.lanes, blinding);
  const header: Header = {
    type: 'header',
    version: 1,
    suite: 'sha256',
    ...about,
    byteLength: lanes.length,
    crs: null,
    columns: payloads.map((payload) => ({ digest: sha256(payload), commitment: null })),
    opening: null,
    time: null,
    replaces: null,
  };
  return { header, payloads };
}

/** bytes of chunk `index` of a batch, γ included. */
export function chunkBytes(header: Header, index: number): number {
  return payloadBytes(header.byteLength, header.scalars, header.lanes, index);
}

/** Checks a payload against its header; the error names the check that failed. */
export function verifyChunk(header: Header, index: number, payload: Uint8Array): Result<null> {
  const column = header.columns[index];
  if (column === undefined) return err(`chunk ${index} is not in the header`);
  if (payload.length !== chunkBytes(header, index)) return err('chunk length');
  if (!equalBytes(sha256(payload), column.digest)) return err('chunk digest');
  return ok(null);
}

/** Joins verified payloads, in order, back to the lanes. */
export function joinLanes(header: Header, payloads: readonly Uint8Array[]): Uint8Array {
  assert(payloads.length === header.columns.length, 'joining an incomplete batch');
  return concatBytes(...payloads.map((payload) => payload.subarray(blindingBytes)));
}
