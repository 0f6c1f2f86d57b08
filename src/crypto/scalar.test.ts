import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes, seededRandom, type Random } from '../lib/index.ts';
import {
  decodeScalar,
  encodeScalar,
  groupOrder,
  invertScalar,
  randomScalar,
  randomWeight,
  scalarBytes,
  toScalar,
} from './scalar.ts';

/** r, as the specification of BLS12-381 has it. */
const r = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;

const hexOf = (value: bigint) => value.toString(16).padStart(64, '0');
const decodeHex = (hex: string) => decodeScalar(hexToBytes(hex));

const scalar = fc.bigInt({ min: 0n, max: r - 1n });

/** A source that yields given bytes, and fails when they are used up. */
function scripted(bytes: readonly number[]): Random & { readonly left: () => number } {
  const rest = [...bytes];
  return {
    uint32() {
      const byte = rest.shift();
      if (byte === undefined) throw new Error('no randomness left');
      return byte * 2 ** 24; // randomBytes takes the upper byte of each word
    },
    left: () => rest.length,
  };
}

const bytesOf = (length: number, fill: number) => new Array<number>(length).fill(fill);

describe('encoded scalars', () => {
  test('are 32 bytes, big-endian', () => {
    expect(groupOrder).toBe(r);
    expect(scalarBytes).toBe(32);
    expect(bytesToHex(encodeScalar(0n))).toBe('00'.repeat(32));
    expect(bytesToHex(encodeScalar(1n))).toBe(`${'00'.repeat(31)}01`);
    expect(bytesToHex(encodeScalar(0x0102n))).toBe(`${'00'.repeat(30)}0102`);
    expect(bytesToHex(encodeScalar(r - 1n))).toBe(hexOf(r - 1n));
  });

  test('are read back', () => {
    fc.assert(
      fc.property(scalar, (value) => {
        expect(bytesToHex(encodeScalar(value))).toBe(hexOf(value));
        expect(decodeScalar(encodeScalar(value))).toEqual({ ok: true, value });
      }),
    );
  });

  test.each([0n, 1n, 2n ** 128n, 2n ** 254n, r - 2n, r - 1n])('%d is accepted', (value) => {
    expect(decodeHex(hexOf(value))).toEqual({ ok: true, value });
  });

  // A decoder that reduces mod r would take these for 0, 1, r − 1 and so on.
  test.each([r, r + 1n, 2n * r - 1n, 2n * r, 2n ** 255n, 2n ** 256n - 1n])(
    '%d is refused and not reduced',
    (value) => {
      expect(decodeHex(hexOf(value))).toEqual({
        ok: false,
        error: 'a scalar is not below the group order',
      });
    },
  );

  test('have one encoding only: whatever is accepted re-encodes to the same bytes', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const accepted = { yes: 0, no: 0 };
    fc.assert(
      fc.property(bytes, (encoded) => {
        const decoded = decodeScalar(encoded);
        expect(decoded.ok).toBe(BigInt(`0x${bytesToHex(encoded)}`) < r);
        if (decoded.ok) expect(encodeScalar(decoded.value)).toEqual(encoded);
        accepted[decoded.ok ? 'yes' : 'no']++;
      }),
      { numRuns: 500, seed: 381 },
    );
    expect(accepted.yes).toBeGreaterThan(50);
    expect(accepted.no).toBeGreaterThan(50);
  });

  test.each([0, 1, 31, 33, 48, 64])('of %i bytes are refused', (length) => {
    const refused = { ok: false, error: 'a scalar has 32 bytes' };
    expect(decodeScalar(new Uint8Array(length))).toEqual(refused);
    expect(decodeScalar(new Uint8Array(length).fill(1))).toEqual(refused);
  });

  test('do not hold what is not a scalar', () => {
    expect(() => encodeScalar(2n ** 256n)).toThrow();
    expect(() => encodeScalar(-1n)).toThrow();
  });
});

describe('arithmetic mod r', () => {
  test.each([
    [0n, 0n],
    [-1n, r - 1n],
    [-r, 0n],
    [-r - 1n, r - 1n],
    [1n - r, 1n],
    [r, 0n],
    [r - 1n, r - 1n],
    [2n * r + 5n, 5n],
    [-(2n ** 400n) * r - 3n, r - 3n],
  ])('toScalar(%d)', (value, reduced) => {
    expect(toScalar(value)).toBe(reduced);
  });

  test('toScalar is in [0, r) and congruent', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 600n), max: 2n ** 600n }), (value) => {
        const reduced = toScalar(value);
        expect(reduced >= 0n && reduced < r).toBe(true);
        expect((value - reduced) % r === 0n).toBe(true);
      }),
    );
  });

  test('the inverse, by its definition', () => {
    expect(invertScalar(1n)).toBe(1n);
    expect(invertScalar(r - 1n)).toBe(r - 1n);
    expect(invertScalar(2n)).toBe((r + 1n) / 2n);
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: r - 1n }), (value) => {
        const inverse = invertScalar(value);
        expect(inverse > 0n && inverse < r).toBe(true);
        expect((value * inverse) % r).toBe(1n);
        expect(invertScalar(value - r)).toBe(inverse);
        expect(invertScalar(value + r)).toBe(inverse);
      }),
    );
  });

  test.each([0n, r, -r, 3n * r])('%d has no inverse', (value) => {
    expect(() => invertScalar(value)).toThrow();
  });
});

describe('random scalars', () => {
  test('are 48 bytes mod r: below r even if the source yields ones only', () => {
    const source = scripted(bytesOf(48, 0xff));
    expect(randomScalar(source)).toBe((2n ** 384n - 1n) % r);
    expect(source.left()).toBe(0);
    expect(randomScalar(scripted(bytesOf(48, 0)))).toBe(0n);
    expect(randomScalar(scripted([...bytesOf(47, 0), 7]))).toBe(7n);
  });

  test('are below r, differ, and reach into every quarter of [0, r)', () => {
    const random = seededRandom(12);
    const values = Array.from({ length: 200 }, () => randomScalar(random));
    expect(values.every((value) => value >= 0n && value < r)).toBe(true);
    expect(new Set(values).size).toBe(200);
    expect(new Set(values.map((value) => (4n * value) / r))).toEqual(new Set([0n, 1n, 2n, 3n]));
  });
});

describe('random weights', () => {
  test('are never 0: zeros are drawn again', () => {
    const source = scripted([...bytesOf(16, 0), ...bytesOf(16, 0), ...bytesOf(15, 0), 1]);
    expect(randomWeight(source)).toBe(1n);
    expect(source.left()).toBe(0);
  });

  test('are 16 bytes, not reduced', () => {
    expect(randomWeight(scripted(bytesOf(16, 0xff)))).toBe(2n ** 128n - 1n);
    expect(randomWeight(scripted([1, ...bytesOf(15, 0)]))).toBe(2n ** 120n);
    const random = seededRandom(34);
    const values = Array.from({ length: 200 }, () => randomWeight(random));
    expect(values.every((value) => value > 0n && value < 2n ** 128n)).toBe(true);
    expect(new Set(values).size).toBe(200);
    expect(values.some((value) => value >= 2n ** 127n)).toBe(true);
  });
});
