import * as v from 'valibot';
import { decodeCanonical, decodeG1, decodeG2, encodeG1, encodeG2, openSigned, pointBytes, sha256, signedSchema, signValue } from '../crypto/index.ts'; // prettier-ignore
import type { G1Point, G2Point, Identity, Signed } from '../crypto/index.ts';
import { bytesOf, concatBytes, equalBytes, err, headerIdField, hexToBytes, ok, taskIdField, whole } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, PeerId, Result, TaskId } from '../lib/index.ts';

/** Revoked batches of one task: bounds what a tab keeps and multiplies. */
export const maxRevoked = 1000;

const seconds = whole(0, Number.MAX_SAFE_INTEGER);
const headerIds = v.pipe(v.array(headerIdField), v.maxLength(maxRevoked));

/** What is so as long as the epoch lasts (VDS.md, "Revocation"). */
const coreSchema = v.strictObject({
  type: v.literal('state-core'),
  version: v.literal(1),
  task: taskIdField,
  /** Grows with every revocation and never falls. */
  epoch: whole(0, 0xffffffff),
  /** f, compressed; the generator while nothing is revoked. */
  accumulator: bytesOf(pointBytes.g1),
  /** [s]₂, compressed: the key that non-membership is verified with. */
  accumulatorKey: bytesOf(pointBytes.g2),
  count: whole(0, maxRevoked),
  /** SHA-256 of the revoked ids, one after the other. */
  list: bytesOf(32),
  /** What was revoked with this epoch: the last of the list. */
  elements: headerIds,
  /** SHA-256 of the core of the epoch before; zeros for the first. */
  previous: bytesOf(32),
});
type StateCore = v.InferOutput<typeof coreSchema>;

/** That a core was the newest one at a time; signed anew as long as it is. */
const freshnessSchema = v.strictObject({
  type: v.literal('state-freshness'),
  version: v.literal(1),
  task: taskIdField,
  /** SHA-256 of the core's signed bytes. */
  core: bytesOf(32),
  /** Seconds since 1970, the Data Owner's clock. */
  issuedAt: seconds,
  /** Beyond it nobody knows what was revoked meanwhile. Seconds since 1970. */
  notAfter: seconds,
});

/** seconds for which a state is fresh; the Data Owner signs it anew long before. */
export const stateValidity = 600;

export function listDigest(revoked: readonly HeaderId[]): Uint8Array {
  return sha256(concatBytes(...revoked.map(hexToBytes)));
}

/**
 * What a Data Owner publishes: the signed core of its newest state and its freshness, the revoked
 * batches in the order in which they were, and the server keys [s^i]₁, i = 1 … count, compressed.
 */
export const stateUpdateSchema = v.strictObject({
  core: signedSchema,
  freshness: signedSchema,
  revoked: headerIds,
  keys: v.pipe(v.array(bytesOf(pointBytes.g1)), v.maxLength(maxRevoked)),
});
export type StateUpdate = v.InferOutput<typeof stateUpdateSchema>;

/** Signs the core of an epoch. @param previous the core of the one before, null for the first */
export function signCore(
  about: { readonly task: TaskId; readonly epoch: number },
  revoked: readonly HeaderId[],
  points: { readonly accumulator: G1Point; readonly accumulatorKey: G2Point },
  previous: Signed | null,
  owner: Identity,
): Signed {
  const core: StateCore = {
    type: 'state-core',
    version: 1,
    ...about,
    accumulator: encodeG1(points.accumulator),
    accumulatorKey: encodeG2(points.accumulatorKey),
    count: revoked.length,
    list: listDigest(revoked),
    elements: revoked.slice(-1),
    previous: previous === null ? new Uint8Array(32) : sha256(previous.bytes),
  };
  return signValue('state-core', core, owner);
}

