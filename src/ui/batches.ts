import type { BatchView } from '../app/index.ts';
import type { PeerId } from '../lib/index.ts';

export interface ChunkCounts {
  readonly held: number;
  readonly pending: number;
}

const known = new WeakMap<BatchView['own'], ChunkCounts>();

/** Counts a batch's chunks; each published array is walked through once. */
export function countsOf({ own }: BatchView): ChunkCounts {
  const before = known.get(own);
  if (before) return before;
  let held = 0;
  let pending = 0;
  for (const state of own) {
    if (state === 'held') held++;
    else if (state === 'pending') pending++;
  }
  const counts = { held, pending };
  known.set(own, counts);
  return counts;
}

const kindOrder = { model: 0, update: 1, sum: 2, file: 3 };

/** The newest model and the updates of the newest round, our own first. */
export function rowsOf(batches: readonly BatchView[], self: PeerId | null): BatchView[] {
  const newest = { model: -1, update: -1, sum: -1, file: -1 };
  for (const { kind, round } of batches) newest[kind] = Math.max(newest[kind], round);
  const rank = (batch: BatchView) => kindOrder[batch.kind] * 2 + (batch.author === self ? 0 : 1);
  return batches
    .filter(({ kind, round }) => round === newest[kind])
    .sort((a, b) => rank(a) - rank(b) || (a.author < b.author ? -1 : 1));
}

/** Share of the chunks of one kind that is held, 0 to 1; null without such a batch. */
export function shareHeld(batches: readonly BatchView[], kind: BatchView['kind']): number | null {
  const rows = rowsOf(batches, null).filter((batch) => batch.kind === kind);
  const total = rows.reduce((sum, { chunks }) => sum + chunks, 0);
  if (total === 0) return null;
  return rows.reduce((sum, batch) => sum + countsOf(batch).held, 0) / total;
}
