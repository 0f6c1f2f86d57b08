import type { Bitfield, PeerId } from '../lib/index.ts';
import type { Readers } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/** What the engine knows of one batch: what is held, what is on its way, who must not be asked. */
export class BatchState {
  readonly header: VerifiedHeader;
  /** Chunks that are verified and stored. */
  readonly held: Bitfield;
  /** Chunks that are on their way or being verified. */
  readonly pending = new Set<number>();
  /** Until when a peer is not asked for a chunk: it sent a bad copy, refused it or kept silent. */
  readonly excluded = new Map<number, Map<PeerId, number>>();
  /** Chunks whose `have` has not been sent out yet. */
  readonly unannounced: number[] = [];
  /** When the batch became known. ms */
  readonly addedAt: number;
  /** Who may have it; null: every member. */
  readonly readers: Readers;

  constructor(header: VerifiedHeader, held: Bitfield, readers: Readers, addedAt: number) {
    this.header = header;
    this.held = held;
    this.readers = readers;
    this.addedAt = addedAt;
  }

  needs(index: number): boolean {
    return !this.held.has(index) && !this.pending.has(index);
  }

  isExcluded(index: number, peer: PeerId, now: number): boolean {
    return (this.excluded.get(index)?.get(peer) ?? -Infinity) > now;
  }

  /** When peers may be asked again for chunks that are needed. ms */
  exclusionEnds(): number[] {
    return [...this.excluded].flatMap(([index, peers]) =>
      this.needs(index) ? [...peers.values()].filter(Number.isFinite) : [],
    );
  }

  /** @param until ms */
  exclude(index: number, peer: PeerId, until: number) {
    const peers = this.excluded.get(index) ?? new Map<PeerId, number>();
    this.excluded.set(index, peers.set(peer, until));
  }
}
