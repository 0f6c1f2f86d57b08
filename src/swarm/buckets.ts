import { at, randomInt, type Random } from '../lib/index.ts';
import type { Batch } from './batch.ts';

/** A chunk is needed until somebody is asked for it, then on its way or being verified, then held. */
export type ChunkState = 'needed' | 'pending' | 'held';

/** One chunk of a batch of ours. */
export interface Chunk {
  readonly batch: Batch;
  readonly index: number;
  readonly state: ChunkState;
  /** How many neighbours have it. */
  readonly availability: number;
}

export interface MutableChunk extends Chunk {
  state: ChunkState;
  availability: number;
  /** Where it is in its bucket; −1 if in none. */
  place: number;
}

/**
 * Chunks that are needed and that some neighbour has, by how many have them. Models stand before
 * all others: no member can train or aggregate without them.
 */
export class Buckets {
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
