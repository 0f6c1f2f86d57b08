import type { Bitfield } from '../lib/index.ts';
import { at, randomInt, type HeaderId, type PeerId, type Random } from '../lib/index.ts';
import type { Readers } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/** A chunk is needed until somebody is asked for it, then on its way or being verified, then held. */
type ChunkState = 'needed' | 'pending' | 'held';

/** One chunk of a batch of ours. */
export interface Chunk {
  readonly batch: Batch;
  readonly index: number;
  readonly state: ChunkState;
  /** How many neighbours have it. */
  readonly availability: number;
}

interface MutableChunk extends Chunk {
  state: ChunkState;
  availability: number;
  /** Where it is in its bucket; −1 if in none. */
  place: number;
}

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

/**
 * Chunks that are needed and that some neighbour has, by how many have them. Models stand before
 * all others: no member can train or aggregate without them.
 */
class Buckets {
  readonly #models: MutableChunk[][] = [];
  readonly #others: MutableChunk[][] = [];

  add(chunk: MutableChunk): void {
    const bucket = this.#bucketOf(chunk);
    chunk.place = bucket.length;
    bucket.push(chunk);
  }

  remove(chunk: MutableChunk): void {
    if (chunk.place < 0) return;
    const bucket = this.#bucketOf(chunk);
    const last = bucket.pop();
    if (last !== undefined && last !== chunk) {
      bucket[chunk.place] = last;
      last.place = chunk.place;
    }
    chunk.place = -1;
  }

  /** Rarest first; of equally rare ones in no order that neighbours would share. */
  *rarestFirst(random: Random): Iterable<Chunk> {
    for (const buckets of [this.#models, this.#others]) {
      for (const bucket of buckets) {
        if (bucket.length === 0) continue;
        const start = randomInt(random, bucket.length);
        for (let i = 0; i < bucket.length; i++) yield at(bucket, (start + i) % bucket.length);
      }
    }
  }

  #bucketOf({ batch, availability }: MutableChunk): MutableChunk[] {
    const buckets = batch.header.kind === 'model' ? this.#models : this.#others;
    while (buckets.length <= availability) buckets.push([]);
    return at(buckets, availability);
  }
}

/**
 * The batches of this tab and what of them its neighbours have. Availability is kept with every
 * event, never counted anew.
 */
export class Inventory {
  readonly #batches = new Map<HeaderId, Batch>();
  readonly #chunks = new Map<HeaderId, MutableChunk[]>();
  readonly #holdings = new Map<PeerId, Holdings>();
  readonly #buckets = new Buckets();
  /** Chunks that came since the start. */
  stored = 0;
  /** Chunks that nobody was asked for, whether somebody has them or not. */
  needed = 0;

  get batches(): Iterable<Batch> {
    return this.#batches.values();
  }

  get(header: HeaderId): Batch | undefined {
    return this.#batches.get(header);
  }

  /** Columns of a batch of ours; undefined for any other. */
  columnsOf(header: HeaderId): number | undefined {
    return this.#chunks.get(header)?.length;
  }

  chunk(header: HeaderId, index: number): Chunk | undefined {
    return this.#chunks.get(header)?.[index];
  }

