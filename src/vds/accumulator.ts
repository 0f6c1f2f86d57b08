import {
  G1,
  G2,
  groupOrder,
  hashToScalar,
  arithmetic,
  pairingProductIsOne,
  randomWeight,
  toAffinePoints,
  toScalar,
  type G1Point,
  type G2Point,
} from '../crypto/index.ts';
import { at, hexToBytes } from '../lib/index.ts';
import type { HeaderId, Random } from '../lib/index.ts';
import { evaluate, quotient, type Polynomial } from './polynomial.ts';

/**
 * The bilinear accumulator of revoked batches (VDS.md, "Revocation"; Nguyen 2005, with the
 * non-membership witnesses of Damgård and Triandopoulos 2008): `f = [Π(e_i + s)]₁` over the
 * elements e_i = H(revoke; headerId).
 */
export function revocationElement(header: HeaderId): bigint {
  return hashToScalar('revoke', hexToBytes(header));
}

/** Proof that a batch is not revoked, at one epoch. */
export interface NonMembership {
  /** w */
  readonly witness: G1Point;
  /** u = −f_X(−y), never 0. */
  readonly remainder: bigint;
}

/** f and the public keys, from the trapdoor: the Data Owner's way. */
export function accumulate(secret: bigint, revoked: readonly HeaderId[]): G1Point {
  const product = revoked.reduce(
    (sum, header) => (sum * toScalar(secret + revocationElement(header))) % groupOrder,
    1n,
  );
  return G1.BASE.multiply(product);
}

/** `[s^i]₁` for i = 1 … count: the keys that servers compute witnesses with. */
export function serverKeys(secret: bigint, count: number): G1Point[] {
  let power = 1n;
  return Array.from({ length: count }, () => {
    power = (power * secret) % groupOrder;
    return G1.BASE.multiply(power);
  });
}

/** `[s]₂`, the public key that non-membership is verified with. */
export function accumulatorKey(secret: bigint): G2Point {
  return G2.BASE.multiply(secret);
}

/** f_X = Π(X + e_i). */
export function revocationPolynomial(revoked: readonly HeaderId[]): bigint[] {
  let polynomial = [1n];
  for (const header of revoked) {
    const element = revocationElement(header);
    const next = new Array<bigint>(polynomial.length + 1).fill(0n);
    polynomial.forEach((coefficient, i) => {
      next[i] = (at(next, i) + coefficient * element) % groupOrder;
      next[i + 1] = (at(next, i + 1) + coefficient) % groupOrder;
    });
    polynomial = next;
  }
  return polynomial;
}

/** [P(s)]₁ from the server keys, without the trapdoor. */
export function commitWithKeys(polynomial: Polynomial, keys: readonly G1Point[]): G1Point {
  const points = [G1.BASE, ...keys].slice(0, polynomial.length);
  return arithmetic.multiScalarMultiply(toAffinePoints(points), polynomial);
}

/**
 * Whether keys are `[s^i]₁` of the s in the public key: `e([s^i]₁, [1]₂) = e([s^{i−1}]₁, [s]₂)`,
 * all at once by random 128-bit weights.
 *
 * @param known so many of the first are known to be
 */
export function keysHold(
  keys: readonly G1Point[],
  key: G2Point,
  random: Random,
  known = 0,
): boolean {
  if (keys.length === known) return true;
  const later = keys.slice(known);
  const weights = later.map(() => randomWeight(random));
  const upper = arithmetic.multiScalarMultiply(toAffinePoints(later), weights);
  const before = [G1.BASE, ...keys].slice(known, keys.length);
  const lower = arithmetic.multiScalarMultiply(toAffinePoints(before), weights);
  return pairingProductIsOne([
    [upper, G2.BASE],
    [lower.negate(), key],
  ]);
}

/** The witness that a batch is not among the revoked ones, by synthetic division; null if it is. */
export function proveNonMembership(
  header: HeaderId,
  revoked: readonly HeaderId[],
  keys: readonly G1Point[],
): NonMembership | null {
  const polynomial = revocationPolynomial(revoked);
  const root = toScalar(-revocationElement(header));
  const remainder = toScalar(-evaluate(polynomial, root));
  if (remainder === 0n) return null;
  const divided = quotient(polynomial, root);
  const witness = divided.length === 0 ? G1.ZERO : commitWithKeys(divided, keys);
  return { witness, remainder };
}

/** `e(w, y·[1]₂ + [s]₂) = e(f + [u]₁, [1]₂)` with u ≠ 0: without it a revoked batch would pass. */
export function nonMembershipHolds(
  header: HeaderId,
  { witness, remainder }: NonMembership,
  accumulator: G1Point,
  key: G2Point,
): boolean {
  if (toScalar(remainder) === 0n) return false;
  const element = revocationElement(header);
  return pairingProductIsOne([
    [witness, G2.BASE.multiplyUnsafe(element).add(key)],
    [accumulator.add(G1.BASE.multiplyUnsafe(remainder)).negate(), G2.BASE],
  ]);
}

/**
 * The witness after one more revocation, without the trapdoor: `w' = f_old + (x − y)·w`,
 * `u' = u·(x − y)`; null if it is the holder's own batch that was revoked.
 *
 * @param before f before x was revoked
 */
export function refreshNonMembership(
  header: HeaderId,
  { witness, remainder }: NonMembership,
  before: G1Point,
  revoked: HeaderId,
): NonMembership | null {
  const distance = toScalar(revocationElement(revoked) - revocationElement(header));
  if (distance === 0n) return null;
  const scaled = witness.is0() ? witness : witness.multiplyUnsafe(distance);
  return { witness: before.add(scaled), remainder: (remainder * distance) % groupOrder };
}

/**
 * Whether an accumulator is the one before with one more batch revoked:
 * `e(f', [1]₂) = e(f, [x]₂ + [s]₂)`. Two pairings; anyone can.
 */
export function stepHolds(
  before: G1Point,
  after: G1Point,
  revoked: HeaderId,
  key: G2Point,
): boolean {
  const element = G2.BASE.multiplyUnsafe(revocationElement(revoked)).add(key);
  return pairingProductIsOne([
    [after, G2.BASE],
    [before.negate(), element],
  ]);
}
