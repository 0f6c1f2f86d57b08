import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesToHex } from '../lib/index.ts';
import { applySum, modelDigest, sumUpdates, totalOf, weightsBySamples } from './aggregation.ts';
import type { Tensor } from './model.ts';

const samplesOf = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 20 });
const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const positiveFloat32 = fc.float({ min: 0, noNaN: true, noDefaultInfinity: true });
/** Numbers of a size as in training, so that w and the step overlap in their bits. */
const ordinary = fc.float({ min: -4, max: 4, noNaN: true });

const tensor = (name: string, offset: number, length: number): Tensor => ({
  name,
  shape: [length],
  offset,
  length,
});

describe('weightsBySamples', () => {
  it('adds up to 256 and is off the exact share by less than 1', () => {
    fc.assert(
      fc.property(samplesOf, (samples) => {
        const weights = weightsBySamples(samples);
        const total = samples.reduce((sum, count) => sum + count, 0);
        expect(weights.reduce((sum, weight) => sum + weight, 0)).toBe(256);
        weights.forEach((weight, k) => {
          expect(Number.isInteger(weight) && weight >= 0).toBe(true);
          const share = total === 0 ? 1 / samples.length : (samples[k] ?? 0) / total;
          expect(Math.abs(weight - 256 * share)).toBeLessThan(1);
        });
      }),
    );
  });

  it('gives the remaining units to the largest remainders, of equal ones to the earlier', () => {
    expect(weightsBySamples([1, 1, 1])).toEqual([86, 85, 85]);
    expect(weightsBySamples([0, 0, 0])).toEqual([86, 85, 85]);
    // exact: 36.57, 109.71, 109.71
    expect(weightsBySamples([1, 3, 3])).toEqual([36, 110, 110]);
    // exact: 3.41…, 252.58…
    expect(weightsBySamples([1, 74])).toEqual([3, 253]);
    expect(weightsBySamples([0, 7])).toEqual([0, 256]);
  });
});

describe('sumUpdates', () => {
  it('is Σ a_k·u_k and below 2¹⁶', () => {
    fc.assert(
      fc.property(
        samplesOf.chain((samples) =>
          fc.tuple(
            fc.constant(samples),
            fc.array(fc.uint8Array({ minLength: 5, maxLength: 5 }), {
              minLength: samples.length,
              maxLength: samples.length,
            }),
          ),
        ),
        ([samples, updates]) => {
          const weights = weightsBySamples(samples);
          const exact = [0, 1, 2, 3, 4].map((lane) =>
            updates.reduce((sum, update, k) => sum + (weights[k] ?? 0) * (update[lane] ?? 0), 0),
          );
          expect(Math.max(...exact)).toBeLessThan(2 ** 16);
          expect([...sumUpdates(updates, weights)]).toEqual(exact);
        },
      ),
    );
  });

  it('takes weights of less than 256, as a revision that dropped somebody has', () => {
    const [low, high] = [new Uint8Array(1).fill(1), new Uint8Array(1).fill(200)];
    expect([...sumUpdates([low, high], [100, 50])]).toEqual([10_100]);
    expect(totalOf([100, 50])).toBe(150);
    expect(() => sumUpdates([low], [0])).toThrow('weights add up to 0');
  });

  it('reaches 255·256 and no further', () => {
    const full = new Uint8Array(2).fill(255);
    expect([...sumUpdates([full, full], [255, 1])]).toEqual([65_280, 65_280]);
  });

  it('refuses weights that could wrap a lane around, and updates that do not match', () => {
    const update = new Uint8Array(2).fill(255);
    expect(() => sumUpdates([update, update], [256, 2])).toThrow('258');
    expect(() => sumUpdates([update], [128, 128])).toThrow('one weight');
    expect(() => sumUpdates([update, new Uint8Array(3)], [128, 128])).toThrow('lengths');
  });
});

describe('applySum', () => {
  it('is the exact formula, each fround rounding once', () => {
    const lane = fc.integer({ min: 0, max: 65_280 });
    const cases = fc.oneof(
      fc.tuple(float32, lane, positiveFloat32),
      fc.tuple(ordinary, lane, fc.float({ min: 0, max: Math.fround(0.1), noNaN: true })),
    );
    fc.assert(
      fc.property(cases, ([w, sum, scale]) => {
        const next = applySum(
          Float32Array.of(w),
          Uint16Array.of(sum),
          256,
          [scale],
          [tensor('a', 0, 1)],
        );
        expect(next[0]).toBe(exactNext(w, sum, scale));
      }),
      { numRuns: 1000 },
    );
  });

  it('leaves a parameter alone whose members all say 0', () => {
    const weights = Float32Array.of(1.5, -0.25);
    const still = Uint16Array.of(32_768, 32_768);
    expect(applySum(weights, still, 256, [0.01], [tensor('a', 0, 2)])).toEqual(weights);
  });

  it('divides by the weight that is left: equal updates make the same model whatever was dropped', () => {
    const code = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(
        ordinary,
        code,
        positiveFloat32,
        fc.integer({ min: 1, max: 256 }),
        (w, u, scale, total) => {
          const next = (left: number) =>
            applySum(
              Float32Array.of(w),
              Uint16Array.of(left * u),
              left,
              [scale],
              [tensor('a', 0, 1)],
            );
          expect(next(total)).toEqual(next(256));
        },
      ),
    );
  });

  it("uses each tensor's own scale and does not touch its input", () => {
    const weights = Float32Array.of(1, 1, 1);
    const sum = new Uint16Array(3).fill(32_768 + 256);
    const tensors = [tensor('a', 0, 1), tensor('b', 1, 2)];
    expect([...applySum(weights, sum, 256, [0.5, 2], tensors)]).toEqual([1.5, 3, 3]);
    expect([...weights]).toEqual([1, 1, 1]);
  });
});

describe('modelDigest', () => {
  it('is the SHA-256 of little-endian float32', () => {
    // 1.0 is 3f800000, −2.0 is c0000000
    const bytes = Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0);
    expect(bytesToHex(modelDigest(Float32Array.of(1, -2)))).toBe(bytesToHex(sha256(bytes)));
  });
});

/**
 * Reference for `fround(w + fround(scale·(S − 32768)/256))` without floating-point arithmetic:
 * numbers are n·2^−(149+8), so that float32 and their quotients by 256 are whole.
 */
function exactNext(w: number, sum: number, scale: number): number {
  const step = roundToFloat32((units(scale) * BigInt(sum - 32_768)) / 256n);
  if (!Number.isFinite(step)) return step;
  return roundToFloat32(units(w) + units(step));
}

const fraction = 149n + 8n;

/** The value of a float32 in units of 2^−157. */
function units(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, value);
  const word = bits.getUint32(0);
  const exponent = (word >>> 23) & 0xff;
  const mantissa = BigInt(word & 0x7fffff);
  const magnitude =
    exponent === 0 ? mantissa << 8n : (mantissa | 0x800000n) << BigInt(exponent - 1 + 8);
  return word >>> 31 === 1 ? -magnitude : magnitude;
}

/** The nearest float32, ties to the even one. */
function roundToFloat32(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  const length = BigInt(magnitude.toString(2).length);
  // 24 bits are kept, but none below 2^−149.
  const dropped = length - 24n > 8n ? length - 24n : 8n;
  const half = 1n << (dropped - 1n);
  const rest = magnitude & ((1n << dropped) - 1n);
  let kept = magnitude >> dropped;
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept += 1n;
  const result = Number(kept) * 2 ** Number(dropped - fraction);
  const bounded = result >= 2 ** 128 ? Infinity : result;
  return value < 0n ? -bounded : bounded;
}
