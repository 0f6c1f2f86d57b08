import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at, Bitfield, seededRandom, type HeaderId } from '../lib/index.ts';
import { Batch, type Holdings } from './batch.ts';
import { Inventory } from './inventory.ts';
import { pickChunk } from './picker.ts';
import { testHeader, testPeer } from './testing.ts';

const columns = 5;
const headers = [testHeader(0, columns), testHeader(1, columns, 'model'), testHeader(2, columns)];

const indices = fc.array(fc.nat(columns - 1), { minLength: 1, maxLength: columns });
const header = fc.nat(headers.length - 1);
const peer = fc.nat(3);
const index = fc.nat(columns - 1);
const step = fc.oneof(
  fc.record({ type: fc.constant('add' as const), header, indices }),
  fc.record({ type: fc.constant('drop' as const), header }),
  fc.record({ type: fc.constant('join' as const), peer }),
  fc.record({ type: fc.constant('leave' as const), peer }),
  fc.record({ type: fc.constant('bits' as const), peer, header, indices }),
  fc.record({ type: fc.constant('have' as const), peer, header, indices }),
  fc.record({ type: fc.constant('dont-have' as const), peer, header, indices: fc.option(indices) }),
  fc.record({ type: fc.constant('held' as const), header, index }),
  fc.record({ type: fc.constant('lost' as const), header, index }),
  fc.record({ type: fc.constant('pending' as const), header, index }),
  fc.record({ type: fc.constant('needed' as const), header, index }),
);

function bitsOf(some: readonly number[]): Bitfield {
  const bits = new Bitfield(columns);
  for (const each of some) bits.set(each);
  return bits;
}

/** What the inventory keeps with every event, counted anew. */
function expectRecount(inventory: Inventory, holdings: Iterable<Holdings>): void {
  const all = [...holdings];
  const needed = new Set<unknown>();
  const counts = new Map(all.map((each) => [each, { wanted: 0, pickable: 0 }]));
  let missing = 0;
  for (const { header: of, held, pending } of inventory.batches) {
    missing += columns - held.count - pending.size;
    for (let i = 0; i < columns; i++) {
      const chunk = inventory.chunk(of.id, i);
      const holders = all.filter((each) => each.has(of.id, i));
      expect(chunk?.availability).toBe(holders.length);
      expect(chunk?.state).toBe(held.has(i) ? 'held' : pending.has(i) ? 'pending' : 'needed');
      if (chunk?.state === 'needed' && holders.length > 0) needed.add(chunk);
      for (const holder of holders) {
        const count = counts.get(holder);
        if (!count) continue;
        if (!held.has(i)) count.wanted++;
        if (chunk?.state === 'needed') count.pickable++;
      }
    }
  }
  expect(inventory.needed).toBe(missing);
  for (const [{ wanted, pickable }, count] of counts) expect({ wanted, pickable }).toEqual(count);
  const ordered = [...inventory.rarestFirst(seededRandom(1))];
  expect(new Set(ordered)).toEqual(needed);
  expect(ordered).toHaveLength(needed.size);
  const ranks = ordered.map(({ batch, availability }) => (batch.header.kind === 'model' ? 0 : 1_000) + availability); // prettier-ignore
  expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
}

