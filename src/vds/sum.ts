import { decodeScalar, encodeUncompressedG1s, groupOrder, arithmetic, scalarBytes, toAffinePoints, trustedG1s } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, equalBytes, err, ok, type Result } from '../lib/index.ts';
import type { Header, VerifiedHeader } from './header.ts';
import { blinders, blindingBytes } from './lanes.ts';

/** An update in a weighted sum: a header whose opening was verified, and a_k, 0 … 256. */
export interface Summand {
  readonly header: VerifiedHeader;
  readonly weight: number;
}

/** What a sum must be a sum of: a frozen manifest's digest, its opening and its updates. */
export interface SumOrder {
  /** SHA-256 of the manifest's signed bytes. */
  readonly manifest: Uint8Array;
  readonly summands: readonly Summand[];
}

/** A = Σ a_k; at most 256, so that no lane of a sum exceeds 16 bits. */
export const largestTotal = 256;

/**
 * `C_sum,j = Σ a_k·C_k,j` of these columns (VDS.md, "Sums"; Pedersen 1991: commitments add up),
 * uncompressed: what a sum of these updates must commit to. Computed by the verifier, never taken
 * from the aggregator. One small multiplication a summand and column.
 *
 * What opens is the sum of what was *committed*: that lanes are bytes is known of those chunks
 * only that somebody checked. An author and an aggregator who collude and whose chunks nobody else
 * checked can commit to lanes beyond 255.
 */
export function sumCommitments(
  summands: readonly Summand[],
  columns: readonly number[],
): Uint8Array[] {
  const counting = summands.filter(({ weight }) => weight > 0);
  assert(counting.length > 0, 'a sum has summands');
  const weights = counting.map(({ weight }) => BigInt(weight));
  const sums = columns.map((j) => {
    const points = counting.map(({ header }) => trustedG1s(at(header.commitments, j)));
    const xs = points.flatMap((point) => point.xs);
    const ys = points.flatMap((point) => point.ys);
    return arithmetic.multiScalarMultiply({ xs, ys }, weights);
  });
  return encodeUncompressedG1s(toAffinePoints(sums));
}

/**
 * `γ_b,sum = Σ a_k·γ_b,k mod r` of every column, from verified payloads or no more than the
 * blinders that they begin with; 96 bytes a column, as the sum's payload begins.
 */
export function sumBlinders(
  summands: readonly { readonly payloads: readonly Uint8Array[]; readonly weight: number }[],
): bigint[][] {
  const columns = summands[0]?.payloads.length ?? 0;
  return Array.from({ length: columns }, (_, j) =>
    Array.from({ length: blinders }, (_, b) =>
      summands.reduce((sum, { payloads, weight }) => {
        const bytes = at(payloads, j).subarray(b * scalarBytes, (b + 1) * scalarBytes);
        const blinder = decodeScalar(bytes);
        assert(blinder.ok, 'a verified payload has blinders below r');
        return (sum + BigInt(weight) * blinder.value) % groupOrder;
      }, 0n),
    ),
  );
}

/**
 * Whether a sum's header speaks of these updates with these weights, before its opening is
 * checked against their commitments.
 */
export function fitsOrder(
  sum: Header,
  { manifest, summands }: SumOrder,
): Result<readonly number[]> {
  const [first] = summands;
  if (sum.sum === null) return err('sum: the header is not of a sum');
  if (first === undefined) return err('sum: of nothing');
  const total = summands.reduce((all, { weight }) => all + weight, 0);
  if (total === 0 || total > largestTotal) return err(`sum: of weight ${total}`);
  if (!equalBytes(sum.sum.manifest, manifest)) return err('sum: of another manifest');
  if (!equalBytes(sum.opening, first.header.opening)) return err('sum: of another opening');
  if (sum.round !== first.header.round) return err('sum: of another round');
  if (sum.byteLength !== 2 * first.header.byteLength) return err('sum: of another length');
  return ok(sum.sum.chunks);
}

/**
 * Whether all lanes of a sum's payload are at most 255·A (VDS.md, "Sums"): u16, little-endian.
 *
 * @param total A, 1 … 256
 */
export function sumLanesHold(payload: Uint8Array, total: number): boolean {
  const lanes = payload.subarray(blindingBytes);
  for (let i = 0; i + 1 < lanes.length; i += 2) {
    if ((lanes[i] as number) + 256 * (lanes[i + 1] as number) > 255 * total) return false;
  }
  return lanes.length % 2 === 0;
}
