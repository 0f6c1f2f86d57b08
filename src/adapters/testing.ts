import type { HeaderId } from '../lib/index.ts';
import type { ChunkStore } from '../vds/index.ts';

const header = (n: number) => n.toString(16).padStart(64, '0') as HeaderId;
const bytes = (...values: number[]) => Uint8Array.from(values);

/** A store, and another one on what the first one kept, as after a reload. */
export interface StoreUnderTest {
  readonly store: ChunkStore;
  /** null where nothing outlives the page. */
  readonly reopen: (() => Promise<ChunkStore>) | null;
}

function expectEqual(found: unknown, expected: unknown, what: string): void {
  const write = (value: unknown) =>
    JSON.stringify(value instanceof Uint8Array ? [...value] : value);
  if (write(found) !== write(expected)) {
    throw new Error(`${what}: ${write(found)}, expected ${write(expected)}`);
  }
}

/** What every {@link ChunkStore} does, by name; each throws if it does not. Runs anywhere. */
export const storeContract: Readonly<Record<string, (of: StoreUnderTest) => Promise<void>>> = {
  async 'gives what was put, and nothing else'({ store }) {
    await store.put(header(1), 0, bytes(1, 2, 3));
    await store.put(header(1), 7, bytes());
    expectEqual(await store.get(header(1), 0), bytes(1, 2, 3), 'a chunk');
    expectEqual(await store.get(header(1), 7), bytes(), 'an empty chunk');
    expectEqual(await store.get(header(1), 1), null, 'a chunk that was not put');
    expectEqual(await store.get(header(2), 0), null, 'a batch that was not put');
  },

  async 'names the indices it holds, ascending'({ store }) {
    for (const index of [300, 2, 10, 0]) await store.put(header(1), index, bytes(index & 255));
    await store.put(header(2), 5, bytes(5));
    expectEqual(await store.held(header(1)), [0, 2, 10, 300], 'of a batch');
    expectEqual(await store.held(header(3)), [], 'of none');
  },

  async 'takes a chunk in the place of another'({ store }) {
    await store.put(header(1), 0, bytes(1));
    await store.put(header(1), 0, bytes(2));
    expectEqual(await store.get(header(1), 0), bytes(2), 'the newer one');
    expectEqual(await store.held(header(1)), [0], 'once');
  },

  async 'gives a chunk while another one takes its place'({ store }) {
    await store.put(header(1), 0, bytes(0));
    for (let k = 1; k < 10; k++) {
      const [, found] = await Promise.all([store.put(header(1), 0, bytes(k)), store.get(header(1), 0)]); // prettier-ignore
      if (found === null) throw new Error(`at put ${k}: nothing`);
    }
    expectEqual(await store.held(header(1)), [0], 'it is held');
    expectEqual(await store.get(header(1), 0), bytes(9), 'the newest one');
  },

  async 'copies what it is given'({ store }) {
    const whole = bytes(9, 1, 2, 9);
    const done = store.put(header(1), 0, whole.subarray(1, 3));
    whole.fill(7);
    await done;
    expectEqual(await store.get(header(1), 0), bytes(1, 2), 'a view as it was when it was put');
    const kept = await store.get(header(1), 0);
    expectEqual(kept?.buffer.byteLength, 2, 'and nothing of what it was a view of');
  },

  async 'copies what it gives'({ store }) {
    await store.put(header(1), 0, bytes(1, 2));
    (await store.get(header(1), 0))?.fill(7);
    expectEqual(await store.get(header(1), 0), bytes(1, 2), 'the chunk');
  },

  async 'keeps the batches that it is told to keep'({ store }) {
    for (const n of [1, 2, 3]) for (const index of [0, 1]) await store.put(header(n), index, bytes(n)); // prettier-ignore
    await store.keep([header(2), header(9)]);
    const held = await Promise.all([1, 2, 3].map((n) => store.held(header(n))));
    expectEqual(held, [[], [0, 1], []], 'the second of three');
  },

  async 'drops the batches that it is told to drop'({ store }) {
    for (const n of [1, 2, 3]) await store.put(header(n), 0, bytes(n));
    await store.drop([header(1), header(3), header(9)]);
    const held = await Promise.all([1, 2, 3].map((n) => store.held(header(n))));
    expectEqual(held, [[], [0], []], 'the second of three');
    await store.drop([]);
    await store.put(header(1), 0, bytes(4));
    expectEqual(await store.get(header(1), 0), bytes(4), 'one that is put again');
  },

  async 'does things in the order in which it was told'({ store }) {
    const puts = [0, 1, 2, 3].map((index) => store.put(header(1), index, bytes(index)));
    const dropped = store.drop([header(1)]);
    const after = store.put(header(1), 9, bytes(9));
    await Promise.all([...puts, dropped, after]);
    expectEqual(await store.held(header(1)), [9], 'what was put after the drop');
  },

  async 'takes hundreds at once'({ store }) {
    const indices = Array.from({ length: 400 }, (_, index) => index);
    await Promise.all(indices.map((index) => store.put(header(1), index, new Uint8Array(2_000).fill(index & 255)))); // prettier-ignore
    expectEqual(await store.held(header(1)), indices, 'all');
    expectEqual((await store.get(header(1), 399))?.at(-1), 399 & 255, 'the last one');
  },

  async 'has after a reload what it said it kept'({ store, reopen }) {
    if (reopen === null) return;
    await store.put(header(1), 3, bytes(1, 2));
    const again = await reopen();
    expectEqual(await again.held(header(1)), [3], 'its index');
    expectEqual(await again.get(header(1), 3), bytes(1, 2), 'and its bytes');
  },
};
