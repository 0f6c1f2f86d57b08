import { CachedChunkStore } from '../../src/adapters/cached-chunk-store.ts';
import { DexieChunkStore } from '../../src/adapters/dexie-chunk-store.ts';
import { forgetOldIdentities, openIdentity } from '../../src/adapters/identity.ts';
import { StatementBook } from '../../src/adapters/statement-book.ts';
import { SturdyChunkStore, type StoreState } from '../../src/adapters/sturdy-chunk-store.ts';
import { storeContract } from '../../src/adapters/testing.ts';
import type { HeaderId, TaskId } from '../../src/lib/index.ts';
import type { Freeze } from '../../src/protocol/index.ts';
import type { StateUpdate } from '../../src/vds/index.ts';

declare function acknowledged(index: number): Promise<void>;

const header = (n: number) => n.toString(16).padStart(64, '0') as HeaderId;
const chunkBytes = 60_000;

async function open(name: string, onState: (state: StoreState) => void = () => undefined) {
  const { disk, isSetAside } = await DexieChunkStore.open(name);
  const store = new SturdyChunkStore(disk, { onState, onLost: () => Promise.resolve() });
  return { store, isSetAside };
}

/** A database as another version of the program, or another program, made it. */
function makeDatabase(
  name: string,
  version: number,
  fill: (db: IDBDatabase) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => fill(request.result);
    request.onsuccess = () => {
      request.result.close();
      resolve();
    };
    request.onerror = () => reject(request.error ?? new Error('not opened'));
  });
}

let contracts = 0;

