import { bls12_381 } from '@noble/curves/bls12-381.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { G1, G2, groupOrder as r, pointAt, sha256, type G2Point } from '../crypto/index.ts';
import { assert, at, bytesToHex, concatBytes, hexToBytes, ownBytes, randomBytes, seededRandom, utf8ToBytes, type Result } from '../lib/index.ts'; // prettier-ignore
import { Crs, crsBytes, testTrapdoor as alpha } from './crs.ts';
import { scalarCounts } from './lanes.ts';

const scalars = 256;
/** N of VDS.md: n data scalars and two more blinders. */
const n = scalars + 2;
const crs = await Crs.forTests(scalars);
const { Fp, Fp2 } = bls12_381.fields;

/** α^0 … α^2n. */
const powers = [1n];
for (let i = 1; i <= 2 * n; i++) powers.push((at(powers, i - 1) * alpha) % r);

const encodedG1 = (i: number) => G1.BASE.multiply(at(powers, i)).toBytes(false);
const encodedG2 = (i: number) => G2.BASE.multiply(at(powers, i)).toBytes(false);

// Where a power lies in the file: after 8 bytes of magic and 8 of numbers; N+1 is left out.
const placeG1 = (i: number) => 16 + 96 * (i <= n ? i - 1 : i - 2);
const placeG2 = (i: number) => 16 + 96 * (2 * n - 1) + 192 * (i - 1);
const readG1 = (i: number) => crs.file.slice(placeG1(i), placeG1(i) + 96);
const readG2 = (i: number) => crs.file.slice(placeG2(i), placeG2(i) + 192);

/** The file with other bytes at some places. */
function withBytes(...changes: readonly (readonly [place: number, bytes: Uint8Array])[]) {
  const file = crs.file.slice();
  for (const [place, bytes] of changes) file.set(bytes, place);
  return file;
}

function errorOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.error;
}

/** What verifying says of a file that is the pinned one. */
async function refusal(file: Uint8Array): Promise<string> {
  return errorOf(await Crs.verify(ownBytes(file), sha256(file), seededRandom(5)));
}

describe('the file', () => {
  test('is magic, n, no contributions, α^1 … α^2N without α^(N+1) in G1, α^1 … α^N in G2', () => {
    const header = concatBytes(utf8ToBytes('MURMCRS2'), new Uint8Array([0, 0, 1, 0, 0, 0, 0, 0]));
    expect(crs.file.subarray(0, 16)).toEqual(header);
    for (const i of [1, 2, 3, 100, n - 1, n, n + 2, n + 3, 400, 2 * n - 1, 2 * n]) {
      expect(readG1(i)).toEqual(encodedG1(i));
    }
    for (const i of [1, 2, 77, n - 1, n]) expect(readG2(i)).toEqual(encodedG2(i));
    expect(crs.file.length).toBe(16 + 96 * (2 * n - 1) + 192 * n);
    expect(scalarCounts.map(crsBytes)).toEqual(scalarCounts.map((m) => 16 + 96 * (2 * m + 3) + 192 * (m + 2))); // prettier-ignore
    expect(crs.digest).toEqual(sha256(crs.file));
    expect([crs.scalars, crs.degree]).toEqual([scalars, n]);
  });

  test('does not hold the power n+1, nor the opposite point', () => {
    const x = bytesToHex(encodedG1(n + 1).subarray(0, 48));
    const whole = bytesToHex(crs.file);
    expect(whole.includes(x)).toBe(false);
    expect(whole.includes(bytesToHex(encodedG1(n + 2).subarray(0, 48)))).toBe(true);
  });
});

