import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../lib/index.ts';
import { addPairs, pointAt, sumBuckets, toAffinePoints, type AffinePoints } from './affine.ts';
import { G1, type G1Point } from './groups.ts';
import { groupOrder, randomScalar } from './scalar.ts';

const random = seededRandom(91);
const [P, Q] = [randomScalar(random), randomScalar(random)].map((k) => G1.BASE.multiplyUnsafe(k)) as [G1Point, G1Point]; // prettier-ignore
/** Of order 3, and x = 0 as the identity has it here; such points meet before they are refused. */
const T = G1.fromAffine({ x: 0n, y: 2n });

/** The y of P and another x: a slope of 0. */
const phiP = G1.fromAffine({ x: betaX(P), y: P.toAffine().y });

const special = [G1.ZERO, P, P.negate(), Q, P.double(), P.add(Q), P.subtract(Q), G1.BASE, T, T.negate(), P.add(T), phiP, phiP.negate()]; // prettier-ignore

/** x times a cube root of 1 in F_p. */
function betaX(point: G1Point): bigint {
  const { Fp } = bls12_381.fields;
  return Fp.mul(point.toAffine().x, Fp.pow(2n, (Fp.ORDER - 1n) / 3n));
}

const pointsOf = (affine: AffinePoints) => affine.xs.map((_, i) => pointAt(affine, i));

/** Positions at which two lists of points differ. */
function differences(a: readonly G1Point[], b: readonly G1Point[]): number[] {
  expect(a.length).toBe(b.length);
  return a.flatMap((each, i) => (each.equals(b[i] ?? G1.ZERO) ? [] : [i]));
}

/** Coordinates are canonical: in [0, p), and (0, 0) for the identity alone. */
function expectCanonical({ xs, ys }: AffinePoints): void {
  for (const value of [...xs, ...ys]) {
    expect(value >= 0n && value < bls12_381.fields.Fp.ORDER).toBe(true);
  }
}

describe('affine coordinates', () => {
  test('are those of the points, whatever their z, the identity as (0, 0)', () => {
    const affine = toAffinePoints(special);
    expect(differences(pointsOf(affine), special)).toEqual([]);
    expect([affine.xs[0], affine.ys[0]]).toEqual([0n, 0n]);
    expect([affine.xs[8], affine.ys[8]]).toEqual([0n, 2n]);
    expect(affine.xs[7]).toBe(G1.BASE.toAffine().x);
    expectCanonical(affine);
  });

  test('of none are none, of identities zeros', () => {
    expect(toAffinePoints([])).toEqual({ xs: [], ys: [] });
    expect(toAffinePoints([G1.ZERO, G1.ZERO])).toEqual({ xs: [0n, 0n], ys: [0n, 0n] });
  });

  test('exist only where there is a point', () => {
    expect(() => pointAt(toAffinePoints([P]), 1)).toThrow();
  });
});

