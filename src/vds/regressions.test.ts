import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { encodeScalar, G1, G2, groupOrder, pairingProductIsOne, sign, toScalar, type Identity } from '../crypto/index.ts'; // prettier-ignore
import { at, bytesToHex, concatBytes, randomBytes, seededRandom, type PeerId } from '../lib/index.ts'; // prettier-ignore
import { commitWithKeys, proveNonMembership, revocationElement, revocationPolynomial } from './accumulator.ts'; // prettier-ignore
import { answerAudit, type AuditRequest } from './audit.ts';
import { cutPayloads } from './batch.ts';
import { admitHeader, type Header, type SignedHeader } from './header.ts';
import { quotient } from './polynomial.ts';
import { answerQuery, queryRequestSchema, type QueryRequest } from './query.ts';
import { signState } from './state.ts';
import { author, crs, errorOf, flipBit, makeBatch, makeDataOwner, makeHeaderId, makeSum, makeTask, makeVerifier, now, numberOf, ofOrder3, ofOrder3Compressed, openAnew, owner, sealCut, signAnything, signed, stranger, task, valueOf, withColumn, withDigestOf } from './testing.ts'; // prettier-ignore
import { encodeWitness } from './verifier.ts';

// One test for each line of "Regressions that must have a test" in VDS.md, named after it.

const random = seededRandom(15);
const batch = makeBatch(3840 + 60);
const { header, verified, payloads } = batch;
const other = makeBatch(3840 + 60);

const verifier = makeVerifier();
const verdict = (tried: SignedHeader) => errorOf(verifier.verifyHeader(tried, 'admitted'));
/** What is said of a header that its author and the Data Owner have signed as it is. */
const verdictOf = (tried: Header) => verdict(signed({ header: tried, payloads }).signed);
const doesNotHold = 'header opening does not hold';

const audit: AuditRequest = { nonce: randomBytes(random, 32), epoch: 0, columns: [0, 1] };
const audited = answerAudit(crs, verified, audit, payloads);
const query: QueryRequest = { columns: [0, 1], weights: { kind: 'seed', seed: audit.nonce } };
const queried = valueOf(answerQuery(crs, verified, query, payloads));

/** A verifier that knows three revocations, the second of them `revoked`. */
const revoked = makeHeaderId();
const list = [makeHeaderId(), revoked, makeHeaderId()];
const state = makeDataOwner({ revoked: list }).state(now);
const serverKeys = state.keys.map((key) => G1.fromBytes(key));
const informed = makeVerifier();
const { f, s } = valueOf(informed.updateState(state, now));

test('what the regressions start from is accepted', () => {
  expect(verdict(batch.signed)).toBe('accepted');
  expect(errorOf(verifier.verifyAudit(verified, audit, audited))).toBe('accepted');
  expect(errorOf(verifier.verifyQuery(verified, query, queried))).toBe('accepted');
});

test('u = 0 accepted', () => {
  const root = toScalar(-revocationElement(revoked));
  const witness = commitWithKeys(quotient(revocationPolynomial(list), root), serverKeys);
  const element = G2.BASE.multiply(revocationElement(revoked)).add(s);
  // e(w, y·[1]₂ + [s]₂) = e(f + 0, [1]₂) does hold.
  expect(pairingProductIsOne([[witness, element], [f.negate(), G2.BASE]])).toBe(true); // prettier-ignore
  for (const remainder of [encodeScalar(0n), encodeScalar(groupOrder)]) {
    const proof = { ...encodeWitness(3, { witness, remainder: 0n }), remainder };
    expect(errorOf(informed.verifyNonMembership(revoked, proof))).toMatch(
      /^non-membership: (the witness does not hold|remainder: )/,
    );
  }
});

