import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../lib/index.ts';
import { dealDirichlet, dealIid, dirichlet } from './partition.ts';

const rows = fc.integer({ min: 0, max: 300 });
const parts = fc.integer({ min: 1, max: 20 });
const alpha = fc.double({ min: 0.01, max: 100, noNaN: true });

function expectDealt(hands: readonly Uint32Array[], count: number, wanted: number) {
  expect(hands).toHaveLength(wanted);
  const all = hands.flatMap((hand) => [...hand]).sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: count }, (_, row) => row));
  if (count >= wanted) expect(hands.every((hand) => hand.length > 0)).toBe(true);
}

describe('dealIid', () => {
  it('deals each row to one part, in parts of equal size', () => {
    fc.assert(
      fc.property(rows, parts, fc.nat(), (count, wanted, seed) => {
        const hands = dealIid(count, wanted, seededRandom(seed));
        expectDealt(hands, count, wanted);
        const sizes = hands.map((hand) => hand.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('dealDirichlet', () => {
  const labelsOf = (count: number) => Float32Array.from({ length: count }, (_, row) => row % 7);

  it('deals each row to one part and leaves none empty-handed', () => {
    fc.assert(
      fc.property(rows, parts, alpha, fc.nat(), (count, wanted, concentration, seed) => {
        const hands = dealDirichlet(labelsOf(count), wanted, concentration, seededRandom(seed));
        expectDealt(hands, count, wanted);
      }),
    );
  });

  it('skews the classes the more the smaller alpha is', () => {
    const labels = labelsOf(7000);
    /** Mean share of a part's most frequent class: 1/7 if even, 1 if it has only one. */
    const skew = (concentration: number) => {
      const hands = dealDirichlet(labels, 5, concentration, seededRandom(2));
      const tops = hands.map((hand) => {
        const counts = Array.from({ length: 7 }, () => 0);
        for (const row of hand) counts[row % 7] = (counts[row % 7] ?? 0) + 1;
        return Math.max(...counts) / hand.length;
      });
      return tops.reduce((sum, top) => sum + top, 0) / tops.length;
    };
    expect(skew(1000)).toBeLessThan(0.18);
    expect(skew(0.1)).toBeGreaterThan(0.4);
  });

  it('deals as many rows of one class as a tab takes', () => {
    const hands = dealDirichlet(new Float32Array(200_000), 3, 1, seededRandom(1));
    expect(hands.reduce((sum, hand) => sum + hand.length, 0)).toBe(200_000);
  });
});

describe('dirichlet', () => {
  it('adds up to 1, without a negative share, however small alpha is', () => {
    const concentration = fc.oneof(alpha, fc.constant(1e-6));
    fc.assert(
      fc.property(concentration, parts, fc.nat(), (each, n, seed) => {
        const shares = dirichlet(each, n, seededRandom(seed));
        expect(shares).toHaveLength(n);
        expect(shares.every((share) => share >= 0)).toBe(true);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
      }),
    );
  });

  it("has the distribution's mean 1/n and variance (n − 1)/(n²(nα + 1))", () => {
    const [n, draws] = [4, 20_000];
    for (const concentration of [0.3, 1, 5]) {
      const random = seededRandom(11);
      const firsts = Array.from({ length: draws }, () => dirichlet(concentration, n, random)[0] ?? 0); // prettier-ignore
      const mean = firsts.reduce((sum, share) => sum + share, 0) / draws;
      const variance = firsts.reduce((sum, share) => sum + (share - mean) ** 2, 0) / draws;
      expect(mean).toBeCloseTo(1 / n, 2);
      expect(variance / ((n - 1) / (n * n * (n * concentration + 1)))).toBeCloseTo(1, 1);
    }
  });

  it('gives all to any one of them when every draw underflows', () => {
    const winners = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      winners.add(dirichlet(1e-6, 3, seededRandom(seed)).indexOf(1));
    }
    expect([...winners].sort()).toEqual([0, 1, 2]);
  });
});