/** What a test does with the store that the app has. */
const storeTest = {
  contract: Object.keys(storeContract),

  async holds(name: string): Promise<void> {
    const database = `contract-${++contracts}`;
    const { store } = await open(database);
    await storeContract[name]?.({ store, reopen: async () => (await open(database)).store });
    const cached = `contract-${++contracts}`;
    const again = async () => new CachedChunkStore((await open(cached)).store, 5_000);
    await storeContract[name]?.({ store: await again(), reopen: again });
  },

  /** Puts chunks until the disk is full, drops them and goes on. */
  async fill(
    most: number,
  ): Promise<{ states: string[]; put: number; held: number; onDisk: number }> {
    const states: string[] = [];
    const { store } = await open('filled', ({ kind }) => states.push(kind));
    let put = 0;
    while (put < most && states.length === 0) {
      await store.put(header(1), put++, crypto.getRandomValues(new Uint8Array(chunkBytes)));
    }
    const held = (await store.held(header(1))).length;
    await store.put(header(2), 0, new Uint8Array(chunkBytes).fill(2));
    await store.drop([header(1)]);
    const onDisk = await (await open('filled')).store.held(header(2));
    return { states, put, held, onDisk: onDisk.length };
  },

  /** Puts chunks for ever, and says of each when it is kept. */
  async putForEver(): Promise<void> {
    const { store } = await open('killed');
    for (let index = 0; ; index += 4) {
      await Promise.all(
        [0, 1, 2, 3].map(async (k) => {
          await store.put(header(1), index + k, new Uint8Array(chunkBytes).fill((index + k) & 255));
          await acknowledged(index + k);
        }),
      );
    }
  },

  /** Of chunks that are held after that: those whose bytes are what was put. */
  async whole(): Promise<number[]> {
    const { store } = await open('killed');
    const whole: number[] = [];
    for (const index of await store.held(header(1))) {
      const payload = await store.get(header(1), index);
      const isWhole =
        payload?.length === chunkBytes && payload.every((byte) => byte === (index & 255));
      if (isWhole) whole.push(index);
    }
    return whole;
  },

  /** Opens a database of chunks that this version of the program cannot read, and uses what takes its place. */
  async openUnreadable(
    version: number,
  ): Promise<{ isSetAside: boolean; held: number[]; versions: number[] }> {
    await makeDatabase('unreadable', version, (db) => {
      db.createObjectStore('chunks', { keyPath: 'id' }).put({ id: 1 });
    });
    const { store, isSetAside } = await open('unreadable');
    await store.put(header(1), 0, new Uint8Array(3));
    const held = await (await open('unreadable')).store.held(header(1));
    const databases = await indexedDB.databases();
    const versions = databases.filter(({ name }) => name === 'unreadable').map((each) => each.version ?? 0); // prettier-ignore
    return { isSetAside, held, versions };
  },

  /** Opens what the first version of the program kept, which had a row for each chunk. */
  async migrateChunks(): Promise<{ held: number[][]; whole: boolean; tables: string[] }> {
    await makeDatabase('chunks', 10, (db) => {
      const table = db.createObjectStore('chunks', { keyPath: ['header', 'index'] });
      for (let index = 0; index < 100; index++) table.put({ header: header(1), index, payload: new Uint8Array(5_000).fill(index) }); // prettier-ignore
      table.put({ header: header(2), index: 7, payload: new Uint8Array() });
    });
    const { store } = await open('chunks');
    const held = await Promise.all([1, 2].map((n) => store.held(header(n))));
    const payloads = await Promise.all((held[0] ?? []).map((index) => store.get(header(1), index)));
    const whole = payloads.every((payload, k) => payload?.length === 5_000 && payload.every((byte) => byte === k)); // prettier-ignore
    const db = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open('chunks');
      request.onsuccess = () => resolve(request.result);
    });
    return { held, whole, tables: [...db.objectStoreNames] };
  },

  /** Chunks that are put again and again, so often; rows that are left of them. */
  async putAgain(times: number): Promise<{ rows: number; payload: number[] }> {
    const { store } = await open('again');
    await Promise.all([0, 1].map((index) => store.put(header(1), index, Uint8Array.of(0))));
    for (let k = 1; k <= times; k++) await store.put(header(1), 0, Uint8Array.of(k));
    const again = (await open('again')).store;
    const payload = [...((await again.get(header(1), 0)) ?? []), ...((await again.get(header(1), 1)) ?? [])]; // prettier-ignore
    const rows = await new Promise<number>((resolve) => {
      const request = indexedDB.open('again');
      request.onsuccess = () => {
        const count = request.result.transaction('packs').objectStore('packs').count();
        count.onsuccess = () => resolve(count.result);
      };
    });
    return { rows, payload };
  },

  /** Opens what the first version of the program kept of the Data Owner's words, which had no states. */
  async migrateStatements(): Promise<{ rounds: unknown[]; epochs: unknown[] }> {
    const [old, other] = ['aa'.repeat(16), 'bb'.repeat(16)] as TaskId[];
    await makeDatabase('statements', 10, (db) => {
      db.createObjectStore('freezes', { keyPath: 'task' }).put({ task: old, round: 7 });
    });
    const book = await StatementBook.open('statements');
    await book.keepFreeze({ task: other, round: 8 } as Freeze);
    await book.keepState(old as TaskId, { core: 3 } as unknown as StateUpdate);
    const again = await StatementBook.open('statements');
    const tasks = [old, other] as TaskId[];
    const freezes = await Promise.all(tasks.map((task) => again.freeze(task)));
    const states = await Promise.all(tasks.map((task) => again.state(task)));
    return { rounds: freezes.map((each) => each?.round), epochs: states.map((each) => each?.core) };
  },

  /** Opens those of a later version, which are not read: what is kept is kept in memory. */
  async openLaterStatements(): Promise<{ before: unknown; kept: unknown; versions: number[] }> {
    const task = 'aa'.repeat(16) as TaskId;
    await makeDatabase('later-statements', 70, (db) => {
      db.createObjectStore('freezes', { keyPath: 'id' }).put({ id: task });
    });
    const book = await StatementBook.open('later-statements');
    const before = await book.freeze(task);
    await book.keepFreeze({ task, round: 7 } as Freeze);
    const databases = await indexedDB.databases();
    const versions = databases.filter(({ name }) => name === 'later-statements').map((each) => each.version ?? 0); // prettier-ignore
    return { before, kept: (await book.freeze(task))?.round, versions };
  },

  /** Whether the identity of a tab is made for now only, and what is left of databases, where a later version keeps identities. */
  async withLaterIdentities(): Promise<{ temporary: string | null; databases: string[] }> {
    await makeDatabase('murmuration', 20, (db) => {
      db.createObjectStore('people', { keyPath: 'id' });
    });
    const owner = `murmuration-${'d'.repeat(16)}`;
    await open(owner);
    const { temporary } = await openIdentity();
    await forgetOldIdentities();
    const databases = await indexedDB.databases();
    return { temporary, databases: databases.flatMap(({ name = '', version }) => (name === owner || name === 'murmuration' ? `${name} ${version}` : [])) }; // prettier-ignore
  },

  /** Databases that are left of identities that were used so long ago; days, and whether a tab is open. */
  async forget(
    identities: readonly { id: string; days: number; isOpen: boolean }[],
  ): Promise<string[]> {
    const day = 24 * 60 * 60 * 1000;
    await makeDatabase('murmuration', 10, (db) => {
      const table = db.createObjectStore('identities', { keyPath: 'id' });
      table.createIndex('usedAt', 'usedAt');
      for (const { id, days } of identities) table.put({ id, secret: new Uint8Array(32), usedAt: Date.now() - days * day }); // prettier-ignore
    });
    for (const { id, isOpen } of [...identities, { id: 'f'.repeat(64), isOpen: false }]) {
      const { store } = await open(`murmuration-${id.slice(0, 16)}`);
      await store.put(header(1), 0, new Uint8Array(3));
      await open(`murmuration-${id.slice(0, 16)}-freezes`);
      if (!isOpen) continue;
      await new Promise<void>((held) => {
        void navigator.locks.request(`murmuration-identity-${id}`, () => {
          held();
          return new Promise(() => undefined);
        });
      });
    }
    await forgetOldIdentities();
    const databases = await indexedDB.databases();
    return databases.map(({ name = '' }) => name).filter((name) => /^murmuration-[0-9a-f]{16}/.test(name)).sort(); // prettier-ignore
  },
};

declare global {
  interface Window {
    storeTest: typeof storeTest;
  }
}
window.storeTest = storeTest;
