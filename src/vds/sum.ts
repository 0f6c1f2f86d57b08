import { encodeUncompressedG1s, multiScalarMultiply, groupOrder, toAffinePoints, trustedG1s, decodeScalar } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, equalBytes, err, ok, type Result } from '../lib/index.ts';
import type { Header } from './header.ts';
import { blindingBytes } from './lanes.ts';

/** An update in a weighted sum. */
export interface Summand<H extends Header = Header> {
  /** A header whose opening was verified. */
  readonly header: H;
  /** a_k, 0 … 256. */
  readonly weight: number;
}

/**
 * `C_sum,j = Σ a_k·C_k,j` of every column (VDS.md, "Sums"), uncompressed: what a sum of these
 * updates must commit to. Computed by the verifier, never taken from the aggregator.
 */
export function sumCommitments(summands: readonly Summand[]): Uint8Array[] {
  const counting = summands.filter(({ weight }) => weight > 0);
  assert(counting.length > 0, 'a sum has summands');
  const weights = counting.map(({ weight }) => BigInt(weight));
  const columns = at(counting, 0).header.columns.length;
  const sums = Array.from({ length: columns }, (_, j) => {
    const points = counting.map(({ header }) => trustedG1s(at(header.columns, j).commitment));
    const xs = points.flatMap((point) => point.xs);
    const ys = points.flatMap((point) => point.ys);
    return multiScalarMultiply({ xs, ys }, weights);
  });
  return encodeUncompressedG1s(toAffinePoints(sums));
}

/**
 * `γ_sum = Σ a_k·γ_k` of every column, from verified payloads or no more than their first 32
 * bytes.
 */
export function sumBlindings(
  summands: readonly { readonly payloads: readonly Uint8Array[]; readonly weight: number }[],
): bigint[] {
  const columns = summands[0]?.payloads.length ?? 0;
  return Array.from({ length: columns }, (_, j) =>
    summands.reduce((sum, { payloads, weight }) => {
      const blinding = decodeScalar(at(payloads, j).subarray(0, blindingBytes));
      assert(blinding.ok, 'a verified payload has a blinding below r');
      return (sum + BigInt(weight) * blinding.value) % groupOrder;
    }, 0n),
  );
}

/**
 * Whether a header whose opening was verified is the sum of these updates with these weights. A
 * wrong sum, a left-out member or a changed weight has other commitments, and what does not match
 * its commitments does not open.
 */
export function verifySum(sum: Header, summands: readonly Summand[]): Result<null> {
  const [first] = summands;
  if (sum.kind !== 'sum' || sum.lanes !== 'sum') return err('sum: the header is not of a sum');
  if (first === undefined) return err('sum: of nothing');
  if (sum.round !== first.header.round) return err('sum: of another round');
  if (sum.byteLength !== 2 * first.header.byteLength) return err('sum: of another length');
  const expected = sumCommitments(summands);
  const wrong = expected.findIndex((each, j) => !equalBytes(each, at(sum.columns, j).commitment));
  return wrong === -1 ? ok(null) : err(`sum: column ${wrong} is not Σ a_k·C_k of the manifest`);
}
