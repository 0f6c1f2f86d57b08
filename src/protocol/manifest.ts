import * as v from 'valibot';
import type { Identity } from '../crypto/index.ts';
import { err, type PeerId, type Result, type TaskId } from '../lib/index.ts';
import { attempt, headerIdField, milliseconds, peerId, perTensor, revision, round, samples, taskId, whole } from './fields.ts'; // prettier-ignore
import { limits } from './limits.ts';
import { openSigned, signValue, type Signed } from '../crypto/index.ts';

const entrySchema = v.strictObject({
  author: peerId,
  header: headerIdField,
  samples,
  /** a_k: this update's integer weight; all of a manifest add up to 256. */
  weight: whole(0, 256),
});

const manifestSchema = v.pipe(
  v.strictObject({
    type: v.literal('manifest'),
    task: taskId,
    round,
    attempt,
    revision,
    /** The model that the updates start from. */
    model: headerIdField,
    /** float32 step of each tensor's quantiser. */
    scales: perTensor,
    entries: v.pipe(v.array(entrySchema), v.minLength(1), v.maxLength(limits.members)),
    /** How long the exchange may last, from the manifest's arrival. */
    exchangeMs: milliseconds,
  }),
  v.check(
    ({ entries }) => entries.reduce((sum, entry) => sum + entry.weight, 0) === 256,
    'the weights do not add up to 256',
  ),
  v.check(
    ({ entries }) => new Set(entries.map((entry) => entry.author)).size === entries.length,
    'an author appears twice',
  ),
);

/** The Data Owner's statement of a round: whose updates make the next model, with which weight. */
export type Manifest = v.InferOutput<typeof manifestSchema>;

export function signManifest(manifest: Manifest, owner: Identity): Signed {
  return signValue('manifest', manifest, owner);
}

/** Checks signature, schema, Σ weights = 256 and the task. */
export function verifyManifest(
  signed: Signed,
  expected: { readonly task: TaskId; readonly ownerKey: PeerId },
): Result<Manifest> {
  const opened = openSigned('manifest', signed, expected.ownerKey, manifestSchema);
  if (opened.ok && opened.value.task !== expected.task) return err('manifest: of another task');
  return opened;
}
