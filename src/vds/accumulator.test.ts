import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { G1, G2, groupOrder as r, hashToScalar, type G1Point } from '../crypto/index.ts';
import { assert, at, bytesToHex, hexToBytes, randomBytes, seededRandom, type HeaderId } from '../lib/index.ts'; // prettier-ignore
import {
  accumulate,
  accumulatorKey,
  commitWithKeys,
  keysHold,
  nonMembershipHolds,
  proveNonMembership,
  refreshNonMembership,
  revocationElement,
  revocationPolynomial,
  serverKeys,
  stepHolds,
  type NonMembership,
} from './accumulator.ts';

const random = seededRandom(2008);
const makeHeaderId = () => bytesToHex(randomBytes(random, 32)) as HeaderId;

const secret = hashToScalar('accumulator', randomBytes(random, 32));
const most = 8;
const ids = Array.from({ length: most }, makeHeaderId);
const keys = serverKeys(secret, most);
const key = accumulatorKey(secret);
const [holder, other] = [makeHeaderId(), makeHeaderId()];

const holds = (header: HeaderId, proof: NonMembership, revoked: readonly HeaderId[]) =>
  nonMembershipHolds(header, proof, accumulate(secret, revoked), key);

function prove(header: HeaderId, revoked: readonly HeaderId[]): NonMembership {
  const proof = proveNonMembership(header, revoked, keys);
  assert(proof !== null, 'not revoked');
  return proof;
}

/** A proof of the holder, brought up to date through the revocations from `count` on. */
function refresh(
  header: HeaderId,
  from: NonMembership,
  revoked: readonly HeaderId[],
  count: number,
) {
  // prettier-ignore
  let proof: NonMembership | null = from;
  for (let k = count; k < revoked.length && proof !== null; k++) {
    const before = accumulate(secret, revoked.slice(0, k));
    proof = refreshNonMembership(header, proof, before, at(revoked, k));
  }
  return proof;
}

/** Any of the ids, in any order. */
const revocations = fc.shuffledSubarray(ids);

