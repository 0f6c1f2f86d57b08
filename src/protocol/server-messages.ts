import * as v from 'valibot';
import { signedHeaderSchema, stateUpdateSchema } from '../vds/index.ts';
import { attempt, bytesOf, bytesUpTo, chunkIndex, digest, finite, headerIdField, milliseconds, peerId, perTensor, reason, revision, round, samples, samplesOfAll, signature, taskId, whole } from './fields.ts'; // prettier-ignore
import { limits } from './limits.ts';
import { answerSchema, questionId, questionSchema } from './questions.ts';
import { signedSchema } from '../crypto/index.ts';
import { taskSchema } from './task.ts';

/** Loss and accuracy of a model on a number of samples; R² in place of accuracy for regressions. */
const metricsSchema = v.strictObject({
  samples,
  loss: finite(0, limits.loss),
  accuracy: finite(-limits.loss, 1),
});
export type Metrics = v.InferOutput<typeof metricsSchema>;
/** Of all members together. */
const meanMetricsSchema = v.strictObject({ ...metricsSchema.entries, samples: samplesOfAll });

const signalData = v.pipe(v.string(), v.maxLength(limits.signalLength));
/** Counts the offerer's attempts at a connection, so that a late candidate finds its own. */
const session = whole(0, 0xffffffff);

/** Everything a tab may say to the coordinator. */
export const clientMessageSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('hello'),
    version: whole(0, 0xffff),
    /** null: the coordinator's default task. */
    task: v.nullable(taskId),
    peer: peerId,
    /** Over the coordinator's nonce: the sender holds the key that is its name. */
    signature,
    client: v.pipe(v.string(), v.maxLength(64)),
    /** Of the newest state of the task that the tab knows: the coordinator may know less. */
    core: v.nullable(signedSchema),
  }),
  /** Answers `show-state`: what was revoked, as the Data Owner signed it. */
  v.strictObject({ type: v.literal('shown-state'), update: stateUpdateSchema }),
  /** Data is loaded: count me in from the next round on. */
  v.strictObject({ type: v.literal('ready'), samples }),
  /** Pause: stay a member that seeds and verifies. */
  v.strictObject({ type: v.literal('rest') }),
  v.strictObject({ type: v.literal('signal'), to: peerId, session, data: signalData }),
  v.strictObject({
    type: v.literal('trained'),
    round,
    attempt,
    metrics: metricsSchema,
    /** max|Δ| of each tensor. */
    magnitudes: perTensor,
  }),
  v.strictObject({ type: v.literal('header'), round, attempt, signed: signedHeaderSchema }),
  /** Chunks of the manifest's batches that passed my checks; see `vouch.ts`. */
  v.strictObject({ type: v.literal('vouch'), round, attempt, signed: signedSchema }),
  /** Chunks that do not hold as their author sends them. */
  v.strictObject({ type: v.literal('complaint'), round, attempt, signed: signedSchema, reason }),
  /** The chunk that the coordinator asked for by `relay`; null: it is not here. */
  v.strictObject({
    type: v.literal('relayed'),
    round,
    attempt,
    header: headerIdField,
    index: chunkIndex,
    payload: v.nullable(bytesUpTo(limits.chunkBytes)),
  }),
  /** SHA-256 of the model that I arrived at. */
  v.strictObject({ type: v.literal('done'), round, attempt, revision, digest }),
  /** I have lost what the sum is made of, which `upload` asked for: ask somebody else. */
  v.strictObject({ type: v.literal('no-sum'), round, attempt, revision }),
  /** The header of the sum S, as asked for by `upload`; its chunks follow. */
  v.strictObject({
    type: v.literal('sum-header'),
    round,
    attempt,
    revision,
    signed: signedHeaderSchema,
  }),
  /** One chunk of the sum S. */
  v.strictObject({
    type: v.literal('sum'),
    round,
    attempt,
    revision,
    index: chunkIndex,
    payload: bytesUpTo(limits.chunkBytes),
  }),
  /** The model after `round`, on my validation data. */
  v.strictObject({ type: v.literal('metrics'), round, metrics: metricsSchema }),
  /** Answers the coordinator's `ask`. */
  v.strictObject({ type: v.literal('answer'), id: questionId, answer: answerSchema }),
  v.strictObject({ type: v.literal('bye') }),
]);
export type ClientMessage = v.InferOutput<typeof clientMessageSchema>;

const memberSchema = v.strictObject({
  peer: peerId,
  online: v.boolean(),
  ready: v.boolean(),
  samples,
});
export type Member = v.InferOutput<typeof memberSchema>;

export const roundRecordSchema = v.strictObject({
  round,
  attempt,
  /** Of the manifest that the round was closed with. */
  revision,
  /** Authors whose updates made the model. */
  authors: v.pipe(v.array(peerId), v.maxLength(limits.members)),
  ms: whole(0, Number.MAX_SAFE_INTEGER),
  digest,
  /** On the members' validation data, weighted by samples; null until somebody has reported. */
  metrics: v.nullable(meanMetricsSchema),
  /** How many of the updates that made the model were revoked since. */
  revokedUpdates: v.optional(whole(0, limits.members), 0),
});
/** One closed round. */
export type RoundRecord = v.InferOutput<typeof roundRecordSchema>;

