import * as v from 'valibot';
import { decodeCanonical, sha256, type Identity } from '../crypto/index.ts';
import { err, ok, type HeaderId, type PeerId, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { attempt, digest, headerIdField, milliseconds, peerId, perTensor, revision, round, samples, taskId, whole } from './fields.ts'; // prettier-ignore
import { limits } from './limits.ts';
import { openSigned, signValue, type Signed } from '../crypto/index.ts';

const entrySchema = v.strictObject({
  author: peerId,
  header: headerIdField,
  samples,
  /** a_k: this update's integer weight, told with `quantise`; A = Σ a_k ≤ 256. */
  weight: whole(1, 256),
});

const manifestSchema = v.pipe(
  v.strictObject({
    type: v.literal('manifest'),
    task: taskId,
    round,
    attempt,
    revision,
    /** SHA-256 of the `round.open` that its headers answer. */
    opening: digest,
    /** The model that the updates start from. */
    model: headerIdField,
    /** float32 step of each tensor's quantiser. */
    scales: perTensor,
    entries: v.pipe(v.array(entrySchema), v.minLength(1), v.maxLength(limits.members)),
    /** How long the exchange may last, from the manifest's arrival. */
    exchangeMs: milliseconds,
  }),
  v.check(
    ({ entries }) => entries.reduce((sum, entry) => sum + entry.weight, 0) <= 256,
    'the weights add up to more than 256',
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

/** A manifest that was verified. */
export interface VerifiedManifest extends Manifest {
  /** SHA-256 of the signed bytes: what a sum's header names. */
  readonly digest: Uint8Array;
}

/** The updates that a manifest names, which was verified before it was kept. */
export function namedUpdates(signed: Signed): HeaderId[] {
  const decoded = decodeCanonical(signed.bytes);
  const manifest = decoded.ok ? v.safeParse(manifestSchema, decoded.value) : null;
  return manifest?.success ? manifest.output.entries.map(({ header }) => header) : [];
}

/** SHA-256 of a manifest's signed bytes. */
export function manifestDigest(signed: Signed): Uint8Array {
  return sha256(signed.bytes);
}

/**
 * Whether a revision only drops authors of the one before: none is added, no weight changes, so
 * that what is lost takes its weight along and nobody gains by it.
 */
export function isReduction(later: Manifest, earlier: Manifest): boolean {
  return later.entries.every(({ author, header, weight }) =>
    earlier.entries.some(
      (known) => known.author === author && known.header === header && known.weight === weight,
    ),
  );
}

/** Checks signature, schema, A ≤ 256 and the task. */
export function verifyManifest(
  signed: Signed,
  expected: { readonly task: TaskId; readonly ownerKey: PeerId },
): Result<VerifiedManifest> {
  const opened = openSigned('manifest', signed, expected.ownerKey, manifestSchema);
  if (!opened.ok) return opened;
  const manifest = opened.value;
  if (manifest.task !== expected.task) return err('manifest: of another task');
  return ok({ ...manifest, digest: manifestDigest(signed) });
}
