import { describe, expect, it } from 'vitest';
import { at, seededRandom } from '../lib/index.ts';
import { classCounts, type Dataset } from './dataset.ts';
import { digitShares, generateDigits } from './digits.ts';
import { centreOfMass } from './pen.ts';

const pixels = 784;
const equal = Array.from({ length: 10 }, () => 0.1);
const digits = generateDigits(1500, equal, seededRandom(1));
const picture = ({ features }: Dataset, row: number) =>
  features.subarray(row * pixels, (row + 1) * pixels);

describe('generateDigits', () => {
  it('gives bytes of 28×28 and a class each', () => {
    expect(digits).toMatchObject({ rows: 1500, width: pixels, targetKind: 'class' });
    expect(digits.features).toBeInstanceOf(Uint8Array);
    expect(digits.features).toHaveLength(1500 * pixels);
    expect(digits.features[0]).toBe(0);
    expect(Math.max(...picture(digits, 0)) * digits.featureScale).toBeCloseTo(1, 1);
  });

  it('draws the same for the same seed, and never the same twice', () => {
    expect(generateDigits(50, equal, seededRandom(1)).features).toEqual(
      digits.features.subarray(0, 50 * pixels),
    );
    const different = new Set(Array.from({ length: 200 }, (_, row) => picture(digits, row).join()));
    expect(different.size).toBe(200);
  });

  it("centres digits by mass and fits them to a box, as MNIST's are", () => {
    for (let row = 0; row < 300; row++) {
      const own = picture(digits, row);
      const [x, y] = centreOfMass(Float32Array.from(own));
      expect(Math.hypot(x - 14, y - 14)).toBeLessThan(1);
      const inked = [...own.keys()].filter((i) => at(own, i) > 127);
      const [xs, ys] = [inked.map((i) => i % 28), inked.map((i) => Math.floor(i / 28))];
      const size =
        Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys)) + 1;
      expect(size).toBeGreaterThanOrEqual(17);
      expect(size).toBeLessThanOrEqual(24);
    }
  });

  it('draws classes as often as their shares say, none whose share is 0', () => {
    const shares = [0, 0, 3, 1, 0, 0, 0, 0, 0, 0];
    const counts = classCounts(generateDigits(1000, shares, seededRandom(4)), 10);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1000);
    expect(at(counts, 2) + at(counts, 3)).toBe(1000);
    expect(() => generateDigits(1, [0, 0], seededRandom(4))).toThrow('all shares are 0');
    // standard deviation √(1000·¾·¼) = 13.7
    expect(Math.abs(at(counts, 2) - 750)).toBeLessThan(60);
  });

  it('draws what the label says: the nearest class mean reads most of another seed', () => {
    const means = Array.from({ length: 10 }, () => new Float64Array(pixels));
    const counts = classCounts(digits, 10);
    digits.targets.forEach((target, row) => {
      const mean = at(means, target);
      picture(digits, row).forEach((value, i) => (mean[i] = at(mean, i) + value / at(counts, target))); // prettier-ignore
    });
    const fresh = generateDigits(500, equal, seededRandom(2));
    const right = fresh.targets.reduce((sum, target, row) => {
      const own = picture(fresh, row);
      const distances = means.map((mean) =>
        mean.reduce((total, value, i) => total + (value - at(own, i)) ** 2, 0),
      );
      return sum + (distances.indexOf(Math.min(...distances)) === target ? 1 : 0);
    }, 0);
    expect(right / 500).toBeGreaterThan(0.6);
  });
});

describe('digitShares', () => {
  it('is equal without an alpha, and uneven the more the smaller alpha is', () => {
    expect(digitShares(null, seededRandom(1))).toEqual(equal);
    const largest = (alpha: number) => Math.max(...digitShares(alpha, seededRandom(1)));
    expect(largest(1000)).toBeLessThan(0.12);
    expect(largest(0.1)).toBeGreaterThan(0.3);
  });
});