describe('the accumulator', () => {
  test('is from the server keys what it is from the trapdoor', () => {
    fc.assert(
      fc.property(revocations, (revoked) => {
        const own = serverKeys(secret, revoked.length);
        const f = commitWithKeys(revocationPolynomial(revoked), own);
        expect(f.equals(accumulate(secret, revoked))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test('does not depend on the order, and differs for every set', () => {
    expect(accumulate(secret, ids).equals(accumulate(secret, ids.toReversed()))).toBe(true);
    const sets = ids.map((_, k) => ids.slice(0, k));
    const points = [...sets, ids, ids.slice(1)].map((set) => accumulate(secret, set).toHex());
    expect(new Set(points).size).toBe(points.length);
  });

  test('of nothing is the generator', () => {
    expect(accumulate(secret, []).equals(G1.BASE)).toBe(true);
    expect(revocationPolynomial([])).toEqual([1n]);
  });

  test('is made of polynomials with the roots −e_i and the leading coefficient 1', () => {
    const polynomial = revocationPolynomial(ids);
    expect([polynomial.length, polynomial.at(-1)]).toEqual([most + 1, 1n]);
    for (const id of ids) {
      const root = r - revocationElement(id);
      const value = polynomial.reduceRight((sum, coefficient) => (sum * root + coefficient) % r);
      expect(value).toBe(0n);
    }
  });
});

describe('a step of the accumulator', () => {
  const [before, after] = [
    accumulate(secret, ids.slice(0, 3)),
    accumulate(secret, ids.slice(0, 4)),
  ];

  test('holds for the batch that was revoked, from the first one on', () => {
    expect(stepHolds(before, after, at(ids, 3), key)).toBe(true);
    expect(stepHolds(G1.BASE, accumulate(secret, ids.slice(0, 1)), at(ids, 0), key)).toBe(true);
  });

  test('does not hold for another batch, backwards, with another s, or for no step', () => {
    expect(stepHolds(before, after, at(ids, 2), key)).toBe(false);
    expect(stepHolds(after, before, at(ids, 3), key)).toBe(false);
    expect(stepHolds(before, before, at(ids, 3), key)).toBe(false);
    expect(stepHolds(before, after, at(ids, 3), accumulatorKey(secret + 1n))).toBe(false);
  });
});

describe('the server keys', () => {
  const checked = (tried: readonly G1Point[]) => keysHold(tried, key, random);

  test('hold as the powers of s', () => {
    expect([0, 1, 2, most].map((count) => checked(keys.slice(0, count)))).toEqual([true, true, true, true]); // prettier-ignore
  });

  test('do not hold with one altered, exchanged or left out, or with another s', () => {
    const last = at(keys, most - 1);
    expect(checked(keys.with(most - 1, last.add(G1.BASE)))).toBe(false);
    expect(checked(keys.with(0, G1.BASE))).toBe(false);
    expect(checked(keys.with(2, at(keys, 3)).with(3, at(keys, 2)))).toBe(false);
    expect(checked(keys.toSpliced(2, 1))).toBe(false);
    expect(checked(keys.slice(1))).toBe(false);
    expect(checked(serverKeys(secret + 1n, most))).toBe(false);
    expect(keysHold(keys, G2.BASE, random)).toBe(false);
  });

  test('do not hold with errors that cancel each other', () => {
    // Σ w_i·(s^i − s·s^(i−1)) with the same w everywhere would not see these.
    const [second, fourth] = [at(keys, 1), at(keys, 3)];
    const shifted = keys.with(1, second.add(G1.BASE)).with(3, fourth.subtract(G1.BASE));
    expect(checked(shifted)).toBe(false);
  });
});

describe('the proof that a batch is not revoked', () => {
  test('holds for everything else than what is revoked, for which there is none', () => {
    fc.assert(
      fc.property(revocations, (revoked) => {
        expect(holds(holder, prove(holder, revoked), revoked)).toBe(true);
        for (const id of ids) {
          expect(proveNonMembership(id, revoked, keys) === null).toBe(revoked.includes(id));
        }
      }),
      { numRuns: 10 },
    );
  });

  test('while nothing is revoked is the identity and −1', () => {
    const proof = prove(holder, []);
    expect([proof.witness.is0(), proof.remainder]).toEqual([true, r - 1n]);
    expect(holds(holder, proof, [])).toBe(true);
    expect(proveNonMembership(holder, [], [])).toEqual(proof);
  });

  test('does not hold with u = 0, though the equation does', () => {
    // w = (Π without e_2)(s): what everybody can compute from the server keys.
    const without = ids.filter((_, k) => k !== 2);
    const witness = commitWithKeys(revocationPolynomial(without), keys);
    const forged = { witness, remainder: 0n };
    expect(accumulate(secret, ids).equals(witness.multiply((secret + revocationElement(at(ids, 2))) % r))).toBe(true); // prettier-ignore
    expect(holds(at(ids, 2), forged, ids)).toBe(false);
    expect(holds(at(ids, 2), { witness, remainder: r }, ids)).toBe(false);
  });

  test('does not hold for another batch, another set, with another w or u', () => {
    const proof = prove(holder, ids);
    const { witness, remainder } = proof;
    const f = accumulate(secret, ids);
    expect(nonMembershipHolds(holder, proof, f, key)).toBe(true);
    expect(holds(other, proof, ids)).toBe(false);
    expect(holds(at(ids, 0), proof, ids)).toBe(false);
    expect(holds(holder, proof, ids.slice(1))).toBe(false);
    expect(holds(holder, { witness: witness.add(G1.BASE), remainder }, ids)).toBe(false);
    expect(holds(holder, { witness: witness.negate(), remainder }, ids)).toBe(false);
    expect(holds(holder, { witness: G1.ZERO, remainder }, ids)).toBe(false);
    expect(holds(holder, { witness, remainder: remainder + 1n }, ids)).toBe(false);
    expect(holds(holder, { witness, remainder: r - remainder }, ids)).toBe(false);
    expect(nonMembershipHolds(holder, proof, f, accumulatorKey(secret + 1n))).toBe(false);
  });
});

describe('a refreshed proof', () => {
  test('is the one that is computed anew, from any epoch to any later one', () => {
    fc.assert(
      fc.property(revocations, fc.nat(most), (revoked, choice) => {
        const count = Math.min(choice, revoked.length);
        const refreshed = refresh(holder, prove(holder, revoked.slice(0, count)), revoked, count);
        const anew = prove(holder, revoked);
        expect(refreshed?.remainder).toBe(anew.remainder);
        expect(refreshed?.witness.equals(anew.witness)).toBe(true);
        expect(refreshed && holds(holder, refreshed, revoked)).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test('is none once the batch itself is revoked', () => {
    const revoked = [...ids.slice(0, 3), holder];
    expect(refresh(holder, prove(holder, ids.slice(0, 1)), revoked, 1)).toBe(null);
  });

  test('that was not brought up to date does not hold: the state is newer', () => {
    const stale = prove(holder, ids.slice(0, 3));
    expect(holds(holder, stale, ids.slice(0, 3))).toBe(true);
    expect(holds(holder, stale, ids.slice(0, 4))).toBe(false);
  });

  test('from f after the revocation instead of before does not hold', () => {
    const [before, after] = [ids.slice(0, 3), ids.slice(0, 4)];
    const wrong = refreshNonMembership(holder, prove(holder, before), accumulate(secret, after), at(ids, 3)); // prettier-ignore
    assert(wrong !== null, 'not revoked');
    expect(holds(holder, wrong, after)).toBe(false);
  });

  test('where one batch is replaced by another: the old one has none, the new one has', () => {
    const [old, replacing] = [makeHeaderId(), makeHeaderId()];
    const before = ids.slice(0, 2);
    const after = [...before, old];
    const proofs = [old, replacing, holder].map((id) => refresh(id, prove(id, before), after, 2));
    expect(proofs[0]).toBe(null);
    expect(proveNonMembership(old, after, keys)).toBe(null);
    expect(proofs[1] && holds(replacing, proofs[1], after)).toBe(true);
    expect(proofs[2] && holds(holder, proofs[2], after)).toBe(true);
  });
});

test('the element of a batch is H(revoke; its id), another one for each', () => {
  expect(revocationElement(holder)).toBe(hashToScalar('revoke', hexToBytes(holder)));
  expect(new Set([...ids, holder, other].map(revocationElement)).size).toBe(most + 2);
});
