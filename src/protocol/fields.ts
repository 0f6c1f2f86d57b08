import * as v from 'valibot';
import { isHeaderId, isPeerId, isTaskId } from '../lib/index.ts';
import { limits } from './limits.ts';

/** The fields that messages are made of. */
export const peerId = v.pipe(v.string(), v.guard(isPeerId, 'not a peer id'));
export const taskId = v.pipe(v.string(), v.guard(isTaskId, 'not a task id'));
export const headerIdField = v.pipe(v.string(), v.guard(isHeaderId, 'not a header id'));

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');
export const bytesOf = (length: number) => v.pipe(byteArray, v.length(length));
export const bytesUpTo = (length: number) => v.pipe(byteArray, v.maxLength(length));
export const whole = (low: number, high: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high));
export const finite = (low: number, high: number) =>
  v.pipe(v.number(), v.finite(), v.minValue(low), v.maxValue(high));

export const round = whole(0, 0xffffffff);
/** How often a round was opened; a failed one is opened again, one higher. */
export const attempt = whole(1, 0xffffffff);
/** A manifest's version within its attempt. */
export const revision = whole(1, 1000);
export const chunkIndex = whole(0, limits.columns - 1);
export const signature = bytesOf(64);
export const digest = bytesOf(32);
export const reason = v.pipe(v.string(), v.maxLength(limits.reasonLength));
export const milliseconds = whole(0, 24 * 3600_000);
/** Samples a member trained on. */
export const samples = whole(0, 1_000_000_000);
/** One float32 per tensor. */
export const perTensor = v.pipe(
  v.array(finite(0, 3.5e38)),
  v.minLength(1),
  v.maxLength(limits.tensors),
);
