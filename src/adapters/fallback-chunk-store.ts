import { messageOf, type HeaderId } from '../lib/index.ts';
import { MemoryChunkStore, type ChunkStore } from '../vds/index.ts';

/**
 * A store that goes over to memory when it fails, and says so once: what was kept is lost to this
 * tab then, and the swarm has it.
 */
export class FallbackChunkStore implements ChunkStore {
  #store: ChunkStore;
  readonly #onTrouble: (problem: string) => void;

  /** @param onTrouble told when chunks are kept in memory only from now on, and why */
  constructor(store: ChunkStore, onTrouble: (problem: string) => void) {
    this.#store = store;
    this.#onTrouble = onTrouble;
  }

  put(header: HeaderId, index: number, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#run((store) => store.put(header, index, payload));
  }

  get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#run((store) => store.get(header, index));
  }

  held(header: HeaderId): Promise<number[]> {
    return this.#run((store) => store.held(header));
  }

  keep(headers: readonly HeaderId[]): Promise<void> {
    return this.#run((store) => store.keep(headers));
  }

  drop(headers: readonly HeaderId[]): Promise<void> {
    return this.#run((store) => store.drop(headers));
  }

  async #run<T>(work: (store: ChunkStore) => Promise<T>): Promise<T> {
    const store = this.#store;
    try {
      return await work(store);
    } catch (thrown) {
      if (store instanceof MemoryChunkStore) throw thrown;
      if (this.#store === store) {
        this.#store = new MemoryChunkStore();
        this.#onTrouble(messageOf(thrown));
      }
      return work(this.#store);
    }
  }
}
