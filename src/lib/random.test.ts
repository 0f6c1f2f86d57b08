import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from './assert.ts';
import {
  normal,
  randomBytes,
  randomInt,
  seededRandom,
  shuffle,
  uniform,
  type Random,
} from './random.ts';

const mask = 0xffffffffn;
const mul = (a: bigint, b: bigint) => (a * b) & mask;
const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;

/** xoshiro128** as its authors publish it, in integers without a width; splitmix32 fills its state. */
function reference(seed: number, count: number): number[] {
  let mix = BigInt(seed) & mask;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9n) & mask;
    let z = mix;
    z = mul(z ^ (z >> 16n), 0x85ebca6bn);
    z = mul(z ^ (z >> 13n), 0xc2b2ae35n);
    return z ^ (z >> 16n);
  };
  const s: [bigint, bigint, bigint, bigint] = [splitmix(), splitmix(), splitmix(), splitmix()];
  return Array.from({ length: count }, () => {
    const result = mul(rotl(mul(s[1], 5n), 7n), 9n);
    const t = (s[1] << 9n) & mask;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 11n);
    return Number(result);
  });
}

const draw = (random: Random, count: number) =>
  Array.from({ length: count }, () => random.uint32());

/** Hands out the given words, one after the other. */
function scripted(words: readonly number[]): Random {
  let next = 0;
  return { uint32: () => at(words, next++) };
}

/** Σ (observed − expected)²/expected over equally likely bins. */
function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('xoshiro128**', () => {
  test('gives the words of the published algorithm for any seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (seed) => {
        expect(draw(seededRandom(seed), 30)).toEqual(reference(seed, 30));
      }),
    );
  });

  test('a seed gives the same words every time, another seed others', () => {
    expect(draw(seededRandom(5), 8)).toEqual(draw(seededRandom(5), 8));
    expect(draw(seededRandom(5), 8)).not.toEqual(draw(seededRandom(6), 8));
  });
});

describe('uniform integers', () => {
  test('a word beyond the last whole multiple of the bound is drawn again', () => {
    const limit = 4294967295; // the largest multiple of 3 and of 5 below 2³²
    expect(randomInt(scripted([limit, 7]), 3)).toBe(1);
    expect(randomInt(scripted([limit - 1]), 3)).toBe(2);
    expect(randomInt(scripted([limit]), 1)).toBe(0);
  });

  test('are spread evenly, also when the bound is near 2³²', () => {
    // χ² with 9 degrees of freedom: above 33.7 once in ten thousand seeds.
    const random = seededRandom(21);
    const small = new Array<number>(10).fill(0);
    for (let i = 0; i < 50_000; i++) {
      const value = randomInt(random, 10);
      small[value] = at(small, value) + 1;
    }
    expect(chiSquare(small)).toBeLessThan(33.7);

    // Modulo alone would let the lower half of 3·2³⁰ come up twice as often as the upper.
    const bound = 3 * 2 ** 30;
    const thirds = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) {
      const third = Math.floor(randomInt(random, bound) / 2 ** 30);
      thirds[third] = at(thirds, third) + 1;
    }
    expect(chiSquare(thirds)).toBeLessThan(18.4);
  });
});

describe('draws', () => {
  test('bytes are spread evenly over all 256 values', () => {
    const counts = new Array<number>(256).fill(0);
    for (const byte of randomBytes(seededRandom(2), 100_000)) counts[byte] = at(counts, byte) + 1;
    expect(chiSquare(counts)).toBeLessThan(350); // 255 degrees of freedom, p ≈ 10⁻⁴
  });

  test('uniform reaches 0 and never 1', () => {
    expect(uniform(scripted([0]))).toBe(0);
    expect(uniform(scripted([0xffffffff]))).toBe(1 - 2 ** -32);
  });

  test('normal has mean 0 and variance 1, and is finite at the edges', () => {
    const random = seededRandom(8);
    const values = Array.from({ length: 20_000 }, () => normal(random));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(normal(scripted([0xffffffff, 0]))).toSatisfy(Number.isFinite);
    expect(normal(scripted([0, 0]))).toBeCloseTo(0);
  });
});

describe('shuffle', () => {
  test('is a permutation, in place', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(), (items, seed) => {
        const copy = [...items];
        expect(shuffle(copy, seededRandom(seed))).toBe(copy);
        expect(copy.toSorted((a, b) => a - b)).toEqual(items.toSorted((a, b) => a - b));
      }),
    );
  });

  test('every order of three comes up equally often', () => {
    const random = seededRandom(13);
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const order = shuffle([0, 1, 2], random).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    expect(chiSquare([...counts.values()])).toBeLessThan(25.7); // 5 degrees of freedom
  });
});
