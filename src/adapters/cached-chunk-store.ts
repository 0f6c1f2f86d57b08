import { chunkKey, ownBytes, wholeBytes, type ChunkKey, type HeaderId } from '../lib/index.ts';
import type { ChunkStore } from '../vds/index.ts';

/**
 * Keeps what was put last in memory as well: what a tab has just made or got is what its neighbours
 * ask for. A read from IndexedDB costs some 0.3 ms, from here a copy.
 */
export class CachedChunkStore implements ChunkStore {
  readonly #store: ChunkStore;
  readonly #maxBytes: number;
  /** The one used last is the last. */
  readonly #recent = new Map<ChunkKey, { readonly header: HeaderId; readonly payload: Uint8Array }>(); // prettier-ignore
  #bytes = 0;
  /** Raised by what makes older answers of the store wrong. */
  #drops = 0;

  constructor(store: ChunkStore, maxBytes: number) {
    this.#store = store;
    this.#maxBytes = maxBytes;
  }

  async put(header: HeaderId, index: number, payload: Uint8Array): Promise<void> {
    const [own, drops] = [wholeBytes(payload), this.#drops];
    this.#forget(chunkKey(header, index));
    await this.#store.put(header, index, own);
    if (drops === this.#drops) this.#remember(header, index, own);
  }

  async get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const key = chunkKey(header, index);
    const known = this.#recent.get(key);
    if (known) {
      this.#recent.delete(key);
      this.#recent.set(key, known);
      return ownBytes(known.payload);
    }
    return this.#store.get(header, index);
  }

  held(header: HeaderId): Promise<number[]> {
    return this.#store.held(header);
  }

  keep(headers: readonly HeaderId[]): Promise<void> {
    this.#dropAll((header) => !headers.includes(header));
    return this.#store.keep(headers);
  }

  drop(headers: readonly HeaderId[]): Promise<void> {
    this.#dropAll((header) => headers.includes(header));
    return this.#store.drop(headers);
  }

  #dropAll(isDropped: (header: HeaderId) => boolean): void {
    this.#drops++;
    for (const [key, { header }] of this.#recent) if (isDropped(header)) this.#forget(key);
  }

  #remember(header: HeaderId, index: number, payload: Uint8Array): void {
    const key = chunkKey(header, index);
    this.#forget(key);
    this.#recent.set(key, { header, payload });
    this.#bytes += payload.length;
    for (const [oldest] of this.#recent) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(key: ChunkKey): void {
    this.#bytes -= this.#recent.get(key)?.payload.length ?? 0;
    this.#recent.delete(key);
  }
}