/** The round after which the task is finished, for now; null: there is none. */
const lastRound = v.nullable(round);

/** Everything the coordinator may say to a tab. */
export const serverMessageSchema = v.variant('type', [
  v.strictObject({ type: v.literal('challenge'), version: whole(0, 0xffff), nonce: bytesOf(32) }),
  /** Your core is newer than mine: show me all of its state. `welcome` follows. */
  v.strictObject({ type: v.literal('show-state') }),
  v.strictObject({
    type: v.literal('welcome'),
    /** The coordinator's clock, seconds since 1970: what states are fresh by. */
    now: whole(0, Number.MAX_SAFE_INTEGER),
    /** Another one after each start of the coordinator: its attempts begin anew with it. */
    boot: bytesOf(16),
    description: taskSchema,
    membership: signedSchema,
    /** The model as it stands, and its round. */
    model: signedHeaderSchema,
    /** What is revoked. */
    state: stateUpdateSchema,
    history: v.pipe(v.array(roundRecordSchema), v.maxLength(limits.historyRounds)),
    lastRound,
    iceServers: v.pipe(
      v.array(
        v.strictObject({
          urls: v.pipe(v.string(), v.maxLength(256)),
          username: v.exactOptional(v.pipe(v.string(), v.maxLength(256))),
          credential: v.exactOptional(v.pipe(v.string(), v.maxLength(256))),
        }),
      ),
      v.maxLength(8),
    ),
  }),
  v.strictObject({
    type: v.literal('members'),
    members: v.pipe(v.array(memberSchema), v.maxLength(limits.members)),
  }),
  v.strictObject({ type: v.literal('signal'), from: peerId, session, data: signalData }),
  v.strictObject({
    type: v.literal('open'),
    /** See `round-open.ts`. */
    open: signedSchema,
    model: signedHeaderSchema,
    remainingMs: milliseconds,
  }),
  v.strictObject({
    type: v.literal('quantise'),
    round,
    attempt,
    scales: perTensor,
    /** a_k of this member's update; it never grows afterwards. */
    weight: whole(1, 256),
    remainingMs: milliseconds,
  }),
  v.strictObject({
    type: v.literal('manifest'),
    manifest: signedSchema,
    headers: v.pipe(v.array(signedHeaderSchema), v.maxLength(limits.members)),
  }),
  /** The manifest is final; see `freeze.ts`. */
  v.strictObject({ type: v.literal('frozen'), freeze: signedSchema }),
  /** Send me this chunk: somebody cannot have it, or finds that it does not hold. */
  v.strictObject({
    type: v.literal('relay'),
    round,
    attempt,
    header: headerIdField,
    index: chunkIndex,
  }),
  /** A chunk that you lack, as it was relayed. */
  v.strictObject({
    type: v.literal('chunk'),
    round,
    attempt,
    header: headerIdField,
    index: chunkIndex,
    payload: bytesUpTo(limits.chunkBytes),
  }),
  /** Send the chunks of your sum. */
  v.strictObject({ type: v.literal('upload'), round, attempt, revision }),
  v.strictObject({
    type: v.literal('closed'),
    record: roundRecordSchema,
    model: signedHeaderSchema,
    /** By the member that delivered the sum: proves that it is Σ a_k·u_k of the manifest. */
    sum: signedHeaderSchema,
  }),
  /** Something was revoked, or the state was signed anew. */
  v.strictObject({ type: v.literal('state'), update: stateUpdateSchema }),
  /** The current model was revoked; this one takes its place. */
  v.strictObject({ type: v.literal('replaced'), model: signedHeaderSchema }),
  /** Prove something of a batch that you hold. */
  v.strictObject({
    type: v.literal('ask'),
    id: questionId,
    header: headerIdField,
    question: questionSchema,
  }),
  /** What a member sent does not hold: everybody is told whose it is, and which check failed. */
  v.strictObject({
    type: v.literal('caught'),
    peer: peerId,
    what: v.picklist(['header', 'chunk', 'vouch', 'sum', 'digest']),
    reason,
  }),
  v.strictObject({ type: v.literal('failed'), round, attempt, reason }),
  v.strictObject({ type: v.literal('metrics'), round, metrics: meanMetricsSchema }),
  /** Of the updates that made the model of `round`, so many are revoked by now. */
  v.strictObject({ type: v.literal('marked'), round, revokedUpdates: whole(0, limits.members) }),
  v.strictObject({ type: v.literal('finished') }),
  /** The Data Owner lets the task go on until then. */
  v.strictObject({ type: v.literal('last-round'), lastRound }),
  /** The connection ends: why, and whether to try again without the user. */
  v.strictObject({ type: v.literal('refused'), reason, again: v.boolean() }),
]);
export type ServerMessage = v.InferOutput<typeof serverMessageSchema>;
