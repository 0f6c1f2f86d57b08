import type { Bitfield, HeaderId, PeerId, Random } from '../lib/index.ts';
import { Holdings, type Batch } from './batch.ts';
import { Buckets, type Chunk, type ChunkState, type MutableChunk } from './buckets.ts';

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
