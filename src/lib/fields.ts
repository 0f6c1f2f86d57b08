import * as v from 'valibot';
import { isHeaderId, isPeerId, isTaskId } from './ids.ts';

/** What schemas of signed statements, messages and files are made of. */
export const peerIdField = v.pipe(v.string(), v.guard(isPeerId, 'not a peer id'));
export const taskIdField = v.pipe(v.string(), v.guard(isTaskId, 'not a task id'));
export const headerIdField = v.pipe(v.string(), v.guard(isHeaderId, 'not a header id'));

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');
export const bytesOf = (length: number) => v.pipe(byteArray, v.length(length));
export const bytesUpTo = (length: number) => v.pipe(byteArray, v.maxLength(length));
export const whole = (low: number, high: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high));
export const finite = (low: number, high: number) =>
  v.pipe(v.number(), v.finite(), v.minValue(low), v.maxValue(high));

/** Whether each is larger than the one before: none twice, one order for all. */
export const isAscending = (items: readonly (number | string)[]) =>
  items.every((item, i) => i === 0 || item > (items[i - 1] ?? item));
