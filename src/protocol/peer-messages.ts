import * as v from 'valibot';
import {
  bytesUpTo,
  chunkIndex,
  headerIdField,
  peerId,
  reason,
  signature,
  taskId,
  whole,
} from './fields.ts';
import { limits } from './limits.ts';
import { answerSchema, questionId, questionSchema } from './questions.ts';
import { encodeCanonical, signedSchema } from '../crypto/index.ts';
import type { PeerId, TaskId } from '../lib/index.ts';

/**
 * The number by which one side of a connection calls a batch: it counts the headers that it has
 * announced. Requests use the number of the side that is asked.
 */
const batch = whole(0, 0xffff);
const offset = whole(0, 0xffffff);
/** bytes */
const length = whole(1, 0xffffff);
const indices = v.pipe(v.array(chunkIndex), v.minLength(1), v.maxLength(limits.indicesPerMessage));
const block = { batch, index: chunkIndex, offset, length };
/** What a client can do besides this version of the protocol; names that are not known are passed over. */
const features = v.pipe(
  v.array(v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,32}$/))),
  v.maxLength(limits.features),
);

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
    features,
    /** The sender's, over task, both ids and both ends of this very channel. */
    signature,
  }),
  /** Numbers a batch. Its signed header comes with the manifest, from the coordinator. */
  v.strictObject({
    type: v.literal('header'),
    batch,
    header: headerIdField,
    columns: whole(1, limits.columns),
  }),
  v.strictObject({ type: v.literal('bitfield'), batch, bits: bytesUpTo(limits.columns / 8) }),
  v.strictObject({ type: v.literal('have-all'), batch }),
  v.strictObject({ type: v.literal('have-none'), batch }),
  v.strictObject({ type: v.literal('have'), batch, indices }),
  /** What the sender does not hold any more; null: the whole batch, and its number is void. */
  v.strictObject({ type: v.literal('dont-have'), batch, indices: v.nullable(indices) }),
  v.strictObject({ type: v.literal('interested') }),
  v.strictObject({ type: v.literal('not-interested') }),
  v.strictObject({ type: v.literal('choke') }),
  v.strictObject({ type: v.literal('unchoke') }),
  v.strictObject({ type: v.literal('request'), ...block }),
  v.strictObject({
    type: v.literal('piece'),
    batch,
    index: chunkIndex,
    offset,
    bytes: bytesUpTo(limits.frameBytes),
  }),
  v.strictObject({ type: v.literal('reject'), ...block }),
  v.strictObject({ type: v.literal('cancel'), ...block }),
  v.strictObject({ type: v.literal('keep-alive') }),
  /** A linear query or an audit of a batch that the other side announced. */
  v.strictObject({ type: v.literal('ask'), id: questionId, batch, question: questionSchema }),
  v.strictObject({ type: v.literal('answer'), id: questionId, answer: answerSchema }),
  v.strictObject({ type: v.literal('bye'), reason }),
  /** The last block of a chunk that was asked for goes onto its way. */
  v.strictObject({ type: v.literal('sending'), batch, index: chunkIndex }),
  /** Chunks that are on their way to the sender, who may be asked for them from now on. */
  v.strictObject({ type: v.literal('soon'), batch, indices }),
]);

/** Everything that one tab may say to another. */
export type PeerMessage = v.InferOutput<typeof peerMessageSchema>;

/** What a handshake's signature is over: this task, and this very channel between these two. */
interface HandshakeBinding {
  readonly task: TaskId;
  readonly from: PeerId;
  readonly to: PeerId;
  /** SHA-256 of the DTLS certificates at the sender's and at the receiver's end. */
  readonly own: Uint8Array;
  readonly other: Uint8Array;
}

/**
 * The bytes that a handshake signs. A membership alone is a bearer token, and the signaling server
 * could sit in between: it would have to show each side a certificate that is not the other's.
 */
export function handshakeBytes(about: HandshakeBinding): Uint8Array<ArrayBuffer> {
  return encodeCanonical({ type: 'handshake', ...about });
}
