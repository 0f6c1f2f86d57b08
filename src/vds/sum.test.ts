import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeScalar, G1, groupOrder as r } from '../crypto/index.ts';
import {
  at,
  bytesToHex,
  bytesToUint16,
  concatBytes,
  randomBytes,
  seededRandom,
} from '../lib/index.ts';
import { joinLanes } from './batch.ts';
import type { Header } from './header.ts';
import { sumBlindings, sumCommitments, verifySum } from './sum.ts';
import { errorOf, makeBatch, makeSum, makeVerifier, valueOf, withColumn, type TestBatch } from './testing.ts'; // prettier-ignore

const length = 3840 + 500;
const random = seededRandom(16);
const updates = Array.from({ length: 4 }, () => makeBatch(length));

const summandsOf = (weights: readonly number[]) =>
  weights.map((weight, k) => ({ header: at(updates, k).header, weight }));
const sumOf = (weights: readonly number[]) =>
  makeSum(weights.map((weight, k) => ({ batch: at(updates, k), weight })));

/** Σ a_k·C_k,j, one addition after the other. */
function naiveCommitments(weights: readonly number[]): string[] {
  return at(updates, 0).header.columns.map((_, j) => {
    let total = G1.ZERO;
    for (const [k, weight] of weights.entries()) {
      const point = G1.fromBytes(at(at(updates, k).header.columns, j).commitment);
      for (let times = 0; times < weight; times++) total = total.add(point);
    }
    return bytesToHex(total.toBytes(false));
  });
}

const lanesOf = ({ header, payloads }: TestBatch) => joinLanes(header, payloads);
const hexes = (commitments: readonly Uint8Array[]) => commitments.map(bytesToHex);

describe('sumCommitments', () => {
  const weight = fc.oneof(fc.integer({ min: 0, max: 256 }), fc.constantFrom(0, 1, 255, 256));
  const weights = fc
    .array(weight, { minLength: 1, maxLength: updates.length })
    .filter((each) => each.some((one) => one > 0));

  test('is Σ a_k·C_k of every column, for weights from 0 to 256', () => {
    fc.assert(
      fc.property(weights, (each) => {
        expect(hexes(sumCommitments(summandsOf(each)))).toEqual(naiveCommitments(each));
      }),
      { numRuns: 20 },
    );
  });

  test('with weight 1 is the update, with weight 0 leaves it out, first or not', () => {
    const own = updates.map(({ header }) => hexes(header.columns.map((each) => each.commitment)));
    expect(hexes(sumCommitments(summandsOf([1])))).toEqual(own[0]);
    expect(hexes(sumCommitments(summandsOf([0, 1, 0])))).toEqual(own[1]);
    expect(hexes(sumCommitments(summandsOf([1, 0, 0])))).toEqual(own[0]);
  });

  test('does not depend on the order, and counts twice what is there twice', () => {
    const summands = summandsOf([3, 5, 7]);
    expect(sumCommitments(summands.toReversed())).toEqual(sumCommitments(summands));
    const [first] = summands;
    const twice = first === undefined ? [] : [first, first];
    expect(hexes(sumCommitments(twice))).toEqual(naiveCommitments([6]));
  });
});