describe('the powers', () => {
  test('are α^i in both groups', () => {
    for (const i of [0, 1, 2, n, n + 2, 2 * n]) {
      expect(crs.g1(i).equals(G1.BASE.multiply(at(powers, i)))).toBe(true);
    }
    for (const i of [0, 1, 2, n]) {
      expect(crs.g2(i).equals(G2.BASE.multiply(at(powers, i)))).toBe(true);
    }
  });

  test('n+1 and 2n+1 cannot be had', () => {
    expect(() => crs.g1(n + 1)).toThrow('the power N+1 is not published');
    expect(() => crs.g1(2 * n + 1)).toThrow();
    const one = (place: number) => Array.from({ length: 2 * n + 1 }, (_, i) => (i === place ? 1n : 0n)); // prettier-ignore
    expect(() => crs.combine(one(n + 1))).toThrow('the power N+1');
    expect(crs.combine(one(n + 2)).equals(crs.g1(n + 2))).toBe(true);
  });

  test('combine to Σ cᵢ·α^i over both runs', () => {
    const coefficients = powers.map((_, i) => (i === n + 1 ? 0n : BigInt(i * i + 1)));
    const exponent = coefficients.reduce((sum, c, i) => sum + c * at(powers, i), 0n) % r;
    expect(crs.combine(coefficients).equals(G1.BASE.multiply(exponent))).toBe(true);
  });

  test('to open with are those below N', () => {
    expect(crs.openingPowers.xs.length).toBe(n);
    for (const i of [0, 1, n - 1]) {
      expect(pointAt(crs.openingPowers, i).toBytes(false)).toEqual(encodedG1(i));
    }
  });
});

describe('generated', () => {
  const shares: number[] = [];
  let running = 0;
  const watch = async (share: number) => {
    expect(++running).toBe(1); // awaited before the next
    await Promise.resolve();
    running--;
    shares.push(share);
  };
  let drawn: Crs;
  beforeAll(async () => {
    drawn = await Crs.generate(scalars, seededRandom(1), watch);
  });

  test('from the randomness that it is given, and from nothing else', () => {
    const exponent = BigInt(`0x${bytesToHex(randomBytes(seededRandom(1), 48))}`) % r;
    expect(drawn.g1(1).equals(G1.BASE.multiply(exponent))).toBe(true);
    expect(drawn.g2(2).equals(G2.BASE.multiply((exponent * exponent) % r))).toBe(true);
    expect([drawn.isTest, crs.isTest]).toEqual([false, true]);
    expect(drawn.digest).not.toEqual(crs.digest);
  });

  test('tells how far it is, up to all of it', () => {
    expect(shares.length).toBeGreaterThan(20);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });

  test('not to the end where the caller throws', async () => {
    let told = 0;
    const stop = (share: number) => {
      told++;
      if (share > 0.1) throw new Error('enough');
    };
    await expect(Crs.generate(scalars, seededRandom(3), stop)).rejects.toThrow('enough');
    expect(told).toBe(3);
    const reject = () => Promise.reject(new Error('enough'));
    await expect(Crs.generate(scalars, seededRandom(3), reject)).rejects.toThrow('enough');
  });

  test('passes the check of a stranger, who is told how far it is', async () => {
    const { file, digest } = drawn;
    const told: number[] = [];
    const verified = await Crs.verify(file, digest, seededRandom(4), (share) => void told.push(share)); // prettier-ignore
    expect(verified.ok && verified.value.digest).toEqual(digest);
    expect(told).toEqual(told.toSorted((a, b) => a - b));
    expect(told.at(-1)).toBe(1);
    expect(new Set(told.map((share) => Math.floor(share * 10))).size).toBeGreaterThan(7);
  });

  test.each([0, 0.25, 0.5])('is not verified on where the caller throws at %d', async (from) => {
    const stop = (share: number) => {
      if (share >= from) throw new Error('enough');
    };
    await expect(Crs.verify(crs.file, crs.digest, seededRandom(4), stop)).rejects.toThrow('enough');
  });
});

