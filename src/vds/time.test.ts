import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { G2, groupOrder as r, type G2Point } from '../crypto/index.ts';
import { at, seededRandom } from '../lib/index.ts';
import { Crs, testTrapdoor as alpha } from './crs.ts';
import { commitTimes } from './time.ts';

const crs = await Crs.forTests(256);

/** [γ_t]₂ + Σ t_j·ĝ_j, one addition after the other: what an opening is compared with. */
function opened(blinding: bigint, seconds: readonly number[]): G2Point {
  let sum = blinding === 0n ? G2.ZERO : G2.BASE.multiply(blinding);
  for (const [j, time] of seconds.entries()) {
    if (time > 0) sum = sum.add(crs.g2(j + 1).multiply(BigInt(time)));
  }
  return sum;
}

const seconds = [0, 3, 3, 86_400];
const commitment = commitTimes(crs, seconds, seededRandom(1));

describe('C_time', () => {
  test('opens with its blinding to the seconds of each chunk', () => {
    const times = fc.array(fc.oneof(fc.nat(3600), fc.constantFrom(0, 2 ** 32 - 1)), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(times, fc.nat(), (each, seed) => {
        const made = commitTimes(crs, each, seededRandom(seed));
        expect(made.blinding > 0n && made.blinding < r).toBe(true);
        expect(made.commitment.equals(opened(made.blinding, each))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test('has room for a batch of n chunks', () => {
    const many = Array.from({ length: 256 }, (_, j) => (j % 51 === 0 ? j + 1 : 0));
    const made = commitTimes(crs, many, seededRandom(2));
    expect(made.commitment.equals(opened(made.blinding, many))).toBe(true);
  });

  test('opens to no other seconds with this blinding, nor to these with another', () => {
    const { blinding } = commitment;
    expect(commitment.commitment.equals(opened(blinding, seconds))).toBe(true);
    const others = [seconds.with(0, 1), seconds.with(3, 86_399), seconds.slice(1), [3, 0, 3, 86_400], []]; // prettier-ignore
    for (const other of others) {
      expect(commitment.commitment.equals(opened(blinding, other))).toBe(false);
    }
    expect(commitment.commitment.equals(opened(blinding + 1n, seconds))).toBe(false);
    expect(commitment.commitment.equals(opened(0n, seconds))).toBe(false);
  });

  test.each([-1, 0.5, 2 ** 32, Number.NaN])('is of no time %d', (time) => {
    expect(() => commitTimes(crs, [time], seededRandom(2))).toThrow('a time is in range');
  });

  test('tells nothing: the same seconds look otherwise each time, zeros as well', () => {
    const random = seededRandom(1);
    const made = [seconds, seconds, [0, 0], [0, 0]].map((each) => commitTimes(crs, each, random));
    expect(new Set(made.map((each) => each.commitment.toHex())).size).toBe(4);
    expect(new Set(made.map((each) => each.blinding)).size).toBe(4);
    expect(made.some((each) => each.commitment.equals(opened(0n, [0, 0])))).toBe(false);
  });

  // Perfectly hiding: there is such a blinding for any seconds. To find it takes α.
  test('is as well one to any other seconds, for who knows α', () => {
    const others = [59, 1, 0, 7, 12];
    let [shift, power] = [0n, 1n];
    for (let j = 0; j < 5; j++) {
      power = (power * alpha) % r;
      shift += BigInt((seconds[j] ?? 0) - at(others, j)) * power;
    }
    const blinding = (((commitment.blinding + shift) % r) + r) % r;
    expect(commitment.commitment.equals(opened(blinding, others))).toBe(true);
  });
});
