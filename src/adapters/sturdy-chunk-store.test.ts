import { beforeEach, describe, expect, test } from 'vitest';
import type { HeaderId } from '../lib/index.ts';
import { MemoryChunkStore } from '../vds/index.ts';
import { CachedChunkStore } from './cached-chunk-store.ts';
import { SturdyChunkStore, type StoreState } from './sturdy-chunk-store.ts';
import { storeContract, type StoreUnderTest } from './testing.ts';

const header = (n: number) => n.toString(16).padStart(64, '0') as HeaderId;
const bytes = (...values: number[]) => Uint8Array.from(values);

/** A disk that fails when it is told to. */
class FailingStore extends MemoryChunkStore {
  /** Chunks that it takes. */
  room = Infinity;
  isBroken = false;
  unreadable = new Set<number>();

  override async put(of: HeaderId, index: number, payload: Uint8Array) {
    if (this.isBroken) throw new Error('I/O');
    if (this.room === 0) {
      // As Dexie says it of a transaction that is aborted.
      throw Object.assign(new Error('aborted'), { inner: new DOMException('no room', 'QuotaExceededError') }); // prettier-ignore
    }
    this.room--;
    await super.put(of, index, payload);
  }
  override get(of: HeaderId, index: number) {
    return this.unreadable.has(index) ? Promise.reject(new Error('I/O')) : super.get(of, index);
  }
  override async drop(headers: readonly HeaderId[]) {
    if (this.isBroken) throw new Error('I/O');
    for (const each of headers) this.room += (await this.held(each)).length;
    await super.drop(headers);
  }
}

const quiet = { onState: () => undefined, onLost: () => Promise.resolve() };
const full = () => {
  const disk = new FailingStore();
  disk.room = 2;
  return disk;
};
const stores: Record<string, () => StoreUnderTest> = {
  memory: () => ({ store: new MemoryChunkStore(), reopen: null }),
  'a disk': () => {
    const disk = new FailingStore();
    const reopen = () => Promise.resolve(new SturdyChunkStore(disk, quiet));
    return { store: new SturdyChunkStore(disk, quiet), reopen };
  },
  'a disk, with what is recent in memory': () => {
    const disk = new FailingStore();
    const open = () => new CachedChunkStore(new SturdyChunkStore(disk, quiet), 5_000);
    return { store: open(), reopen: () => Promise.resolve(open()) };
  },
  'a disk that is full': () => ({ store: new SturdyChunkStore(full(), quiet), reopen: null }),
};

describe.each(Object.entries(stores))('a store on %s', (_, open) => {
  test.each(Object.entries(storeContract))('%s', async (_name, holds) => {
    await expect(holds(open())).resolves.toBeUndefined();
  });
});

describe('what is recent', () => {
  test('is not read from the disk, as far as there is room for it', async () => {
    const disk = new FailingStore();
    const store = new CachedChunkStore(disk, 25);
    for (const index of [0, 1, 2])
      await store.put(header(1), index, new Uint8Array(10).fill(index));
    disk.unreadable = new Set([0, 1, 2]);
    expect(await store.get(header(1), 1)).toEqual(new Uint8Array(10).fill(1));
    expect(await store.get(header(1), 2)).toEqual(new Uint8Array(10).fill(2));
    await expect(store.get(header(1), 0)).rejects.toThrow('I/O');
    await store.put(header(1), 3, new Uint8Array(10).fill(3)); // the one used longest ago goes
    await expect(store.get(header(1), 1)).rejects.toThrow('I/O');
    expect(await store.get(header(1), 2)).toEqual(new Uint8Array(10).fill(2));
  });

  test('is forgotten with its batch, also where it was being written', async () => {
    const store = new CachedChunkStore(new SturdyChunkStore(new FailingStore(), quiet), 1_000);
    await store.put(header(1), 0, bytes(1));
    const put = store.put(header(1), 1, bytes(2));
    await Promise.all([put, store.drop([header(1)])]);
    expect(await store.get(header(1), 0)).toBeNull();
    expect(await store.get(header(1), 1)).toBeNull();
  });

  test('that is not kept on the disk is not kept at all', async () => {
    const disk = new FailingStore();
    disk.isBroken = true;
    const store = new CachedChunkStore(disk, 1_000);
    await expect(store.put(header(1), 0, bytes(1))).rejects.toThrow('I/O');
    expect(await store.get(header(1), 0)).toBeNull();
  });
});

