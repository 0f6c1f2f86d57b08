import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeScalar, G1, groupOrder as r, sha256 } from '../crypto/index.ts';
import {
  at,
  bytesToHex,
  bytesToUint16,
  concatBytes,
  randomBytes,
  seededRandom,
} from '../lib/index.ts';
import { joinLanes } from './batch.ts';
import { sumBlinders, sumCommitments, sumLanesHold } from './sum.ts';
import { errorOf, makeBatch, makeSum, makeVerifier, manifest, orderOf, valueOf, type TestBatch } from './testing.ts'; // prettier-ignore

const length = 3840 + 500;
const random = seededRandom(16);
const updates = Array.from({ length: 4 }, () => makeBatch(length));

const termsOf = (weights: readonly number[]) =>
  weights.map((weight, k) => ({ batch: at(updates, k), weight }));
const summandsOf = (weights: readonly number[]) => orderOf(termsOf(weights)).summands;
const sumOf = (weights: readonly number[]) => makeSum(termsOf(weights));
const all = [0, 1];

/** Σ a_k·C_k,j, one addition after the other. */
function naiveCommitments(weights: readonly number[]): string[] {
  return at(updates, 0).header.columns.map((_, j) => {
    let total = G1.ZERO;
    for (const [k, weight] of weights.entries()) {
      const point = G1.fromBytes(at(at(updates, k).verified.commitments, j));
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
        expect(hexes(sumCommitments(summandsOf(each), all))).toEqual(naiveCommitments(each));
      }),
      { numRuns: 20 },
    );
  });

  test('with weight 1 is the update, with weight 0 leaves it out, first or not', () => {
    const own = updates.map(({ verified }) => hexes(verified.commitments));
    expect(hexes(sumCommitments(summandsOf([1]), all))).toEqual(own[0]);
    expect(hexes(sumCommitments(summandsOf([0, 1, 0]), all))).toEqual(own[1]);
    expect(hexes(sumCommitments(summandsOf([1, 0, 0]), all))).toEqual(own[0]);
  });

  test('does not depend on the order, and counts twice what is there twice', () => {
    const summands = summandsOf([3, 5, 7]);
    expect(sumCommitments(summands.toReversed(), all)).toEqual(sumCommitments(summands, all));
    const [first] = summands;
    const twice = first === undefined ? [] : [first, first];
    expect(hexes(sumCommitments(twice, all))).toEqual(naiveCommitments([6]));
  });
});

