import {
  arithmetic,
  decodeScalar,
  scalarBytes,
  type ByteTable,
  type G1Point,
} from '../crypto/index.ts';
import { assert, at } from '../lib/index.ts';
import type { Crs, OnProgress } from './crs.ts';
import { blinders, blindingBytes, laneFormats, type LaneFormat } from './lanes.ts';

/** Of noble's precomputed multiples for the blinders: 30 ms to make, 0.5 ms a multiplication. */
const blinderWindow = 6;

/**
 * Commits to the chunks of a batch, in whatever order; tells of each that is done, and waits for
 * who is told.
 */
export type CommitChunks = (
  payloads: readonly Uint8Array[],
  format: LaneFormat,
  onDone: (index: number) => void | Promise<void>,
) => Promise<G1Point[]>;

/**
 * What committing takes: a CRS and the multiples of its powers g_0 … g_(N−1), of which an opening
 * needs all and lanes g_1 … g_n (VDS.md, Commit).
 */
export class CommitmentKey {
  readonly crs: Crs;
  readonly table: ByteTable;
  /** What γ₀, γ₁ and γ₂ are multiplied with: [1]₁, g_(n+1), g_(n+2). */
  readonly #blinderPoints: readonly G1Point[];

  private constructor(crs: Crs, table: ByteTable) {
    this.crs = crs;
    this.table = table;
    const powers = [0, crs.scalars + 1, crs.scalars + 2];
    this.#blinderPoints = powers.map((power) => crs.g1(power).precompute(blinderWindow, false));
  }

  /** Builds the table: 0.7 s for n = 1024. @param onProgress awaited; it may throw to cancel */
  static async build(
    crs: Crs,
    onProgress: OnProgress = () => undefined,
    by = arithmetic,
  ): Promise<CommitmentKey> {
    return new CommitmentKey(crs, await by.buildTable(crs.openingPowers, onProgress));
  }

  /**
   * `C = [P(α)]₁` of a payload `γ₀ ‖ γ₁ ‖ γ₂ ‖ lanes` (Kate, Zaverucha, Goldberg 2010, with
   * blinders). The lanes are bytes: one addition each into buckets, over a table. Measured for
   * 15,360 lanes, n = 1024: 14 ms, where noble's `pippenger` takes 350 ms over the 1,024 packed
   * scalars.
   *
   * How long it takes depends on the lanes: that shows to the own tab only, which has them anyway.
   * The γ are secret: their multiplications take the same time whatever they are.
   */
  commit(payload: Uint8Array, format: LaneFormat): G1Point {
    const lanes = payload.subarray(blindingBytes);
    const { bytesPerScalar, byteStride } = laneFormats[format];
    const sum = this.table.sumBytes(lanes, {
      first: 1,
      perScalar: bytesPerScalar,
      stride: byteStride,
    });
    return blindersOf(payload).reduce(
      (total, secretBlinder, b) =>
        secretBlinder === 0n
          ? total
          : total.add(at(this.#blinderPoints, b).multiply(secretBlinder)),
      sum,
    );
  }

  /** One after another, here. */
  async commitChunks(...[payloads, format, onDone]: Parameters<CommitChunks>): Promise<G1Point[]> {
    const commitments: G1Point[] = [];
    for (const [index, payload] of payloads.entries()) {
      commitments.push(this.commit(payload, format));
      await onDone(index);
    }
    return commitments;
  }
}

/** γ₀, γ₁, γ₂ of a payload of ours, or of one that was verified. */
export function blindersOf(payload: Uint8Array): bigint[] {
  return Array.from({ length: blinders }, (_, b) => {
    const blinder = decodeScalar(payload.subarray(b * scalarBytes, (b + 1) * scalarBytes));
    assert(blinder.ok, 'a blinder of a payload of ours is a scalar');
    return blinder.value;
  });
}
