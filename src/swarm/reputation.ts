import type { PeerId } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';

/** What went between us and a peer: payload bytes, and chunks that it sent. */
export interface PeerTotals {
  uploaded: number;
  downloaded: number;
  verified: number;
  rejected: number;
}

/** Of as many peers as a few fillings of the task. */
const remembered = 4 * limits.members;

/**
 * What is remembered of a peer over reconnections: what it gave and took, and its strikes. Three
 * of them ban it for the round.
 */
export class Reputation {
  readonly totals = new Map<PeerId, PeerTotals>();
  readonly strikes = new Map<PeerId, number>();

  totalsOf(peer: PeerId): PeerTotals {
    const known = this.totals.get(peer);
    if (known) return known;
    forgetOldest(this.totals);
    const totals = { uploaded: 0, downloaded: 0, verified: 0, rejected: 0 };
    this.totals.set(peer, totals);
    return totals;
  }

  /** @returns how many it has now */
  strike(peer: PeerId): number {
    const strikes = (this.strikes.get(peer) ?? 0) + 1;
    this.strikes.delete(peer);
    forgetOldest(this.strikes);
    this.strikes.set(peer, strikes);
    return strikes;
  }

  isBanned(peer: PeerId): boolean {
    return (this.strikes.get(peer) ?? 0) >= limits.strikes;
  }

  /** A new round. */
  forgive(): void {
    this.strikes.clear();
  }
}

function forgetOldest(map: Map<PeerId, unknown>): void {
  const [oldest] = map.keys();
  if (map.size >= remembered && oldest !== undefined) map.delete(oldest);
}
