import { G2, multiplyG2, randomScalar, type G2Point } from '../crypto/index.ts';
import type { Random } from '../lib/index.ts';
import type { Crs } from './crs.ts';

/** When a batch's chunks were sealed, committed to and not shown. */
export interface TimeCommitment {
  /** `C_time = [γ_t]₂ + Σ t_j·ĝ_j`, which the header carries. */
  readonly commitment: G2Point;
  /** γ_t: with the t_j it opens the commitment; the author's secret. */
  readonly blinding: bigint;
}

/**
 * Commits in G2 to the seconds from the round's opening to the sealing of each chunk (VDS.md,
 * "Time"). That they lie in the round's window is to be shown by a range proof, a later step.
 *
 * @param seconds whole and not negative, one per column; at most n
 * @param random must be cryptographically secure
 */
export function commitTimes(crs: Crs, seconds: readonly number[], random: Random): TimeCommitment {
  const blinding = randomScalar(random);
  const points = seconds.map((_, j) => crs.g2(j + 1));
  const sum = multiplyG2(points, seconds.map(BigInt));
  return { commitment: sum.add(G2.BASE.multiply(blinding)), blinding };
}
