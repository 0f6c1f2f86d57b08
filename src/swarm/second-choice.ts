import type { ChunkKey } from '../lib/index.ts';
import { chunkBytes } from '../vds/index.ts';
import type { Chunk } from './buckets.ts';
import type { Download } from './download.ts';
import type { Inventory } from './inventory.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';

/** Who was asked for each chunk on its way: one peer, or two in the end game. */
export type Askers = ReadonlyMap<ChunkKey, readonly Peer[]>;

/** Who would deliver another block first. */
export function soonestOf(peers: readonly Peer[]): Peer {
  let [soonest] = peers;
  let least = Infinity;
  for (const peer of peers) {
    const expected = peer.pipeline.expectedMs(peer.session.blockBytes);
    if (expected >= least) continue;
    least = expected;
    soonest = peer;
  }
  if (soonest === undefined) throw new Error('bug: nobody to choose from');
  return soonest;
}

/** Of the chunks that are late and asked of one other peer alone, the one that is so longest. */
export function latestOf(
  peer: Peer,
  askers: Askers,
  inventory: Inventory,
  now: number,
): Chunk | null {
  let latest: Chunk | null = null;
  let since = Infinity;
  for (const [key, [asker, another]] of askers) {
    if (asker === undefined || another !== undefined || asker === peer) continue;
    const download = asker.pipeline.downloads.get(key);
    if (download === undefined || download.startedAt >= since) continue;
    if (now < download.startedAt + asker.pipeline.lateMs) continue;
    if (!canGive(peer, download, inventory, now)) continue;
    const chunk = inventory.chunk(download.header.id, download.index);
    if (chunk === undefined) continue;
    latest = chunk;
    since = download.startedAt;
  }
  return latest;
}

/** A chunk that waits with a peer and would come sooner from another one. */
interface Move {
  readonly from: Peer;
  readonly download: Download;
}

/**
 * What waits longest with a busy peer, for an idle one to be asked for instead. One seed's 64 chunks
 * took a hundred peers 1.16 times as long as their links need, and 1.47–1.49 times without this,
 * two simulations each.
 */
export function worthMoving(
  idle: Peer,
  peers: readonly Peer[],
  askers: Askers,
  inventory: Inventory,
  now: number,
): Move | null {
  if (idle.pipeline.isSnubbed(now)) return null;
  const wouldGain = (download: Download, waitMs: number) => {
    if (download.isRetracted || download.hasBegun) return false;
    const takesMs = idle.pipeline.expectedMs(chunkBytes(download.header, download.index));
    if (waitMs - takesMs < Math.max(takesMs, patience.moveMs)) return false;
    return canGive(idle, download, inventory, now);
  };
  const busy = peers
    .map((peer) => ({ peer, waitMs: peer.pipeline.waitMs(now) }))
    // On fast links nothing waits long enough.
    .filter(({ waitMs }) => waitMs >= patience.moveMs)
    .sort((a, b) => b.waitMs - a.waitMs);
  for (const { peer: from, waitMs } of busy) {
    const waiting = [...from.pipeline.downloads];
    const moved = waiting.findLast(([key, download]) => wouldGain(download, waitMs) && askers.get(key)?.length === 1); // prettier-ignore
    if (moved !== undefined) return { from, download: moved[1] };
  }
  return null;
}

/** Whether a peer has the chunk of a download, and may be asked for it. */
function canGive(
  peer: Peer,
  { header, index }: Download,
  inventory: Inventory,
  now: number,
): boolean {
  if (!peer.holdings.has(header.id, index)) return false;
  return inventory.get(header.id)?.isExcluded(index, peer.id, now) === false;
}
