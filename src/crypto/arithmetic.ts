import type { AffinePoints } from './affine.ts';
import type { G1Point } from './groups.ts';

/** How bytes stand for scalars: `perScalar` of them each, `stride` bytes apart, least first. */
export interface ByteLayout {
  readonly perScalar: number;
  readonly stride: number;
}

/** Points whose multiples are known, for sums whose coefficients are bytes. */
export interface ByteTable {
  /** bytes of memory that the multiples take. */
  readonly bytes: number;

  /**
   * Σ m_i·P_(first + i) for the scalars m_0, m_1, … that the bytes are in a layout; the last may
   * have fewer.
   */
  sumBytes(bytes: Uint8Array, layout: ByteLayout & { readonly first: number }): G1Point;

  /** Σ kᵢ·Pᵢ over the first points of the table, for scalars below 2²⁵⁶. */
  multiply(scalars: readonly bigint[]): G1Point;
}

/**
 * What is computed in bulk. Everywhere the time depends on points and scalars: they must be public,
 * or known to all who share the thread.
 */
export interface Arithmetic {
  readonly name: 'WebAssembly' | 'BigInt';

  /**
   * Σ kᵢ·Pᵢ over points of the curve, in G1 or not, the identity or not.
   *
   * @param scalars in [0, r); points without one are left out
   */
  readonly multiScalarMultiply: (points: AffinePoints, scalars: readonly bigint[]) => G1Point;

  /**
   * The multiples 2^(8l)·Pᵢ, l < 32.
   *
   * @param points none of them the identity
   * @param onProgress told the share that is done; awaited, so that the caller can breathe
   */
  readonly buildTable: (
    points: AffinePoints,
    onProgress: (share: number) => void | Promise<void>,
  ) => Promise<ByteTable>;

  /** Σ m_i·z^(i+1) in F_r for the scalars m_0, m_1, … that the bytes are. @param z in [0, r) */
  readonly evaluateBytes: (bytes: Uint8Array, layout: ByteLayout, z: bigint) => bigint;
}

/** Rows of a {@link ByteTable}: one per byte of a scalar. */
export const tableRows = 32;
