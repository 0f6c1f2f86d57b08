import {
  encodeScalar,
  G1,
  G2,
  hashToScalar,
  arithmetic,
  pairingProductIsOne,
  randomWeight,
  toAffinePoints,
  toScalar,
  type AffinePoints,
  type G1Point,
} from '../crypto/index.ts';
import { at, type Random } from '../lib/index.ts';
import type { Crs } from './crs.ts';
import { dot, powers } from './polynomial.ts';

/**
 * The claim that `Σ factors[j]·P_j` takes `value` at `point`, of polynomials known by their
 * commitments (Kate, Zaverucha, Goldberg 2010): a header's opening, a sum's, an audit's answer.
 */
export interface OpeningClaim {
  readonly commitments: AffinePoints;
  readonly factors: readonly bigint[];
  readonly point: bigint;
  readonly value: bigint;
  /** π; the identity where all P_j are constant. */
  readonly proof: G1Point;
}

/** z: where the columns of a header are opened; `unopened` is the header without y and π. */
export function openingPoint(unopened: Uint8Array): bigint {
  return hashToScalar('open-z', unopened);
}

/** ρ^0, ρ^1, …: how the columns of a header are combined, fixed only after their values are. */
export function openingFactors(z: bigint, values: readonly bigint[]): bigint[] {
  const rho = hashToScalar('open-rho', encodeScalar(z), ...values.map(encodeScalar));
  return powers(rho, values.length);
}

/**
 * Checks claims as one (VDS.md): with random 128-bit weights w,
 * `e( Σw·(Σρ^{j−1}·C_j − [value]₁ + z·π), [1]₂ ) = e( Σw·π, ĝ_1 )`. A false claim passes with a
 * probability of 2⁻¹²⁸.
 */
export function claimsHold(crs: Crs, claims: readonly OpeningClaim[], random: Random): boolean {
  if (claims.length === 0) return true;
  const weights = claims.map((_, k) =>
    claims.length === 1 && k === 0 ? 1n : randomWeight(random),
  );
  const points: AffinePoints = { xs: [], ys: [] };
  const scalars: bigint[] = [];
  const add = ({ xs, ys }: AffinePoints, factors: readonly bigint[], weight: bigint) => {
    xs.forEach((x, i) => {
      points.xs.push(x);
      points.ys.push(at(ys, i));
      scalars.push(toScalar(weight * at(factors, i)));
    });
  };
  const proofs = toAffinePoints(claims.map(({ proof }) => proof));
  claims.forEach(({ commitments, factors }, k) => add(commitments, factors, at(weights, k)));
  add(proofs, claims.map(({ point }, k) => point * at(weights, k)), 1n); // prettier-ignore
  const constant = dot(
    claims.map(({ value }) => value),
    weights,
  );
  const base = toAffinePoints([G1.BASE]);
  add(base, [toScalar(-constant)], 1n);
  const left = arithmetic.multiScalarMultiply(points, scalars);
  const right = arithmetic.multiScalarMultiply(proofs, weights);
  return pairingProductIsOne([
    [left, G2.BASE],
    [right.negate(), crs.g2(1)],
  ]);
}

/** The indices of the claims that do not hold: all are checked as one, and halves where that fails. */
export function falseClaims(crs: Crs, claims: readonly OpeningClaim[], random: Random): number[] {
  const bisect = (from: number, to: number): number[] => {
    if (claimsHold(crs, claims.slice(from, to), random)) return [];
    if (to - from === 1) return [from];
    const middle = (from + to) >> 1;
    return [...bisect(from, middle), ...bisect(middle, to)];
  };
  return claims.length === 0 ? [] : bisect(0, claims.length);
}
