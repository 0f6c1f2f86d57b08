import { bls12_381 } from '@noble/curves/bls12-381.js';
import type { WeierstrassPoint } from '@noble/curves/abstract/weierstrass.js';

/** A point of G1 (over F_p). It cannot be taken for one of G2: their coordinates differ in type. */
export type G1Point = WeierstrassPoint<bigint>;
/** A point of G2 (over F_p²). */
export type G2Point = ReturnType<typeof bls12_381.G2.Point.fromAffine>;

/** The groups' constants: `BASE` is [1]₁ or [1]₂, `ZERO` the identity. */
export const G1 = bls12_381.G1.Point;
export const G2 = bls12_381.G2.Point;