describe('sumBlinders', () => {
  const scalar = fc.oneof(fc.bigInt({ min: 0n, max: r - 1n }), fc.constantFrom(0n, 1n, r - 1n));
  const columns = 3;
  const summand = fc.record({
    blinders: fc.array(fc.tuple(scalar, scalar, scalar), {
      minLength: columns,
      maxLength: columns,
    }),
    weight: fc.oneof(fc.integer({ min: 0, max: 256 }), fc.constantFrom(0, 256)),
  });

  test('is Σ a_k·γ_b,k of every column, mod r', () => {
    fc.assert(
      fc.property(fc.array(summand, { minLength: 1, maxLength: 6 }), fc.nat(50), (each, tail) => {
        const parts = each.map(({ blinders, weight }) => ({
          weight,
          // Whatever comes after them, lanes or nothing, has no part in it.
          payloads: blinders.map((own) => concatBytes(...own.map(encodeScalar), randomBytes(random, tail))), // prettier-ignore
        }));
        const expected = Array.from({ length: columns }, (_, j) =>
          [0, 1, 2].map((b) => {
            let total = 0n;
            for (const { blinders, weight } of each) {
              total += at(at(blinders, j), b) * BigInt(weight);
            }
            return total % r;
          }),
        );
        expect(sumBlinders(parts)).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  test('of weights 0 is 0, of nothing is nothing', () => {
    const { payloads } = at(updates, 0);
    const zeros = [0n, 0n, 0n];
    expect(sumBlinders([{ payloads, weight: 0 }])).toEqual([zeros, zeros]);
    expect(sumBlinders([])).toEqual([]);
  });
});

describe('a sum', () => {
  const verifier = makeVerifier();
  const weights = [3, 0, 200, 53];
  const sum = sumOf(weights);
  const verdict = (tried: TestBatch, claimed: readonly number[]) =>
    errorOf(verifier.verifySum(tried.signed, orderOf(termsOf(claimed)), 'admitted'));
  const wrong = 'sum: it is not Σ a_k·u_k of the manifest';

  test('opens: its lanes are Σ a_k·u_k, its commitments Σ a_k·C_k', () => {
    const verified = valueOf(verifier.verifySum(sum.signed, orderOf(termsOf(weights)), 'admitted'));
    expect(hexes(verified.commitments)).toEqual(naiveCommitments(weights));
    expect(sum.header.columns.every(({ commitment }) => commitment === null)).toBe(true);
    const lanes = updates.map(lanesOf);
    const expected = Uint16Array.from({ length }, (_, i) =>
      weights.reduce((total, weight, k) => total + weight * at(at(lanes, k), i), 0),
    );
    expect(bytesToUint16(lanesOf(sum))).toEqual(expected);
    sum.payloads.forEach((payload, j) => {
      expect(errorOf(verifier.verifySumChunk(verified, j, payload, 256))).toBe('accepted');
    });
  });

  test('of any updates with any weights, A ≤ 256, opens, and no other sum does', () => {
    const any = fc
      .array(fc.nat(256), { minLength: 1, maxLength: updates.length })
      .map((each) => {
        const total = each.reduce((a, b) => a + b, 0);
        return total > 256 ? each.map((weight) => Math.floor((weight * 256) / total)) : each;
      })
      .filter((each) => each.some((weight) => weight > 0));
    const change = fc.record({ which: fc.nat(), by: fc.integer({ min: 1, max: 3 }) });
    fc.assert(
      fc.property(any, change, (each, { which, by }) => {
        const made = sumOf(each);
        expect(verdict(made, each)).toBe('accepted');
        const other = each.with(which % each.length, at(each, which % each.length) + by);
        const total = other.reduce((a, b) => a + b, 0);
        if (total <= 256) expect(verdict(made, other)).toBe(wrong);
      }),
      { numRuns: 12 },
    );
  });

  test('with the largest lanes and weight 256, and with A < 256 after a drop', () => {
    const largest = makeBatch(new Uint8Array(4000).fill(255));
    const total = makeSum([{ batch: largest, weight: 256 }]);
    expect(new Set(bytesToUint16(lanesOf(total)))).toEqual(new Set([65_280]));
    const order = orderOf([{ batch: largest, weight: 256 }]);
    const verified = valueOf(verifier.verifySum(total.signed, order, 'admitted'));
    expect(errorOf(verifier.verifySumChunk(verified, 0, at(total.payloads, 0), 256))).toBe('accepted'); // prettier-ignore
    expect(errorOf(verifier.verifySumChunk(verified, 0, at(total.payloads, 0), 255))).toBe(
      'chunk lanes exceed what bytes add up to',
    );
    expect(verdict(sumOf([3, 0, 130]), [3, 0, 130])).toBe('accepted');
  });

  test('of some of its chunks opens against those', () => {
    for (const chunks of [[0], [1], [0, 1]]) {
      const part = makeSum(termsOf(weights), { chunks });
      expect(verdict(part, weights)).toBe('accepted');
      const verified = valueOf(verifier.verifySum(part.signed, orderOf(termsOf(weights)), 'admitted')); // prettier-ignore
      part.payloads.forEach((payload, j) => {
        expect(errorOf(verifier.verifySumChunk(verified, j, payload, 256))).toBe('accepted');
      });
    }
    // The last chunk is shorter than a full one, wherever it stands in the list.
    expect(at(makeSum(termsOf(weights), { chunks: [1] }).payloads, 0).length).toBe(96 + 1000);
  });

  test.each([
    ['a changed weight', [4, 0, 200, 52]],
    ['a weight more where it was 0', [3, 1, 199, 53]],
    ['exchanged weights', [3, 0, 53, 200]],
    ['a member left out', [3, 0, 200]],
    ['another member', [0, 3, 200, 53]],
  ])('is refused: %s', (_name, claimed) => {
    expect(verdict(sum, claimed)).toBe(wrong);
    expect(verdict(sumOf(claimed), weights)).toBe(wrong);
  });

  test('is refused: more weight than 256, none at all, of nothing', () => {
    expect(verdict(sum, [3, 1, 200, 53])).toBe('sum: of weight 257');
    expect(verdict(sum, [0, 0])).toBe('sum: of weight 0');
    expect(verdict(sum, [])).toBe('sum: of nothing');
  });

  test('is refused: of another manifest, opening, round or length, or what is no sum', () => {
    const terms = termsOf(weights);
    const chunks = [0, 1];
    const tried = (about: Parameters<typeof makeSum>[1]) => verdict(makeSum(terms, about), weights);
    expect(tried({ sum: { manifest: sha256(manifest), chunks } })).toBe('sum: of another manifest');
    expect(tried({ opening: sha256(manifest) })).toBe('sum: of another opening');
    expect(tried({ round: 2 })).toBe('sum: of another round');
    expect(tried({ byteLength: 2 * length + 2 })).toBe('sum: of another length');
    expect(verdict(at(updates, 0), weights)).toBe('sum: the header is not of a sum');
    expect(errorOf(verifier.verifyHeader(sum.signed, 'admitted'))).toMatch(/^header of a sum/);
  });

  test('has lanes of at most 255·A', () => {
    const payload = (...lanes: number[]) =>
      concatBytes(new Uint8Array(96), new Uint8Array(new Uint16Array(lanes).buffer));
    expect(sumLanesHold(payload(255 * 7, 0), 7)).toBe(true);
    expect(sumLanesHold(payload(0, 255 * 7 + 1), 7)).toBe(false);
    expect(sumLanesHold(payload(65_280), 256)).toBe(true);
    expect(sumLanesHold(payload(65_281), 256)).toBe(false);
    expect(sumLanesHold(payload(1).subarray(0, 97), 256)).toBe(false);
  });
});
