import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PeerId } from '../lib/index.ts';
import { settle } from './settlement.ts';

const peer = (n: number) => n.toString(16).padStart(64, '0') as PeerId;
const reports = (digests: readonly string[]) => new Map(digests.map((digest, i) => [peer(i), digest])); // prettier-ignore

describe('settling a round by digests', () => {
  test('takes the one that all share', () => {
    const settled = settle(reports(['a', 'a', 'a']), 2);
    expect(settled).toEqual({ digest: 'a', agreeing: [0, 1, 2].map(peer), dissenting: [] });
  });

  test('takes that of more than half, and names the others', () => {
    const settled = settle(reports(['a', 'b', 'a']), 2);
    expect(settled).toEqual({ digest: 'a', agreeing: [0, 2].map(peer), dissenting: [peer(1)] });
  });

  test.each([
    ['half and half', ['a', 'a', 'b', 'b'], 2],
    ['the largest group is no majority', ['a', 'a', 'b', 'c'], 2],
    ['a majority below the quorum', ['a'], 2],
    ['nobody reported', [], 1],
  ])('takes none: %s', (_, digests, quorum) => {
    expect(settle(reports(digests), quorum)).toBeNull();
  });

  test('never takes a digest that half of the reporters or fewer share', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }), (digests) => {
        const settled = settle(reports(digests), 1);
        const most = Math.max(0, ...['a', 'b', 'c'].map((d) => digests.filter((x) => x === d).length)); // prettier-ignore
        expect(settled !== null).toBe(most * 2 > digests.length);
        expect(settled?.agreeing.length ?? most).toBe(most);
      }),
    );
  });
});
