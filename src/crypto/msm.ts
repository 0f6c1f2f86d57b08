import { pippenger } from '@noble/curves/abstract/curve.js';
import type { Arithmetic } from './arithmetic.ts';
import { bigIntArithmetic } from './bigint-arithmetic.ts';
import { G2, type G2Point } from './groups.ts';
import { createKernelArithmetic } from './kernel-arithmetic.ts';

/** The kernel, or BigInt where there is no WebAssembly: 2 to 4 times as slow, and as right. */
export const arithmetic: Arithmetic = createKernelArithmetic() ?? bigIntArithmetic;

/** Σ kᵢ·Qᵢ over points of G2, by noble's Pippenger. For public scalars in [0, r). */
export function multiplyG2(points: readonly G2Point[], scalars: readonly bigint[]): G2Point {
  return pippenger(G2, [...points], [...scalars]);
}
