import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCanonical, decodeG1, encodeG1, encodeScalar, G1, G2, groupOrder, signValue, toScalar, type Identity } from '../crypto/index.ts'; // prettier-ignore
import { at, type HeaderId } from '../lib/index.ts';
import { accumulate, accumulatorKey, commitWithKeys, proveNonMembership, revocationElement, revocationPolynomial } from './accumulator.ts'; // prettier-ignore
import { evaluate, quotient } from './polynomial.ts';
import { maxRevoked, signFreshness, stateValidity, type CheckedCore, type StateUpdate } from './state.ts'; // prettier-ignore
import { errorOf, flipBit, forgeState, makeDataOwner, makeHeaderId, makeIdentity, makeTask, makeVerifier, now, numberOf, ofOrder3Compressed, owner, task, valueOf } from './testing.ts'; // prettier-ignore
import { encodeWitness, type Witness } from './verifier.ts';

type Core = Omit<CheckedCore, 'digest' | 'signed' | 'f' | 's'>;

const ids = Array.from({ length: 5 }, () => makeHeaderId());
const updateOf = (revoked: readonly HeaderId[], at = now) => makeDataOwner({ revoked }).state(at);
/** The states of epochs 0 to 5. */
const updates = Array.from({ length: 6 }, (_, epoch) => updateOf(ids.slice(0, epoch)));

/** The state of epoch 1 with other fields in its core, signed by the Data Owner or somebody else. */
function forged(
  change: Partial<Record<keyof Core | 'extra', unknown>>,
  by: Identity = owner,
): StateUpdate {
  const update = at(updates, 1);
  const value = valueOf(decodeCanonical(update.core.bytes)) as Core;
  const core = signValue('state-core', { ...value, ...change }, by);
  return { ...update, core, freshness: signFreshness(task, core, now, by) };
}