test('signature malleability', () => {
  /** (R, S + L): the same signature where S is not asked to be below the order of Ed25519. */
  const shifted = (signature: Uint8Array) => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const scalar = numberOf(signature.slice(32).reverse()) + order;
    return concatBytes(signature.subarray(0, 32), encodeScalar(scalar).reverse());
  };
  const { signature, admission } = batch.signed;
  expect(verdict({ ...batch.signed, signature: shifted(signature) })).toBe(
    "header signature is not the author's",
  );
  const changed = shifted(admission ?? signature);
  expect(verdict({ ...batch.signed, admission: changed })).toBe(
    "header admission is not the Data Owner's signature",
  );
  const moved = { ...state, state: { ...state.state, signature: shifted(state.state.signature) } };
  expect(errorOf(makeVerifier().updateState(moved, now))).toMatch(/^state: the signature/);
});

test('n from the request', () => {
  const entries = [{ index: 257, weight: encodeScalar(1n) }];
  const beyond: QueryRequest = { columns: [0], weights: { kind: 'sparse', entries } };
  const answer = { values: [at(queried.values, 0)], proof: queried.proof };
  const error = 'query: weight 257 of a chunk of 256 scalars';
  expect(errorOf(verifier.verifyQuery(verified, beyond, answer))).toBe(error);
  expect(errorOf(answerQuery(crs, verified, beyond, payloads.slice(0, 1)))).toBe(error);
  for (const wrong of [
    { ...query, scalars: 512 },
    { ...beyond, weights: { kind: 'sparse', entries: [{ index: 0, weight: encodeScalar(1n) }] } },
  ]) {
    expect(v.safeParse(queryRequestSchema, wrong).success).toBe(false);
  }
  const short = { ...makeBatch(60).header, scalars: 512 as const };
  expect(verdictOf(short)).toBe('header with another CRS than the task pins');
});

test('identity commitment', () => {
  const identity = G1.ZERO.toBytes(false);
  expect(verdictOf(withColumn(header, 1, { commitment: identity }))).toMatch(/^header commitments: point 1/); // prettier-ignore
  // An honest opening of nothing: γ = 0 and only zeros.
  const nothing = cutPayloads(new Uint8Array(60), 256, 'update', [0n]);
  const empty = sealCut(nothing);
  expect(at(empty.header.columns, 0).commitment).toEqual(identity);
  expect(verdict(empty.signed)).toMatch(/^header commitments: point 0/);
  expect(verdictOf({ ...header, time: G2.ZERO.toBytes(false) })).toMatch(/^header time/);
  const points = { accumulator: G1.ZERO, accumulatorKey: s };
  const forged = signState({ task, epoch: 3 }, list, points, now, owner);
  expect(errorOf(makeVerifier().updateState({ state: forged, revoked: list }, now))).toBe(
    'state: accumulator: the identity point',
  );
});

test('scalar ≥ r', () => {
  const large = (bytes: Uint8Array) => encodeScalar(numberOf(bytes) + groupOrder);
  const values = header.opening.values.map(large);
  expect(verdictOf({ ...header, opening: { ...header.opening, values } })).toMatch(/^header opening: value 0: /); // prettier-ignore
  const payload = at(payloads, 0);
  const alias = concatBytes(large(payload.subarray(0, 32)), payload.subarray(32));
  const column = signed({ header: openAnew(withDigestOf(header, 0, alias), payloads), payloads });
  expect(verdict(column.signed)).toBe('accepted');
  expect(errorOf(verifier.verifyChunk(column.verified, 0, alias))).toBe('chunk blinding');
  const answer = { ...audited, value: large(audited.value) };
  expect(errorOf(verifier.verifyAudit(verified, audit, answer))).toMatch(/^audit: value: /);
  const answers = { ...queried, values: queried.values.map(large) };
  expect(errorOf(verifier.verifyQuery(verified, query, answers))).toMatch(/^query: value: /);
  const fresh = makeHeaderId();
  const proof = proveNonMembership(fresh, list, serverKeys) ?? { witness: G1.ZERO, remainder: 0n };
  const witness = encodeWitness(3, proof);
  expect(errorOf(informed.verifyNonMembership(fresh, witness))).toBe('accepted');
  const aliased = { ...witness, remainder: large(witness.remainder) };
  expect(errorOf(informed.verifyNonMembership(fresh, aliased))).toMatch(
    /^non-membership: remainder/,
  );
});

