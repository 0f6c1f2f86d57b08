// Points of G1, y² = x³ + 4 over F_p. An affine point is x ‖ y; the identity has no affine form.
// XYZZ: X ‖ Y ‖ ZZ ‖ ZZZ with x = X/ZZ, y = Y/ZZZ, ZZ³ = ZZZ², and ZZ = 0 for the identity
// (hyperelliptic.org/EFD, shortw/xyzz). All coordinates are kept reduced.
import {
  addFp,
  copyFp,
  FpPrimeLessTwo,
  FpOne,
  FpSquare,
  isZeroFp,
  multiplyFp,
  reduceFp,
  subtractFp,
} from './fields';

/** bytes of a coordinate, of an affine point, of one in XYZZ. */
export const coordinate: usize = 56;
export const affine: usize = 2 * coordinate;
export const xyzz: usize = 4 * coordinate;

const a: usize = memory.data(56, 8);
const b: usize = memory.data(56, 8);
const c: usize = memory.data(56, 8);
const d: usize = memory.data(56, 8);
const e: usize = memory.data(56, 8);
const f: usize = memory.data(56, 8);
const negated: usize = memory.data(56, 8);

/** 1/x by Fermat: x^(p−2); 0 of 0. `out` is not `x`. */
export function invertFp(out: usize, x: usize): void {
  copyFp(out, FpOne);
  for (let bit = 380; bit >= 0; bit--) {
    multiplyFp(out, out, out);
    const limb = load<u32>(FpPrimeLessTwo + ((bit / 28) << 2));
    if ((limb >> (bit % 28)) & 1) multiplyFp(out, out, x);
  }
}

/** Takes a coordinate of 48 little-endian bytes to Montgomery form. The byte behind it is read. */
export function importFp(out: usize, bytes: usize): void {
  for (let i: usize = 0; i < 14; i++) {
    const bit = 28 * <u32>i;
    const limb = (load<u32>(bytes + (bit >> 3)) >> (<u32>(bit & 7))) & 0xfffffff;
    store<u32>(out + 4 * i, i < 13 ? limb : limb & 0xfffff);
  }
  multiplyFp(out, out, FpSquare);
}

/** The limbs of x itself, below 2p. */
export function exportFp(out: usize, x: usize): void {
  memory.fill(a, 0, coordinate);
  store<u32>(a, 1);
  multiplyFp(out, x, a);
}

/**
 * Where the y of an affine point is. Bit 0 of an address says that the point is subtracted: −y is
 * then put where `room` is.
 */
export function ordinate(address: usize, room: usize): usize {
  const y = (address & ~1) + coordinate;
  if (!(address & 1)) return y;
  memory.fill(room, 0, coordinate);
  subtractFp(room, room, y);
  reduceFp(room);
  return room;
}

/** sum += the affine point at an address, whatever the two are. */
export function addAffine(sum: usize, address: usize): void {
  const x = address & ~1;
  const y = ordinate(address, negated);
  const zz = sum + 2 * coordinate;
  const zzz = sum + 3 * coordinate;
  if (isZeroFp(zz)) {
    copyFp(sum, x);
    copyFp(sum + coordinate, y);
    copyFp(zz, FpOne);
    copyFp(zzz, FpOne);
    return;
  }
  multiplyFp(a, x, zz);
  multiplyFp(b, y, zzz);
  combine(sum, sum, sum + coordinate);
  multiplyFp(zz, zz, c);
  multiplyFp(zzz, zzz, d);
}

/** sum += other, both in XYZZ, whatever the two are. */
export function addXyzz(sum: usize, other: usize): void {
  const zz = sum + 2 * coordinate;
  const zzz = sum + 3 * coordinate;
  if (isZeroFp(other + 2 * coordinate)) return;
  if (isZeroFp(zz)) {
    for (let k: usize = 0; k < xyzz; k += coordinate) copyFp(sum + k, other + k);
    return;
  }
  multiplyFp(a, other, zz);
  multiplyFp(b, other + coordinate, zzz);
  multiplyFp(sum, sum, other + 2 * coordinate);
  multiplyFp(sum + coordinate, sum + coordinate, other + 3 * coordinate);
  multiplyFp(zz, zz, other + 2 * coordinate);
  multiplyFp(zzz, zzz, other + 3 * coordinate);
  combine(sum, sum, sum + coordinate);
  multiplyFp(zz, zz, c);
  multiplyFp(zzz, zzz, d);
}

/**
 * The numerators of (u₁, s₁) + (a, b) over one denominator, and in c and d what the denominators
 * take on. Equal points are doubled; of opposite ones c and d are 0, the identity.
 */
function combine(out: usize, u: usize, s: usize): void {
  subtractFp(a, a, u);
  reduceFp(a);
  subtractFp(b, b, s);
  reduceFp(b);
  if (isZeroFp(a) && isZeroFp(b)) {
    doubleNumerators(out);
    return;
  }
  multiplyFp(c, a, a);
  multiplyFp(d, a, c);
  multiplyFp(e, u, c);
  multiplyFp(f, s, d);
  multiplyFp(out, b, b);
  subtractFp(out, out, d);
  subtractFp(out, out, e);
  subtractFp(out, out, e);
  reduceFp(out);
  slope(out, b);
}

/** As {@link combine}, of a point and itself. */
function doubleNumerators(point: usize): void {
  const y = point + coordinate;
  addFp(a, y, y);
  multiplyFp(c, a, a);
  multiplyFp(d, a, c);
  multiplyFp(e, point, c);
  multiplyFp(f, d, y);
  multiplyFp(b, point, point);
  addFp(a, b, b);
  addFp(b, a, b);
  multiplyFp(point, b, b);
  subtractFp(point, point, e);
  subtractFp(point, point, e);
  reduceFp(point);
  slope(point, b);
}

/** Y = rise·(e − X) − f */
function slope(point: usize, rise: usize): void {
  const y = point + coordinate;
  subtractFp(e, e, point);
  multiplyFp(y, rise, e);
  subtractFp(y, y, f);
  reduceFp(y);
}

/** point += point, in XYZZ. */
export function doubleXyzz(point: usize): void {
  doubleNumerators(point);
  multiplyFp(point + 2 * coordinate, point + 2 * coordinate, c);
  multiplyFp(point + 3 * coordinate, point + 3 * coordinate, d);
}

/** The limbs of x and y of a point in XYZZ, each below 2p; false for the identity. */
export function exportPoint(out: usize, point: usize): bool {
  const zz = point + 2 * coordinate;
  const zzz = point + 3 * coordinate;
  if (isZeroFp(zz)) return false;
  multiplyFp(b, zz, zzz);
  invertFp(c, b);
  multiplyFp(d, c, zzz);
  multiplyFp(d, d, point);
  exportFp(out, d);
  multiplyFp(d, c, zz);
  multiplyFp(d, d, point + coordinate);
  exportFp(out + coordinate, d);
  return true;
}
