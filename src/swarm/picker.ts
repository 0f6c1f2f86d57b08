import { randomInt, type Random } from '../lib/index.ts';
import type { BatchState } from './batch-state.ts';
import type { PeerState } from './peer-state.ts';

/**
 * The chunk to ask `peer` for next: of those that are needed and that it has, the one that the
 * fewest neighbours have (rarest first, BEP 3), ties broken at random. Models come before
 * updates, since no member can train or aggregate without them.
 */
export function pickChunk(
  batches: Iterable<BatchState>,
  peer: PeerState,
  neighbours: readonly PeerState[],
  random: Random,
  now: number,
): { readonly batch: BatchState; readonly index: number } | null {
  let best: { batch: BatchState; index: number } | null = null;
  let bestRank = Infinity;
  let ties = 0;
  for (const batch of batches) {
    if (batch.held.complete) continue;
    const { id, kind } = batch.header;
    const bits = peer.bitsOf(id);
    if (bits === null) continue;
    const fields = neighbours.map((neighbour) => neighbour.bitsOf(id));
    for (let index = 0; index < batch.held.length; index++) {
      if (!bits.has(index) || !batch.needs(index) || batch.isExcluded(index, peer.id, now))
        continue;
      const holders = fields.reduce((sum, field) => sum + (field?.has(index) ? 1 : 0), 0);
      const rank = holders + (kind === 'model' ? 0 : 1_000_000);
      if (rank < bestRank) {
        best = { batch, index };
        bestRank = rank;
        ties = 1;
      } else if (rank === bestRank && randomInt(random, ++ties) === 0) {
        best = { batch, index };
      }
    }
  }
  return best;
}