test('point of small order', () => {
  const opening = { ...header.opening, proof: ofOrder3 };
  expect(verdictOf(withColumn(header, 0, { commitment: ofOrder3 }))).toMatch(/point 0: not in the subgroup$/); // prettier-ignore
  expect(verdictOf({ ...header, opening })).toMatch(/proof: point 0: not in the subgroup$/);
  const proof = ofOrder3Compressed;
  expect(errorOf(verifier.verifyAudit(verified, audit, { ...audited, proof }))).toMatch(/^audit: proof: .*subgroup/); // prettier-ignore
  expect(errorOf(verifier.verifyQuery(verified, query, { ...queried, proof }))).toMatch(/^query: proof: .*subgroup/); // prettier-ignore
  const witness = { epoch: 3, witness: proof, remainder: encodeScalar(1n) };
  expect(errorOf(informed.verifyNonMembership(makeHeaderId(), witness))).toMatch(/^non-membership: witness: .*subgroup/); // prettier-ignore
  // The identity as an Ed25519 key: with R the identity and S = 0 it has signed every message.
  const one = concatBytes(new Uint8Array([1]), new Uint8Array(31));
  const nobody: Identity = { id: bytesToHex(one) as PeerId, secret: stranger.secret };
  const forged = signAnything({ ...header, author: nobody.id });
  const signature = concatBytes(one, new Uint8Array(32));
  expect(verdict({ ...forged, signature })).toBe("header signature is not the author's");
});

test('challenge reused with another nonce', () => {
  for (const changed of [
    { ...audit, nonce: randomBytes(random, 32) },
    { ...audit, nonce: flipBit(audit.nonce, 0) },
    { ...audit, epoch: 1 },
    { ...audit, columns: [0] },
  ]) {
    expect(errorOf(verifier.verifyAudit(verified, changed, audited))).toBe(
      'audit: the proof does not hold',
    );
  }
  const weights = { kind: 'seed', seed: randomBytes(random, 32) } as const;
  expect(errorOf(verifier.verifyQuery(verified, { ...query, weights }, queried))).toBe(
    'query: the proof does not hold',
  );
});

test('stale f', () => {
  const fresh = makeHeaderId();
  const before = list.slice(0, 2);
  const older = proveNonMembership(fresh, before, serverKeys) ?? {
    witness: G1.ZERO,
    remainder: 0n,
  };
  const told = (epoch: number) =>
    errorOf(informed.verifyNonMembership(fresh, encodeWitness(epoch, older)));
  expect(told(2)).toBe('non-membership: a witness of epoch 2, not 3');
  expect(told(3)).toBe('non-membership: the witness does not hold');
  const earlier = makeDataOwner({ revoked: before }).state(now);
  expect(errorOf(informed.updateState(earlier, now))).toBe('state: epoch 2 is older than epoch 3');
  expect(errorOf(makeVerifier().updateState(state, now + 7 * 24 * 3600))).toMatch(/^state: stale/);
});

test('swapped columns', () => {
  const even = makeBatch(2 * 3840);
  const swap = <T>(items: readonly T[]) => items.slice().reverse();
  const swapped = { ...even.header, columns: swap(even.header.columns) };
  expect(verdictOf(swapped)).toBe(doesNotHold);
  const opening = { ...even.header.opening, values: swap(even.header.opening.values) };
  expect(verdictOf({ ...swapped, opening })).toBe(doesNotHold);
  expect(verdictOf({ ...even.header, opening })).toBe(doesNotHold);
  expect(errorOf(verifier.verifyChunk(even.verified, 0, at(even.payloads, 1)))).toBe(
    'chunk digest',
  );
  const answer = answerAudit(crs, even.verified, audit, swap(even.payloads));
  expect(errorOf(verifier.verifyAudit(even.verified, audit, answer))).toMatch(/does not hold$/);
  const values = { ...queried, values: swap(queried.values) };
  expect(errorOf(verifier.verifyQuery(verified, query, values))).toMatch(/does not hold$/);
  const sum = makeSum([{ batch: even, weight: 256 }]);
  const summands = [{ header: even.verified, weight: 256 }];
  expect(errorOf(verifier.verifySum(sum.verified, summands))).toBe('accepted');
  const permuted = sealCut(swap(sum.payloads), { kind: 'sum' });
  expect(errorOf(verifier.verifySum(permuted.verified, summands))).toMatch(/^sum: column 0/);
});