describe('sumBlindings', () => {
  const scalar = fc.oneof(fc.bigInt({ min: 0n, max: r - 1n }), fc.constantFrom(0n, 1n, r - 1n));
  const columns = 3;
  const summand = fc.record({
    blindings: fc.array(scalar, { minLength: columns, maxLength: columns }),
    weight: fc.oneof(fc.integer({ min: 0, max: 256 }), fc.constantFrom(0, 256)),
  });

  test('is Σ a_k·γ_k of every column, mod r', () => {
    fc.assert(
      fc.property(fc.array(summand, { minLength: 1, maxLength: 6 }), fc.nat(50), (each, tail) => {
        const parts = each.map(({ blindings, weight }) => ({
          weight,
          // Whatever comes after γ, lanes or nothing, has no part in it.
          payloads: blindings.map((own) => concatBytes(encodeScalar(own), randomBytes(random, tail))), // prettier-ignore
        }));
        const expected = Array.from({ length: columns }, (_, j) => {
          let total = 0n;
          for (const { blindings, weight } of each) total += at(blindings, j) * BigInt(weight);
          return total % r;
        });
        expect(sumBlindings(parts)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test('of weights 0 is 0, of nothing is nothing', () => {
    const { payloads } = at(updates, 0);
    expect(sumBlindings([{ payloads, weight: 0 }])).toEqual([0n, 0n]);
    expect(sumBlindings([])).toEqual([]);
  });

  test('is what opens the sum of the commitments', () => {
    const weights = [100, 0, 156];
    const sum = sumOf(weights);
    const parts = weights.map((weight, k) => ({ payloads: at(updates, k).payloads, weight }));
    const blindings = sum.payloads.map((payload) => BigInt(`0x${bytesToHex(payload.slice(0, 32))}`)); // prettier-ignore
    expect(blindings).toEqual(sumBlindings(parts));
    expect(hexes(sum.header.columns.map((each) => each.commitment))).toEqual(naiveCommitments(weights)); // prettier-ignore
  });
});

describe('verifySum', () => {
  const weights = [3, 0, 200, 53];
  const sum = sumOf(weights);

  test('accepts the sum, whose lanes are Σ a_k·u_k and whose opening holds', () => {
    expect(errorOf(verifySum(sum.header, summandsOf(weights)))).toBe('accepted');
    expect(valueOf(makeVerifier().verifyHeader(sum.signed, 'admitted')).id).toBe(sum.verified.id);
    const lanes = updates.map(lanesOf);
    const expected = Uint16Array.from({ length }, (_, i) =>
      weights.reduce((total, weight, k) => total + weight * at(at(lanes, k), i), 0),
    );
    expect(bytesToUint16(lanesOf(sum))).toEqual(expected);
  });

  test('accepts the largest lanes with the largest weight: 256·255 < 2^16', () => {
    const largest = makeBatch(new Uint8Array(4000).fill(255));
    const total = makeSum([{ batch: largest, weight: 256 }]);
    expect(new Set(bytesToUint16(lanesOf(total)))).toEqual(new Set([65_280]));
    expect(errorOf(verifySum(total.header, [{ header: largest.header, weight: 256 }]))).toBe('accepted'); // prettier-ignore
    // Beyond 16 bits a lane has no room, and what it loses does not add up.
    const beyond = makeSum([{ batch: largest, weight: 258 }]);
    const verdict = verifySum(beyond.header, [{ header: largest.header, weight: 258 }]);
    expect(errorOf(verdict)).toBe('sum: column 0 is not Σ a_k·C_k of the manifest');
  });

  const wrong = 'sum: column 0 is not Σ a_k·C_k of the manifest';
  test.each([
    ['a changed weight', [4, 0, 200, 53]],
    ['a weight more where it was 0', [3, 1, 200, 53]],
    ['exchanged weights', [3, 0, 53, 200]],
    ['a member left out', [3, 0, 200]],
    ['another member', [0, 3, 200, 53]],
    ['all weights doubled', [6, 0, 400, 106]],
  ])('refuses %s', (_name, claimed) => {
    expect(errorOf(verifySum(sum.header, summandsOf(claimed)))).toBe(wrong);
    expect(errorOf(verifySum(sumOf(claimed).header, summandsOf(weights)))).toBe(wrong);
  });

  test('refuses one wrong column, by its number, though the opening holds', () => {
    const other = at(sumOf([3, 0, 200]).header.columns, 1);
    const mixed = withColumn(sum.header, 1, other);
    const error = 'sum: column 1 is not Σ a_k·C_k of the manifest';
    expect(errorOf(verifySum(mixed, summandsOf(weights)))).toBe(error);
  });

  test('refuses exchanged columns', () => {
    const { header } = sum;
    const exchanged: Header = { ...header, columns: header.columns.toReversed() };
    expect(errorOf(verifySum(exchanged, summandsOf(weights)))).toBe(wrong);
  });

  test('refuses what is no sum, a sum of nothing, of another round or length', () => {
    const { header } = sum;
    const summands = summandsOf(weights);
    const verdict = (changed: Partial<Header>) => errorOf(verifySum({ ...header, ...changed }, summands)); // prettier-ignore
    expect(verdict({ kind: 'update' })).toBe('sum: the header is not of a sum');
    expect(verdict({ lanes: 'bytes' })).toBe('sum: the header is not of a sum');
    expect(verdict({ round: 2 })).toBe('sum: of another round');
    expect(verdict({ byteLength: header.byteLength - 2 })).toBe('sum: of another length');
    expect(errorOf(verifySum(header, []))).toBe('sum: of nothing');
  });
});