  /** False if it is known already. */
  add(batch: Batch): boolean {
    const { header, held } = batch;
    if (this.#batches.has(header.id)) return false;
    const chunks = header.columns.map((_, index): MutableChunk => {
      const state = held.has(index) ? 'held' : 'needed';
      return { batch, index, state, availability: 0, place: -1 };
    });
    this.#batches.set(header.id, batch);
    this.#chunks.set(header.id, chunks);
    this.needed += chunks.length - held.count;
    for (const holdings of this.#holdings.values()) {
      const bits = holdings.bits.get(header.id);
      // Who announced it before we knew it may have been wrong about its length.
      if (bits && bits.length !== chunks.length) holdings.bits.delete(header.id);
      else if (bits) {
        for (const chunk of chunks) if (bits.has(chunk.index)) this.#gained(chunk, holdings);
      }
    }
    return true;
  }

  /** Forgets a batch, and what neighbours have of it. */
  drop(header: HeaderId): Batch | undefined {
    const batch = this.#batches.get(header);
    const chunks = this.#chunks.get(header) ?? [];
    for (const holdings of this.#holdings.values()) {
      // It is remembered, for the case that the batch is wanted again.
      const bits = holdings.bits.get(header);
      for (const chunk of chunks) if (bits?.has(chunk.index)) this.#lost(chunk, holdings);
    }
    for (const chunk of chunks) {
      this.#buckets.remove(chunk);
      if (chunk.state === 'needed') this.needed--;
    }
    this.#batches.delete(header);
    this.#chunks.delete(header);
    return batch;
  }

  /** A neighbour, of which nothing is known yet. */
  join(peer: PeerId): Holdings {
    const holdings = new Holdings(peer);
    this.#holdings.set(peer, holdings);
    return holdings;
  }

  leave(holdings: Holdings): void {
    for (const header of holdings.bits.keys()) this.withdrawn(holdings, header, null);
    this.#holdings.delete(holdings.peer);
  }

  /** A neighbour says what it has of a batch. */
  claimed(holdings: Holdings, header: HeaderId, bits: Bitfield): void {
    holdings.bits.set(header, bits);
    const chunks = this.#chunks.get(header) ?? [];
    for (const chunk of chunks) if (bits.has(chunk.index)) this.#gained(chunk, holdings);
  }

  /** It has more of it. */
  claimedMore(holdings: Holdings, header: HeaderId, indices: readonly number[]): void {
    const bits = holdings.bits.get(header);
    const chunks = this.#chunks.get(header);
    for (const index of indices) {
      if (bits?.set(index) !== true) continue;
      const chunk = chunks?.[index];
      if (chunk) this.#gained(chunk, holdings);
    }
  }

  /** It does not have these any more; null: nothing of the batch. */
  withdrawn(holdings: Holdings, header: HeaderId, indices: readonly number[] | null): void {
    const bits = holdings.bits.get(header);
    if (bits === undefined) return;
    const chunks = this.#chunks.get(header);
    for (const index of indices ?? chunks?.keys() ?? []) {
      if (!bits.clear(index)) continue;
      const chunk = chunks?.[index];
      if (chunk) this.#lost(chunk, holdings);
    }
    if (indices === null) holdings.bits.delete(header);
  }

  /** False if it was held already, or is no chunk of ours. */
  setHeld(header: HeaderId, index: number): boolean {
    const chunk = this.#chunks.get(header)?.[index];
    if (chunk === undefined || chunk.state === 'held') return false;
    this.#move(chunk, 'held');
    chunk.batch.forgetExclusions(index);
    this.stored++;
    return true;
  }

  /** A chunk that was held is not there any more; false if it was not held. */
  setLost(header: HeaderId, index: number): boolean {
    const chunk = this.#chunks.get(header)?.[index];
    if (chunk?.state !== 'held') return false;
    this.#move(chunk, 'needed');
    return true;
  }

  setPending({ batch, index }: Chunk): void {
    const chunk = this.#chunks.get(batch.header.id)?.[index];
    if (chunk?.state === 'needed') this.#move(chunk, 'pending');
  }

  /** It is not on its way any more. */
  setNeeded(header: HeaderId, index: number): void {
    const chunk = this.#chunks.get(header)?.[index];
    if (chunk?.state === 'pending') this.#move(chunk, 'needed');
  }

  /** Chunks that are needed and that a neighbour has; see {@link Buckets}. */
  rarestFirst(random: Random): Iterable<Chunk> {
    return this.#buckets.rarestFirst(random);
  }

  #move(chunk: MutableChunk, to: ChunkState): void {
    const { batch, index } = chunk;
    const before = countsOf(chunk);
    this.#buckets.remove(chunk);
    chunk.state = to;
    if (to === 'held') batch.held.set(index);
    else batch.held.clear(index);
    if (to === 'pending') batch.pending.add(index);
    else batch.pending.delete(index);
    const after = countsOf(chunk);
    this.needed += after.pickable - before.pickable;
    for (const holdings of this.#holdings.values()) {
      if (!holdings.has(batch.header.id, index)) continue;
      holdings.wanted += after.wanted - before.wanted;
      holdings.pickable += after.pickable - before.pickable;
    }
    this.#place(chunk);
  }

  #gained(chunk: MutableChunk, holdings: Holdings): void {
    this.#buckets.remove(chunk);
    chunk.availability++;
    const { wanted, pickable } = countsOf(chunk);
    holdings.wanted += wanted;
    holdings.pickable += pickable;
    this.#place(chunk);
  }

  #lost(chunk: MutableChunk, holdings: Holdings): void {
    this.#buckets.remove(chunk);
    chunk.availability--;
    const { wanted, pickable } = countsOf(chunk);
    holdings.wanted -= wanted;
    holdings.pickable -= pickable;
    this.#place(chunk);
  }

  #place(chunk: MutableChunk): void {
    if (chunk.state === 'needed' && chunk.availability > 0) this.#buckets.add(chunk);
  }
}

function countsOf({ state }: Chunk): { readonly wanted: number; readonly pickable: number } {
  return { wanted: state === 'held' ? 0 : 1, pickable: state === 'needed' ? 1 : 0 };
}