describe('opened', () => {
  test('is the same as before, by its digest', () => {
    const opened = Crs.open(crs.file, crs.digest);
    assert(opened.ok, 'opened');
    expect(opened.value.digest).toEqual(crs.digest);
    expect(opened.value.g1(2 * n).equals(crs.g1(2 * n))).toBe(true);
    expect(opened.value.g2(n).equals(crs.g2(n))).toBe(true);
    expect(opened.value.isTest).toBe(true);
  });

  const count = (value: number) => withBytes([8, new Uint8Array([0, 0, value >> 8, value & 255])]);
  const cases: [name: string, file: Uint8Array, error: string][] = [
    ['nothing', new Uint8Array(), 'CRS file: too short'],
    ['the first bytes', crs.file.slice(0, 15), 'CRS file: too short'],
    ['other magic', withBytes([7, utf8ToBytes('1')]), 'CRS file: not a CRS'],
    ['n of 512, in the length of 256', count(512), 'CRS file: wrong length'],
    ['n of 255', count(255), 'CRS file: n = 255 is not offered'],
    ['n of 0', count(0), 'CRS file: n = 0 is not offered'],
    ['n of 2^24 and 256', withBytes([8, new Uint8Array([1])]), 'CRS file: n = 16777472 is not offered'], // prettier-ignore
    ['contributions', withBytes([15, new Uint8Array([1])]), 'CRS file: contributions, which this version does not know'], // prettier-ignore
    ['one byte less', crs.file.slice(0, -1), 'CRS file: wrong length'],
    ['one point less', crs.file.slice(0, -192), 'CRS file: wrong length'],
    ['one byte more', concatBytes(crs.file, new Uint8Array(1)), 'CRS file: wrong length'],
    ['the power n+1 as well', concatBytes(crs.file.slice(0, placeG1(n + 2)), encodedG1(n + 1), crs.file.slice(placeG1(n + 2))), 'CRS file: wrong length'], // prettier-ignore
  ];
  test.each(cases)('or verified is refused: %s', async (_name, file, error) => {
    expect(errorOf(Crs.open(ownBytes(file), sha256(file)))).toBe(error);
    expect(await refusal(file)).toBe(error);
  });

  test('or verified is refused: not the pinned one', async () => {
    const error = 'CRS file: not the one that the task pins';
    const other = withBytes([placeG2(n) + 191, new Uint8Array([1])]);
    for (const [file, pinned] of [
      [other, crs.digest],
      [crs.file, sha256(other)],
      [crs.file, new Uint8Array()],
    ] as const) {
      // prettier-ignore
      expect(errorOf(Crs.open(file, pinned))).toBe(error);
      expect(errorOf(await Crs.verify(file, pinned, seededRandom(5)))).toBe(error);
    }
  });
});

/** A point of the curve over F_p² that is not in the subgroup: most are not. */
function outsideG2(): Uint8Array {
  for (let c0 = 1n; ; c0++) {
    const x = { c0, c1: 0n };
    const square = Fp2.add(Fp2.pow(x, 3n), { c0: 4n, c1: 4n });
    try {
      const y = Fp2.sqrt(square);
      const point: G2Point = G2.fromAffine({ x, y });
      if (point.isTorsionFree()) continue;
      const numbers = [x.c1, x.c0, y.c1, y.c0];
      return hexToBytes(numbers.map((c) => c.toString(16).padStart(96, '0')).join(''));
    } catch {
      continue; // no square root: no point with this x
    }
  }
}

