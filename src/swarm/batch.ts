import type { Bitfield, HeaderId, PeerId } from '../lib/index.ts';
import type { Readers } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/** What the engine knows of one batch: what is held, what is on its way, who must not be asked. */
export class Batch {
  readonly header: VerifiedHeader;
  /** Chunks that are verified and stored. */
  readonly held: Bitfield;
  /** Chunks that are on their way or being verified. */
  readonly pending = new Set<number>();
  /** When the batch became known. ms */
  readonly addedAt: number;
  /** Who may have it; null: every member. */
  readonly readers: Readers;
  /** Until when a peer is not asked for a chunk: it sent a bad copy, refused it or kept silent. ms */
  readonly #excluded = new Map<number, Map<PeerId, number>>();

  constructor(header: VerifiedHeader, held: Bitfield, readers: Readers, addedAt: number) {
    this.header = header;
    this.held = held;
    this.readers = readers;
    this.addedAt = addedAt;
  }

  isExcluded(index: number, peer: PeerId, now: number): boolean {
    return (this.#excluded.get(index)?.get(peer) ?? -Infinity) > now;
  }

  /** @param until ms */
  exclude(index: number, peer: PeerId, until: number): void {
    const peers = this.#excluded.get(index) ?? new Map<PeerId, number>();
    this.#excluded.set(index, peers.set(peer, until));
  }

  forgetExclusions(index: number): void {
    this.#excluded.delete(index);
  }

  /** When the next peer may be asked again for a chunk that is needed, or Infinity. ms */
  nextExclusionEnd(now: number): number {
    let next = Infinity;
    for (const [index, peers] of this.#excluded) {
      for (const [peer, end] of peers) {
        if (end <= now) peers.delete(peer);
        else if (end < next && !this.held.has(index) && !this.pending.has(index)) next = end;
      }
      if (peers.size === 0) this.#excluded.delete(index);
    }
    return next;
  }
}

/** What one neighbour has, as far as it said so. */
export class Holdings {
  readonly peer: PeerId;
  readonly bits = new Map<HeaderId, Bitfield>();
  /** Chunks of ours that it has and we do not hold: what makes us interested. */
  wanted = 0;
  /** Those of them that nobody was asked for. */
  pickable = 0;

  constructor(peer: PeerId) {
    this.peer = peer;
  }

  has(header: HeaderId, index: number): boolean {
    return this.bits.get(header)?.has(index) === true;
  }
}
