import * as v from 'valibot';
import { bytesOf, finite, whole } from '../lib/index.ts';
import { limits } from './limits.ts';

/** The fields that messages are made of. */
export {
  bytesOf,
  bytesUpTo,
  finite,
  headerIdField,
  peerIdField as peerId,
  taskIdField as taskId,
  whole,
} from '../lib/index.ts';

export const round = whole(0, 0xffffffff);
export const signature = bytesOf(64);
export const digest = bytesOf(32);
/** How often a round was opened; a failed one is opened again, one higher. */
export const attempt = whole(1, 0xffffffff);
/** A manifest's version within its attempt: that without those that were dropped is the last. */
export const revision = whole(1, 2);
export const chunkIndex = whole(0, limits.columns - 1);
export const reason = v.pipe(v.string(), v.maxLength(limits.reasonLength));
export const milliseconds = whole(0, 24 * 3600_000);
/** Samples of one member: no tab takes more. */
export const samples = whole(0, limits.rows);
/** Samples of all members. */
export const samplesOfAll = whole(0, limits.rows * limits.members);
/** One float32 per tensor. */
export const perTensor = v.pipe(
  v.array(finite(0, limits.magnitude)),
  v.minLength(1),
  v.maxLength(limits.tensors),
);
