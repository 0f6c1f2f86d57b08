import type { RoundRecord } from '../protocol/index.ts';
import type { UnfinishedRecord } from './coordinator-state.ts';

/**
 * The record of a round whose model is made.
 *
 * @param digest SHA-256 of the model
 * @param now ms
 */
export function finishRecord(
  { openedAt, ...record }: UnfinishedRecord,
  digest: Uint8Array,
  now: number,
): RoundRecord {
  return { ...record, ms: Math.round(now - openedAt), digest };
}
