import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hexToBytes } from '../lib/index.ts';
import { G1, G2, type G1Point, type G2Point } from './groups.ts';
import { decodeG1, decodeG2, decodeUncompressedG1s, decodeUncompressedG2 } from './points.ts';
import { groupOrder } from './scalar.ts';

const { Fp, Fp2 } = bls12_381.fields;

/** The cofactors: the curves have h·r points. G1's is 3·(11·10177·859267·52437899)². */
const h1 = 0x396c8c005555e1568c00aaab0000aaabn;
const h2 =
  0x5d543a95414e7f1091d50792876a202cd91de4547085abaa68a205b2e5a7ddfa628f1cb4d9e82ef21537e293a6691ae1616ec6e786f0c70cf1c38e31c7238e5n;

interface Additive<P> {
  add(other: P): P;
  double(): P;
  is0(): boolean;
}

/** [n]P for any n, where noble's `multiply` takes scalars below r only. */
function times<P extends Additive<P>>(point: P, n: bigint, zero: P): P {
  let result = zero;
  for (const bit of n.toString(2)) {
    result = result.double();
    if (bit === '1') result = result.add(point);
  }
  return result;
}

/** A point of E(F_p) for every second x or so. */
function curvePoint1(x: bigint): G1Point | undefined {
  try {
    return G1.fromAffine({ x, y: Fp.sqrt(Fp.add(Fp.pow(x, 3n), 4n)) });
  } catch {
    return undefined; // no square root: no point with this x
  }
}

/** A point of E′(F_p²), y² = x³ + 4(1 + u). */
function curvePoint2(c0: bigint, c1: bigint): G2Point | undefined {
  const x = { c0, c1 };
  try {
    const square = Fp2.add(Fp2.mul(Fp2.sqr(x), x), { c0: 4n, c1: 4n });
    return G2.fromAffine({ x, y: Fp2.sqrt(square) });
  } catch {
    return undefined;
  }
}

const outside1 = [0n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n, 12n]
  .map(curvePoint1)
  .filter((point) => point !== undefined);
const outside2 = [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n]
  .map((c) => curvePoint2(c, c + 1n))
  .filter((point) => point !== undefined);

/** A point whose order is the prime q, for the q of the cofactor. */
function ofOrder<P extends Additive<P>>(
  q: bigint,
  cofactor: bigint,
  points: readonly P[],
  zero: P,
): P {
  let rest = cofactor * groupOrder;
  while (rest % q === 0n) rest /= q;
  for (const point of points) {
    let small = times(point, rest, zero);
    if (small.is0()) continue;
    for (let next = small; !next.is0(); next = times(next, q, zero)) small = next;
    return small;
  }
  throw new Error(`no point of order ${q.toString()}`);
}

const small1 = [3n, 11n, 10177n, 859267n, 52437899n].map((q) => ({ q, point: ofOrder(q, h1, outside1, G1.ZERO) })); // prettier-ignore
const small2 = [13n, 23n, 2713n].map((q) => ({ q, point: ofOrder(q, h2, outside2, G2.ZERO) }));
const cofactor1 = outside1.map((point) => times(point, groupOrder, G1.ZERO));
const cofactor2 = outside2.map((point) => times(point, groupOrder, G2.ZERO));

// The encodings are written here: noble refuses to encode such points.
const fieldHex = (value: bigint) => value.toString(16).padStart(96, '0');
const isLarger = (y: bigint) => 2n * y > Fp.ORDER;

function compressed(hex: string, larger: boolean): Uint8Array {
  const bytes = hexToBytes(hex);
  bytes[0] = (bytes[0] ?? 0) | (larger ? 0xa0 : 0x80);
  return bytes;
}

function uncompressed1(point: G1Point): Uint8Array {
  const { x, y } = point.toAffine();
  return hexToBytes(fieldHex(x) + fieldHex(y));
}

function accepts1(point: G1Point): boolean[] {
  const { x, y } = point.toAffine();
  return [
    decodeG1(compressed(fieldHex(x), isLarger(y)), 'identity refused').ok,
    decodeUncompressedG1s([uncompressed1(point)]).ok,
  ];
}

function accepts2(point: G2Point): boolean[] {
  const { x, y } = point.toAffine();
  const [xs, ys] = [x, y].map(({ c0, c1 }) => fieldHex(c1) + fieldHex(c0));
  const larger = isLarger(y.c1 === 0n ? y.c0 : y.c1);
  return [
    decodeG2(compressed(xs ?? '', larger), 'identity refused').ok,
    decodeUncompressedG2(hexToBytes(`${xs ?? ''}${ys ?? ''}`)).ok,
  ];
}

const never = [false, false];
const both = [true, true];

const scalar = fc.bigInt({ min: 1n, max: groupOrder - 1n });

describe('the points of these tests', () => {
  test('are on their curve and outside the subgroup', () => {
    expect(outside1.length).toBeGreaterThanOrEqual(3);
    expect(outside2.length).toBeGreaterThanOrEqual(3);
    for (const point of outside1) {
      expect(point.isTorsionFree()).toBe(false);
      expect(times(point, groupOrder, G1.ZERO).is0()).toBe(false);
      expect(times(point, h1 * groupOrder, G1.ZERO).is0()).toBe(true);
    }
    for (const point of outside2) {
      expect(point.isTorsionFree()).toBe(false);
      expect(times(point, groupOrder, G2.ZERO).is0()).toBe(false);
      expect(times(point, h2 * groupOrder, G2.ZERO).is0()).toBe(true);
    }
  });

  test('have the small orders that are said', () => {
    for (const { q, point } of small1) expect(times(point, q, G1.ZERO).is0() && !point.is0()).toBe(true); // prettier-ignore
    for (const { q, point } of small2) expect(times(point, q, G2.ZERO).is0() && !point.is0()).toBe(true); // prettier-ignore
  });
});

