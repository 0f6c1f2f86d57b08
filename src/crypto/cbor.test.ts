import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../lib/index.ts';
import { decodeCanonical, encodeCanonical } from './cbor.ts';

/** Everything that our messages are made of, nested. */
const { value: nested } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32, -1, -24, -25),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (x === 0 ? 0 : x)),
    fc.float({ noNaN: true, noDefaultInfinity: true }).map((x) => (x === 0 ? 0 : x)),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 30 }), tie('value'), {
      maxKeys: 5,
      noNullPrototype: true,
    }),
  ),
}));

const decodeHex = (hex: string) => decodeCanonical(hexToBytes(hex));

describe('deterministic CBOR (RFC 8949 §4.2.1)', () => {
  // RFC 8949, Appendix A
  const examples: [unknown, string][] = [
    [0, '00'],
    [23, '17'],
    [24, '1818'],
    [1000, '1903e8'],
    [1000000, '1a000f4240'],
    [1000000000000, '1b000000e8d4a51000'],
    [-1, '20'],
    [-1000, '3903e7'],
    [1.5, 'f93e00'],
    [100000.5, 'fa47c35040'],
    [1.1, 'fb3ff199999999999a'],
    [5.960464477539063e-8, 'f90001'],
    [1.0e300, 'fb7e37e43c8800759c'],
    [false, 'f4'],
    [null, 'f6'],
    ['ü', '62c3bc'],
    ['𐅑', '64f0908591'],
    [new Uint8Array([1, 2, 3, 4]), '4401020304'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
  ];
  test.each(examples)('%j has the bytes of Appendix A', (value, hex) => {
    expect(bytesToHex(encodeCanonical(value))).toBe(hex);
    expect(decodeHex(hex)).toEqual({ ok: true, value });
  });

  test('any value is read back', () => {
    fc.assert(
      fc.property(nested, (value) => {
        expect(decodeCanonical(encodeCanonical(value))).toEqual({ ok: true, value });
      }),
      { numRuns: 1000 },
    );
  });

  test('keys are sorted bytewise by their encoding, in whatever order they were added', () => {
    expect(bytesToHex(encodeCanonical({ b: 1, aa: 2, a: 3 }))).toBe('a361610361620162616102');
    const entries = fc.uniqueArray(fc.tuple(fc.string(), fc.integer()), { selector: ([k]) => k });
    fc.assert(
      fc.property(entries, fc.nat(), (pairs, by) => {
        const turn = by % (pairs.length + 1);
        const turned = [...pairs.slice(turn), ...pairs.slice(0, turn)].reverse();
        expect(encodeCanonical(Object.fromEntries(turned))).toEqual(
          encodeCanonical(Object.fromEntries(pairs)),
        );
      }),
    );
  });

  // The decoder drops the mark: such a string is refused, never taken for another one.
  test('a string that opens with a byte order mark is refused', () => {
    for (const value of ['\uFEFF', '\uFEFFname', `\uFEFF${'long '.repeat(40)}`]) {
      expect(decodeCanonical(encodeCanonical(value)).ok).toBe(false);
    }
  });
});

describe('what is not the one canonical encoding is refused', () => {
  test.each([
    ['an integer with a byte too many', '1817'],
    ['an integer with seven bytes too many', '1b0000000000000001'],
    ['a negative integer with a byte too many', '3800'],
    ['a length with a byte too many', '580161'],
    ['a text length with a byte too many', '780161'],
    ['an array length with a byte too many', '980101'],
    ['a map length with a byte too many', 'b801616101'],
    ['an integer as a float', 'f93c00'],
    ['negative zero', 'f98000'],
    ['a float of more bits than it needs', 'fb3ff8000000000000'],
    ['bytes of indefinite length', '5f4101ff'],
    ['text of indefinite length', '7f6161ff'],
    ['an array of indefinite length', '9f01ff'],
    ['a map of indefinite length', 'bf616101ff'],
    ['a key twice', 'a2616101616102'],
    ['keys out of order', 'a2616201616101'],
    ['keys in the order of RFC 7049’s rival, plain text', 'a262616101616202'],
    ['a key that is not text', 'a10101'],
    ['bytes after the value', '0000'],
    ['nothing at all', ''],
    ['half a value', '8201'],
    ['undefined', 'f7'],
    ['undefined within', '81f7'],
    ['NaN', 'f97e00'],
    ['NaN of 8 bytes', 'fb7ff8000000000000'],
    ['infinity', 'f97c00'],
    ['negative infinity', 'f9fc00'],
    ['a tag', 'c100'],
    ['a tagged big integer', 'c249010000000000000000'],
    ['an integer beyond 2⁵³', '1bffffffffffffffff'],
    ['a simple value that means nothing', 'f0'],
    ['text that is not UTF-8', '61ff'],
    ['long text that is not UTF-8', `7864${'61'.repeat(99)}ff`],
    ['an unpaired surrogate', '63eda080'],
    ['a break without a beginning', 'ff'],
    ['an array longer than memory', '9bffffffffffffffff'],
    ['an array of four thousand million', '9affffffff'],
    ['bytes longer than the input', '5affffffff00'],
  ])('%s', (_, hex) => {
    expect(decodeHex(hex).ok).toBe(false);
  });

  test('a value one bit away from a canonical one is refused or canonical itself', () => {
    fc.assert(
      fc.property(nested, fc.nat(), (value, choice) => {
        const bytes = encodeCanonical(value);
        const bit = choice % (bytes.length * 8);
        bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const decoded = decodeCanonical(bytes);
        if (decoded.ok) expect(encodeCanonical(decoded.value)).toEqual(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('a key named __proto__ changes no prototype', () => {
    const decoded = decodeHex('a1695f5f70726f746f5f5fa1616101'); // {"__proto__": {"a": 1}}
    const value = decoded.ok ? decoded.value : {};
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['a']).toBeUndefined();
  });
});

describe('hostile bytes', () => {
  test('are a verdict, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoded = decodeCanonical(bytes);
        if (decoded.ok) expect(encodeCanonical(decoded.value)).toEqual(bytes);
        else expect(decoded.error).not.toBe('');
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['arrays', [0x81]],
    ['maps', [0xa1, 0x61, 0x61]],
    ['tags', [0xc1]],
  ])('64 KiB of nested %s are an error', (_, opening) => {
    const bomb = Uint8Array.from({ length: 65_536 }, (__, i) => opening[i % opening.length] ?? 0);
    expect(decodeCanonical(bomb).ok).toBe(false);
  });

  test('a nest that closes properly is an error as well, not an overflow', () => {
    const bomb = new Uint8Array(65_536).fill(0x81);
    bomb[bomb.length - 1] = 0x00;
    expect(() => decodeCanonical(bomb)).not.toThrow();
  });
});
