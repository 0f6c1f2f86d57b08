import * as v from 'valibot';
import { signedHeaderSchema } from '../vds/index.ts';
import { bytesUpTo, chunkIndex, peerId, reason, taskId, whole } from './fields.ts';
import { limits } from './limits.ts';
import { answerSchema, questionId, questionSchema } from './questions.ts';
import { signedSchema } from '../crypto/index.ts';

/**
 * The number by which one side of a connection calls a batch: it counts the headers that it has
 * announced. Requests use the number of the side that is asked.
 */
const batch = whole(0, 0xffff);
const offset = whole(0, 0xffffff);

export const peerMessageSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('handshake'),
    version: whole(0, 0xffff),
    task: taskId,
    peer: peerId,
    membership: signedSchema,
    client: v.pipe(v.string(), v.maxLength(64)),
    /** bytes; the largest frame the sender takes. */
    maxFrame: whole(limits.leastFrameBytes, 16_777_216),
    /** Requests the sender is ready to queue. */
    requestQueue: whole(1, 100_000),
  }),
  v.strictObject({ type: v.literal('header'), batch, signed: signedHeaderSchema }),
  v.strictObject({ type: v.literal('bitfield'), batch, bits: bytesUpTo(limits.columns / 8) }),
  v.strictObject({
    type: v.literal('have'),
    batch,
    indices: v.pipe(v.array(chunkIndex), v.minLength(1), v.maxLength(64)),
  }),
  v.strictObject({
    type: v.literal('request'),
    batch,
    index: chunkIndex,
    offset,
    /** bytes */
    length: whole(1, 0xffffff),
  }),
  v.strictObject({
    type: v.literal('piece'),
    batch,
    index: chunkIndex,
    offset,
    bytes: bytesUpTo(limits.frameBytes),
  }),
  v.strictObject({
    type: v.literal('reject'),
    batch,
    index: chunkIndex,
    offset,
    length: whole(1, 0xffffff),
  }),
  /** A linear query or an audit of a batch that the other side announced. */
  v.strictObject({ type: v.literal('ask'), id: questionId, batch, question: questionSchema }),
  v.strictObject({ type: v.literal('answer'), id: questionId, answer: answerSchema }),
  v.strictObject({ type: v.literal('bye'), reason }),
]);

/** Everything that one tab may say to another. */
export type PeerMessage = v.InferOutput<typeof peerMessageSchema>;
