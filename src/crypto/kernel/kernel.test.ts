import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Kernel } from './kernel.ts';

const { Fp, Fr } = bls12_381.fields;

function createKernel(): Kernel {
  const kernel = Kernel.create();
  if (kernel === null) throw new Error('there is WebAssembly here');
  return kernel;
}

const kernel = createKernel();
const [out, a, b] = [kernel.allocate(56), kernel.allocate(56), kernel.allocate(56)];

const fields = [
  { name: 'Fp', F: Fp, limbs: 14, multiply: kernel.exports.multiplyFp },
  { name: 'Fr', F: Fr, limbs: 10, multiply: kernel.exports.multiplyFr },
] as const;

describe.each(fields)('$name', ({ F, limbs, multiply }) => {
  const p = F.ORDER;
  const inverseOfR = F.inv((1n << BigInt(28 * limbs)) % p);
  const product = (x: bigint, y: bigint) => {
    kernel.writeLimbs(a, limbs, x);
    kernel.writeLimbs(b, limbs, y);
    multiply(out, a, b);
    return kernel.readLimbs(out, limbs);
  };
  const expected = (x: bigint, y: bigint) => F.mul(F.mul(x % p, y % p), inverseOfR);
  const edges = [0n, 1n, 2n, p - 1n, p, p + 1n, 2n * p - 1n, 32n * p - 1n, (1n << 28n) - 1n, 1n << 252n]; // prettier-ignore

  test('multiplies 0, 1, p − 1 and what is as large as it may be', () => {
    for (const x of edges) {
      for (const y of edges) {
        const got = product(x, y);
        expect(got % p).toBe(expected(x, y));
        expect(got < 2n * p).toBe(true);
      }
    }
  });

  test('multiplies anything below 32p, and the result is reduced', () => {
    const value = fc.bigInt({ min: 0n, max: 32n * p - 1n });
    fc.assert(
      fc.property(value, value, (x, y) => {
        const got = product(x, y);
        expect([got % p, got < 2n * p]).toEqual([expected(x, y), true]);
      }),
    );
  });

  test('columns hold with limbs at their largest, 2³⁰ − 1, below 32p', () => {
    // The top limb as large as the value may be; the others carry up to 4 into it.
    const top = Number((32n * p) >> BigInt(28 * (limbs - 1))) - 5;
    const write = (address: number, each: number) => {
      const view = new Uint32Array(kernel.exports.memory.buffer, address, limbs);
      view.fill(each);
      view[limbs - 1] = Math.min(top, each);
      return kernel.readLimbs(address, limbs);
    };
    for (const [left, right] of [[2 ** 30 - 1, 2 ** 30 - 1], [2 ** 30 - 1, 1], [2 ** 28, 2 ** 30 - 1]] as const) {
      const [x, y] = [write(a, left), write(b, right)];
      expect(x < 32n * p && y < 32n * p).toBe(true);
      multiply(out, a, b);
      const got = kernel.readLimbs(out, limbs);
      expect([got % p, got < 2n * p]).toEqual([expected(x, y), true]);
    } // prettier-ignore
    const x = write(a, 2 ** 30 - 1);
    multiply(a, a, a);
    expect(kernel.readLimbs(a, limbs) % p).toBe(expected(x, x));
  });
});

describe('sums in Fp', () => {
  const p = Fp.ORDER;
  const { addFp, subtractFp, reduceFp, isZeroFp, invertFp } = kernel.exports;
  const reduced = fc.oneof(
    fc.constantFrom(0n, 1n, p - 1n, p, p + 1n, 2n * p - 1n, (1n << 364n) - 1n, 1n << 380n),
    fc.bigInt({ min: 0n, max: 2n * p - 1n }),
  );
  const write = (x: bigint, y: bigint) => {
    kernel.writeLimbs(a, 14, x);
    kernel.writeLimbs(b, 14, y);
  };
  const limbsAt = (address: number) => [...new Uint32Array(kernel.exports.memory.buffer, address, 14)]; // prettier-ignore

  test('add and subtract, loose', () => {
    fc.assert(
      fc.property(reduced, reduced, (x, y) => {
        write(x, y);
        addFp(out, a, b);
        expect(kernel.readLimbs(out, 14)).toBe(x + y);
        subtractFp(out, a, b);
        expect(kernel.readLimbs(out, 14)).toBe(x - y + 4n * p);
        expect(limbsAt(out).every((limb) => limb < 3 * 2 ** 28)).toBe(true);
      }),
    );
  });

  test('three subtractions in a row stay within what reduces', () => {
    fc.assert(
      fc.property(reduced, reduced, (x, y) => {
        write(x, y);
        for (let k = 0; k < 3; k++) subtractFp(a, a, b);
        expect(kernel.readLimbs(a, 14)).toBe(x - 3n * y + 12n * p);
        expect(limbsAt(a).every((limb) => limb < 2 ** 31)).toBe(true);
        reduceFp(a);
        expect(kernel.readLimbs(a, 14) % p).toBe((x - 3n * y + 12n * p) % p);
      }),
    );
  });

  test('reduce: every multiple of p below 64p, and its neighbours', () => {
    for (let k = 0n; k < 64n; k++) {
      for (const value of [k * p - 1n, k * p, k * p + 1n, k * p + (p >> 1n)]) {
        if (value < 0n) continue;
        kernel.writeLimbs(a, 14, value);
        reduceFp(a);
        expect(kernel.readLimbs(a, 14) % p).toBe(value % p);
        expect(kernel.readLimbs(a, 14) * 1000n < 1001n * p).toBe(true);
        expect(limbsAt(a).every((limb) => limb < 2 ** 28)).toBe(true);
        expect(isZeroFp(a) !== 0).toBe(value % p === 0n);
      }
    }
  });

  test('reduce: limbs of up to 31 bits', () => {
    const limb = fc.oneof(fc.constantFrom(0, 2 ** 31 - 1, 2 ** 28), fc.nat(2 ** 31 - 1));
    fc.assert(
      fc.property(fc.array(limb, { minLength: 13, maxLength: 13 }), fc.nat(60 * 106_000), (low, top) => {
        const view = new Uint32Array(kernel.exports.memory.buffer, a, 14);
        view.set([...low, top]);
        const value = kernel.readLimbs(a, 14);
        reduceFp(a);
        expect(kernel.readLimbs(a, 14) % p).toBe(value % p);
        expect(kernel.readLimbs(a, 14) < 2n * p).toBe(true);
        expect(limbsAt(a).every((each) => each < 2 ** 28)).toBe(true);
      }),
    ); // prettier-ignore
  });

  test('zero is 0 and p, nothing else', () => {
    for (const [value, zero] of [[0n, 1], [p, 1], [1n, 0], [p - 1n, 0], [p + 1n, 0], [1n << 364n, 0], [2n * p - 1n, 0]] as const) {
      kernel.writeLimbs(a, 14, value);
      expect(isZeroFp(a)).toBe(zero);
    } // prettier-ignore
  });

  test('inverts, and 0 to 0', () => {
    const R = (1n << 392n) % p;
    const invert = (x: bigint) => {
      kernel.writeLimbs(a, 14, (x * R) % p);
      invertFp(out, a);
      return Fp.mul(kernel.readLimbs(out, 14) % p, Fp.inv(R));
    };
    for (const x of [1n, 2n, p - 1n, 1n << 380n, 12345n]) expect(invert(x)).toBe(Fp.inv(x));
    expect(invert(0n)).toBe(0n);
  });
});
