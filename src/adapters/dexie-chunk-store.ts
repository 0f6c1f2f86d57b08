import { Dexie, type Table, type Transaction } from 'dexie';
import { wholeBytes, type HeaderId } from '../lib/index.ts';
import type { ChunkStore } from '../vds/index.ts';
import { openDatabase, type Schema } from './database.ts';

/** What version 1 kept. */
interface ChunkRow {
  header: HeaderId;
  index: number;
  payload: Uint8Array<ArrayBuffer>;
}

/** Chunks of a batch that were written together: a later one is in the place of what an earlier one has. */
interface Pack {
  header: HeaderId;
  number: number;
  indices: readonly number[];
  /** by place in `indices` */
  payloads: readonly Uint8Array<ArrayBuffer>[];
}

/** All of a pack but its bytes, so that the keys alone say what is kept. */
type PackKey = [header: HeaderId, number: number, indices: readonly number[]];

interface Read {
  readonly header: HeaderId;
  readonly index: number;
  readonly done: (payload: Uint8Array<ArrayBuffer> | null) => void;
  readonly failed: (thrown: unknown) => void;
}

interface Write extends ChunkRow {
  readonly done: () => void;
  readonly failed: (thrown: unknown) => void;
}

const packKey = '[header+number+indices]';
/** What the versions of the database have: a change of tables is one more. */
const schemas: readonly Schema[] = [
  { tables: { chunks: '[header+index]' } },
  { tables: { chunks: null, packs: packKey }, migrate: packAll },
];
/** Chunks read in one transaction: some MB in memory at most. */
const readAtOnce = 32;
/** bytes of a pack that take no further chunk: who reads one chunk reads all of its pack. */
const packBytes = 262_144;

/** Relaxed: a power cut may cost chunks, which the swarm has; a killed tab does not. */
const openChunks = (name: string) => openDatabase(name, schemas, 'relaxed');

/**
 * Keeps chunks in IndexedDB, in a database of the tab's own. Reads and writes that come while a
 * transaction is under way go into the next one together: one at a time when they are rare, hundreds to a
 * transaction when they are not, without a timer; and those of one batch go into one row: 64 MiB in chunks of 60 kB
 * cost the threads of Chromium that write them 1.9 s of processor time, and 3.1 with a row for each chunk.
 */
export class DexieChunkStore implements ChunkStore {
  readonly #db: Dexie;
  readonly #packs: Table<Pack, PackKey>;
  #waiting: Write[] = [];
  #writing = false;
  #asked: Read[] = [];
  #reading = false;

  /** In which pack each chunk is, so that nobody need ask the database whether it is kept. */
  readonly #held = new Map<HeaderId, Map<number, PackKey>>();
  #nextNumber = 0;

  private constructor(db: Dexie) {
    this.#db = db;
    this.#packs = db.table('packs');
  }

