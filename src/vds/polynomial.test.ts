import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeScalar, groupOrder as r, randomScalar } from '../crypto/index.ts';
import { at, bytesToHex, concatBytes, seededRandom } from '../lib/index.ts';
import { combinePolynomials, dot, evaluate, multiplyPolynomials, payloadPolynomial, powers, quotient, type Polynomial } from './polynomial.ts'; // prettier-ignore
import type { LaneFormat } from './lanes.ts';

/** n of the tests. */
const n = 256;

const scalar = fc.oneof(
  fc.bigInt({ min: 0n, max: r - 1n }),
  fc.constantFrom(0n, 1n, 2n, 2n ** 240n, r - 2n, r - 1n),
);
const polynomial = fc.array(scalar, { maxLength: 12 });

/** a·b, each coefficient by each. */
function schoolbook(a: Polynomial, b: Polynomial): bigint[] {
  const product = new Array<bigint>(a.length === 0 || b.length === 0 ? 0 : a.length + b.length - 1).fill(0n); // prettier-ignore
  a.forEach((x, i) => b.forEach((y, j) => (product[i + j] = (at(product, i + j) + x * y) % r)));
  return product;
}

/** a + b, as long as the longer one. */
function add(a: Polynomial, b: Polynomial): bigint[] {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => ((a[i] ?? 0n) + (b[i] ?? 0n)) % r);
}

/** Without the zeros above the degree. */
function trim(a: Polynomial): bigint[] {
  return a.slice(0, a.findLastIndex((coefficient) => coefficient !== 0n) + 1);
}

/** P(z), power by power. */
function valueAt(a: Polynomial, z: bigint): bigint {
  let [sum, power] = [0n, 1n];
  for (const coefficient of a) {
    sum += coefficient * power;
    power = (power * z) % r;
  }
  return sum % r;
}

describe('polynomials over F_r, as the schoolbook has them', () => {
  test('evaluate: Σ c_i·z^i', () => {
    fc.assert(
      fc.property(polynomial, scalar, (a, z) => {
        expect(evaluate(a, z)).toBe(valueAt(a, z));
      }),
    );
  });

  test('quotient: P = (X − z)·quotient + P(z)', () => {
    fc.assert(
      fc.property(polynomial, scalar, (a, z) => {
        const divided = quotient(a, z);
        expect(divided.length).toBe(Math.max(0, a.length - 1));
        expect(divided.every((coefficient) => coefficient >= 0n && coefficient < r)).toBe(true);
        const product = schoolbook([(r - z) % r, 1n], divided);
        expect(trim(add(product, [evaluate(a, z)]))).toEqual(trim(a));
      }),
    );
  });

  test('quotient at a root leaves the other factors', () => {
    fc.assert(
      fc.property(polynomial, scalar, (a, z) => {
        expect(quotient(schoolbook([(r - z) % r, 1n], a), z)).toEqual(a);
      }),
    );
  });

  test('combinePolynomials: Σ factors[k]·P_k, of any lengths', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(polynomial, scalar), { maxLength: 5 }), (terms) => {
        const polynomials = terms.map(([each]) => each);
        const scaled = terms.map(([each, factor]) => schoolbook(each, [factor]));
        const factors = terms.map(([, factor]) => factor);
        expect(combinePolynomials(polynomials, factors)).toEqual(scaled.reduce(add, []));
      }),
    );
  });

  test('powers: each the one before times the base', () => {
    fc.assert(
      fc.property(scalar, fc.nat(20), (base, count) => {
        const expected: bigint[] = [];
        for (let power = 1n; expected.length < count; power = (power * base) % r) expected.push(power); // prettier-ignore
        expect(powers(base, count)).toEqual(expected);
      }),
    );
  });

  test('dot: Σ a_i·b_i, where a factor that is missing counts as 0', () => {
    fc.assert(
      fc.property(polynomial, polynomial, (a, b) => {
        const expected = a.reduce((sum, x, i) => sum + x * (b[i] ?? 0n), 0n) % r;
        expect(dot(a, b)).toBe(expected);
      }),
    );
  });
});

