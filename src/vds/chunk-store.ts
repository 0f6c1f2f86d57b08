import { wholeBytes, type HeaderId } from '../lib/index.ts';

/**
 * Where verified chunks are kept. A payload with a buffer of its own belongs to the store once it is
 * put, of a view there is a copy; what is given is a copy.
 */
export interface ChunkStore {
  /** Resolves when the chunk is kept; takes the place of one that was kept. */
  put(header: HeaderId, index: number, payload: Uint8Array): Promise<void>;
  get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null>;
  /** The indices that are kept of a batch, ascending. */
  held(header: HeaderId): Promise<number[]>;
  /** Drops every batch but these. */
  keep(headers: readonly HeaderId[]): Promise<void>;
  /** Drops these. */
  drop(headers: readonly HeaderId[]): Promise<void>;
}

/** Keeps chunks in memory: for private windows, where IndexedDB fails, and on servers. */
export class MemoryChunkStore implements ChunkStore {
  readonly #batches = new Map<HeaderId, Map<number, Uint8Array<ArrayBuffer>>>();

  put(header: HeaderId, index: number, payload: Uint8Array): Promise<void> {
    const batch = this.#batches.get(header) ?? new Map<number, Uint8Array<ArrayBuffer>>();
    this.#batches.set(header, batch.set(index, wholeBytes(payload)));
    return Promise.resolve();
  }

  get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return Promise.resolve(this.#batches.get(header)?.get(index)?.slice() ?? null);
  }

  held(header: HeaderId): Promise<number[]> {
    return Promise.resolve([...(this.#batches.get(header)?.keys() ?? [])].sort((a, b) => a - b));
  }

  keep(headers: readonly HeaderId[]): Promise<void> {
    for (const header of this.#batches.keys()) {
      if (!headers.includes(header)) this.#batches.delete(header);
    }
    return Promise.resolve();
  }

  drop(headers: readonly HeaderId[]): Promise<void> {
    for (const header of headers) this.#batches.delete(header);
    return Promise.resolve();
  }

  /** Takes a chunk out that is kept; null if there is none left. */
  takeAny(): { header: HeaderId; index: number; payload: Uint8Array<ArrayBuffer> } | null {
    for (const [header, batch] of this.#batches) {
      for (const [index, payload] of batch) {
        batch.delete(index);
        return { header, index, payload };
      }
      this.#batches.delete(header);
    }
    return null;
  }
}
