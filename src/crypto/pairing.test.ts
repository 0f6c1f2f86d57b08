import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pairingProductIsOne } from './pairing.ts';
import { G1, G2, type G1Point, type G2Point } from './groups.ts';
import { groupOrder as r, invertScalar, toScalar } from './scalar.ts';

const { Fp12 } = bls12_381.fields;

const one = (k: bigint) => G1.BASE.multiplyUnsafe(toScalar(k));
const two = (k: bigint) => G2.BASE.multiplyUnsafe(toScalar(k));

/** The pairs ([a]₁, [b]₂); their product is 1 if and only if Σ a·b = 0 mod r. */
const pairsOf = (logs: readonly (readonly [bigint, bigint])[]) =>
  logs.map(([a, b]): [G1Point, G2Point] => [one(a), two(b)]);

/** The same by noble's checked `pairingBatch`, which refuses identities. */
function isOneByNoble(pairs: readonly (readonly [G1Point, G2Point])[]): boolean {
  return Fp12.eql(bls12_381.pairingBatch(pairs.map(([g1, g2]) => ({ g1, g2 }))), Fp12.ONE);
}

const nonzero = fc.bigInt({ min: 1n, max: r - 1n });

describe('pairingProductIsOne', () => {
  test('is false for e(G₁, G₂): the pairing is not degenerate', () => {
    expect(pairingProductIsOne([[G1.BASE, G2.BASE]])).toBe(false);
    expect(pairingProductIsOne([[G1.BASE, G2.BASE], [G1.BASE, G2.BASE]])).toBe(false); // prettier-ignore
  });

  test('is true for e(P, Q)·e(−P, Q) and e(P, Q)·e(P, −Q)', () => {
    const [p, q] = [one(12345n), two(67890n)];
    expect(pairingProductIsOne([[p, q], [p.negate(), q]])).toBe(true); // prettier-ignore
    expect(pairingProductIsOne([[p, q], [p, q.negate()]])).toBe(true); // prettier-ignore
    expect(pairingProductIsOne([[p, q], [p.negate(), q.negate()]])).toBe(false); // prettier-ignore
  });

  test.each([
    ['e([ab], 1) = e([a], [b])', [[6n, 1n], [-2n, 3n]], true], // prettier-ignore
    ['e([a], [b]) = e([b], [a])', [[2n, 3n], [-3n, 2n]], true], // prettier-ignore
    ['3·5 + 2·7 = 29', [[3n, 5n], [2n, 7n], [-29n, 1n]], true], // prettier-ignore
    ['3·5 + 2·7 = 28', [[3n, 5n], [2n, 7n], [-28n, 1n]], false], // prettier-ignore
    ['(r − 1)² = 1', [[r - 1n, r - 1n], [-1n, 1n]], true], // prettier-ignore
    ['½·2 = 1', [[invertScalar(2n), 2n], [-1n, 1n]], true], // prettier-ignore
    ['one off in G1', [[7n, 11n], [-76n, 1n]], false], // prettier-ignore
    ['one off in G2', [[7n, 11n], [-1n, 78n]], false], // prettier-ignore
    ['one pair', [[2n, 3n]], false],
  ] satisfies [string, [bigint, bigint][], boolean][])('%s', (_name, logs, holds) => {
    expect(pairingProductIsOne(pairsOf(logs))).toBe(holds);
    expect(isOneByNoble(pairsOf(logs))).toBe(holds);
  });

  test('of no pairs is the empty product', () => {
    expect(pairingProductIsOne([])).toBe(true);
  });

  test('leaves pairs with an identity out', () => {
    const [p, q] = [one(5n), two(7n)];
    const identities = [[G1.ZERO, q], [p, G2.ZERO], [G1.ZERO, G2.ZERO]] as const; // prettier-ignore
    for (const pair of identities) {
      expect(() => isOneByNoble([pair])).toThrow(); // why they must be left out
      expect(pairingProductIsOne([pair])).toBe(true);
      expect(pairingProductIsOne([pair, [p, q]])).toBe(false);
      expect(pairingProductIsOne([[p, q], pair, [p.negate(), q]])).toBe(true);
    }
    expect(pairingProductIsOne(identities)).toBe(true);
  });

  test('leaves an identity out that was computed', () => {
    const [p, q] = [one(5n), two(7n)];
    expect(pairingProductIsOne([[p.subtract(p), q], [p, q.add(q.negate())]])).toBe(true); // prettier-ignore
    expect(pairingProductIsOne([[p.multiplyUnsafe(0n), q], [p, q]])).toBe(false); // prettier-ignore
  });

  test('takes points that are not normalised', () => {
    const p = G1.BASE.double().add(G1.BASE); // z ≠ 1
    const q = G2.BASE.double().add(G2.BASE).double();
    expect(pairingProductIsOne([[p, q], [one(-18n), G2.BASE]])).toBe(true); // prettier-ignore
    expect(pairingProductIsOne([[p, q], [one(-17n), G2.BASE]])).toBe(false); // prettier-ignore
  });

  test('remembers the lines of a point and not the answer', () => {
    const q = two(31n);
    const pairs = (last: bigint) => [[one(2n), q], [one(3n), q], [one(last), q]] as const; // prettier-ignore
    expect([-5n, -6n, -5n, 5n].map((last) => pairingProductIsOne(pairs(last)))).toEqual([true, false, true, false]); // prettier-ignore
    // An equal point that is another object.
    expect(pairingProductIsOne([[one(2n), q], [one(-2n), two(31n)]])).toBe(true); // prettier-ignore
  });

  test('holds for Σ aᵢ·bᵢ = 0 and for nothing beside it', () => {
    const logs = fc.array(fc.tuple(nonzero, nonzero), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(logs, nonzero, nonzero, (terms, b, off) => {
        const sum = terms.reduce((total, [x, y]) => total + x * y, 0n);
        const last = toScalar(-sum * invertScalar(b));
        expect(pairingProductIsOne(pairsOf([...terms, [last, b]]))).toBe(true);
        expect(pairingProductIsOne(pairsOf([...terms, [last + off, b]]))).toBe(false);
      }),
      { numRuns: 8 },
    );
  });

  test('agrees with pairingBatch of noble', () => {
    // Small factors, so that about every seventh product is 1.
    const log = fc.constantFrom(-2n, -1n, 1n, 2n);
    const logs = fc.array(fc.tuple(log, log), { minLength: 1, maxLength: 4 });
    const verdicts = new Set<boolean>();
    fc.assert(
      fc.property(logs, (terms) => {
        const pairs = pairsOf(terms);
        const verdict = pairingProductIsOne(pairs);
        expect(verdict).toBe(isOneByNoble(pairs));
        expect(verdict).toBe(terms.reduce((total, [x, y]) => total + x * y, 0n) === 0n);
        verdicts.add(verdict);
      }),
      { numRuns: 25, seed: 1 },
    );
    expect(verdicts.size).toBe(2);
  });
});
