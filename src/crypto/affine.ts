import { bls12_381 } from '@noble/curves/bls12-381.js';
import { normalizeZ } from '@noble/curves/abstract/curve.js';
import { invert } from '@noble/curves/abstract/modular.js';
import { at } from '../lib/index.ts';
import type { G1Point } from './groups.ts';

const p = bls12_381.fields.Fp.ORDER;
const { Point } = bls12_381.G1;

/**
 * Points of G1 as coordinates; the identity is (0, 0), which is not on the curve
 * (no point has y = 0: the curve's order is odd). Arrays of
 * bigints, because one inversion then serves a whole batch of additions: 6 multiplications each
 * instead of the 12 of a complete projective addition. Measured on 1,024 packed scalars, this
 * took 50 ms where noble's `pippenger` took 345 ms.
 */
export interface AffinePoints {
  readonly xs: bigint[];
  readonly ys: bigint[];
}

/** Coordinates of points, by one inversion for all. */
export function toAffinePoints(points: readonly G1Point[]): AffinePoints {
  const affine = normalizeZ(Point, [...points]).map((point) => point.toAffine());
  return { xs: affine.map(({ x }) => x), ys: affine.map(({ y }) => y) };
}

/** The point at a place. */
export function pointAt({ xs, ys }: AffinePoints, index: number): G1Point {
  const [x, y] = [at(xs, index), at(ys, index)];
  return x === 0n && y === 0n ? Point.ZERO : Point.fromAffine({ x, y });
}

/**
 * `points[left[k]] + points[right[k]]` for every k < count, by one inversion in F_p. Complete:
 * doubles where both are equal, and knows the identity and opposite points. Not constant-time.
 */
export function addPairs(
  { xs, ys }: AffinePoints,
  left: Int32Array,
  right: Int32Array,
  count: number,
): AffinePoints {
  const sumXs = new Array<bigint>(count);
  const sumYs = new Array<bigint>(count);
  // What the slope is divided by, or 0 where there is no slope; the product of those before it.
  const divisors = new Array<bigint>(count);
  const products = new Array<bigint>(count);
  let product = 1n;
  for (let k = 0; k < count; k++) {
    const [i, j] = [left[k] as number, right[k] as number];
    const [yi, yj] = [ys[i] as bigint, ys[j] as bigint];
    let divisor = (xs[j] as bigint) - (xs[i] as bigint);
    if (divisor === 0n && yi === yj) divisor = 2n * yi;
    else if (yi === 0n || yj === 0n) divisor = 0n;
    divisors[k] = divisor;
    products[k] = product;
    if (divisor !== 0n) product = (product * divisor) % p;
  }
  let inverse = invert(product, p);
  for (let k = count - 1; k >= 0; k--) {
    const [i, j] = [left[k] as number, right[k] as number];
    const [xi, yi] = [xs[i] as bigint, ys[i] as bigint];
    const [xj, yj] = [xs[j] as bigint, ys[j] as bigint];
    const divisor = divisors[k] as bigint;
    if (divisor === 0n) {
      // The identity and the other one, or two that are opposite.
      sumXs[k] = yi === 0n ? xj : yj === 0n ? xi : 0n;
      sumYs[k] = yi === 0n ? yj : yj === 0n ? yi : 0n;
      continue;
    }
    const reciprocal = (inverse * (products[k] as bigint)) % p;
    inverse = (inverse * divisor) % p;
    const rise = xi === xj ? 3n * xi * xi : yj - yi;
    const slope = (rise * reciprocal) % p;
    let x = (slope * slope - xi - xj) % p;
    if (x < 0n) x += p;
    let y = (slope * (xi - x) - yi) % p;
    if (y < 0n) y += p;
    sumXs[k] = x;
    sumYs[k] = y;
  }
  return { xs: sumXs, ys: sumYs };
}

/**
 * Sums of points by bucket: bucket b of the result is the sum of `points[items[k]]` over all k
 * with `buckets[k] = b`. Pairs within a bucket are added, then pairs of those sums, and so on:
 * as many batches as the fullest bucket is deep.
 */
export function sumBuckets(
  points: AffinePoints,
  items: Int32Array,
  buckets: Int32Array,
  bucketCount: number,
): AffinePoints {
  // Counting sort: the items of a bucket side by side.
  const sizes = new Int32Array(bucketCount);
  for (const bucket of buckets) sizes[bucket] = (sizes[bucket] as number) + 1;
  const places = new Int32Array(bucketCount);
  for (let b = 1; b < bucketCount; b++) {
    places[b] = (places[b - 1] as number) + (sizes[b - 1] as number);
  }
  const order = new Int32Array(items.length);
  for (let k = 0; k < items.length; k++) {
    const bucket = buckets[k] as number;
    const place = places[bucket] as number;
    places[bucket] = place + 1;
    order[place] = items[k] as number;
  }
  let current = points;
  let length = items.length;
  const left = new Int32Array((length >> 1) + 1);
  const right = new Int32Array((length >> 1) + 1);
  // Where a sum or a point that had no partner comes from: pairs first, then those left over.
  for (let first = true; first || sizes.some((size) => size > 1); first = false) {
    let pairs = 0;
    let at = 0;
    const singles: number[] = [];
    const next = new Int32Array(length);
    let out = 0;
    for (let b = 0; b < bucketCount; b++) {
      const size = sizes[b] as number;
      for (let k = 0; k + 1 < size; k += 2) {
        left[pairs] = order[at + k] as number;
        right[pairs] = order[at + k + 1] as number;
        next[out++] = pairs++;
      }
      if ((size & 1) === 1) {
        next[out++] = -1 - singles.length;
        singles.push(order[at + size - 1] as number);
      }
      at += size;
      sizes[b] = (size + 1) >> 1;
    }
    const sums = addPairs(current, left, right, pairs);
    for (const single of singles) {
      sums.xs.push(current.xs[single] as bigint);
      sums.ys.push(current.ys[single] as bigint);
    }
    for (let k = 0; k < out; k++) {
      const place = next[k] as number;
      order[k] = place >= 0 ? place : pairs - 1 - place;
    }
    current = sums;
    length = out;
  }
  // Every bucket holds one point now, or none.
  const result: AffinePoints = {
    xs: new Array<bigint>(bucketCount).fill(0n),
    ys: new Array<bigint>(bucketCount).fill(0n),
  };
  for (let b = 0, k = 0; b < bucketCount; b++) {
    if (sizes[b] === 0) continue;
    const place = order[k++] as number;
    result.xs[b] = current.xs[place] as bigint;
    result.ys[b] = current.ys[place] as bigint;
  }
  return result;
}