describe('addPairs', () => {
  const affine = toAffinePoints(special);
  const indices = special.map((_, i) => i);
  const left = Int32Array.from(indices.flatMap((i) => indices.map(() => i)));
  const right = Int32Array.from(indices.flatMap(() => indices));
  const expected = Array.from(left, (i, k) =>
    (special[i] ?? G1.ZERO).add(special[right[k] ?? 0] ?? G1.ZERO),
  );

  test('adds every special point to every other, in one batch', () => {
    const before = structuredClone(affine);
    const sums = addPairs(affine, left, right, left.length);
    expect(differences(pointsOf(sums), expected)).toEqual([]);
    expectCanonical(sums);
    expect(affine).toEqual(before);
  });

  test('adds them one by one as well', () => {
    const sums = expected.map((_, k) => {
      const one = addPairs(affine, left.subarray(k, k + 1), right.subarray(k, k + 1), 1);
      expect(one.xs.length).toBe(1);
      return pointAt(one, 0);
    });
    expect(differences(sums, expected)).toEqual([]);
  });

  test('adds the first `count` pairs only', () => {
    const sums = addPairs(affine, left, right, 30);
    expect(differences(pointsOf(sums), expected.slice(0, 30))).toEqual([]);
    expect(addPairs(affine, left, right, 0)).toEqual({ xs: [], ys: [] });
    expect(addPairs({ xs: [], ys: [] }, new Int32Array(0), new Int32Array(0), 0)).toEqual({ xs: [], ys: [] }); // prettier-ignore
  });

  test('gives the identity for opposite points, and nothing else is (0, 0)', () => {
    const { xs, ys } = addPairs(affine, left, right, left.length);
    const zeros = expected.flatMap((each, k) => (each.is0() ? [k] : []));
    expect(xs.flatMap((x, k) => (x === 0n && ys[k] === 0n ? [k] : []))).toEqual(zeros);
    expect(zeros.length).toBeGreaterThan(4);
  });

  test('agrees with noble on random points', () => {
    const scalar = fc.bigInt({ min: 1n, max: groupOrder - 1n });
    fc.assert(
      fc.property(fc.array(fc.tuple(scalar, scalar), { minLength: 1, maxLength: 6 }), (pairs) => {
        const points = pairs.flat().map((k) => G1.BASE.multiplyUnsafe(k));
        const evens = Int32Array.from(pairs, (_, k) => 2 * k);
        const odds = evens.map((k) => k + 1);
        const sums = addPairs(toAffinePoints(points), evens, odds, pairs.length);
        const expectedSums = pairs.map(([a, b]) => G1.BASE.multiplyUnsafe((a + b) % groupOrder));
        expect(differences(pointsOf(sums), expectedSums)).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });
});

describe('sumBuckets', () => {
  const affine = toAffinePoints(special);

  function expectedSums(items: readonly number[], buckets: readonly number[], count: number) {
    const sums = new Array<G1Point>(count).fill(G1.ZERO);
    for (const [k, item] of items.entries()) {
      const bucket = buckets[k] ?? 0;
      sums[bucket] = (sums[bucket] ?? G1.ZERO).add(special[item] ?? G1.ZERO);
    }
    return sums;
  }

  function check(items: readonly number[], buckets: readonly number[], count: number) {
    const before = structuredClone(affine);
    const [is, bs] = [Int32Array.from(items), Int32Array.from(buckets)];
    const sums = sumBuckets(affine, is, bs, count);
    expect(differences(pointsOf(sums), expectedSums(items, buckets, count))).toEqual([]);
    expectCanonical(sums);
    // What was given is as it was: callers use it again.
    expect([affine, [...is], [...bs]]).toEqual([before, items, buckets]);
  }

  test('of nothing are identities', () => {
    check([], [], 3);
    check([], [], 1);
    check([], [], 0);
  });

  test('of one point each are the points', () => {
    check([3, 1, 0, 8], [2, 0, 3, 5], 7);
  });

  test.each([1, 2, 3, 4, 5, 7, 8, 9, 16, 17])('of %i equal points are that multiple', (count) => {
    check(new Array<number>(count).fill(1), new Array<number>(count).fill(1), 3);
  });

  test('of opposite points and identities are the identity', () => {
    check([1, 2], [0, 0], 1);
    check([1, 2, 1, 2, 0], [0, 0, 1, 1, 1], 3);
    check([0, 0, 0], [0, 0, 0], 1);
    check([8, 8, 8, 9, 8, 0], [0, 0, 0, 1, 1, 1], 2);
  });

  test('of one full bucket beside empty and single ones', () => {
    const full = Array.from({ length: 21 }, (_, k) => k % special.length);
    check([5, ...full, 3], [0, ...full.map(() => 4), 6], 8);
  });

  test('of any items in any buckets', () => {
    const entry = fc.tuple(fc.nat({ max: special.length - 1 }), fc.nat({ max: 5 }));
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 40 }),
        fc.integer({ min: 6, max: 9 }),
        (entries, count) => {
          check(entries.map(([item]) => item), entries.map(([, bucket]) => bucket), count); // prettier-ignore
        },
      ),
      { numRuns: 100 },
    );
  });
});