describe('refused in G1 is', () => {
  test('every point of the curve outside the subgroup', () => {
    for (const point of outside1) {
      expect(accepts1(point)).toEqual(never);
      expect(accepts1(point.negate())).toEqual(never);
    }
  });

  test('(0, 2), a point of order 3 with short encodings', () => {
    const bytes = new Uint8Array(48).with(0, 0x80);
    expect(decodeG1(bytes, 'identity allowed').ok).toBe(false);
    expect(decodeUncompressedG1s([new Uint8Array(96).with(95, 2)])).toEqual({
      ok: false,
      error: 'point 0: not in the subgroup',
    });
  });

  test.each(small1)('a point of order $q, alone or added to a valid one', ({ point }) => {
    expect(accepts1(point)).toEqual(never);
    expect(accepts1(point.double())).toEqual(never);
    expect(accepts1(G1.BASE)).toEqual(both);
    expect(accepts1(G1.BASE.add(point))).toEqual(never);
    expect(accepts1(G1.BASE.subtract(point))).toEqual(never);
  });

  test('a point of the whole cofactor subgroup', () => {
    for (const point of cofactor1) expect(accepts1(point)).toEqual(never);
  });

  test('exactly what is outside the subgroup, by r·P = 0', () => {
    const points = fc.tuple(scalar, fc.constantFrom(...outside1), fc.constantFrom(0n, 1n, 3n, h1));
    fc.assert(
      fc.property(points, ([k, outside, factor]) => {
        const point = G1.BASE.multiplyUnsafe(k).add(times(outside, factor, G1.ZERO));
        // The generator is one of these points times h1: minus itself gives the identity.
        const inside = times(point, groupOrder, G1.ZERO).is0() && !point.is0();
        expect(accepts1(point)).toEqual([inside, inside]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a batch of points of G1', () => {
  const valid = [1n, 2n, 3n, 5n].map((k) => uncompressed1(G1.BASE.multiplyUnsafe(k)));
  const [third, eleventh] = small1.map(({ point }) => uncompressed1(G1.BASE.add(point)));
  const outside = 'not in the subgroup';

  test.each([0, 1, 2, 3, 4])('with one outside at %i names it', (at) => {
    const mixed = valid.toSpliced(at, 0, eleventh ?? new Uint8Array(0));
    expect(decodeUncompressedG1s(valid).ok).toBe(true);
    expect(decodeUncompressedG1s(mixed)).toEqual({ ok: false, error: `point ${at}: ${outside}` });
  });

  test('is not judged by its sum: torsion that cancels is found', () => {
    for (const { point } of small1) {
      const pair = [G1.BASE.add(point), G1.BASE.subtract(point)].map(uncompressed1);
      expect(decodeUncompressedG1s([...valid, ...pair])).toEqual({
        ok: false,
        error: `point 4: ${outside}`,
      });
      const triple = Array.from({ length: 3 }, () => uncompressed1(point));
      expect(decodeUncompressedG1s(triple)).toEqual({ ok: false, error: `point 0: ${outside}` });
    }
  });

  test('with several wrong points names the first of a kind', () => {
    const offCurve = valid.map((bytes) => bytes.with(95, (bytes[95] ?? 0) ^ 1));
    const notCanonical = new Uint8Array(96).fill(0xff);
    const t = third ?? new Uint8Array(0);
    const cases: [Uint8Array[], string][] = [
      [[...valid, t, ...valid, t], `point 4: ${outside}`],
      [[...valid, ...offCurve], 'point 4: not on the curve'],
      [[...valid.slice(2), notCanonical, ...offCurve], 'point 2: not canonical'],
      [[...valid, new Uint8Array(95)], 'point 4: wrong length'],
      [[new Uint8Array(0), t], 'point 0: wrong length'],
    ];
    for (const [batch, error] of cases) {
      expect(decodeUncompressedG1s(batch)).toEqual({ ok: false, error });
    }
  });

  test('may hold a point twice, and opposite points', () => {
    const opposite = uncompressed1(G1.BASE.negate());
    const batch = [...valid, ...valid, opposite, opposite];
    const decoded = decodeUncompressedG1s(batch);
    expect(decoded.ok && decoded.value.xs.length).toBe(10);
  });
});

describe('refused in G2 is', () => {
  test('every point of the curve outside the subgroup', () => {
    for (const point of outside2) {
      expect(accepts2(point)).toEqual(never);
      expect(accepts2(point.negate())).toEqual(never);
    }
  });

  test.each(small2)('a point of order $q, alone or added to a valid one', ({ point }) => {
    expect(accepts2(point)).toEqual(never);
    expect(accepts2(G2.BASE)).toEqual(both);
    expect(accepts2(G2.BASE.add(point))).toEqual(never);
    expect(accepts2(G2.BASE.subtract(point))).toEqual(never);
  });

  test('a point of the whole cofactor subgroup', () => {
    for (const point of cofactor2) expect(accepts2(point)).toEqual(never);
  });
});