  static async #of(db: Dexie): Promise<DexieChunkStore> {
    const store = new DexieChunkStore(db);
    const keys = await store.#packs.toCollection().primaryKeys();
    for (const key of keys) {
      store.#keeps(key);
      store.#nextNumber = Math.max(store.#nextNumber, key[1] + 1);
    }
    return store;
  }

  /**
   * Rejects if the browser gives no database. One that this version of the program cannot read is
   * left alone for the one that can; another one takes its place.
   */
  static async open(
    name: string,
  ): Promise<{ readonly disk: DexieChunkStore; readonly isSetAside: boolean }> {
    const db = await openChunks(name);
    if (db !== null) return { disk: await DexieChunkStore.#of(db), isSetAside: false };
    const other = await openChunks(`${name}-schema-${schemas.length}`);
    if (other === null) throw new Error('what is stored here is of another version of this page');
    return { disk: await DexieChunkStore.#of(other), isSetAside: true };
  }

  put(header: HeaderId, index: number, payload: Uint8Array): Promise<void> {
    return new Promise((done, failed) => {
      // IndexedDB would keep the whole buffer that a view is of.
      this.#waiting.push({ header, index, payload: wholeBytes(payload), done, failed });
      if (!this.#writing) void this.#write();
    });
  }

  get(header: HeaderId, index: number): Promise<Uint8Array<ArrayBuffer> | null> {
    return new Promise((done, failed) => {
      this.#asked.push({ header, index, done, failed });
      if (!this.#reading) void this.#read();
    });
  }

  held(header: HeaderId): Promise<number[]> {
    return Promise.resolve([...(this.#held.get(header)?.keys() ?? [])].sort((a, b) => a - b));
  }

  keep(headers: readonly HeaderId[]): Promise<void> {
    return this.drop([...this.#held.keys()].filter((header) => !headers.includes(header)));
  }

  async drop(headers: readonly HeaderId[]): Promise<void> {
    const held = headers.filter((header) => this.#held.has(header));
    if (held.length === 0) return;
    await this.#db.transaction('rw', this.#packs, async () => {
      for (const header of held) await this.#range(header).delete();
    });
    for (const header of held) this.#held.delete(header);
  }

  /** @returns packs that have no chunk any more that is not in a newer one */
  #keeps(key: PackKey): PackKey[] {
    const [header, , indices] = key;
    const places = this.#held.get(header) ?? new Map<number, PackKey>();
    this.#held.set(header, places);
    const replaced = new Set<PackKey>();
    for (const index of indices) {
      const before = places.get(index);
      if (before) replaced.add(before);
      places.set(index, key);
    }
    return [...replaced].filter((old) => !old[2].some((index) => places.get(index) === old));
  }

  #range(header: HeaderId) {
    return this.#packs.where(packKey).between([header, Dexie.minKey], [header, Dexie.maxKey]);
  }

  async #read(): Promise<void> {
    this.#reading = true;
    while (this.#asked.length > 0) {
      const reads = this.#asked.splice(0, readAtOnce);
      const keyOf = ({ header, index }: Read) => this.#held.get(header)?.get(index);
      const places = new Map(reads.map((read) => [read, keyOf(read)]));
      const keys = [...new Set(places.values())].filter((key) => key !== undefined);
      try {
        const packs = await this.#packs.bulkGet(keys);
        for (const [read, key] of places) {
          const pack = key && packs[keys.indexOf(key)];
          // A copy, as another read may be of the same.
          const payload = pack?.payloads[pack.indices.indexOf(read.index)]?.slice() ?? null;
          if (payload === null && keyOf(read) !== key) {
            this.#asked.push(read); // it was put or dropped meanwhile
            continue;
          }
          if (payload === null) this.#held.get(read.header)?.delete(read.index);
          read.done(payload);
        }
      } catch (thrown) {
        for (const read of reads) read.failed(thrown);
      }
    }
    this.#reading = false;
  }

  async #write(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const writes = this.#waiting.splice(0);
      const packs = packed(writes, () => this.#nextNumber++);
      try {
        await this.#packs.bulkAdd(packs);
        const replaced = packs.flatMap(({ header, number, indices }) => this.#keeps([header, number, indices])); // prettier-ignore
        if (replaced.length > 0) await this.#packs.bulkDelete(replaced);
        for (const { done } of writes) done();
      } catch (thrown) {
        for (const write of writes) write.failed(thrown);
      }
    }
    this.#writing = false;
  }
}

/** Puts chunks of one batch together that come together. */
function packed(rows: readonly ChunkRow[], nextNumber: () => number): Pack[] {
  const packs: Pack[] = [];
  const open = new Map<HeaderId, { indices: number[]; payloads: Uint8Array<ArrayBuffer>[]; bytes: number }>(); // prettier-ignore
  for (const { header, index, payload } of rows) {
    let pack = open.get(header);
    if (pack === undefined || pack.bytes >= packBytes || pack.indices.includes(index)) {
      pack = { indices: [], payloads: [], bytes: 0 };
      open.set(header, pack);
      const { indices, payloads } = pack;
      packs.push({ header, number: nextNumber(), indices, payloads });
    }
    pack.indices.push(index);
    pack.payloads.push(payload);
    pack.bytes += payload.length;
  }
  return packs;
}

/** From version 1, which had a row for each chunk. */
async function packAll(transaction: Transaction): Promise<void> {
  const chunks = transaction.table<ChunkRow, [HeaderId, number]>('chunks');
  const keys = await chunks.toCollection().primaryKeys();
  let number = 0;
  for (let i = 0; i < keys.length; i += readAtOnce) {
    const rows = await chunks.bulkGet(keys.slice(i, i + readAtOnce));
    const found = rows.filter((row) => row !== undefined);
    await transaction.table('packs').bulkAdd(packed(found, () => number++));
  }
}
