// Sums of many points. Additions of affine points share one inversion a batch (Montgomery's trick):
// 6 multiplications each, where XYZZ takes 10.
import { addFp, copyFp, FpOne, isZeroFp, multiplyFp, reduceFp, subtractFp } from './fields';
import {
  addAffine,
  addXyzz,
  affine,
  coordinate,
  doubleXyzz,
  exportPoint,
  importFp,
  invertFp,
  ordinate,
  xyzz,
} from './points';

/**
 * Additions for which a shared inversion pays: it costs as much as 570 multiplications, and
 * saves 4 of them an addition.
 */
const worthInverting: usize = 143;

const firstX: usize = memory.data(56, 8);
const leftY: usize = memory.data(56, 8);
const rightY: usize = memory.data(56, 8);
const inverse: usize = memory.data(56, 8);
const reciprocal: usize = memory.data(56, 8);
const slope: usize = memory.data(56, 8);
const t: usize = memory.data(56, 8);
const running: usize = memory.data(224, 8);
const windowTotal: usize = memory.data(224, 8);
const total: usize = memory.data(224, 8);

/** Takes `count` affine points of 2 × 48 little-endian bytes to the kernel's form. */
export function importPoints(out: usize, bytes: usize, count: usize): void {
  for (let k: usize = 0; k < count; k++) {
    importFp(out, bytes);
    importFp(out + coordinate, bytes + 48);
    out += affine;
    bytes += 96;
  }
}

/**
 * Doubles `count` affine points `times` times, from one place to another. No point of this curve
 * has y = 0: its order is odd.
 *
 * @param scratch (count + 1) × 56 bytes
 */
export function doublePoints(
  from: usize,
  to: usize,
  count: usize,
  times: usize,
  scratch: usize,
): void {
  for (let round: usize = 0; round < times; round++) {
    copyFp(scratch, FpOne);
    for (let k: usize = 0; k < count; k++) {
      const y = from + k * affine + coordinate;
      const product = scratch + k * coordinate;
      addFp(t, y, y);
      multiplyFp(product + coordinate, product, t);
    }
    invertFp(inverse, scratch + count * coordinate);
    for (let k = count; k-- > 0;) {
      const x = from + k * affine;
      const y = x + coordinate;
      multiplyFp(reciprocal, inverse, scratch + k * coordinate);
      addFp(t, y, y);
      multiplyFp(inverse, inverse, t);
      multiplyFp(slope, x, x);
      addFp(t, slope, slope);
      addFp(slope, t, slope);
      multiplyFp(slope, slope, reciprocal);
      copyFp(firstX, x);
      chord(to + k * affine, firstX, y, firstX);
    }
    from = to;
  }
}

/**
 * The third point of the line with `slope` through (x₁, y₁) and x₂, mirrored. `out` may be where y₁
 * is, not where x₁ or x₂ is.
 */
function chord(out: usize, x1: usize, y1: usize, x2: usize): void {
  multiplyFp(out, slope, slope);
  subtractFp(out, out, x1);
  subtractFp(out, out, x2);
  reduceFp(out);
  subtractFp(t, x1, out);
  multiplyFp(t, t, slope);
  subtractFp(out + coordinate, t, y1);
  reduceFp(out + coordinate);
}

/**
 * Adds the items of each bucket up, two by two, as long as the batches are worth an inversion and
 * meet no equal or opposite points; what is left of a bucket then is added one by one.
 *
 * @param items u32 addresses of affine points, bucket by bucket; bit 0 set: subtracted
 * @param sizes u32 items of each bucket
 * @param scratch 8 bytes a pair, 56 a pair and 56, 112 an item
 */
function pairUp(items: usize, sizes: usize, buckets: usize, count: usize, scratch: usize): void {
  const pairs = scratch;
  const products = pairs + (count >> 1) * 8;
  let out = products + ((count >> 1) + 1) * coordinate;
  for (;;) {
    let paired: usize = 0;
    let at = items;
    copyFp(products, FpOne);
    for (let bucket: usize = 0; bucket < buckets; bucket++) {
      const size: usize = load<u32>(sizes + 4 * bucket);
      for (let k: usize = 0; k + 1 < size; k += 2) {
        const left = load<u32>(at + 4 * k);
        const right = load<u32>(at + 4 * k + 4);
        store<u32>(pairs + 8 * paired, left);
        store<u32>(pairs + 8 * paired + 4, right);
        const product = products + paired * coordinate;
        // x₂ − x₁ waits where the sum will be.
        const difference = out + paired * affine;
        subtractFp(difference, right & ~1, left & ~1);
        multiplyFp(product + coordinate, product, difference);
        paired++;
      }
      at += 4 * size;
    }
    const product = products + paired * coordinate;
    if (paired < worthInverting || isZeroFp(product)) return;
    invertFp(inverse, product);
    for (let k = paired; k-- > 0;) {
      const left: usize = load<u32>(pairs + 8 * k);
      const right: usize = load<u32>(pairs + 8 * k + 4);
      multiplyFp(reciprocal, inverse, products + k * coordinate);
      multiplyFp(inverse, inverse, out + k * affine);
      const y = ordinate(left, leftY);
      subtractFp(slope, ordinate(right, rightY), y);
      multiplyFp(slope, slope, reciprocal);
      chord(out + k * affine, left & ~1, y, right & ~1);
    }
    // The sums take their items' places.
    let from = items;
    let to = items;
    for (let bucket: usize = 0; bucket < buckets; bucket++) {
      const size: usize = load<u32>(sizes + 4 * bucket);
      for (let k: usize = 0; k + 1 < size; k += 2) {
        store<u32>(to, <u32>out);
        to += 4;
        out += affine;
      }
      if (size & 1) {
        store<u32>(to, load<u32>(from + 4 * (size - 1)));
        to += 4;
      }
      from += 4 * size;
      store<u32>(sizes + 4 * bucket, <u32>((size + 1) >> 1));
    }
  }
}

/**
 * Σ_w 2^(width·w)·Σ_d d·B_(w,d), where bucket d − 1 of window w, of `perWindow` of them, holds the
 * items that make up B_(w,d) (Pippenger). Uses up items and sizes.
 *
 * @param out the limbs of x and of y, 56 bytes each, below 2p
 * @returns false if the sum is the identity
 */
export function sumBuckets(
  out: usize,
  items: usize,
  count: usize,
  sizes: usize,
  windows: usize,
  perWindow: usize,
  width: usize,
  scratch: usize,
): bool {
  pairUp(items, sizes, windows * perWindow, count, scratch);
  let end = items;
  for (let bucket: usize = 0; bucket < windows * perWindow; bucket++) {
    end += 4 * load<u32>(sizes + 4 * bucket);
  }
  memory.fill(total, 0, xyzz);
  for (let window = windows; window-- > 0;) {
    for (let bit: usize = 0; bit < width; bit++) doubleXyzz(total);
    memory.fill(running, 0, xyzz);
    memory.fill(windowTotal, 0, xyzz);
    for (let digit = perWindow; digit-- > 0;) {
      const size: usize = load<u32>(sizes + 4 * (window * perWindow + digit));
      for (let k: usize = 0; k < size; k++) {
        end -= 4;
        addAffine(running, load<u32>(end));
      }
      addXyzz(windowTotal, running);
    }
    addXyzz(total, windowTotal);
  }
  return exportPoint(out, total);
}
