import { beforeEach, describe, expect, test } from 'vitest';
import type { HeaderId } from '../lib/index.ts';
import { MemoryChunkStore } from '../vds/index.ts';
import { SturdyChunkStore } from './sturdy-chunk-store.ts';

const header = (n: number) => n.toString(16).padStart(64, '0') as HeaderId;
const bytes = (...values: number[]) => Uint8Array.from(values);

/** A disk that fails when it is told to. */
class FailingStore extends MemoryChunkStore {
  isFull = false;
  unreadable = new Set<number>();

  override put(...chunk: Parameters<MemoryChunkStore['put']>) {
    return this.isFull ? Promise.reject(new Error('QuotaExceededError')) : super.put(...chunk);
  }
  override get(of: HeaderId, index: number) {
    return this.unreadable.has(index) ? Promise.reject(new Error('I/O')) : super.get(of, index);
  }
  override drop(headers: readonly HeaderId[]) {
    return this.isFull ? Promise.reject(new Error('QuotaExceededError')) : super.drop(headers);
  }
}

describe('a store on a disk', () => {
  let disk: FailingStore;
  let store: SturdyChunkStore;
  let troubles: string[];
  let lost: string[];
  beforeEach(() => {
    [disk, troubles, lost] = [new FailingStore(), [], []];
    store = new SturdyChunkStore(disk, {
      onTrouble: (problem) => void troubles.push(problem),
      onLost: (of, index) => {
        lost.push(`${Number.parseInt(of, 16)}/${index}`);
        return Promise.resolve();
      },
    });
  });

  test('that becomes full gives back what is on it and what came later, and says so once', async () => {
    await store.put(header(1), 0, bytes(1));
    disk.isFull = true;
    await store.put(header(1), 1, bytes(2));
    await store.put(header(2), 0, bytes(3));
    expect(troubles).toEqual(['QuotaExceededError']);
    expect((await store.held(header(1))).sort()).toEqual([0, 1]);
    expect(await store.get(header(1), 0)).toEqual(bytes(1));
    expect(await store.get(header(1), 1)).toEqual(bytes(2));
    expect(await store.get(header(2), 0)).toEqual(bytes(3));
    expect(lost).toEqual([]);
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
    expect(troubles).toEqual([]);
  });

  test('that is emptied behind its back loses what is asked for', async () => {
    await store.put(header(1), 0, bytes(1));
    await disk.keep([]);
    expect(await store.get(header(1), 0)).toBeNull();
    expect(lost).toEqual(['1/0']);
  });

  test('that cannot drop anything goes over to memory and goes on', async () => {
    disk.isFull = true;
    await store.drop([header(1)]);
    await store.put(header(2), 0, bytes(3));
    expect(troubles).toEqual(['QuotaExceededError']);
    expect(await store.get(header(2), 0)).toEqual(bytes(3));
  });
});
