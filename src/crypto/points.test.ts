import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../lib/index.ts';
import { pointAt, toAffinePoints } from './affine.ts';
import { G1, G2 } from './groups.ts';
import {
  decodeG1,
  decodeG2,
  decodeUncompressedG1s,
  decodeUncompressedG2,
  encodeG1,
  encodeG2,
  encodeUncompressedG1s,
  trustedG1s,
  trustedG2,
} from './points.ts';

const { Fp } = bls12_381.fields;
const p = Fp.ORDER;

// The encodings of zcash, as in zkcrypto/bls12_381 and draft-irtf-cfrg-pairing-friendly-curves, C.
const g1X =
  '17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb';
const g1Y =
  '08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1';
const g2X =
  '13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e' +
  '024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8';
const g2Y =
  '0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be' +
  '0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801';

const base1 = `9${g1X.slice(1)}`;
const base2 = `9${g2X.slice(1)}`;
const identity1 = `c0${'00'.repeat(47)}`;
const identity2 = `c0${'00'.repeat(95)}`;

const decode1 = (hex: string) => decodeG1(hexToBytes(hex), 'identity allowed');
const decode2 = (hex: string) => decodeG2(hexToBytes(hex), 'identity allowed');
const decodeBatch = (...hexes: string[]) => decodeUncompressedG1s(hexes.map((hex) => hexToBytes(hex))); // prettier-ignore

const fieldHex = (value: bigint) => value.toString(16).padStart(96, '0');

/** The encoding with other flag bits. */
function flagged(hex: string, flags: number): string {
  const bytes = hexToBytes(hex);
  bytes[0] = ((bytes[0] ?? 0) & 0x1f) | flags;
  return bytesToHex(bytes);
}

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (0x80 >> (bit & 7)) : byte));
}

const scalar = fc.bigInt({ min: 1n, max: G1.Fn.ORDER - 1n });

