import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { hexToBytes, randomBytes, randomInt, seededRandom } from '../lib/index.ts';
import { toAffinePoints } from './affine.ts';
import { tableRows, type ByteTable } from './arithmetic.ts';
import { bigIntArithmetic } from './bigint-arithmetic.ts';
import { createKernelArithmetic } from './kernel-arithmetic.ts';
import { multiplyG2 } from './msm.ts';
import { G1, G2, type G1Point } from './groups.ts';
import { encodeScalar, groupOrder as r, randomScalar, toScalar } from './scalar.ts';

const random = seededRandom(255);

/** Σ kᵢ·Pᵢ, one multiplication after the other. */
function sumOfProducts(points: readonly G1Point[], scalars: readonly bigint[]): G1Point {
  return scalars.reduce(
    (sum, scalar, i) => sum.add((points[i] ?? G1.ZERO).multiplyUnsafe(scalar)),
    G1.ZERO,
  );
}

const times = (k: bigint) => G1.BASE.multiplyUnsafe(toScalar(k));
const [P, Q] = [times(randomScalar(random)), times(randomScalar(random))];

/** Whatever goes wrong in an affine addition: doubling, opposite points, the identity. */
const point = fc.oneof(
  fc.constantFrom(G1.ZERO, P, P.negate(), Q, P.double(), P.add(Q), G1.BASE),
  fc.bigInt({ min: 1n, max: r - 1n }).map(times),
);
const scalar = fc.oneof(
  fc.constantFrom(0n, 1n, 2n, 255n, 256n, 2n ** 128n, 2n ** 254n, r - 2n, r - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 16n }),
  fc.bigInt({ min: 0n, max: r - 1n }),
);

/** Some that both ways of multiplying must get right. */
const cases: [name: string, points: G1Point[], scalars: bigint[]][] = [
  ['nothing', [], []],
  ['one point', [P], [r - 1n]],
  ['one point by 0', [P], [0n]],
  ['one point by 1', [P], [1n]],
  ['the identity', [G1.ZERO], [5n]],
  ['the identity among others', [P, G1.ZERO, Q], [3n, 4n, 5n]],
  ['zeros', [P, Q, P], [0n, 0n, 0n]],
  ['a zero among others', [P, Q, P], [7n, 0n, 2n ** 200n]],
  ['equal points by equal scalars', [P, P, P, P], [9n, 9n, 9n, 9n]],
  ['equal points by different scalars', [P, P, P], [1n, 2n, 255n]],
  ['opposite points', [P, P.negate()], [77n, 77n]],
  ['opposite points and another', [P, P.negate(), Q], [77n, 77n, 77n]],
  ['opposite scalars', [P, P], [5n, r - 5n]],
  ['the same scalar for all', [P, Q, G1.BASE, P.add(Q)], [2n ** 253n, 2n ** 253n, 2n ** 253n, 2n ** 253n]], // prettier-ignore
  ['a sum of 0', [P, Q, P.add(Q)], [8n, 8n, r - 8n]],
  ['all bits set', [P, Q], [2n ** 254n - 1n, 2n ** 254n - 1n]],
];

const kernelArithmetic = createKernelArithmetic();
if (kernelArithmetic === null) throw new Error('there is WebAssembly here');
const both = [kernelArithmetic, bigIntArithmetic];

