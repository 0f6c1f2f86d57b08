import * as v from 'valibot';
import { decodeCanonical, encodeCanonical, signedSchema } from '../crypto/index.ts';
import { modelDigest } from '../learning/index.ts';
import { bytesToFloat32, bytesUpTo, equalBytes, err, ok, shortId, type Random, type Result } from '../lib/index.ts'; // prettier-ignore
import { limits, roundRecordSchema, taskIdOf, taskSchema, verifyManifest } from '../protocol/index.ts'; // prettier-ignore
import { Crs, cutPayloads, signedHeaderSchema, stateUpdateSchema, Verifier, verifyChunk, type OnProgress, type VerifiedHeader } from '../vds/index.ts'; // prettier-ignore
import { summandsOf } from './verify-message.ts';

/** All by which a closed round is proved, without its updates; canonical CBOR in a file. */
const exportedRoundSchema = v.strictObject({
  type: v.literal('exported-round'),
  version: v.literal(1),
  description: taskSchema,
  /** The file of the CRS that the description pins. */
  crs: bytesUpTo(4_194_304),
  /** The Data Owner's state when the round was exported. */
  state: stateUpdateSchema,
  record: roundRecordSchema,
  manifest: signedSchema,
  /** Of the updates that the manifest names. */
  updates: v.pipe(v.array(signedHeaderSchema), v.minLength(1), v.maxLength(limits.members)),
  sum: signedHeaderSchema,
  model: signedHeaderSchema,
  /** float32, little-endian: of the model that the round arrived at. */
  parameters: bytesUpTo(limits.exportedBytes),
});
export type ExportedRound = v.InferOutput<typeof exportedRoundSchema>;

export function encodeExportedRound(round: ExportedRound): Uint8Array {
  return encodeCanonical(round);
}

/** What a file of an exported round is, or why it is none. */
export function decodeExportedRound(bytes: Uint8Array): Result<ExportedRound> {
  const value = decodeCanonical(bytes);
  if (!value.ok) return err(`not an exported round: ${value.error}`);
  const parsed = v.safeParse(exportedRoundSchema, value.value);
  return parsed.success ? ok(parsed.output) : err(`not an exported round: ${v.summarize(parsed.issues)}`); // prettier-ignore
}

/** One thing that was checked: what is so if it holds, and else why it does not. */
export interface Check {
  readonly what: string;
  readonly result: Result<unknown>;
  /** Seconds since 1970: as of when it holds, where it may change. */
  readonly asOf?: number;
}

/**
 * Checks an exported round with nothing but its file, one thing after the other; what depends on
 * something that does not hold is not checked. That the model is the one before plus the scaled
 * sum is what the members and the coordinator checked: the sum's values are not exported.
 *
 * @param onProgress of verifying the CRS, which takes seconds
 */
export async function* checkExportedRound(
  exported: ExportedRound,
  random: Random,
  onProgress: OnProgress = () => undefined,
  options: { readonly allowTestCrs?: boolean } = {},
): AsyncGenerator<Check> {
  const { description, record } = exported;
  const { ownerKey } = description;
  const task = taskIdOf(description);
  const crs = await Crs.verify(new Uint8Array(exported.crs), description.crs, random, onProgress);
  yield { what: 'the CRS is the one that the task pins, and powers of one α', result: crs };
  if (!crs.ok) return;
  const verifier = new Verifier({ crs: crs.value, task, ownerKey, random, ...options });
  // Whether it is still the newest, no file can tell.
  const state = verifier.updateState(exported.state, 0);
  const revoked = exported.state.revoked.length;
  yield { what: `the Data Owner's state: epoch ${revoked}, ${revoked} revoked`, result: state, ...(state.ok ? { asOf: state.value.issuedAt } : {}) }; // prettier-ignore
  if (!state.ok) return;

  const manifest = verifyManifest(exported.manifest, { task, ownerKey });
  const { round, attempt, revision } = record;
  yield { what: `the manifest of round ${round}, attempt ${attempt}, revision ${revision}`, result: manifest.ok ? sameRound(manifest.value, record) : manifest }; // prettier-ignore
  if (!manifest.ok) return;
  const { entries } = manifest.value;
  const headers: VerifiedHeader[] = [];
  const verified = verifier.verifyHeaders(exported.updates, 'admitted');
  for (const [k, each] of verified.entries()) {
    const entry = each.ok ? entries.find(({ header }) => header === each.value.id) : undefined;
    const result = !each.ok ? each : entry ? ok(null) : err('the manifest does not name it');
    const name = each.ok ? `by ${shortId(each.value.author)}` : `${k + 1}`;
    yield { what: `update ${name}: admitted, opened, weight ${entry?.weight ?? 0}`, result };
    if (each.ok && entry) headers.push(each.value);
  }
  const summands = summandsOf(manifest.value, headers);
  const complete = summands.length === entries.length;
  yield {
    what: 'the manifest names these updates and no others',
    result: complete ? ok(null) : err(`${entries.length - summands.length} of ${entries.length} are missing`), // prettier-ignore
  };
  if (complete) {
    const order = { manifest: manifest.value.digest, summands };
    yield { what: 'the sum opens against Σ a_k·C_k of the updates', result: verifier.verifySum(exported.sum, order, 'admitted') }; // prettier-ignore
  }
  yield* checkModel(exported, verifier);
}

function* checkModel(exported: ExportedRound, verifier: Verifier): Generator<Check> {
  const { parameters, record, description } = exported;
  const model = verifier.verifyHeader(exported.model, 'admitted');
  const isModel = model.ok && (model.value.kind !== 'model' || model.value.round !== record.round) ? err('it is of something else') : model; // prettier-ignore
  yield { what: `the model after round ${record.round}: admitted, opened`, result: isModel };
  if (!model.ok) return;
  const payloads = cutPayloads(parameters, description.exchange.scalars, 'bytes', null);
  const failed = payloads.map((payload, j) => verifyChunk(model.value, j, payload)).find((each) => !each.ok); // prettier-ignore
  const whole = payloads.length === model.value.columns.length ? ok(null) : err('it has another length'); // prettier-ignore
  yield {
    what: `its ${payloads.length} chunks are what was committed to`,
    result: failed ?? whole,
  };
  const replaced = model.value.replaces !== null;
  const same = equalBytes(modelDigest(bytesToFloat32(parameters)), record.digest);
  yield {
    what: replaced ? 'the model was replaced by the Data Owner after the round' : 'its digest is the one of the round’s record', // prettier-ignore
    result: same || replaced ? ok(null) : err('another digest'),
  };
}

function sameRound(
  manifest: { readonly round: number; readonly attempt: number; readonly revision: number },
  record: { readonly round: number; readonly attempt: number; readonly revision: number },
): Result<null> {
  const same = (['round', 'attempt', 'revision'] as const).every((key) => manifest[key] === record[key]); // prettier-ignore
  return same ? ok(null) : err('it is of another round than the record');
}
