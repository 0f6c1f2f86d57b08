import { at, uniform, type Random } from '../lib/index.ts';
import type { Tensor } from './model.ts';

/** What 8 bits carry on either side of zero. */
const levels = 127;

/** max|v| of each tensor. */
export function largestMagnitudes(values: Float32Array, tensors: readonly Tensor[]): number[] {
  return tensors.map(({ offset, length }) => {
    let largest = 0;
    for (let i = offset; i < offset + length; i++) {
      largest = Math.max(largest, Math.abs(values[i] ?? 0));
    }
    return largest;
  });
}

/**
 * The quantiser's step of each tensor, float32: min(max, 4·median)/127 over what the members
 * reported (DESIGN.md §3), so that one member's outlier does not coarsen everybody's steps.
 *
 * @param magnitudes one list a member, one number a tensor
 */
export function scalesOf(magnitudes: readonly (readonly number[])[]): number[] {
  return at(magnitudes, 0).map((_, tensor) => {
    const reported = magnitudes.map((each) => at(each, tensor)).sort((a, b) => a - b);
    const middle = reported.length >> 1;
    const median =
      reported.length % 2 === 1
        ? at(reported, middle)
        : (at(reported, middle - 1) + at(reported, middle)) / 2;
    return Math.fround(Math.min(at(reported, reported.length - 1), 4 * median) / levels);
  });
}

/**
 * Quantises to 8 bits with stochastic rounding: `clamp(round(Δ/scale), −127, 127) + 128`, right
 * in expectation wherever it is not clamped. What was lost comes back as `residual`, to be added
 * to the next round's Δ (error feedback, Seide et al. 2014).
 *
 * @param delta float32[P]
 * @param scales one step a tensor; where it is 0 nothing is sent and all is residual
 */
export function quantise(
  delta: Float32Array,
  scales: readonly number[],
  tensors: readonly Tensor[],
  random: Random,
): { readonly codes: Uint8Array; readonly residual: Float32Array } {
  const codes = new Uint8Array(delta.length).fill(128);
  const residual = delta.slice();
  tensors.forEach(({ offset, length }, tensor) => {
    const scale = at(scales, tensor);
    if (scale === 0) return;
    for (let i = offset; i < offset + length; i++) {
      const value = delta[i] ?? 0;
      const rounded = Math.floor(value / scale + uniform(random));
      const level = Math.max(-levels, Math.min(levels, rounded));
      codes[i] = level + 128;
      residual[i] = value - scale * level;
    }
  });
  return { codes, residual };
}
