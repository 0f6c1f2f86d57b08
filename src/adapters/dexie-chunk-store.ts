import { Dexie, type Table } from 'dexie';
import type { HeaderId } from '../lib/index.ts';
import type { ChunkStore } from '../vds/index.ts';

interface ChunkRow {
  header: HeaderId;
  index: number;
  payload: Uint8Array<ArrayBuffer>;
}

interface Write extends ChunkRow {
  done(): void;
  failed(thrown: unknown): void;
}

/**
 * Keeps chunks in IndexedDB, in a database of the tab's own. Writes that come while a transaction
 * is under way go into the next one together: one at a time when they are rare, hundreds to a
 * transaction when they are not, without a timer.
 */
export class DexieChunkStore implements ChunkStore {
  readonly #db: Dexie;
  readonly #chunks: Table<ChunkRow, [HeaderId, number]>;
  #waiting: Write[] = [];
  #writing = false;

  private constructor(db: Dexie) {
    this.#db = db;
    this.#chunks = db.table('chunks');
  }

  /** Rejects if the browser gives no database. */
  static async open(name: string): Promise<DexieChunkStore> {
    // Relaxed: a power cut may cost chunks, which the swarm has; a killed tab does not.
    const db = new Dexie(name, { chromeTransactionDurability: 'relaxed' });
    db.version(1).stores({ chunks: '[header+index]' });
    await db.open();
    return new DexieChunkStore(db);
  }

  put(header: HeaderId, index: number, payload: Uint8Array<ArrayBuffer>): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ header, index, payload, done, failed });
      if (!this.#writing) void this.#write();
    });
  }

  async get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return (await this.#chunks.get([header, index]))?.payload ?? null;
  }

  async held(header: HeaderId): Promise<number[]> {
    const keys = await this.#range(header).primaryKeys();
    return keys.map(([, index]) => index);
  }

  async keep(headers: readonly HeaderId[]): Promise<void> {
    await this.#db.transaction('rw', this.#chunks, async () => {
      const keys = await this.#chunks.toCollection().primaryKeys();
      const dropped = new Set(keys.map(([header]) => header));
      for (const header of headers) dropped.delete(header);
      for (const header of dropped) await this.#range(header).delete();
    });
  }

  async drop(headers: readonly HeaderId[]): Promise<void> {
    await this.#db.transaction('rw', this.#chunks, async () => {
      for (const header of headers) await this.#range(header).delete();
    });
  }

  #range(header: HeaderId) {
    return this.#chunks.where('[header+index]').between([header, Dexie.minKey], [header, Dexie.maxKey]); // prettier-ignore
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const writes = this.#waiting.splice(0);
      const rows = writes.map(({ header, index, payload }) => ({ header, index, payload }));
      try {
        await this.#chunks.bulkPut(rows);
        for (const write of writes) write.done();
      } catch (thrown) {
        for (const write of writes) write.failed(thrown);
      }
    }
    this.#writing = false;
  }
}