describe('refused is a file, though its digest is pinned, with', () => {
  const identityG1 = new Uint8Array(96).with(0, 0x40);
  const identityG2 = new Uint8Array(192).with(0, 0x40);
  const order3 = new Uint8Array(96).with(95, 2); // (0, 2)
  const flagged = readG1(5).map((byte, i) => (i === 0 ? byte | 0x20 : byte));
  const unreduced = (BigInt(`0x${bytesToHex(readG1(5).subarray(0, 48))}`) + Fp.ORDER).toString(16);
  const alias = concatBytes(hexToBytes(unreduced.padStart(96, '0')), readG1(5).subarray(48));
  const offG1 = readG1(5).map((byte, i) => (i === 95 ? byte ^ 1 : byte));
  const offG2 = readG2(3).map((byte, i) => (i === 191 ? byte ^ 1 : byte));

  test.each([
    ['the identity', 5, identityG1, 'from 0 on, point 4: not canonical'],
    ['the identity at the first place', 1, identityG1, 'from 0 on, point 0: not canonical'],
    ['the identity at the last place', 2 * n, identityG1, 'from 512 on, point 2: not canonical'],
    ['zeros', n, new Uint8Array(96), 'from 256 on, point 1: not on the curve'],
    ['a point of order 3', 5, order3, 'from 0 on, point 4: not in the subgroup'],
    ['a point with a flag', 5, flagged, 'from 0 on, point 4: not canonical'],
    ['x + p for x', 5, alias, 'from 0 on, point 4: not canonical'],
    ['a point off the curve', n + 2, offG1, 'from 256 on, point 2: not on the curve'],
  ])('%s in G1, at %i', async (_name, power, point, error) => {
    expect(await refusal(withBytes([placeG1(power), point]))).toBe(`CRS: G1 ${error}`);
  });

  test.each([
    ['the identity', 2, identityG2, /^CRS: G2 power 2, the identity point$/],
    ['a point off the curve', 3, offG2, /^CRS: G2 power 3, .*equation/],
    ['a point outside the subgroup', 1, outsideG2(), /^CRS: G2 power 1, .*subgroup/],
  ])('%s in G2', async (_name, power, point, error) => {
    expect(await refusal(withBytes([placeG2(power), point]))).toMatch(error);
  });

  const swapG1 = (i: number, j: number) => withBytes([placeG1(i), readG1(j)], [placeG1(j), readG1(i)]); // prettier-ignore
  const swapG2 = (i: number, j: number) => withBytes([placeG2(i), readG2(j)], [placeG2(j), readG2(i)]); // prettier-ignore
  const negated = (i: number) => G1.BASE.multiply(at(powers, i)).negate().toBytes(false);
  const scaled = Array.from({ length: n - 1 }, (_, k) => {
    const exponent = (2n * at(powers, n + 2 + k)) % r;
    return G1.BASE.multiply(exponent).toBytes(false);
  });
  const shifted = concatBytes(encodedG1(n + 1), crs.file.slice(placeG1(n + 2), placeG1(2 * n)));
  const foreignG2 = G2.BASE.multiply(7n).toBytes(false);
  const [inG1, above, inG2] = [
    'CRS: G1 is not powers of one α',
    'CRS: G1 above N+1 is not powers of the same α',
    'CRS: G2 is not powers of α',
  ];
  // What is swapped within a run leaves every sum with equal weights as it was.
  test.each([
    ['two powers of the lower run swapped', swapG1(20, 21), inG1],
    ['the last power another one', withBytes([placeG1(2 * n), negated(2 * n)]), inG1],
    ['the last power of the lower run another one', withBytes([placeG1(n), negated(n)]), inG1],
    ['the first power of G2 another one', withBytes([placeG2(1), foreignG2]), inG1],
    ['the upper run doubled', withBytes([placeG1(n + 2), concatBytes(...scaled)]), above],
    ['n+1 … 2n−1 in place of n+2 … 2n', withBytes([placeG1(n + 2), shifted]), above],
    [
      'a point of G1 repeated',
      withBytes([placeG1(9), readG1(8)]),
      'CRS: a point of G1 is there twice',
    ],
    [
      'a point of G2 repeated',
      withBytes([placeG2(9), readG2(8)]),
      'CRS: a point of G2 is there twice',
    ],
    ['[1]₁ as a power', withBytes([placeG1(9), G1.BASE.toBytes(false)]), 'CRS: a point of G1 is there twice'], // prettier-ignore
    ['two powers of G2 swapped', swapG2(30, 31), inG2],
    ['the last power of G2 another one', withBytes([placeG2(n), foreignG2]), inG2],
  ])('%s', async (_name, file, error) => {
    expect(await refusal(file)).toBe(error);
  });
});
