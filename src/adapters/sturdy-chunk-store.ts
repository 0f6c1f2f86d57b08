import { messageOf, wholeBytes, type HeaderId } from '../lib/index.ts';
import { MemoryChunkStore, type ChunkStore } from '../vds/index.ts';

/** Where chunks are kept: on disk, or in memory as long as that does not work. */
export type StoreState =
  | { readonly kind: 'disk' }
  /** There is no more room; when something is dropped there may be again. */
  | { readonly kind: 'full' }
  /** Until the page is loaded anew. */
  | { readonly kind: 'broken'; readonly problem: string };

export interface StoreWatch {
  /** Told of each change, and whenever what was dropped is not enough; at first it is on disk. */
  readonly onState: (state: StoreState) => void;
  /** A chunk that was kept cannot be read. Whoever asked for it is answered after that. */
  readonly onLost: (header: HeaderId, index: number) => Promise<void>;
}

/**
 * A store on a disk that may be full, fail or be emptied behind our back. What cannot be written is
 * kept in memory, and written once there is room; what was written before is still read; what cannot
 * be read is lost, chunk by chunk, and the swarm has it. Writes may overtake each other, but no drop,
 * and a drop no write.
 */
export class SturdyChunkStore implements ChunkStore {
  readonly #disk: ChunkStore;
  readonly #memory = new MemoryChunkStore();
  readonly #watch: StoreWatch;
  #state: StoreState = { kind: 'disk' };
  readonly #writing = new Set<Promise<void>>();
  #dropping: Promise<void> = Promise.resolve();

  constructor(disk: ChunkStore, watch: StoreWatch) {
    this.#disk = disk;
    this.#watch = watch;
  }

  async put(header: HeaderId, index: number, payload: Uint8Array): Promise<void> {
    const own = wholeBytes(payload);
    const write = this.#dropping.then(() => this.#write(header, index, own));
    this.#writing.add(write);
    try {
      await write;
    } finally {
      this.#writing.delete(write);
    }
  }

  async #write(header: HeaderId, index: number, payload: Uint8Array): Promise<void> {
    if (this.#state.kind === 'disk') {
      try {
        await this.#disk.put(header, index, payload);
        return;
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
    await this.#memory.put(header, index, payload);
  }

  async get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const kept =
      (await this.#memory.get(header, index)) ??
      (await this.#disk.get(header, index).catch(() => null));
    if (kept === null) await this.#watch.onLost(header, index);
    return kept;
  }

  async held(header: HeaderId): Promise<number[]> {
    const [memory, disk] = await Promise.all([
      this.#memory.held(header),
      this.#disk.held(header).catch(() => []),
    ]);
    return [...new Set([...memory, ...disk])].sort((a, b) => a - b);
  }

  keep(headers: readonly HeaderId[]): Promise<void> {
    return this.#drop((store) => store.keep(headers));
  }

  drop(headers: readonly HeaderId[]): Promise<void> {
    return this.#drop((store) => store.drop(headers));
  }

  #drop(work: (store: ChunkStore) => Promise<void>): Promise<void> {
    const before = Promise.allSettled([...this.#writing, this.#dropping]);
    this.#dropping = before.then(async () => {
      await work(this.#memory);
      try {
        await work(this.#disk);
      } catch (thrown) {
        this.#failed(thrown);
        return;
      }
      // What was dropped made room.
      if (this.#state.kind === 'full') await this.#writeAgain();
    });
    return this.#dropping;
  }

  /** What is in memory only goes to disk. */
  async #writeAgain(): Promise<void> {
    for (let next = this.#memory.takeAny(); next; next = this.#memory.takeAny()) {
      const { header, index, payload } = next;
      try {
        await this.#disk.put(header, index, payload);
      } catch (thrown) {
        await this.#memory.put(header, index, payload);
        if (isQuota(thrown)) this.#enter({ kind: 'full' });
        else this.#failed(thrown);
        return;
      }
    }
    this.#enter({ kind: 'disk' });
  }

  #failed(thrown: unknown): void {
    if (this.#state.kind === 'broken') return;
    if (!isQuota(thrown)) this.#enter({ kind: 'broken', problem: messageOf(thrown) });
    else if (this.#state.kind === 'disk') this.#enter({ kind: 'full' });
  }

  #enter(state: StoreState): void {
    this.#state = state;
    this.#watch.onState(state);
  }
}

/** Whether it is for want of room: the name says so, or that of what Dexie found inside. */
function isQuota(thrown: unknown): boolean {
  const name = 'QuotaExceededError';
  if (!(thrown instanceof Error)) return false;
  const { inner, failures } = thrown as { inner?: unknown; failures?: unknown };
  if (thrown.name === name || thrown.message.includes(name)) return true;
  return isQuota(inner) || (Array.isArray(failures) && failures.some(isQuota));
}
