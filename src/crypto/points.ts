import { bls12_381 } from '@noble/curves/bls12-381.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { at, concatBytes, equalBytes, err, messageOf, ok, type Result } from '../lib/index.ts';
import { addPairs, type AffinePoints } from './affine.ts';
import { G1, G2, type G1Point, type G2Point } from './groups.ts';

/** bytes of an encoded point, compressed or not (zcash's encoding, as everywhere). */
export const pointBytes = { g1: 48, g2: 96, g1Uncompressed: 96, g2Uncompressed: 192 } as const;

/** Whether the identity is a meaningful value where a point is decoded. */
export type IdentityRule = 'identity allowed' | 'identity refused';

/** Decodes a compressed point of G1: canonical, on the curve, in the subgroup. ~1 ms. */
export function decodeG1(bytes: Uint8Array, identity: IdentityRule): Result<G1Point> {
  return decodePoint(G1, bytes, pointBytes.g1, identity);
}

/** Decodes a compressed point of G2: canonical, on the curve, in the subgroup. ~2 ms. */
export function decodeG2(bytes: Uint8Array, identity: IdentityRule): Result<G2Point> {
  return decodePoint(G2, bytes, pointBytes.g2, identity);
}

/** Decodes an uncompressed point of G2, as {@link decodeG2}; not the identity. ~1.4 ms. */
export function decodeUncompressedG2(bytes: Uint8Array): Result<G2Point> {
  return decodePoint(G2, bytes, pointBytes.g2Uncompressed, 'identity refused');
}

export function encodeG1(point: G1Point): Uint8Array {
  return point.toBytes(true);
}

export function encodeG2(point: G2Point): Uint8Array {
  return point.toBytes(true);
}

export function encodeUncompressedG2(point: G2Point): Uint8Array {
  return point.toBytes(false);
}

function decodePoint<P extends { is0(): boolean; toBytes(compressed: boolean): Uint8Array }>(
  group: { fromBytes(bytes: Uint8Array): P },
  bytes: Uint8Array,
  length: number,
  identity: IdentityRule,
): Result<P> {
  if (bytes.length !== length) return err(`a point of ${bytes.length} bytes, not ${length}`);
  try {
    const point = group.fromBytes(bytes);
    if (point.is0() && identity === 'identity refused') return err('the identity point');
    return ok(point);
  } catch (thrown) {
    return err(messageOf(thrown));
  }
}

const { ORDER: p } = bls12_381.fields.Fp;
/** |x| of BLS12-381, the parameter its curve is made from. */
const parameter = 0xd201000000010000n;
/** A cube root of unity in F_p: φ(x, y) = (βx, y) is −[x²] on the subgroup and nowhere else. */
const beta = 0x5f19672fdf76ce51ba69c6076a0f77eaddb3a93be6f89688de17d813620a00022e01fffffffefffen;

/** The identity, uncompressed. */
const identityG1 = G1.ZERO.toBytes(false);

/**
 * Decodes uncompressed points of G1 side by side, as strictly as {@link decodeG1}. All at once,
 * because then the test for the subgroup (Scott, eprint 2021/1130)
 * shares its inversions: measured 0.4 ms a point, where one by one takes 0.8 ms, compressed 1 ms.
 * The error names the first point that is not valid.
 */
export function decodeUncompressedG1s(
  bytes: readonly Uint8Array[],
  identity: IdentityRule = 'identity refused',
): Result<AffinePoints> {
  const points: AffinePoints = { xs: [], ys: [] };
  for (const [index, each] of bytes.entries()) {
    if (each.length !== pointBytes.g1Uncompressed) return err(`point ${index}: wrong length`);
    if (identity === 'identity allowed' && equalBytes(each, identityG1)) {
      points.xs.push(0n);
      points.ys.push(0n);
      continue;
    }
    const x = bytesToNumberBE(each.subarray(0, 48));
    const y = bytesToNumberBE(each.subarray(48));
    // The three flag bits are above 2³⁸¹, so that a point with a flag is refused here as well.
    if (x >= p || y >= p) return err(`point ${index}: not canonical`);
    if ((y * y - x * x * x - 4n) % p !== 0n) return err(`point ${index}: not on the curve`);
    points.xs.push(x);
    points.ys.push(y);
  }
  const outside = findOutsideSubgroup(points);
  return outside === -1 ? ok(points) : err(`point ${outside}: not in the subgroup`);
}

/** The index of the first point of the curve that is not in G1, or −1. */
function findOutsideSubgroup(points: AffinePoints): number {
  const multiple = multiplyAll(multiplyAll(points, parameter), parameter); // [x²]P
  return points.xs.findIndex(
    (x, i) =>
      multiple.xs[i] !== (x * beta) % p || multiple.ys[i] !== (p - (points.ys[i] as bigint)) % p,
  );
}

/** Every point times the same small number. */
function multiplyAll(points: AffinePoints, factor: bigint): AffinePoints {
  const count = points.xs.length;
  const own = Int32Array.from({ length: count }, (_, i) => i);
  const others = own.map((i) => i + count);
  let result = points;
  for (const bit of factor.toString(2).slice(1)) {
    result = addPairs(result, own, own, count);
    if (bit === '1') {
      const both = { xs: result.xs.concat(points.xs), ys: result.ys.concat(points.ys) };
      result = addPairs(both, own, others, count);
    }
  }
  return result;
}

/** The uncompressed encoding of each point; noble's would check each again, 1 ms a point. */
export function encodeUncompressedG1s({ xs, ys }: AffinePoints): Uint8Array[] {
  return xs.map((x, i) => {
    const y = at(ys, i);
    if (x === 0n && y === 0n) return identityG1.slice();
    return concatBytes(numberToBytesBE(x, 48), numberToBytesBE(y, 48));
  });
}

/** Coordinates from uncompressed encodings that were decoded strictly before; nothing is checked. */
export function trustedG1s(encoded: Uint8Array): AffinePoints {
  const count = encoded.length / pointBytes.g1Uncompressed;
  const number = (k: number) => bytesToNumberBE(encoded.subarray(k * 48, (k + 1) * 48));
  return {
    xs: Array.from({ length: count }, (_, i) => number(2 * i)),
    ys: Array.from({ length: count }, (_, i) => number(2 * i + 1)),
  };
}

/** A point of G2 from an uncompressed encoding that was decoded strictly before. */
export function trustedG2(encoded: Uint8Array): G2Point {
  const number = (k: number) => bytesToNumberBE(encoded.subarray(k * 48, (k + 1) * 48));
  return G2.fromAffine({
    x: { c0: number(1), c1: number(0) },
    y: { c0: number(3), c1: number(2) },
  });
}