describe('the state', () => {
  const take = (update: StateUpdate, time = now) => errorOf(makeVerifier().updateState(update, time)); // prettier-ignore

  test('is none at first, and then what the Data Owner signed', () => {
    const verifier = makeVerifier();
    expect(verifier.state).toBe(null);
    const state = valueOf(verifier.updateState(at(updates, 2), now));
    expect(verifier.state).toEqual(state);
    expect(state).toMatchObject({ task, epoch: 2, count: 2, issuedAt: now });
    expect(ids.map((id) => verifier.isRevoked(id))).toEqual([true, true, false, false, false]);
  });

  test('only grows: of states in any order, an older epoch than the newest is refused', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }), (epochs) => {
        const verifier = makeVerifier();
        let newest = 0;
        for (const epoch of epochs) {
          const verdict = errorOf(verifier.updateState(at(updates, epoch), now));
          const older = `state: epoch ${epoch} is older than epoch ${newest}`;
          expect(verdict).toBe(epoch < newest ? older : 'accepted');
          newest = Math.max(newest, epoch);
          expect(verifier.state?.epoch).toBe(newest);
          expect(ids.map((id) => verifier.isRevoked(id))).toEqual(ids.map((_, k) => k < newest));
        }
      }),
      { numRuns: 20 },
    );
  });

  test('may be signed anew with the epoch it has', () => {
    const verifier = makeVerifier();
    valueOf(verifier.updateState(at(updates, 2), now));
    const later = updateOf(ids.slice(0, 2), now + 60);
    expect(later.core).toEqual(at(updates, 2).core);
    expect(valueOf(verifier.updateState(later, now + 60)).issuedAt).toBe(now + 60);
    // An older word on the same state takes nothing back.
    expect(valueOf(verifier.updateState(at(updates, 2), now + 61)).issuedAt).toBe(now + 60);
  });

  test('is known with its time: fresh, then as of then, and kept', () => {
    const verifier = makeVerifier();
    expect(verifier.asOf(now)).toBe(null);
    valueOf(verifier.updateState(at(updates, 2), now));
    expect(verifier.asOf(now + stateValidity)).toEqual({ issuedAt: now, fresh: true });
    expect(verifier.asOf(now + stateValidity + 1)).toEqual({ issuedAt: now, fresh: false });
    expect(ids.map((id) => verifier.isRevoked(id))).toEqual([true, true, false, false, false]);
  });

  test('is refused when it is stale', () => {
    expect(take(at(updates, 1), now + stateValidity)).toBe('accepted');
    expect(take(at(updates, 1), now + stateValidity + 1)).toMatch(/^state: stale/);
  });

  test('is refused of another task, another Data Owner, or signed for another use', () => {
    expect(take(makeDataOwner({ task: makeTask() }).state(now))).toBe('state: of another task');
    const other = makeIdentity();
    const notHis = `state-core: the signature is not by ${owner.id.slice(0, 8)}`;
    const stale = `state-freshness: the signature is not by ${owner.id.slice(0, 8)}`;
    expect(take(makeDataOwner({ identity: other }).state(now))).toBe(notHis);
    expect(take(forged({}, other))).toBe(notHis);
    const update = at(updates, 1);
    const value = valueOf(decodeCanonical(update.core.bytes));
    expect(take({ ...update, core: signValue('manifest', value, owner) })).toBe(notHis);
    expect(take({ ...update, core: update.freshness })).toBe(notHis);
    expect(take({ ...update, freshness: update.core })).toBe(stale);
    const flipped = ({ bytes, signature }: StateUpdate['core']) => ({
      bytes: flipBit(bytes, 77),
      signature,
    });
    expect(take({ ...update, core: flipped(update.core) })).toBe(notHis);
    expect(take({ ...update, freshness: flipped(update.freshness) })).toBe(stale);
  });

  test('is refused with the freshness of another state', () => {
    const { freshness } = at(updates, 2);
    const error = 'state: the freshness is of another state';
    expect(take({ ...at(updates, 1), freshness })).toBe(error);
    const foreign = signFreshness(makeTask(), at(updates, 1).core, now, owner);
    expect(take({ ...at(updates, 1), freshness: foreign })).toBe(error);
  });

  test('is refused with any other list than the signed one', () => {
    const [first, second, third] = ids as [HeaderId, HeaderId, HeaderId];
    const lists = [[], [first], [second, first], [first, third], [first, second, third]];
    for (const revoked of [...lists, [first, first]]) {
      expect(take({ ...at(updates, 2), revoked })).toBe(
        'state: the list of revoked batches is not the signed one',
      );
    }
  });

  test('cannot take a revocation back, though the epoch grows', () => {
    const verifier = makeVerifier();
    valueOf(verifier.updateState(at(updates, 1), now));
    const verdict = verifier.updateState(updateOf(ids.slice(1, 4)), now);
    expect(errorOf(verdict)).toBe('state: a revoked batch is not revoked any more');
    // Nor may the next epoch follow from another one than the known.
    const other = updateOf([at(ids, 1), at(ids, 0)]);
    const error = 'state: epoch 2 does not follow the one known before it';
    expect(errorOf(verifier.updateState(other, now))).toBe(error);
    expect(verifier.isRevoked(at(ids, 0))).toBe(true);
  });

  test('of one epoch is one: two different ones are refused', () => {
    const verifier = makeVerifier();
    valueOf(verifier.updateState(at(updates, 1), now));
    const verdict = verifier.updateState(updateOf(ids.slice(1, 2)), now);
    expect(errorOf(verdict)).toBe('state: two different states of epoch 1');
    // Both are signed: that is a proof against the Data Owner, and it is kept.
    const cores = [at(updates, 1).core, updateOf(ids.slice(1, 2)).core];
    expect(verifier.alarm).toEqual({ epoch: 1, cores });
    const calm = makeVerifier();
    valueOf(calm.updateState(at(updates, 1), now));
    calm.updateState({ ...forged({}, makeIdentity()), revoked: ids.slice(1, 2) }, now);
    calm.updateState(at(updates, 0), now);
    expect(calm.alarm).toBe(null);
  });

  test('goes from one epoch to the next by a step of the accumulator', () => {
    const verifier = makeVerifier();
    const { s } = valueOf(verifier.updateState(at(updates, 1), now));
    const points = { accumulator: G1.BASE.multiply(5n), accumulatorKey: s };
    const { core } = at(updates, 1);
    const wrong = forgeState(2, ids.slice(0, 2), points, core);
    const error = 'state: the accumulator is no step from the one before';
    expect(errorOf(verifier.updateState(wrong, now))).toBe(error);
    expect(errorOf(verifier.updateState(at(updates, 2), now))).toBe('accepted');
  });

  test('names what its epoch revoked: the last of the list', () => {
    const error = 'state: what the epoch revoked is not the last of the list';
    expect(take(forged({ elements: [] }))).toBe(error);
    expect(take(forged({ elements: [at(ids, 1)] }))).toBe(error);
    expect(take(forged({ elements: [at(ids, 0), at(ids, 0)] }))).toBe(error);
  });

  test('keeps its accumulator key', () => {
    const verifier = makeVerifier();
    valueOf(verifier.updateState(at(updates, 0), now));
    const revoked = ids.slice(0, 1);
    const points = { accumulator: accumulate(7n, revoked), accumulatorKey: accumulatorKey(7n) };
    const { core } = at(updates, 0);
    expect(errorOf(verifier.updateState(forgeState(1, revoked, points, core), now))).toBe(
      'state: another accumulator key than before',
    );
  });

  test('that is refused, or only looked at, changes nothing', () => {
    const verifier = makeVerifier();
    const state = valueOf(verifier.updateState(at(updates, 1), now));
    expect(errorOf(verifier.checkUpdate(at(updates, 2), now))).toBe('accepted');
    expect(errorOf(verifier.updateState(at(updates, 2), now + 10 * stateValidity))).toMatch(/stale/); // prettier-ignore
    expect(errorOf(verifier.updateState({ ...at(updates, 2), revoked: [] }, now))).toMatch(/list/);
    expect(verifier.state).toBe(state);
    expect(verifier.isRevoked(at(ids, 1))).toBe(false);
  });

  test.each([
    ['an accumulator that is the identity', { accumulator: encodeG1(G1.ZERO) }, 'state: accumulator: the identity point'], // prettier-ignore
    [
      'an accumulator of order 3',
      { accumulator: ofOrder3Compressed },
      /^state: accumulator: .*subgroup/,
    ],
    ['a key that is the identity', { accumulatorKey: G2.ZERO.toBytes(true) }, 'state: accumulator key: the identity point'], // prettier-ignore
    ['an uncompressed accumulator', { accumulator: G1.BASE.toBytes(false) }, /^state-core: .*at accumulator/s], // prettier-ignore
    ['another version', { version: 2 }, /^state-core: .*at version/s],
    [
      'more revoked batches than there may be',
      { count: maxRevoked + 1 },
      /^state-core: .*at count/s,
    ],
    ['half an epoch', { epoch: 0.5 }, /^state-core: .*at epoch/s],
    ['a field more', { extra: 1 }, /^state-core: .*at extra/s],
  ])('is refused with %s', (_, change, error) => {
    expect(take(forged(change))).toMatch(error);
  });
});

