import * as v from 'valibot';
import type { Identity } from '../crypto/index.ts';
import { err, type PeerId, type Result, type TaskId } from '../lib/index.ts';
import { peerId, taskId, whole } from './fields.ts';
import { openSigned, signValue, type Signed } from '../crypto/index.ts';

const membershipSchema = v.strictObject({
  type: v.literal('membership'),
  task: taskId,
  peer: peerId,
  /** Seconds since 1970, the Data Owner's clock. */
  issuedAt: whole(0, Number.MAX_SAFE_INTEGER),
});
export type Membership = v.InferOutput<typeof membershipSchema>;

/** The Data Owner's word that `peer` is a member of `task`. */
export function signMembership(
  about: { readonly task: TaskId; readonly peer: PeerId; readonly issuedAt: number },
  owner: Identity,
): Signed {
  return signValue('membership', { type: 'membership', ...about }, owner);
}

/** Checks that `signed` makes `peer` a member of `task`. */
export function verifyMembership(
  signed: Signed,
  expected: { readonly task: TaskId; readonly peer: PeerId; readonly ownerKey: PeerId },
): Result<Membership> {
  const opened = openSigned('membership', signed, expected.ownerKey, membershipSchema);
  if (!opened.ok) return opened;
  if (opened.value.task !== expected.task) return err('membership: of another task');
  if (opened.value.peer !== expected.peer) return err('membership: of another peer');
  return opened;
}
