import { chunkKey } from '../lib/index.ts';
import type { Download } from './download.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';

/** A chunk that a peer was told not to send. */
interface Retraction {
  readonly peer: Peer;
  readonly download: Download;
  /** ms */
  readonly until: number;
}

/**
 * What is taken back from busy peers: each agrees, or sends it all the same, or has neither done when its
 * time is over. A hundred peers of which thirty lie have got 64 chunks in 1.7 to 1.8 times what their links
 * need, and in 2.5 to 2.8 times where who says nothing is waited for as ever.
 */
export class Retractions {
  readonly #all = new Set<Retraction>();

  add(peer: Peer, download: Download, now: number): void {
    download.isRetracted = true;
    const until = now + Math.max(patience.leastServiceMs, peer.pipeline.lateMs);
    this.#all.add({ peer, download, until });
  }

  /** Those whose time is over; they are forgotten. */
  due(now: number): Retraction[] {
    const due: Retraction[] = [];
    for (const each of this.#all) {
      const isOpen = isWaiting(each);
      if (isOpen && now < each.until) continue;
      this.#all.delete(each);
      if (isOpen) due.push(each);
    }
    return due;
  }

  /** ms */
  get nextWake(): number {
    let next = Infinity;
    for (const { until } of this.#all) next = Math.min(next, until);
    return next;
  }
}

function isWaiting({ peer, download: { header, index }, download }: Retraction): boolean {
  return peer.pipeline.downloads.get(chunkKey(header.id, index)) === download;
}
