import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at, bytesToHex, type PeerId } from '../lib/index.ts';
import type { Topology } from '../protocol/index.ts';
import { neighbours, type Placed } from './topology.ts';

const id = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => bytesToHex(bytes) as PeerId);
const membersUpTo = (most: number) =>
  fc.uniqueArray(fc.record({ peer: id, ready: fc.boolean() }), {
    minLength: 1,
    maxLength: most,
    selector: ({ peer }) => peer,
  });

const topologies: readonly (readonly [string, Topology, number])[] = [
  ['mesh', { kind: 'mesh' }, 20],
  ['random-regular of degree 8', { kind: 'random-regular', degree: 8 }, 60],
  ['random-regular of degree 20', { kind: 'random-regular', degree: 20 }, 60],
  ['ring', { kind: 'ring' }, 40],
  ['star', { kind: 'star' }, 40],
];

/** Who can be reached from the first over connections within the group. */
function reached(topology: Topology, members: readonly Placed[], group: readonly PeerId[]): number {
  const [start] = group;
  if (start === undefined) return 0;
  const seen = new Set([start]);
  for (const peer of seen) {
    for (const next of neighbours(topology, members, peer))
      if (group.includes(next)) seen.add(next);
  }
  return seen.size;
}

describe.each(topologies)('%s', (_, topology, most) => {
  test('is symmetric, names nobody twice, and not oneself', () => {
    fc.assert(
      fc.property(membersUpTo(most), (members) => {
        for (const { peer } of members) {
          const theirs = neighbours(topology, members, peer);
          expect(new Set(theirs).size).toBe(theirs.length);
          expect(theirs).not.toContain(peer);
          for (const other of theirs) expect(neighbours(topology, members, other)).toContain(peer);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('connects everybody, and those that take part among themselves', () => {
    fc.assert(
      fc.property(membersUpTo(most), (members) => {
        const everybody = members.map(({ peer }) => peer);
        const ready = members.filter((each) => each.ready).map(({ peer }) => peer);
        expect(reached(topology, members, everybody)).toBe(everybody.length);
        expect(reached(topology, members, ready)).toBe(ready.length);
      }),
      { numRuns: 30 },
    );
  });

  test('has no neighbours for who is not a member', () => {
    const [stranger, member] = fc.sample(id, { numRuns: 2, seed: 1 });
    if (!stranger || !member) throw new Error('two ids');
    expect(neighbours(topology, [{ peer: member, ready: true }], stranger)).toEqual([]);
    expect(neighbours(topology, [], stranger)).toEqual([]);
  });
});

describe('random-regular', () => {
  const topology = { kind: 'random-regular', degree: 12 } as const;
  const members = fc
    .sample(id, { numRuns: 200, seed: 4 })
    .map((peer): Placed => ({ peer, ready: true }));

  test('two hundred members have twelve neighbours each, a few of them some fewer', () => {
    const degrees = members.map(({ peer }) => neighbours(topology, members, peer).length);
    expect(Math.max(...degrees)).toBeLessThanOrEqual(12);
    expect(Math.min(...degrees)).toBeGreaterThanOrEqual(9);
    expect(degrees.reduce((sum, each) => sum + each, 0) / 200).toBeGreaterThan(11.5);
  });

  test('everybody is four steps away at most', () => {
    let [known, steps] = [new Set([at(members, 0).peer]), 0];
    for (; known.size < members.length; steps++) {
      known = new Set([...known].flatMap((peer) => [peer, ...neighbours(topology, members, peer)]));
    }
    expect(steps).toBeLessThanOrEqual(4);
  });

  test('who comes changes the neighbours of a dozen others, not of all', () => {
    const fewer = members.slice(1);
    const changed = fewer.filter(({ peer }) => {
      const before = neighbours(topology, fewer, peer).sort();
      return before.join() !== neighbours(topology, members, peer).sort().join();
    });
    expect(changed.length).toBeLessThanOrEqual(12);
  });

  test('as few members as the degree allows are all connected with each other', () => {
    const few = members.slice(0, 13);
    for (const { peer } of few) expect(neighbours(topology, few, peer)).toHaveLength(12);
  });
});

describe('star', () => {
  test('the one in the middle is the one that has been there longest', () => {
    const members = fc.sample(id, { numRuns: 6, seed: 9 }).map((peer) => ({ peer, ready: true }));
    const [first, ...others] = members.map(({ peer }) => peer);
    if (first === undefined) throw new Error('six members');
    expect(neighbours({ kind: 'star' }, members, first)).toEqual(others);
    for (const other of others)
      expect(neighbours({ kind: 'star' }, members, other)).toEqual([first]);
  });
});