/** Signs that a core is the newest. @param now seconds since 1970 */
export function signFreshness(task: TaskId, core: Signed, now: number, owner: Identity): Signed {
  const about = { type: 'state-freshness', version: 1, task, core: sha256(core.bytes) } as const;
  const freshness: v.InferOutput<typeof freshnessSchema> = {
    ...about,
    issuedAt: now,
    notAfter: now + stateValidity,
  };
  return signValue('state-freshness', freshness, owner);
}

/** When a state was signed, as it says itself; null if it does not say. Seconds since 1970. */
export function issuedAt({ freshness }: Pick<StateUpdate, 'freshness'>): number | null {
  const decoded = decodeCanonical(freshness.bytes);
  const parsed = decoded.ok ? v.safeParse(freshnessSchema, decoded.value) : null;
  return parsed?.success ? parsed.output.issuedAt : null;
}

/** A core whose signature and points were checked. */
export interface CheckedCore extends StateCore {
  /** SHA-256 of the signed bytes. */
  readonly digest: Uint8Array;
  readonly signed: Signed;
  /** f */
  readonly f: G1Point;
  /** [s]₂ */
  readonly s: G2Point;
}

/** A core, and when it was the newest. */
export interface CheckedState extends CheckedCore {
  readonly issuedAt: number;
  readonly notAfter: number;
}

/** Checks a core by itself: signature, task, points. The error names the check that failed. */
export function checkCore(
  signed: Signed,
  { task, ownerKey }: { readonly task: TaskId; readonly ownerKey: PeerId },
): Result<CheckedCore> {
  const opened = openSigned('state-core', signed, ownerKey, coreSchema);
  if (!opened.ok) return opened;
  const core = opened.value;
  if (core.task !== task) return err('state: of another task');
  const f = decodeG1(core.accumulator, 'identity refused');
  if (!f.ok) return err(`state: accumulator: ${f.error}`);
  const s = decodeG2(core.accumulatorKey, 'identity refused');
  if (!s.ok) return err(`state: accumulator key: ${s.error}`);
  return ok({ ...core, digest: sha256(signed.bytes), signed, f: f.value, s: s.value });
}

/**
 * Checks a state: core, freshness, and that it is not older than one already known nor another one
 * of the same epoch. The error names the check that failed.
 *
 * @param now seconds since 1970, by the Data Owner's clock
 */
export function checkState(
  update: Pick<StateUpdate, 'core' | 'freshness'>,
  expected: {
    readonly task: TaskId;
    readonly ownerKey: PeerId;
    readonly known: CheckedState | null;
  },
  now: number,
): Result<CheckedState> {
  const checked = checkCore(update.core, expected);
  if (!checked.ok) return checked;
  const core = checked.value;
  const freshness = openSigned('state-freshness', update.freshness, expected.ownerKey, freshnessSchema); // prettier-ignore
  if (!freshness.ok) return freshness;
  const { issuedAt, notAfter } = freshness.value;
  if (freshness.value.task !== core.task || !equalBytes(freshness.value.core, core.digest)) {
    return err('state: the freshness is of another state');
  }
  if (now > notAfter) return err('state: stale, or the clock of this machine is wrong');
  const { known } = expected;
  if (known === null) return ok({ ...core, issuedAt, notAfter });
  if (core.epoch < known.epoch || core.count < known.count) {
    return err(`state: epoch ${core.epoch} is older than epoch ${known.epoch}`);
  }
  if (core.epoch === known.epoch && !equalBytes(core.digest, known.digest)) {
    return err(`state: two different states of epoch ${core.epoch}`);
  }
  if (core.epoch === known.epoch + 1 && !equalBytes(core.previous, known.digest)) {
    return err(`state: epoch ${core.epoch} does not follow the one known before it`);
  }
  if (!equalBytes(core.accumulatorKey, known.accumulatorKey)) {
    return err('state: another accumulator key than before');
  }
  // Signed anew: the later word holds, in whatever order the two arrive.
  const later = core.epoch === known.epoch && known.issuedAt > issuedAt;
  return ok({ ...core, ...(later ? { issuedAt: known.issuedAt, notAfter: known.notAfter } : { issuedAt, notAfter }) }); // prettier-ignore
}