describe('multiplyPolynomials', () => {
  test('is the product', () => {
    fc.assert(
      fc.property(polynomial, polynomial, (a, b) => {
        expect(multiplyPolynomials(a, b)).toEqual(schoolbook(a, b));
      }),
    );
  });

  test('takes values at any point to their product, for 257 by 129 coefficients', () => {
    const random = seededRandom(8);
    const [a, b] = [257, 129].map((length) => Array.from({ length }, () => randomScalar(random)));
    const [z, product] = [randomScalar(random), multiplyPolynomials(a ?? [], b ?? [])];
    expect(product.length).toBe(257 + 128);
    expect(valueAt(product, z)).toBe((valueAt(a ?? [], z) * valueAt(b ?? [], z)) % r);
  });

  // r − 1 = −1: every coefficient is a sum of ones, and the largest there can be before it is reduced.
  test.each([
    [4097, 4097],
    [4097, 3],
    [1, 4097],
    [1, 1],
  ])('has room for the largest coefficients, %i by %i', (length, other) => {
    const largest = (count: number) => new Array<bigint>(count).fill(r - 1n);
    const expected = Array.from({ length: length + other - 1 }, (_, k) =>
      BigInt(Math.min(k + 1, length, other, length + other - 1 - k)),
    );
    expect(multiplyPolynomials(largest(length), largest(other))).toEqual(expected);
  });

  test('keeps zeros at either end in their place', () => {
    expect(multiplyPolynomials([0n, 0n, 3n, 0n], [0n, 5n, 0n])).toEqual([0n, 0n, 0n, 15n, 0n, 0n]);
    expect(multiplyPolynomials([0n], [0n, 0n])).toEqual([0n, 0n]);
    expect([multiplyPolynomials([], [1n]), multiplyPolynomials([1n], [])]).toEqual([[], []]);
  });
});

describe('payloadPolynomial (VDS.md, "Chunks as scalars")', () => {
  const formats = [
    { format: 'update', bytesPerLane: 1, lanesPerScalar: 15, bits: 16n },
    { format: 'sum', bytesPerLane: 2, lanesPerScalar: 15, bits: 16n },
    { format: 'bytes', bytesPerLane: 1, lanesPerScalar: 30, bits: 8n },
  ] as const;

  test.each(formats)('γ + Σ m_i·X^i of $format lanes', (about) => {
    const { format, bytesPerLane, lanesPerScalar, bits } = about;
    const lanes = fc.array(fc.nat(256 ** bytesPerLane - 1), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(
        fc.tuple(scalar, scalar, scalar),
        lanes,
        fc.nat(9),
        (blinders, values, offset) => {
          const bytes = values.flatMap((value) => [value & 255, value >> 8].slice(0, bytesPerLane));
          const whole = concatBytes(new Uint8Array(offset), ...blinders.map(encodeScalar), Uint8Array.from(bytes)); // prettier-ignore
          const scalars = Array.from(
            { length: Math.ceil(values.length / lanesPerScalar) },
            (_, i) =>
              values
                .slice(i * lanesPerScalar, (i + 1) * lanesPerScalar)
                .reduce((sum, lane, l) => sum + BigInt(lane) * 2n ** (bits * BigInt(l)), 0n),
          );
          // Not at the start of its buffer, as what is cut out of a message.
          const zeros = new Array<bigint>(n - scalars.length).fill(0n);
          const [first, ...others] = blinders;
          const expected = [first, ...scalars, ...zeros, ...others];
          expect(payloadPolynomial(whole.subarray(offset), format, n)).toEqual(expected);
        },
      ),
    );
  });

  test('reads bytes little-endian, γ big-endian', () => {
    const payload = new Uint8Array(96 + 30).with(30, 1).with(96, 2).with(97, 3).with(125, 4);
    const hex = (of: bigint | undefined) => `0x${(of ?? 0n).toString(16)}`;
    const read = (format: LaneFormat) => payloadPolynomial(payload, format, n).map(hex);
    expect(read('bytes').slice(0, 3)).toEqual(['0x100', `0x4${'00'.repeat(27)}0302`, '0x0']);
    const spread = `0x4${'00'.repeat(28)}`;
    expect(read('update').slice(0, 4)).toEqual(['0x100', '0x30002', spread, '0x0']);
    expect(bytesToHex(payload.subarray(0, 32))).toBe(`${'00'.repeat(30)}0100`);
  });

  test('of the largest lanes stays below 2^240', () => {
    const payload = new Uint8Array(96 + 60).fill(255, 96);
    const [, ...read] = payloadPolynomial(payload, 'bytes', n);
    expect(read.slice(0, 3)).toEqual([2n ** 240n - 1n, 2n ** 240n - 1n, 0n]);
  });
});