describe.each(both)('multiScalarMultiply by $name', (arithmetic) => {
  test.each(cases)('%s', (_name, points, scalars) => {
    const affine = toAffinePoints(points);
    const before = structuredClone(affine);
    const sum = arithmetic.multiScalarMultiply(affine, scalars);
    expect(sum.equals(sumOfProducts(points, scalars))).toBe(true);
    expect(affine).toEqual(before);
  });

  test('is Σ kᵢ·Pᵢ for any points and scalars', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(point, scalar), { maxLength: 12 }), (terms) => {
        const [points, scalars] = [terms.map(([each]) => each), terms.map(([, each]) => each)];
        const sum = arithmetic.multiScalarMultiply(toAffinePoints(points), scalars);
        expect(sum.equals(sumOfProducts(points, scalars))).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  // The width of a window depends on the count and on the size of the scalars.
  test.each([
    [30, 256],
    [200, 8],
    [200, 128],
    [500, 256],
  ])('of %i points by scalars of %i bits', (count, bits) => {
    const logs = Array.from({ length: count }, () => BigInt(randomInt(random, 1000)));
    const multiples = [G1.ZERO];
    for (let k = 1; k < 1000; k++) multiples.push((multiples[k - 1] ?? G1.ZERO).add(G1.BASE));
    const points = logs.map((log) => multiples[Number(log)] ?? G1.ZERO);
    const scalars = logs.map(() => randomScalar(random) % 2n ** BigInt(bits));
    const expected = logs.reduce((sum, log, i) => sum + log * (scalars[i] ?? 0n), 0n);
    expect(
      arithmetic.multiScalarMultiply(toAffinePoints(points), scalars).equals(times(expected)),
    ).toBe(true);
  });

  test('leaves out points without a scalar', () => {
    const affine = toAffinePoints([P, Q, G1.BASE]);
    expect(arithmetic.multiScalarMultiply(affine, [2n, 3n]).equals(P.double().add(Q.multiplyUnsafe(3n)))).toBe(true); // prettier-ignore
  });
});

describe.each(both)('byte table by $name', (arithmetic) => {
  const points = [P, Q, G1.BASE, P, P.double(), P.negate()];
  const shares: number[] = [];
  let running = 0;
  let table: ByteTable;
  beforeAll(async () => {
    table = await arithmetic.buildTable(toAffinePoints(points), async (share) => {
      running++;
      expect(running).toBe(1); // awaited before the next
      await Promise.resolve();
      running--;
      shares.push(share);
    });
  });

  test('tells its progress, up to all of it', () => {
    expect(shares).toEqual(Array.from({ length: 31 }, (_, l) => (l + 1) / 31));
    expect(table.bytes).toBeGreaterThanOrEqual(6 * tableRows * 2 * 48);
  });

  test.each(cases.filter(([, own]) => own.length > 0 && own.every((each) => !each.is0())))(
    'multiplies: %s',
    async (_n, own, scalars) => {
      const built = await arithmetic.buildTable(toAffinePoints(own), () => undefined);
      expect(built.multiply(scalars).equals(sumOfProducts(own, scalars))).toBe(true);
    },
  );

  test('multiplies by any scalars, as many as there are', () => {
    fc.assert(
      fc.property(fc.array(scalar, { maxLength: points.length }), (scalars) => {
        expect(table.multiply(scalars).equals(sumOfProducts(points, scalars))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test('multiplies by what is not below r as well', () => {
    const scalars = [2n ** 256n - 1n, r, r + 1n];
    expect(table.multiply(scalars).equals(sumOfProducts(points, scalars.map(toScalar)))).toBe(true);
  });

  /** What `sumBytes` is said to be, byte by byte. */
  function expectedSum(
    bytes: Uint8Array,
    first: number,
    perScalar: number,
    stride: number,
  ): G1Point {
    let sum = G1.ZERO;
    for (const [k, byte] of bytes.entries()) {
      const row = (k % perScalar) * stride;
      const weight = toScalar(BigInt(byte) << BigInt(8 * row));
      const each = points[first + Math.floor(k / perScalar)];
      if (each === undefined) throw new Error('more bytes than points');
      sum = sum.add(each.multiplyUnsafe(weight));
    }
    return sum;
  }

  test.each([
    { first: 0, perScalar: 32, stride: 1, length: 192 },
    { first: 2, perScalar: 32, stride: 1, length: 64 },
    { first: 0, perScalar: 16, stride: 2, length: 96 },
    { first: 1, perScalar: 2, stride: 16, length: 10 },
    { first: 0, perScalar: 8, stride: 4, length: 43 }, // the last point has fewer
    { first: 3, perScalar: 1, stride: 1, length: 3 },
    { first: 5, perScalar: 32, stride: 1, length: 1 },
    { first: 0, perScalar: 4, stride: 7, length: 24 },
    { first: 0, perScalar: 4, stride: 1, length: 0 },
  ])('sums bytes from point $first, $perScalar each, by $stride', (layout) => {
    const { first, perScalar, stride, length } = layout;
    const inputs = [
      randomBytes(random, length),
      new Uint8Array(length),
      new Uint8Array(length).fill(255),
      randomBytes(random, length).map((byte, k) => (k % 3 === 0 ? byte : 0)),
    ];
    for (const bytes of inputs) {
      expect(table.sumBytes(bytes, layout).equals(expectedSum(bytes, first, perScalar, stride))).toBe(true); // prettier-ignore
    }
  });

  test('sums every single byte at every row as that multiple', () => {
    for (let row = 0; row < 32; row++) {
      const byte = 1 + ((row * 37) % 255);
      const bytes = new Uint8Array(32).with(row, byte);
      const sum = table.sumBytes(bytes, { first: 1, perScalar: 32, stride: 1 });
      expect(sum.equals(Q.multiplyUnsafe(toScalar(BigInt(byte) << BigInt(8 * row))))).toBe(true);
    }
  });

  test('reads scalars with the least byte first', () => {
    const bytes = encodeScalar(0x0102n).reverse();
    expect(bytes).toEqual(hexToBytes(`0201${'00'.repeat(30)}`));
    const sum = table.sumBytes(bytes, { first: 0, perScalar: 32, stride: 1 });
    expect(sum.equals(P.multiplyUnsafe(0x0102n))).toBe(true);
    expect(table.multiply([0x0102n]).equals(sum)).toBe(true);
  });
});

describe('multiplyG2', () => {
  const base = G2.BASE;
  const twin = base.multiplyUnsafe(randomScalar(random));

  test.each([
    ['nothing', [], []],
    ['one point', [twin], [r - 1n]],
    ['zeros', [twin, base], [0n, 0n]],
    ['equal and opposite points', [twin, twin, twin.negate()], [3n, 4n, 5n]],
    ['the identity among others', [twin, G2.ZERO, base], [3n, 4n, 2n ** 254n]],
    ['a sum of 0', [twin, twin.negate()], [9n, 9n]],
    [
      'random scalars',
      [twin, base, twin.double(), base],
      [1, 2, 3, 4].map(() => randomScalar(random)),
    ],
  ])('%s', (_name, points, scalars) => {
    const expected = scalars.reduce(
      (sum, k, i) => sum.add((points[i] ?? G2.ZERO).multiplyUnsafe(k)),
      G2.ZERO,
    );
    expect(multiplyG2(points, scalars).equals(expected)).toBe(true);
  });
});

describe.each(both)('evaluateBytes by $name', ({ evaluateBytes }) => {
  const z = randomScalar(random);
  const expected = (bytes: Uint8Array, perScalar: number, stride: number, at: bigint) => {
    let [sum, power] = [0n, 1n];
    for (let from = 0; from < bytes.length; from += perScalar) {
      power = (power * at) % r;
      for (const [k, byte] of bytes.subarray(from, from + perScalar).entries()) {
        sum += (BigInt(byte) << BigInt(8 * stride * k)) * power;
      }
    }
    return sum % r;
  };

  test.each([
    { perScalar: 15, stride: 2, length: 15 * 256 },
    { perScalar: 30, stride: 1, length: 30 * 256 },
    { perScalar: 15, stride: 2, length: 100 },
    { perScalar: 30, stride: 1, length: 30 * 128 },
    { perScalar: 30, stride: 1, length: 30 * 128 * 3 + 17 },
    { perScalar: 15, stride: 2, length: 15 * 127 },
    { perScalar: 15, stride: 2, length: 15 * 128 * 2 + 1 },
    { perScalar: 30, stride: 1, length: 1 },
    { perScalar: 15, stride: 2, length: 0 },
  ])('$length bytes, $perScalar each, by $stride', ({ perScalar, stride, length }) => {
    const inputs = [
      randomBytes(random, length),
      new Uint8Array(length),
      new Uint8Array(length).fill(255),
      new Uint8Array(length).fill(128),
    ];
    for (const bytes of inputs) {
      for (const point of [z, 0n, 1n, r - 1n, 2n ** 254n]) {
        const value = evaluateBytes(bytes, { perScalar, stride }, point);
        expect(value).toBe(expected(bytes, perScalar, stride, point));
      }
    }
  });
});

/** What a chunk of n = 256 may hold. */
const patterns: [name: string, lane: (i: number) => number][] = [
  ['all 0', () => 0],
  ['a single one', (i) => (i === 77 ? 200 : 0)],
  ['all 255', () => 255],
  ['all the same', () => 128],
  ['sparse', (i) => (i % 97 === 0 ? 3 : 0)],
  ['random', () => randomInt(random, 256)],
  ['bell-shaped', () => Array.from({ length: 8 }, () => randomInt(random, 32)).reduce((a, b) => a + b)], // prettier-ignore
];

describe('a chunk of 256 scalars', () => {
  const logs = Array.from({ length: 257 }, () => randomScalar(random));
  const points = toAffinePoints(logs.map(times));
  let tables: ByteTable[];
  beforeAll(async () => {
    tables = await Promise.all(both.map((each) => each.buildTable(points, () => undefined)));
  });

  test.each(patterns)('%s: the multiple of [1]₁ that its logarithm says', (_name, lane) => {
    const lanes = Uint8Array.from({ length: 15 * 256 }, (_, i) => lane(i));
    let log = 0n;
    lanes.forEach((byte, k) => {
      const weight = BigInt(byte) << BigInt(16 * (k % 15));
      log += weight * (logs[1 + Math.floor(k / 15)] ?? 0n);
    });
    for (const table of tables) {
      const sum = table.sumBytes(lanes, { first: 1, perScalar: 15, stride: 2 });
      expect(sum.equals(times(log))).toBe(true);
    }
  });

  test('rows of the table are the multiples 2^(8l)', () => {
    for (const row of [0, 1, 15, 30, 31]) {
      for (const place of [0, 100, 256]) {
        const bytes = new Uint8Array(32 * (place + 1));
        bytes[32 * place + row] = 1;
        const expected = times((logs[place] ?? 0n) << BigInt(8 * row));
        for (const table of tables) {
          const sum = table.sumBytes(bytes, { first: 0, perScalar: 32, stride: 1 });
          expect(sum.equals(expected)).toBe(true);
        }
      }
    }
  });
});

describe.each(both)('points that depend on each other, by $name', ({ multiScalarMultiply }) => {
  const count = 400;
  const check = (logs: readonly bigint[], scalars: readonly bigint[]) => {
    const points = toAffinePoints(logs.map(times));
    const expected = logs.reduce((sum, log, i) => sum + log * (scalars[i] ?? 0n), 0n);
    expect(multiScalarMultiply(points, scalars).equals(times(expected))).toBe(true);
  };
  const log = randomScalar(random);
  const scalars = Array.from({ length: count }, () => randomScalar(random));
  const each = (of: (i: bigint) => bigint) =>
    Array.from({ length: count }, (_, i) => of(BigInt(i)));

  test('all equal', () => {
    check(
      each(() => log),
      scalars,
    );
    check(
      each(() => log),
      each(() => 5n),
    );
  });

  test('each with its negative', () => {
    check(
      each((i) => (i % 2n === 0n ? log + i : -(log + i - 1n))),
      each((i) => 7n + i / 2n),
    );
    check(
      each((i) => (i % 2n === 0n ? log : -log)),
      scalars,
    );
  });

  test('an arithmetic progression', () => {
    check(
      each((i) => log + i),
      each(() => 255n),
    );
    check(
      each((i) => 1n + i),
      scalars,
    );
  });
});
