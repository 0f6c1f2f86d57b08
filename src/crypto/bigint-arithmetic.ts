import { at } from '../lib/index.ts';
import { addPairs, pointAt, sumBuckets, type AffinePoints } from './affine.ts';
import { tableRows, type Arithmetic, type ByteLayout, type ByteTable } from './arithmetic.ts';
import { G1, type G1Point } from './groups.ts';
import { encodeScalar, groupOrder, scalarBytes } from './scalar.ts';

/** The reference: what the kernel must agree with, and what is used where there is none. */
export const bigIntArithmetic: Arithmetic = {
  name: 'BigInt',
  multiScalarMultiply,
  buildTable: (points, onProgress) => BigIntTable.build(points, onProgress),
  evaluateBytes,
};

/** By buckets (Pippenger), all windows side by side so that their additions share inversions. */
function multiScalarMultiply(points: AffinePoints, scalars: readonly bigint[]): G1Point {
  const count = scalars.length;
  const bits = scalars.reduce((most, scalar) => Math.max(most, scalar.toString(2).length), 0);
  const width = chooseWidth(count, bits);
  const windows = Math.ceil(bits / width);
  const size = 1 << width;
  const items = new Int32Array(count * windows);
  const buckets = new Int32Array(count * windows);
  let used = 0;
  for (let i = 0; i < count; i++) {
    const binary = at(scalars, i)
      .toString(2)
      .padStart(windows * width, '0');
    for (let w = 0; w < windows; w++) {
      const end = binary.length - w * width;
      const digit = Number.parseInt(binary.slice(end - width, end), 2);
      if (digit === 0) continue;
      items[used] = i;
      buckets[used++] = w * size + digit;
    }
  }
  const sums = sumBuckets(points, items.subarray(0, used), buckets.subarray(0, used), windows * size); // prettier-ignore
  const totals = weighAll(sums, windows, size);
  let result: G1Point = G1.ZERO;
  for (let w = windows - 1; w >= 0; w--) {
    for (let k = 0; k < width; k++) result = result.double();
    result = result.add(pointAt(totals, w));
  }
  return result;
}

/** Σ_d d·bucket[w·size + d] for every window w: running sums, all windows at once. */
function weighAll(buckets: AffinePoints, windows: number, size: number): AffinePoints {
  const identities = () => new Array<bigint>(windows).fill(0n);
  let running: AffinePoints = { xs: identities(), ys: identities() };
  let total: AffinePoints = { xs: identities(), ys: identities() };
  const own = Int32Array.from({ length: windows }, (_, w) => w);
  const other = own.map((w) => w + windows);
  const add = (a: AffinePoints, b: AffinePoints) =>
    addPairs({ xs: a.xs.concat(b.xs), ys: a.ys.concat(b.ys) }, own, other, windows);
  for (let digit = size - 1; digit > 0; digit--) {
    const row = (of: readonly bigint[]) =>
      Array.from({ length: windows }, (_, w) => of[w * size + digit] as bigint);
    running = add(running, { xs: row(buckets.xs), ys: row(buckets.ys) });
    total = add(total, running);
  }
  return total;
}

/** The window with the fewest additions; an inversion is worth some 20 of them. */
function chooseWidth(count: number, bits: number): number {
  const cost = (width: number) => {
    const windows = Math.ceil(bits / width);
    return windows * (count + 2 * 2 ** width) + 2 * 2 ** width * 20;
  };
  let best = 1;
  for (let width = 2; width <= 12; width++) if (cost(width) < cost(best)) best = width;
  return best;
}

class BigIntTable implements ByteTable {
  readonly #multiples: AffinePoints;
  readonly #count: number;

  private constructor(multiples: AffinePoints, count: number) {
    this.#multiples = multiples;
    this.#count = count;
  }

  /** 248 doublings a point, some 0.6 ms. */
  static async build(
    points: AffinePoints,
    onProgress: (share: number) => void | Promise<void>,
  ): Promise<ByteTable> {
    const count = points.xs.length;
    const own = Int32Array.from({ length: count }, (_, i) => i);
    const multiples: AffinePoints = { xs: [...points.xs], ys: [...points.ys] };
    let row = points;
    for (let l = 1; l < tableRows; l++) {
      for (let bit = 0; bit < 8; bit++) row = addPairs(row, own, own, count);
      for (const x of row.xs) multiples.xs.push(x);
      for (const y of row.ys) multiples.ys.push(y);
      await onProgress(l / (tableRows - 1));
    }
    return new BigIntTable(multiples, count);
  }

  /** 56 a coordinate and a reference. */
  get bytes(): number {
    return this.#multiples.xs.length * 2 * (56 + 8);
  }

  /** One addition a byte that is not zero, into 255 buckets. */
  sumBytes(bytes: Uint8Array, layout: ByteLayout & { readonly first: number }): G1Point {
    const { first, perScalar, stride } = layout;
    const items = new Int32Array(bytes.length);
    const buckets = new Int32Array(bytes.length);
    let used = 0;
    for (let k = 0, place = 0, point = first; k < bytes.length; k++) {
      const byte = bytes[k] as number;
      if (byte !== 0) {
        items[used] = place * stride * this.#count + point;
        buckets[used++] = byte;
      }
      if (++place === perScalar) {
        place = 0;
        point++;
      }
    }
    const sums = sumBuckets(this.#multiples, items.subarray(0, used), buckets.subarray(0, used), 256); // prettier-ignore
    let running: G1Point = G1.ZERO;
    let total: G1Point = G1.ZERO;
    for (let byte = 255; byte > 0; byte--) {
      running = running.add(pointAt(sums, byte));
      total = total.add(running);
    }
    return total;
  }

  multiply(scalars: readonly bigint[]): G1Point {
    return this.sumBytes(littleEndian(scalars), { first: 0, perScalar: scalarBytes, stride: 1 });
  }
}

/** The scalars' bytes, 32 each, least first. */
export function littleEndian(scalars: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(scalars.length * scalarBytes);
  scalars.forEach((scalar, i) => bytes.set(encodeScalar(scalar).reverse(), i * scalarBytes));
  return bytes;
}

/** By Horner's rule. */
function evaluateBytes(bytes: Uint8Array, { perScalar, stride }: ByteLayout, z: bigint): bigint {
  let value = 0n;
  for (let i = Math.ceil(bytes.length / perScalar); i-- > 0;) {
    const own = bytes.subarray(i * perScalar, (i + 1) * perScalar);
    const scalar = own.reduceRight((sum, byte) => (sum << BigInt(8 * stride)) | BigInt(byte), 0n);
    value = ((value + scalar) * z) % groupOrder;
  }
  return value;
}
