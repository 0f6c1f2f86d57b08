import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../lib/index.ts';
import type { Tensor } from './model.ts';
import { largestMagnitudes, quantise, scalesOf } from './quantiser.ts';

const whole = (length: number): Tensor[] => [{ name: 'a', shape: [length], offset: 0, length }];
const halves: Tensor[] = [
  { name: 'a', shape: [2], offset: 0, length: 2 },
  { name: 'b', shape: [3], offset: 2, length: 3 },
];
const deltas = fc.float32Array({
  minLength: 1,
  maxLength: 40,
  noNaN: true,
  min: -10,
  max: 10,
});
const scale = fc.float({ min: Math.fround(1e-4), max: 1, noNaN: true });

describe('largestMagnitudes', () => {
  it('is max|v| of each tensor', () => {
    expect(largestMagnitudes(Float32Array.of(1, -3, 0, 0, 0), halves)).toEqual([3, 0]);
    expect(largestMagnitudes(Float32Array.of(0, 0, 2, -0.5, 1), halves)).toEqual([0, 2]);
  });
});

describe('scalesOf', () => {
  it('takes the largest over 127 where members agree', () => {
    expect(scalesOf([[1], [2], [1.5]])).toEqual([Math.fround(2 / 127)]);
  });

  it('cuts an outlier at four medians', () => {
    expect(scalesOf([[1], [1], [1000]])).toEqual([Math.fround(4 / 127)]);
    // an even number of members: the mean of the middle two
    expect(scalesOf([[1], [3], [1000], [1]])).toEqual([Math.fround(8 / 127)]);
  });

  it('is per tensor, float32, and independent of the order of members', () => {
    const row = fc.tuple(
      fc.double({ min: 0, max: 100, noNaN: true }),
      fc.double({ min: 0, max: 100, noNaN: true }),
    );
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (magnitudes) => {
        const scales = scalesOf(magnitudes);
        expect(scales).toEqual(scalesOf([...magnitudes].reverse()));
        expect(scales).toEqual(scales.map(Math.fround));
        expect(scales[0]).toEqual(scalesOf(magnitudes.map(([first]) => [first]))[0]);
      }),
    );
  });
});

describe('quantise', () => {
  it('keeps codes in 1…255 and what they lose in the residual', () => {
    fc.assert(
      fc.property(deltas, scale, fc.nat(), (delta, step, seed) => {
        const tensors = whole(delta.length);
        const { codes, residual } = quantise(delta, [step], tensors, seededRandom(seed));
        delta.forEach((value, i) => {
          const code = codes[i] ?? 0;
          const dequantised = step * (code - 128);
          expect(code).toBeGreaterThanOrEqual(1);
          // one rounding to float32 is all that is lost
          expect(Math.abs(dequantised + (residual[i] ?? 0) - value)).toBeLessThanOrEqual(
            2 ** -24 * Math.abs(value - dequantised) + 2 ** -150,
          );
          // not clamped: within one step
          if (code > 1 && code < 255) {
            expect(Math.abs(value - dequantised)).toBeLessThan(step * (1 + 1e-9));
          }
        });
      }),
    );
  });

  it('is right on average', () => {
    const draws = 20_000;
    for (const value of [0.3, -0.3, 0.5, 2.25, -126.9]) {
      const delta = new Float32Array(draws).fill(value);
      const { codes } = quantise(delta, [1], whole(draws), seededRandom(5));
      const mean = codes.reduce((sum, code) => sum + code - 128, 0) / draws;
      // standard error at most 0.5/√20000 = 0.0035
      expect(Math.abs(mean - value)).toBeLessThan(0.015);
    }
  });

  it('is exact on whole steps, clamps beyond ±127, and keeps the excess', () => {
    const delta = Float32Array.of(0, 1, -127, 127, 130, -1000);
    const { codes, residual } = quantise(delta, [1], whole(6), seededRandom(1));
    expect([...codes]).toEqual([128, 129, 1, 255, 255, 1]);
    expect([...residual]).toEqual([0, 0, 0, 0, 3, -873]);
  });

  it('sends nothing of a tensor with scale 0 and keeps all of it', () => {
    const delta = Float32Array.of(1, -1, 0.5, 0.25, -0.5);
    const { codes, residual } = quantise(delta, [0, 0.25], halves, seededRandom(1));
    expect([...codes]).toEqual([128, 128, 130, 129, 126]);
    expect([...residual]).toEqual([1, -1, 0, 0, 0]);
  });

  it('makes up for its errors over the rounds when the residual is fed back', () => {
    const random = seededRandom(3);
    const delta = Float32Array.of(0.013, -0.0007, 0.4, -0.29, 0.0001);
    const step = Math.fround(0.5 / 127);
    const sent = new Float64Array(5);
    let residual: Float32Array = new Float32Array(5);
    for (let round = 1; round <= 200; round++) {
      const owed = delta.map((value, i) => value + (residual[i] ?? 0));
      const quantised = quantise(owed, [step], whole(5), random);
      residual = quantised.residual;
      sent.forEach((sum, i) => (sent[i] = sum + step * ((quantised.codes[i] ?? 0) - 128)));
      // All that was ever due has been sent, but for less than one step.
      sent.forEach((sum, i) => {
        const due = round * (delta[i] ?? 0);
        expect(Math.abs(sum - due)).toBeLessThan(step + 1e-5);
      });
    }
  });
});
