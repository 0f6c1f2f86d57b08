import { bls12_381 } from '@noble/curves/bls12-381.js';
import type { G1Point, G2Point } from './groups.ts';

type Prepared = ReturnType<typeof bls12_381.utils.calcPairingPrecomputes>;

/** The lines of the Miller loop for points of G2 that come again: a CRS' few. */
const prepared = new WeakMap<G2Point, Prepared>();

function prepare(point: G2Point): Prepared {
  const known = prepared.get(point) ?? bls12_381.utils.calcPairingPrecomputes(point);
  prepared.set(point, known);
  return known;
}

/**
 * Whether Π e(Pᵢ, Qᵢ) = 1. Pairs with an identity contribute 1 and are left out (noble throws on
 * them). The points must have been decoded strictly: they are not checked again, which is what
 * noble's `pairingBatch` spends a third of its time on.
 */
export function pairingProductIsOne(pairs: readonly (readonly [G1Point, G2Point])[]): boolean {
  const terms = pairs
    .filter(([left, right]) => !left.is0() && !right.is0())
    .map(([left, right]): [Prepared, bigint, bigint] => {
      const { x, y } = left.toAffine();
      return [prepare(right), x, y];
    });
  if (terms.length === 0) return true;
  const { Fp12 } = bls12_381.fields;
  return Fp12.eql(Fp12.finalExponentiate(bls12_381.millerLoopBatch(terms)), Fp12.ONE);
}
