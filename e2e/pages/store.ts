import { CachedChunkStore } from '../../src/adapters/cached-chunk-store.ts';
import { DexieChunkStore } from '../../src/adapters/dexie-chunk-store.ts';
import { forgetOldIdentities } from '../../src/adapters/identity.ts';
import { SturdyChunkStore, type StoreState } from '../../src/adapters/sturdy-chunk-store.ts';
import { storeContract } from '../../src/adapters/testing.ts';
import type { HeaderId } from '../../src/lib/index.ts';

declare function acknowledged(index: number): Promise<void>;

const header = (n: number) => n.toString(16).padStart(64, '0') as HeaderId;
const chunkBytes = 60_000;

async function open(name: string, onState: (state: StoreState) => void = () => undefined) {
  const { disk, isSetAside } = await DexieChunkStore.open(name);
  const store = new SturdyChunkStore(disk, { onState, onLost: () => Promise.resolve() });
  return { store, isSetAside };
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

  /** Opens a database that a later version of the program made, and uses what takes its place. */
  async openLater(): Promise<{ isSetAside: boolean; held: number[]; versions: number[] }> {
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open('later', 70);
      request.onupgradeneeded = () => request.result.createObjectStore('chunks', { keyPath: 'id' }).put({ id: 1 }); // prettier-ignore
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
      request.onerror = () => reject(request.error ?? new Error('not opened'));
    });
    const { store, isSetAside } = await open('later');
    await store.put(header(1), 0, new Uint8Array(3));
    const held = await (await open('later')).store.held(header(1));
    const databases = await indexedDB.databases();
    const versions = databases.filter(({ name }) => name === 'later').map(({ version }) => version ?? 0); // prettier-ignore
    return { isSetAside, held, versions };
  },

  /** Databases that are left of identities that were used so long ago; days, and whether a tab is open. */
  async forget(
    identities: readonly { id: string; days: number; isOpen: boolean }[],
  ): Promise<string[]> {
    const day = 24 * 60 * 60 * 1000;
    await new Promise<void>((resolve, reject) => {
      const request = indexedDB.open('murmuration', 10);
      request.onupgradeneeded = () => {
        const table = request.result.createObjectStore('identities', { keyPath: 'id' });
        table.createIndex('usedAt', 'usedAt');
        for (const { id, days } of identities) table.put({ id, secret: new Uint8Array(32), usedAt: Date.now() - days * day }); // prettier-ignore
      };
      request.onsuccess = () => {
        request.result.close();
        resolve();
      };
      request.onerror = () => reject(request.error ?? new Error('not opened'));
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