test('header of another task, round or author', () => {
  expect(verdictOf({ ...header, task: makeTask() })).toBe('header of another task');
  // Both would sign it: but what was opened is not what it says.
  expect(verdictOf({ ...header, round: 2 })).toBe(doesNotHold);
  expect(verdictOf({ ...header, author: stranger.id })).toBe(doesNotHold);
  expect(verdictOf({ ...header, replaces: makeHeaderId() })).toBe(doesNotHold);
  const stolen = signAnything({ ...header, author: stranger.id }, author);
  expect(verdict(stolen)).toBe("header signature is not the author's");
});

describe('one bit of payload, γ, y, π, d flipped', () => {
  const bits = [0, 7, 100, 255];
  test.each(bits)('bit %i', (bit) => {
    const payload = at(payloads, 0);
    for (const flipped of [flipBit(payload, 8 * 32 + bit), flipBit(payload, bit)]) {
      expect(errorOf(verifier.verifyChunk(verified, 0, flipped))).toBe('chunk digest');
    }
    const { digest, commitment } = at(header.columns, 1);
    expect(verdictOf(withColumn(header, 1, { digest: flipBit(digest, bit) }))).toBe(doesNotHold);
    expect(verdictOf(withColumn(header, 1, { commitment: flipBit(commitment, bit) }))).toMatch(/^header commitments: point 1/); // prettier-ignore
    const { values, proof } = header.opening;
    const reopened = (change: Partial<Header['opening']>) =>
      verdictOf({ ...header, opening: { values, proof, ...change } });
    const changed = [at(values, 0), flipBit(at(values, 1), bit)];
    expect(reopened({ values: changed })).toMatch(/^header opening( does not hold|: value 1)/);
    expect(reopened({ proof: flipBit(proof, bit) })).toMatch(/^header opening: proof/);
  });

  test('and any other point in place of π', () => {
    for (const point of [G1.BASE, G1.fromBytes(header.opening.proof).negate(), G1.ZERO]) {
      const opening = { ...header.opening, proof: point.toBytes(false) };
      expect(verdictOf({ ...header, opening })).toBe(doesNotHold);
    }
  });
});

test('header mixed from two', () => {
  expect(verdictOf({ ...header, opening: other.header.opening })).toBe(doesNotHold);
  expect(verdictOf({ ...header, columns: other.header.columns })).toBe(doesNotHold);
  expect(verdictOf({ ...header, time: other.header.time })).toBe(doesNotHold);
  expect(verdictOf(withColumn(header, 1, at(other.header.columns, 1)))).toBe(doesNotHold);
  const { digest } = at(other.header.columns, 1);
  expect(verdictOf(withColumn(header, 1, { digest }))).toBe(doesNotHold);
  const values = [at(header.opening.values, 0), at(other.header.opening.values, 1)];
  const columns = [at(header.columns, 0), at(other.header.columns, 1)];
  expect(verdictOf({ ...header, columns, opening: { ...header.opening, values } })).toBe(doesNotHold); // prettier-ignore
  expect(verdict({ ...batch.signed, signature: other.signed.signature })).toMatch(/signature/);
  expect(verdict({ ...batch.signed, admission: other.signed.admission })).toMatch(/admission/);
  const unsigned = { ...batch.signed, signature: sign('admission', batch.signed.header, author) };
  expect(verdict(admitHeader(unsigned, owner))).toBe("header signature is not the author's");
});
