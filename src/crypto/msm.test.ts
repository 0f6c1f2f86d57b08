import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { hexToBytes, randomBytes, randomInt, seededRandom } from '../lib/index.ts';
import { toAffinePoints } from './affine.ts';
import { ByteTable, multiplyG2, multiScalarMultiply } from './msm.ts';
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

describe('multiScalarMultiply', () => {
  test.each(cases)('%s', (_name, points, scalars) => {
    const affine = toAffinePoints(points);
    const before = structuredClone(affine);
    const sum = multiScalarMultiply(affine, scalars);
    expect(sum.equals(sumOfProducts(points, scalars))).toBe(true);
    expect(affine).toEqual(before);
  });

  test('is Σ kᵢ·Pᵢ for any points and scalars', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(point, scalar), { maxLength: 12 }), (terms) => {
        const [points, scalars] = [terms.map(([each]) => each), terms.map(([, each]) => each)];
        const sum = multiScalarMultiply(toAffinePoints(points), scalars);
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
    expect(multiScalarMultiply(toAffinePoints(points), scalars).equals(times(expected))).toBe(true);
  });

  test('leaves out points without a scalar', () => {
    const affine = toAffinePoints([P, Q, G1.BASE]);
    expect(multiScalarMultiply(affine, [2n, 3n]).equals(P.double().add(Q.multiplyUnsafe(3n)))).toBe(true); // prettier-ignore
  });
});

describe('ByteTable', () => {
  const points = [P, Q, G1.BASE, P, G1.ZERO, P.negate()];
  const shares: number[] = [];
  let running = 0;
  let table: ByteTable;
  beforeAll(async () => {
    table = await ByteTable.build(toAffinePoints(points), async (share) => {
      running++;
      expect(running).toBe(1); // awaited before the next
      await Promise.resolve();
      running--;
      shares.push(share);
    });
  });

  test('tells its progress, up to all of it', () => {
    expect(shares).toEqual(Array.from({ length: 31 }, (_, l) => (l + 1) / 31));
    expect(table.bytes).toBe(6 * 32 * 2 * 64);
  });

  test.each(cases.filter(([, { length }]) => length > 0))(
    'multiplies: %s',
    async (_n, own, scalars) => {
      const built = await ByteTable.build(toAffinePoints(own));
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
    perPoint: number,
    stride: number,
  ): G1Point {
    let sum = G1.ZERO;
    for (const [k, byte] of bytes.entries()) {
      const row = (k % perPoint) * stride;
      const weight = toScalar(BigInt(byte) << BigInt(8 * row));
      const each = points[first + Math.floor(k / perPoint)];
      if (each === undefined) throw new Error('more bytes than points');
      sum = sum.add(each.multiplyUnsafe(weight));
    }
    return sum;
  }

  test.each([
    { first: 0, perPoint: 32, stride: 1, length: 192 },
    { first: 2, perPoint: 32, stride: 1, length: 64 },
    { first: 0, perPoint: 16, stride: 2, length: 96 },
    { first: 1, perPoint: 2, stride: 16, length: 10 },
    { first: 0, perPoint: 8, stride: 4, length: 43 }, // the last point has fewer
    { first: 3, perPoint: 1, stride: 1, length: 3 },
    { first: 5, perPoint: 32, stride: 1, length: 1 },
    { first: 0, perPoint: 4, stride: 7, length: 24 },
    { first: 0, perPoint: 4, stride: 1, length: 0 },
  ])('sums bytes from point $first, $perPoint each, by $stride', (layout) => {
    const { first, perPoint, stride, length } = layout;
    const inputs = [
      randomBytes(random, length),
      new Uint8Array(length),
      new Uint8Array(length).fill(255),
      randomBytes(random, length).map((byte, k) => (k % 3 === 0 ? byte : 0)),
    ];
    for (const bytes of inputs) {
      expect(table.sumBytes(bytes, layout).equals(expectedSum(bytes, first, perPoint, stride))).toBe(true); // prettier-ignore
    }
  });

  test('sums every single byte at every row as that multiple', () => {
    for (let row = 0; row < 32; row++) {
      const byte = 1 + ((row * 37) % 255);
      const bytes = new Uint8Array(32).with(row, byte);
      const sum = table.sumBytes(bytes, { first: 1, perPoint: 32, stride: 1 });
      expect(sum.equals(Q.multiplyUnsafe(toScalar(BigInt(byte) << BigInt(8 * row))))).toBe(true);
    }
  });

  test('reads scalars with the least byte first', () => {
    const bytes = encodeScalar(0x0102n).reverse();
    expect(bytes).toEqual(hexToBytes(`0201${'00'.repeat(30)}`));
    const sum = table.sumBytes(bytes, { first: 0, perPoint: 32, stride: 1 });
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