describe('non-membership', () => {
  const secretKeys = at(updates, 5).keys.map((key) => valueOf(decodeG1(key, 'identity refused')));
  const keysOf = (epoch: number) => secretKeys.slice(0, epoch);
  /** What an honest holder sends at an epoch. */
  function witnessOf(header: HeaderId, epoch: number): Witness {
    const proof = proveNonMembership(header, ids.slice(0, epoch), keysOf(epoch));
    if (proof === null) throw new Error('bug: the batch is revoked');
    return encodeWitness(epoch, proof);
  }
  const header = makeHeaderId();
  const verifierAt = (epoch: number) => {
    const verifier = makeVerifier();
    valueOf(verifier.updateState(at(updates, epoch), now));
    return verifier;
  };
  const third = verifierAt(3);
  const verdict = (witness: Witness, of = header) => errorOf(third.verifyNonMembership(of, witness)); // prettier-ignore
  const doesNotHold = 'non-membership: the witness does not hold';

  test('is proved at every epoch, the first one included', () => {
    for (const epoch of [0, 1, 2, 5]) {
      const verifier = verifierAt(epoch);
      expect(errorOf(verifier.verifyNonMembership(header, witnessOf(header, epoch)))).toBe('accepted'); // prettier-ignore
      const next = at([...ids, makeHeaderId()], epoch); // revoked with the next epoch
      expect(errorOf(verifier.verifyNonMembership(next, witnessOf(next, epoch)))).toBe('accepted');
    }
  });

  test('is not proved to somebody without a state', () => {
    expect(errorOf(makeVerifier().verifyNonMembership(header, witnessOf(header, 0)))).toBe(
      'non-membership: no state of the Data Owner is known',
    );
  });

  test('is not proved by a witness of another epoch, whatever epoch it names', () => {
    for (const epoch of [0, 2, 4]) {
      const witness = witnessOf(header, epoch);
      expect(verdict(witness)).toBe(`non-membership: a witness of epoch ${epoch}, not 3`);
      expect(verdict({ ...witness, epoch: 3 })).toBe(doesNotHold);
    }
  });

  test('is not proved by the witness of another batch', () => {
    expect(verdict(witnessOf(makeHeaderId(), 3))).toBe(doesNotHold);
    const [own, other] = [witnessOf(header, 3), witnessOf(makeHeaderId(), 3)];
    expect(verdict({ ...own, remainder: other.remainder })).toBe(doesNotHold);
    expect(verdict({ ...own, witness: other.witness })).toBe(doesNotHold);
  });

  test('is not proved by points and scalars that are none', () => {
    const witness = witnessOf(header, 3);
    const { remainder } = witness;
    const large = encodeScalar(numberOf(remainder) + groupOrder);
    expect(verdict({ ...witness, remainder: large })).toMatch(/^non-membership: remainder: /);
    expect(verdict({ ...witness, witness: ofOrder3Compressed })).toMatch(
      /^non-membership: witness: /,
    );
    expect(verdict({ ...witness, witness: encodeG1(G1.ZERO) })).toBe(doesNotHold);
  });

  test('is not proved of a revoked batch: everything but u ≠ 0 holds', () => {
    const revoked = at(ids, 1);
    expect(proveNonMembership(revoked, ids.slice(0, 3), keysOf(3))).toBe(null);
    const polynomial = revocationPolynomial(ids.slice(0, 3));
    const root = toScalar(-revocationElement(revoked));
    expect(evaluate(polynomial, root)).toBe(0n);
    const witness = commitWithKeys(quotient(polynomial, root), keysOf(3));
    for (const remainder of [0n, 1n, groupOrder - 1n]) {
      expect(verdict(encodeWitness(3, { witness, remainder }), revoked)).toBe(doesNotHold);
    }
  });
});
