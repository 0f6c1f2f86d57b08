import * as v from 'valibot';
import { openSigned, signValue, type Identity, type Signed } from '../crypto/index.ts';
import { err, type PeerId, type Result, type TaskId } from '../lib/index.ts';
import { attempt, digest, revision, round, taskId } from './fields.ts';

const freezeSchema = v.strictObject({
  type: v.literal('freeze'),
  task: taskId,
  round,
  attempt,
  revision,
  /** SHA-256 of the `round.open`: an attempt is frozen once. */
  opening: digest,
  /** Of the manifest that holds from here on. */
  manifest: digest,
});

/**
 * The Data Owner's statement that a manifest is final: every chunk of it was vouched for, and its
 * sum may be opened. A tab keeps the first one of an opening and refuses any other.
 */
export type Freeze = v.InferOutput<typeof freezeSchema>;

export function signFreeze(freeze: Freeze, owner: Identity): Signed {
  return signValue('freeze', freeze, owner);
}

/** Checks signature, schema and task. */
export function verifyFreeze(
  signed: Signed,
  expected: { readonly task: TaskId; readonly ownerKey: PeerId },
): Result<Freeze> {
  const opened = openSigned('freeze', signed, expected.ownerKey, freezeSchema);
  if (!opened.ok) return opened;
  return opened.value.task === expected.task ? opened : err('freeze: of another task');
}
