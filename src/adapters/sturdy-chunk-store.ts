import { messageOf, type HeaderId } from '../lib/index.ts';
import { MemoryChunkStore, type ChunkStore } from '../vds/index.ts';

export interface StoreTroubles {
  /** What is written from now on is kept in memory only, and why; told once. */
  readonly onTrouble: (problem: string) => void;
  /** A chunk that was kept cannot be read. Whoever asked for it is answered after that. */
  readonly onLost: (header: HeaderId, index: number) => Promise<void>;
}

/**
 * A store on a disk that may be full, fail or be emptied behind our back. What cannot be written is
 * kept in memory; what was written before is still read; what cannot be read is lost, chunk by
 * chunk, and the swarm has it.
 */
export class SturdyChunkStore implements ChunkStore {
  readonly #disk: ChunkStore;
  readonly #memory = new MemoryChunkStore();
  readonly #troubles: StoreTroubles;
  #isWritable = true;

  constructor(disk: ChunkStore, troubles: StoreTroubles) {
    this.#disk = disk;
    this.#troubles = troubles;
  }

  async put(header: HeaderId, index: number, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    const isWritten =
      this.#isWritable && (await this.#write(() => this.#disk.put(header, index, payload)));
    if (!isWritten) await this.#memory.put(header, index, payload);
  }

  async get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const kept =
      (await this.#memory.get(header, index)) ??
      (await this.#disk.get(header, index).catch(() => null));
    if (kept === null) await this.#troubles.onLost(header, index);
    return kept;
  }

  async held(header: HeaderId): Promise<number[]> {
    const [memory, disk] = await Promise.all([
      this.#memory.held(header),
      this.#disk.held(header).catch(() => []),
    ]);
    return [...new Set([...memory, ...disk])];
  }

  async keep(headers: readonly HeaderId[]): Promise<void> {
    await this.#memory.keep(headers);
    await this.#write(() => this.#disk.keep(headers));
  }

  async drop(headers: readonly HeaderId[]): Promise<void> {
    await this.#memory.drop(headers);
    await this.#write(() => this.#disk.drop(headers));
  }

  async #write(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      if (this.#isWritable) this.#troubles.onTrouble(messageOf(thrown));
      this.#isWritable = false;
      return false;
    }
  }
}