describe('a store on a disk', () => {
  let disk: FailingStore;
  let store: SturdyChunkStore;
  let states: StoreState[];
  let lost: string[];
  beforeEach(() => {
    [disk, states, lost] = [new FailingStore(), [], []];
    store = new SturdyChunkStore(disk, {
      onState: (state) => void states.push(state),
      onLost: (of, index) => {
        lost.push(`${Number.parseInt(of, 16)}/${index}`);
        return Promise.resolve();
      },
    });
  });

  test('that becomes full gives back what is on it and what came later, and says so once', async () => {
    disk.room = 1;
    await store.put(header(1), 0, bytes(1));
    await store.put(header(1), 1, bytes(2));
    await store.put(header(2), 0, bytes(3));
    expect(states).toEqual([{ kind: 'full' }]);
    expect(await store.held(header(1))).toEqual([0, 1]);
    expect(await store.get(header(1), 0)).toEqual(bytes(1));
    expect(await store.get(header(1), 1)).toEqual(bytes(2));
    expect(await store.get(header(2), 0)).toEqual(bytes(3));
    expect(lost).toEqual([]);
  });

  test('that was full takes what was kept in memory, once something was dropped', async () => {
    disk.room = 2;
    for (const index of [0, 1]) await store.put(header(1), index, bytes(index));
    for (const index of [0, 1]) await store.put(header(2), index, bytes(index));
    expect(await disk.held(header(2))).toEqual([]);
    await store.drop([header(1)]);
    expect(states).toEqual([{ kind: 'full' }, { kind: 'disk' }]);
    expect(await disk.held(header(2))).toEqual([0, 1]);
    expect(await store.get(header(2), 1)).toEqual(bytes(1));
  });

  test('where too little was dropped is still full, says so again, and loses nothing', async () => {
    disk.room = 1;
    await store.put(header(1), 0, bytes(1));
    for (const index of [0, 1, 2]) await store.put(header(2), index, bytes(index));
    await store.drop([header(1)]);
    expect(states).toEqual([{ kind: 'full' }, { kind: 'full' }]);
    for (const index of [0, 1, 2]) expect(await store.get(header(2), index)).toEqual(bytes(index));
    await store.put(header(3), 0, bytes(3));
    expect(await store.get(header(3), 0)).toEqual(bytes(3));
  });

  test('that fails to read one chunk loses that chunk, and takes it again', async () => {
    await store.put(header(1), 0, bytes(1));
    await store.put(header(1), 1, bytes(2));
    disk.unreadable.add(1);
    expect(await store.get(header(1), 1)).toBeNull();
    expect(lost).toEqual(['1/1']);
    expect(await store.get(header(1), 0)).toEqual(bytes(1));
    disk.unreadable.clear();
    await store.put(header(1), 1, bytes(2));
    expect(await store.get(header(1), 1)).toEqual(bytes(2));
    expect(states).toEqual([]);
  });

  test('that is emptied behind its back loses what is asked for', async () => {
    await store.put(header(1), 0, bytes(1));
    await disk.keep([]);
    expect(await store.get(header(1), 0)).toBeNull();
    expect(lost).toEqual(['1/0']);
  });

  test('that breaks goes over to memory for good, and says why', async () => {
    disk.isBroken = true;
    await store.drop([header(1)]);
    disk.isBroken = false;
    await store.put(header(2), 0, bytes(3));
    await store.keep([header(2)]);
    expect(states).toEqual([{ kind: 'broken', problem: 'I/O' }]);
    expect(await store.get(header(2), 0)).toEqual(bytes(3));
    expect(await disk.held(header(2))).toEqual([]);
  });
});
