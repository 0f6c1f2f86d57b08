import * as v from 'valibot';
import { decodeG1, decodeG2, encodeG1, encodeG2, openSigned, pointBytes, sha256, signedSchema, signValue } from '../crypto/index.ts'; // prettier-ignore
import type { G1Point, G2Point, Identity, Signed } from '../crypto/index.ts';
import {
  concatBytes,
  equalBytes,
  err,
  hexToBytes,
  isHeaderId,
  isTaskId,
  ok,
} from '../lib/index.ts';
import type { HeaderId, PeerId, Result, TaskId } from '../lib/index.ts';

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');
const bytesOf = (length: number) => v.pipe(byteArray, v.length(length));
const whole = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));

/** Revoked batches of one task: bounds what a tab keeps and multiplies. */
export const maxRevoked = 1000;

const stateSchema = v.strictObject({
  type: v.literal('state'),
  version: v.literal(1),
  task: v.pipe(v.string(), v.guard(isTaskId, 'not a task id')),
  /** Grows with every revocation and never falls. */
  epoch: v.pipe(whole, v.maxValue(0xffffffff)),
  /** f, compressed; the generator while nothing is revoked. */
  accumulator: bytesOf(pointBytes.g1),
  /** [s]₂, compressed: the key that non-membership is verified with. */
  accumulatorKey: bytesOf(pointBytes.g2),
  count: v.pipe(whole, v.maxValue(maxRevoked)),
  /** SHA-256 of the revoked ids, one after the other. */
  list: bytesOf(32),
  /** Seconds since 1970, the Data Owner's clock. */
  issuedAt: whole,
  /** A verifier takes the state no later than this. Seconds since 1970. */
  notAfter: whole,
});

/** The Data Owner's word on what is revoked. */
export type OwnerState = v.InferOutput<typeof stateSchema>;

/** seconds for which a state is good; the Data Owner signs it anew long before. */
export const stateValidity = 24 * 3600;

export function listDigest(revoked: readonly HeaderId[]): Uint8Array {
  return sha256(concatBytes(...revoked.map(hexToBytes)));
}

/**
 * What a Data Owner publishes when something was revoked: its signed state, the revoked batches in
 * the order in which they were, and the server keys [s^i]₁, i = 1 … count, compressed.
 */
export const stateUpdateSchema = v.strictObject({
  state: signedSchema,
  revoked: v.pipe(
    v.array(v.pipe(v.string(), v.guard(isHeaderId, 'not a header id'))),
    v.maxLength(maxRevoked),
  ),
  keys: v.pipe(v.array(bytesOf(pointBytes.g1)), v.maxLength(maxRevoked)),
});
export type StateUpdate = v.InferOutput<typeof stateUpdateSchema>;

/** Signs the state of an epoch. @param now seconds since 1970 */
export function signState(
  about: { readonly task: TaskId; readonly epoch: number },
  revoked: readonly HeaderId[],
  points: { readonly accumulator: G1Point; readonly accumulatorKey: G2Point },
  now: number,
  owner: Identity,
): Signed {
  const state: OwnerState = {
    type: 'state',
    version: 1,
    ...about,
    accumulator: encodeG1(points.accumulator),
    accumulatorKey: encodeG2(points.accumulatorKey),
    count: revoked.length,
    list: listDigest(revoked),
    issuedAt: now,
    notAfter: now + stateValidity,
  };
  return signValue('state', state, owner);
}

/** A state whose signature and points were checked. */
export interface CheckedState extends OwnerState {
  /** f */
  readonly f: G1Point;
  /** [s]₂ */
  readonly s: G2Point;
}

/**
 * Checks a signed state: signature, task, freshness, and that it is not older than one already
 * known. The error names the check that failed.
 *
 * @param now seconds since 1970
 */
export function checkState(
  signed: Signed,
  expected: { readonly task: TaskId; readonly ownerKey: PeerId; readonly known: OwnerState | null },
  now: number,
): Result<CheckedState> {
  const opened = openSigned('state', signed, expected.ownerKey, stateSchema);
  if (!opened.ok) return opened;
  const state = opened.value;
  if (state.task !== expected.task) return err('state: of another task');
  if (now > state.notAfter) return err('state: stale, or the clock of this machine is wrong');
  const { known } = expected;
  if (known !== null) {
    if (state.epoch < known.epoch || state.count < known.count) {
      return err(`state: epoch ${state.epoch} is older than epoch ${known.epoch}`);
    }
    if (state.epoch === known.epoch && !equalBytes(state.list, known.list)) {
      return err(`state: two different states of epoch ${state.epoch}`);
    }
    if (!equalBytes(state.accumulatorKey, known.accumulatorKey)) {
      return err('state: another accumulator key than before');
    }
  }
  const f = decodeG1(state.accumulator, 'identity refused');
  if (!f.ok) return err(`state: accumulator: ${f.error}`);
  const s = decodeG2(state.accumulatorKey, 'identity refused');
  if (!s.ok) return err(`state: accumulator key: ${s.error}`);
  return ok({ ...state, f: f.value, s: s.value });
}
