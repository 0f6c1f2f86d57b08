import { G2, randomScalar, type G2Point } from '../crypto/index.ts';
import { assert, type Random } from '../lib/index.ts';
import type { Crs } from './crs.ts';

/** ℓ of the suite: a time is below 2^ℓ seconds. */
const timeBits = 32;

/** What opens a C_time: the author's to keep, for a range proof that is a later step. */
export interface TimeOpening {
  /** γ_t, secret. */
  readonly blinding: bigint;
  /** t_j of each column; those beyond are 0. */
  readonly seconds: readonly number[];
}

/**
 * Commits in G2 to the seconds from the round's opening to the sealing of each chunk (VDS.md,
 * "Time"): `C_time = [γ_t]₂ + Σ t_j·ĝ_j`, one small multiplication a chunk. That they lie in the
 * round's window is to be shown by a range proof (Libert 2024), a later step; until then this is
 * a commitment without proof of knowledge.
 *
 * @param seconds whole, in [0, 2³²), one per column; at most n
 * @param random must be cryptographically secure
 */
export function commitTimes(
  crs: Crs,
  seconds: readonly number[],
  random: Random,
): { readonly commitment: G2Point; readonly blinding: bigint } {
  assert(seconds.length <= crs.scalars, 'no more times than there are powers');
  for (const each of seconds) {
    assert(Number.isInteger(each) && each >= 0 && each < 2 ** timeBits, 'a time is in range');
  }
  const blinding = randomScalar(random);
  // One by one: of a few bits each they take 0.2 ms; noble's Pippenger takes as long as for 255.
  const commitment = seconds.reduce(
    (sum, each, j) => (each === 0 ? sum : sum.add(crs.g2(j + 1).multiplyUnsafe(BigInt(each)))),
    G2.BASE.multiply(blinding),
  );
  return { commitment, blinding };
}
