import { randomInt, type Random } from '../lib/index.ts';
import type { Holdings } from './batch.ts';
import type { Chunk } from './buckets.ts';
import type { Inventory } from './inventory.ts';

/** So many chunks are taken at random at first, to have something to give soon (BEP 3). */
const atRandom = 4;

/**
 * The chunk to ask a neighbour for next: of those that are needed and that it has, the one that the
 * fewest neighbours have, the very first ones at random. Null if there is none.
 */
export function pickChunk(
  inventory: Inventory,
  holdings: Holdings,
  random: Random,
  now: number,
): Chunk | null {
  if (holdings.pickable === 0) return null;
  const isFirst = inventory.stored < atRandom;
  let picked: Chunk | null = null;
  let seen = 0;
  for (const chunk of inventory.rarestFirst(random)) {
    const { batch, index } = chunk;
    if (!holdings.has(batch.header.id, index)) continue;
    if (batch.isExcluded(index, holdings.peer, now)) continue;
    if (!isFirst) return chunk;
    if (picked !== null && picked.batch.header.kind !== batch.header.kind) break; // models first
    if (randomInt(random, ++seen) === 0) picked = chunk;
  }
  return picked;
}