describe('availability', () => {
  test('is what a recount says, after any sequence of have, have-all, dont-have, disconnect', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const inventory = new Inventory();
        const peers = new Map<number, Holdings>();
        const idOf = (of: number): HeaderId => at(headers, of).id;
        for (const each of steps) {
          const holdings = 'peer' in each ? peers.get(each.peer) : undefined;
          if (each.type === 'add') {
            inventory.add(new Batch(at(headers, each.header), bitsOf(each.indices), null, 0));
          } else if (each.type === 'drop') inventory.drop(idOf(each.header));
          else if (each.type === 'join') {
            if (!holdings) peers.set(each.peer, inventory.join(testPeer(each.peer)));
          } else if (each.type === 'held') inventory.setHeld(idOf(each.header), each.index);
          else if (each.type === 'lost') inventory.setLost(idOf(each.header), each.index);
          else if (each.type === 'needed') inventory.setNeeded(idOf(each.header), each.index);
          else if (each.type === 'pending') {
            const chunk = inventory.chunk(idOf(each.header), each.index);
            if (chunk) inventory.setPending(chunk);
          } else if (holdings) {
            if (each.type === 'leave') {
              inventory.leave(holdings);
              peers.delete(each.peer);
            } else if (each.type === 'bits') {
              // A session lets one bitfield of a batch through.
              if (!holdings.bits.has(idOf(each.header))) {
                inventory.claimed(holdings, idOf(each.header), bitsOf(each.indices));
              }
            } else if (each.type === 'have') {
              inventory.claimedMore(holdings, idOf(each.header), each.indices);
            } else inventory.withdrawn(holdings, idOf(each.header), each.indices);
          }
          expectRecount(inventory, peers.values());
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('rarest first', () => {
  /** One batch, and neighbours with these chunks of it; the first is asked. */
  function swarm(have: readonly (readonly number[])[], held: readonly number[] = [], name = 0) {
    const inventory = new Inventory();
    const batch = new Batch(at(headers, name), bitsOf(held), null, 0);
    inventory.add(batch);
    const neighbours = have.map((some, i) => {
      const holdings = inventory.join(testPeer(i));
      inventory.claimed(holdings, batch.header.id, bitsOf(some));
      return holdings;
    });
    const random = seededRandom(7);
    return { inventory, batch, asked: at(neighbours, 0), random };
  }

  test('of what a peer has, what the fewest have is asked for', () => {
    const { inventory, asked, random } = swarm([[0, 1, 2], [0, 1], [0, 3], [4]]);
    inventory.stored = 4;
    for (let i = 0; i < 50; i++) expect(pickChunk(inventory, asked, random, 0)?.index).toBe(2);
  });

  test('equally rare ones in random order', () => {
    const { inventory, asked, random } = swarm([[0, 1, 2, 3, 4]]);
    inventory.stored = 4;
    const picked = Array.from({ length: 200 }, () => pickChunk(inventory, asked, random, 0)?.index);
    for (let i = 0; i < columns; i++) expect(picked.filter((each) => each === i).length).toBeGreaterThan(15); // prettier-ignore
  });

  test('the first four chunks at random, common ones too', () => {
    const { inventory, asked, random } = swarm([
      [0, 1, 2, 3, 4],
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ]);
    const picked = Array.from({ length: 200 }, () => pickChunk(inventory, asked, random, 0)?.index);
    for (let i = 0; i < columns; i++) expect(picked.filter((each) => each === i).length).toBeGreaterThan(15); // prettier-ignore
  });

  test('what is held, on its way or excluded is not asked for', () => {
    const { inventory, batch, asked, random } = swarm([[0, 1, 2, 3, 4]], [0, 1]);
    inventory.stored = 4;
    const chunk = inventory.chunk(batch.header.id, 2);
    if (chunk) inventory.setPending(chunk);
    batch.exclude(3, asked.peer, 100);
    for (let i = 0; i < 20; i++) expect(pickChunk(inventory, asked, random, 50)?.index).toBe(4);
    inventory.setHeld(batch.header.id, 4);
    expect(pickChunk(inventory, asked, random, 50)).toBeNull();
    expect(pickChunk(inventory, asked, random, 100)?.index).toBe(3);
  });

  test('models before all others, at the start too', () => {
    const { inventory, asked, random } = swarm([[0], [0], [0]], [], 1);
    const update = new Batch(at(headers, 0), new Bitfield(columns), null, 0);
    inventory.add(update);
    inventory.claimed(asked, update.header.id, bitsOf([0, 1, 2]));
    for (const stored of [0, 4]) {
      inventory.stored = stored;
      for (let i = 0; i < 20; i++) {
        expect(pickChunk(inventory, asked, random, 0)?.batch.header.kind).toBe('model');
      }
    }
  });
});
