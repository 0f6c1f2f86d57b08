import { sha256 } from '../crypto/index.ts';
import { assert, at, float32ToBytes } from '../lib/index.ts';
import type { Tensor } from './model.ts';

/** Σ a_k over those that trained; who is dropped takes its weight along. */
const totalWeight = 256;

/**
 * The integer weights a_k ≥ 0 with Σ = 256 in proportion to the members' samples, by largest
 * remainder; of equal remainders the earlier member's goes first. Uniform if nobody has samples.
 */
export function weightsBySamples(samples: readonly number[]): number[] {
  assert(samples.length > 0, 'weights of no members');
  const total = samples.reduce((sum, count) => sum + count, 0);
  const shares = samples.map((count) => (total === 0 ? 1 : count));
  const sum = total === 0 ? samples.length : total;
  const weights = shares.map((share) => Math.floor((share * totalWeight) / sum));
  const left = totalWeight - weights.reduce((given, weight) => given + weight, 0);
  const byRemainder = shares
    .map((share, k) => ({ k, remainder: (share * totalWeight) % sum }))
    .sort((a, b) => b.remainder - a.remainder || a.k - b.k);
  for (const { k } of byRemainder.slice(0, left)) weights[k] = at(weights, k) + 1;
  return weights;
}

/**
 * S = Σ a_k·u_k, lane by lane. Below 2¹⁶ because u_k ≤ 255 and A = Σ a_k ≤ 256.
 *
 * @param updates one byte a parameter, all of one length
 * @param weights one a member, 1 ≤ Σ ≤ 256; 0 leaves a member out
 */
export function sumUpdates(
  updates: readonly Uint8Array[],
  weights: readonly number[],
): Uint16Array {
  assert(updates.length === weights.length, 'not one weight an update');
  // A larger total could wrap a lane around, and nobody would see it.
  const total = totalOf(weights);
  assert(
    total >= 1 && total <= totalWeight,
    `weights add up to ${total}, not to 1 … ${totalWeight}`,
  );
  const sum = new Uint16Array(at(updates, 0).length);
  updates.forEach((update, k) => {
    const weight = at(weights, k);
    assert(update.length === sum.length, 'updates of different lengths');
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + weight * (update[i] ?? 0);
  });
  return sum;
}

/** A = Σ a_k. */
export function totalOf(weights: readonly number[]): number {
  return weights.reduce((sum, weight) => sum + weight, 0);
}

/**
 * The next model, `w' = fround(w + fround(scale·(S − 128·A)/A))`, with the same bits on every
 * engine: scale has 24 significant bits and S − 128·A at most 17, so their product is exact in a
 * double; the division rounds once to the double that IEEE 754 prescribes, and the inner fround
 * once more, both of them the same everywhere. The outer sum of two float32 is rounded to double
 * and then to float32, which for operands of 24 bits equals a single rounding, as a double has
 * more than 2·24 + 1 (Figueroa 1995). Nothing is left to an engine: no fused multiply-add, no
 * order of summation.
 *
 * @param sum S, one lane a parameter
 * @param total A, 1 … 256
 * @param scales float32, one a tensor
 */
export function applySum(
  parameters: Float32Array,
  sum: Uint16Array,
  total: number,
  scales: readonly number[],
  tensors: readonly Tensor[],
): Float32Array {
  assert(parameters.length === sum.length, 'a sum of another model');
  const next = new Float32Array(parameters.length);
  tensors.forEach(({ offset, length }, tensor) => {
    const scale = at(scales, tensor);
    for (let i = offset; i < offset + length; i++) {
      const step = Math.fround((scale * ((sum[i] ?? 0) - 128 * total)) / total);
      next[i] = Math.fround((parameters[i] ?? 0) + step);
    }
  });
  return next;
}

/** SHA-256 of the model's float32 in little-endian order. */
export function modelDigest(parameters: Float32Array): Uint8Array {
  return sha256(float32ToBytes(parameters));
}
