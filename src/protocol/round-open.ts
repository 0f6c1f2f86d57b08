import * as v from 'valibot';
import { encodeCanonical, openSigned, sha256, signValue } from '../crypto/index.ts';
import type { Identity, Signed } from '../crypto/index.ts';
import { equalBytes, err, isAscending, ok, type PeerId, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { attempt, digest, headerIdField, milliseconds, peerId, round, taskId, whole } from './fields.ts'; // prettier-ignore
import { limits } from './limits.ts';
import type { TaskDescription } from './task.ts';

const roundOpenSchema = v.strictObject({
  type: v.literal('round.open'),
  version: v.literal(1),
  task: taskId,
  round,
  /** How often the round was opened; a failed one is opened again, one higher. */
  attempt,
  /** The model that the attempt starts from. */
  base: headerIdField,
  /** SHA-256 of the task's canonical description. */
  settings: digest,
  /** SHA-256 of q, which draws who checks and adds up which chunk; revealed with the manifest. */
  draw: digest,
  /** Who takes part, in ascending order. */
  cohort: v.pipe(
    v.array(peerId),
    v.minLength(1),
    v.maxLength(limits.members),
    v.check((cohort) => isAscending(cohort), 'the cohort is not in ascending order'),
  ),
  /** ms since 1970, the coordinator's clock. */
  openedAt: whole(0, Number.MAX_SAFE_INTEGER),
  durations: v.strictObject({
    trainMs: milliseconds,
    admitMs: milliseconds,
    exchangeMs: milliseconds,
  }),
});

/**
 * The Data Owner's statement that an attempt at a round is open (VDS.md, "Header and its one
 * opening"). It is made once and sent to all byte for byte; what remains of the time travels
 * outside.
 */
export type RoundOpen = v.InferOutput<typeof roundOpenSchema>;

/** A `round.open` that was verified. */
export interface VerifiedOpen extends RoundOpen {
  /** SHA-256 of the signed bytes: what the headers of the attempt name. */
  readonly opening: Uint8Array;
}

/** SHA-256 of a `round.open` without its signature. */
export function openingOf(signed: Signed): Uint8Array {
  return sha256(signed.bytes);
}

/** SHA-256 of a task's canonical description. */
export function settingsDigest(description: TaskDescription): Uint8Array {
  return sha256(encodeCanonical(description));
}

export function signOpen(open: RoundOpen, owner: Identity): Signed {
  return signValue('round-open', open, owner);
}

/** Checks signature, schema, task and settings. The error names the check that failed. */
export function verifyOpen(
  signed: Signed,
  expected: {
    readonly task: TaskId;
    readonly ownerKey: PeerId;
    /** See {@link settingsDigest}. */
    readonly settings: Uint8Array;
  },
): Result<VerifiedOpen> {
  const opened = openSigned('round-open', signed, expected.ownerKey, roundOpenSchema);
  if (!opened.ok) return opened;
  const open = opened.value;
  if (open.task !== expected.task) return err('round-open: of another task');
  if (!equalBytes(open.settings, expected.settings)) return err('round-open: with other settings');
  return ok({ ...open, opening: openingOf(signed) });
}