describe('the canonical encodings', () => {
  test('of the generator of G1 and its small multiples', () => {
    expect(bytesToHex(encodeG1(G1.BASE))).toBe(base1);
    expect(decode1(base1)).toEqual({ ok: true, value: G1.BASE });
    // The public keys of the secret keys 2 and 3, which every BLS library knows.
    expect(bytesToHex(encodeG1(G1.BASE.double()))).toBe(
      'a572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e',
    );
    expect(bytesToHex(encodeG1(G1.BASE.double().add(G1.BASE)))).toBe(
      '89ece308f9d1f0131765212deca99697b112d61f9be9a5f1f3780a51335b3ff981747a0b2ca2179b96d2c0c9024e5224',
    );
  });

  test('of its opposite: the sort flag set', () => {
    const decoded = decode1(flagged(base1, 0xa0));
    expect(decoded.ok && decoded.value.equals(G1.BASE.negate())).toBe(true);
    const other = decode2(flagged(base2, 0xa0));
    expect(other.ok && other.value.equals(G2.BASE.negate())).toBe(true);
  });

  test('of the generator of G2', () => {
    expect(bytesToHex(encodeG2(G2.BASE))).toBe(base2);
    const decoded = decode2(base2);
    expect(decoded.ok && decoded.value.equals(G2.BASE)).toBe(true);
    const uncompressed = decodeUncompressedG2(hexToBytes(g2X + g2Y));
    expect(uncompressed.ok && uncompressed.value.equals(G2.BASE)).toBe(true);
    expect(trustedG2(hexToBytes(g2X + g2Y)).equals(G2.BASE)).toBe(true);
  });

  test('of the generator of G1, uncompressed', () => {
    const decoded = decodeBatch(g1X + g1Y);
    expect(decoded).toEqual({ ok: true, value: toAffinePoints([G1.BASE]) });
    expect(encodeUncompressedG1s(toAffinePoints([G1.BASE])).map(bytesToHex)).toEqual([g1X + g1Y]);
  });

  test('of the identity: allowed or refused, and nothing else is it', () => {
    expect(bytesToHex(encodeG1(G1.ZERO))).toBe(identity1);
    expect(bytesToHex(encodeG2(G2.ZERO))).toBe(identity2);
    const [one, two] = [decode1(identity1), decode2(identity2)];
    expect(one.ok && one.value.is0()).toBe(true);
    expect(two.ok && two.value.is0()).toBe(true);
    const refused = { ok: false, error: 'the identity point' };
    expect(decodeG1(hexToBytes(identity1), 'identity refused')).toEqual(refused);
    expect(decodeG2(hexToBytes(identity2), 'identity refused')).toEqual(refused);
  });

  test('are read back, one by one and as a batch', () => {
    fc.assert(
      fc.property(fc.array(scalar, { minLength: 1, maxLength: 3 }), (scalars) => {
        const points = scalars.map((k) => G1.BASE.multiplyUnsafe(k));
        const affine = toAffinePoints(points);
        const encoded = encodeUncompressedG1s(affine);
        expect(decodeUncompressedG1s(encoded)).toEqual({ ok: true, value: affine });
        expect(trustedG1s(concatBytes(...encoded))).toEqual(affine);
        for (const [i, point] of points.entries()) {
          expect(pointAt(affine, i).equals(point)).toBe(true);
          const decoded = decodeG1(encodeG1(point), 'identity refused');
          expect(decoded.ok && decoded.value.equals(point)).toBe(true);
        }
        const twin = G2.BASE.multiplyUnsafe(scalars[0] ?? 1n);
        const decoded = decodeG2(encodeG2(twin), 'identity refused');
        expect(decoded.ok && decoded.value.equals(twin)).toBe(true);
        const uncompressed = decodeUncompressedG2(twin.toBytes(false));
        expect(uncompressed.ok && uncompressed.value.equals(twin)).toBe(true);
        expect(trustedG2(twin.toBytes(false)).equals(twin)).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test('of no points are no points', () => {
    expect(decodeUncompressedG1s([])).toEqual({ ok: true, value: { xs: [], ys: [] } });
    expect(encodeUncompressedG1s({ xs: [], ys: [] })).toEqual([]);
    expect(trustedG1s(new Uint8Array(0))).toEqual({ xs: [], ys: [] });
  });
});

describe('refused is', () => {
  test('the identity with any other bit set', () => {
    for (const [hex, decode] of [
      [identity1, decode1],
      [identity2, decode2],
    ] as const) {
      // prettier-ignore
      const bytes = hexToBytes(hex);
      for (let bit = 3; bit < bytes.length * 8; bit++) {
        expect(decode(bytesToHex(flipBit(bytes, bit))).ok, `bit ${bit}`).toBe(false);
      }
      expect(decode(flagged(hex, 0xe0)).ok).toBe(false); // the sort flag
      expect(decode(flagged(hex, 0x40)).ok).toBe(false); // not compressed
      expect(decode(flagged(hex, 0x60)).ok).toBe(false);
      expect(decode(flagged(hex, 0x00)).ok).toBe(false); // no flag
    }
  });

  test.each([0x00, 0x20, 0x40, 0x60, 0xc0, 0xe0])('a compressed point with flags %i', (flags) => {
    expect(decode1(flagged(base1, flags)).ok).toBe(false);
    expect(decode2(flagged(base2, flags)).ok).toBe(false);
  });

  test.each([0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0])(
    'an uncompressed point with flags %i',
    (flags) => {
      expect(decodeBatch(flagged(g1X + g1Y, flags)).ok).toBe(false);
      expect(decodeBatch(g1X + flagged(g1Y, flags)).ok).toBe(false);
      const flaggedG2 = [flagged(g2X + g2Y, flags), g2X + flagged(g2Y, flags)];
      for (const hex of flaggedG2) expect(decodeUncompressedG2(hexToBytes(hex)).ok).toBe(false);
    },
  );

  test('the identity where only points with coordinates are read', () => {
    const zeros = '00'.repeat(96);
    expect(decodeBatch(zeros).ok).toBe(false);
    expect(decodeBatch(flagged(zeros, 0x40)).ok).toBe(false);
    expect(decodeUncompressedG2(new Uint8Array(192)).ok).toBe(false);
    expect(decodeUncompressedG2(hexToBytes(flagged(zeros + zeros, 0x40)))).toEqual({
      ok: false,
      error: 'the identity point',
    });
  });

  test('any other length, the other encoding among them', () => {
    const lengths = [0, 1, 47, 48, 49, 95, 96, 97, 191, 192, 193];
    const prefixed = (hex: string, length: number) =>
      hexToBytes(hex.padEnd(2 * length, '0').slice(0, 2 * length));
    for (const length of lengths) {
      const allowed = 'identity allowed';
      expect(decodeG1(prefixed(base1, length), allowed).ok).toBe(length === 48);
      expect(decodeG1(prefixed(g1X + g1Y, length), allowed).ok).toBe(false);
      expect(decodeG2(prefixed(base2, length), allowed).ok).toBe(length === 96);
      expect(decodeG2(prefixed(g2X + g2Y, length), allowed).ok).toBe(false);
      expect(decodeUncompressedG1s([prefixed(g1X + g1Y, length)]).ok).toBe(length === 96);
      expect(decodeUncompressedG1s([prefixed(base1, length)]).ok).toBe(false);
      expect(decodeUncompressedG2(prefixed(g2X + g2Y, length)).ok).toBe(length === 192);
      expect(decodeUncompressedG2(prefixed(base2, length)).ok).toBe(false);
    }
  });

  test('a coordinate that is not below p, though reduced it would be one of a point', () => {
    const refused = { ok: false, error: 'point 0: not canonical' };
    for (const k of [0, 1]) {
      const encoded = smallPoint(G1.BASE, k).toBytes(false);
      expect(decodeUncompressedG1s([encoded]).ok).toBe(true);
      expect(decodeUncompressedG1s([aboveP(encoded, k)])).toEqual(refused);
    }
    for (const k of [0, 1, 2, 3]) {
      const encoded = smallPoint(G2.BASE, k).toBytes(false);
      expect(decodeUncompressedG2(encoded).ok).toBe(true);
      expect(decodeUncompressedG2(aboveP(encoded, k)).ok).toBe(false);
    }
    const one = encodeG1(smallPoint(G1.BASE, 0));
    expect(decodeG1(aboveP(one, 0), 'identity allowed').ok).toBe(false);
    for (const k of [0, 1]) {
      const two = encodeG2(smallPoint(G2.BASE, k));
      expect(decodeG2(aboveP(two, k), 'identity allowed').ok).toBe(false);
    }
    // (0, ±2) are on the curve.
    expect(decode1(flagged(fieldHex(p), 0x80)).ok).toBe(false);
    expect(decodeBatch(fieldHex(p) + fieldHex(2n)).ok).toBe(false);
    expect(decode1(flagged(fieldHex((1n << 381n) - 1n), 0x80)).ok).toBe(false);
  });

  test('a point that is not on the curve', () => {
    expect(decodeBatch(fieldHex(1n) + fieldHex(1n))).toEqual({
      ok: false,
      error: 'point 0: not on the curve',
    });
    expect(decodeBatch(g1Y + g1X).ok).toBe(false);
    expect(decodeUncompressedG2(hexToBytes(g2Y + g2X)).ok).toBe(false);
    expect(decodeUncompressedG2(hexToBytes(g2X + g2X)).ok).toBe(false);
    // x = 1 gives y² = 5, which is no square mod p.
    expect(Fp.pow(5n, (p - 1n) / 2n)).toBe(p - 1n);
    expect(decode1(flagged(fieldHex(1n), 0x80)).ok).toBe(false);
    expect(decode1(flagged(fieldHex(1n), 0xa0)).ok).toBe(false);
  });
});

/** The smallest multiple of a generator whose coordinate k, with p added, fits into 381 bits. */
function smallPoint<P extends { add(other: P): P; toBytes(compressed: boolean): Uint8Array }>(
  base: P,
  k: number,
): P {
  for (let point = base; ; point = point.add(base)) {
    const hex = bytesToHex(point.toBytes(false)).slice(96 * k, 96 * (k + 1));
    if (BigInt(`0x${hex}`) + p < 1n << 381n) return point;
  }
}

/** The encoding with p added to coordinate k, its flags kept. */
function aboveP(encoded: Uint8Array, k: number): Uint8Array {
  const flags = (encoded[0] ?? 0) & 0xe0;
  const hexes = flagged(bytesToHex(encoded), 0).match(/.{96}/g) ?? [];
  hexes[k] = fieldHex(BigInt(`0x${hexes[k] ?? ''}`) + p);
  return hexToBytes(flagged(hexes.join(''), flags));
}

describe('one flipped bit', () => {
  /** Whether the flipped bytes are refused, or are what another point is encoded as. */
  const another = <P extends { equals(other: P): boolean }>(
    decoded: { ok: true; value: P } | { ok: false },
    original: P,
    encode: (point: P) => Uint8Array,
    flipped: Uint8Array,
  ) =>
    decoded.ok
      ? !decoded.value.equals(original) && bytesToHex(encode(decoded.value)) === bytesToHex(flipped)
      : true;

  test('of a point of G1 is refused or makes another point, the sort flag its opposite', () => {
    fc.assert(
      fc.property(scalar, fc.integer({ min: 0, max: 383 }), (k, bit) => {
        const point = G1.BASE.multiplyUnsafe(k);
        for (const each of [bit, 2]) {
          const flipped = flipBit(encodeG1(point), each);
          const decoded = decodeG1(flipped, 'identity allowed');
          expect(another(decoded, point, encodeG1, flipped)).toBe(true);
          if (each === 2) expect(decoded.ok && decoded.value.equals(point.negate())).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of a point of G2 is refused or makes another point, the sort flag its opposite', () => {
    fc.assert(
      fc.property(scalar, fc.integer({ min: 0, max: 767 }), (k, bit) => {
        const point = G2.BASE.multiplyUnsafe(k);
        for (const each of [bit, 2]) {
          const flipped = flipBit(encodeG2(point), each);
          const decoded = decodeG2(flipped, 'identity allowed');
          expect(another(decoded, point, encodeG2, flipped)).toBe(true);
          if (each === 2) expect(decoded.ok && decoded.value.equals(point.negate())).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('of an uncompressed point is refused, whichever it is', () => {
    const bytes = hexToBytes(g1X + g1Y);
    for (let bit = 0; bit < 768; bit++) {
      expect(decodeUncompressedG1s([flipBit(bytes, bit)]).ok, `bit ${bit}`).toBe(false);
    }
    const twin = hexToBytes(g2X + g2Y);
    for (let bit = 0; bit < 1536; bit++) {
      expect(decodeUncompressedG2(flipBit(twin, bit)).ok, `bit ${bit}`).toBe(false);
    }
  });
});
