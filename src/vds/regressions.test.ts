import { describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { encodeScalar, G1, G2, groupOrder, arithmetic, pairingProductIsOne, randomScalar, sha256, sign, toScalar, type Identity } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, bytesToHex, concatBytes, randomBytes, seededRandom, uint16ToBytes, type PeerId } from '../lib/index.ts'; // prettier-ignore
import { commitWithKeys, proveNonMembership, revocationElement, revocationPolynomial } from './accumulator.ts'; // prettier-ignore
import { answerAudit, type AuditRequest } from './audit.ts';
import { cutPayloads, drawBlinders } from './batch.ts';
import { Crs } from './crs.ts';
import { admitHeader, unopenedBytes, type Header, type SignedHeader } from './header.ts';
import { openingPoint } from './opening.ts';
import { evaluate, quotient } from './polynomial.ts';
import { answerQuery, queryRequestSchema, type QueryRequest } from './query.ts';
import { sumBlinders } from './sum.ts';
import { auditFactor, auditPoint, author, crs, errorOf, foldedAudit, queryFactor, shiftPair, flipBit, forgeState, makeBatch, makeDataOwner, makeHeaderId, makeSum, makeTask, makeVerifier, manifest, now, numberOf, ofOrder3, ofOrder3Compressed, openAnew, orderOf, owner, sealCut, signAnything, signed, stranger, task, valueOf, withColumn, withDigestOf, type TestBatch } from './testing.ts'; // prettier-ignore
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
const wrongSum = 'sum: it is not Σ a_k·u_k of the manifest';

const audit: AuditRequest = { nonce: randomBytes(random, 32), epoch: 0, columns: [0, 1] };
const parties = { task, auditor: owner.id, holder: stranger.id };
const audited = answerAudit(crs, verified, audit, parties, payloads, random);
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
  expect(errorOf(verifier.verifyAudit(verified, audit, parties, audited))).toBe('accepted');
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
  for (const part of ['core', 'freshness'] as const) {
    const { bytes, signature: own } = state[part];
    const moved = { ...state, [part]: { bytes, signature: shifted(own) } };
    const error = new RegExp(`^state-${part}: the signature`);
    expect(errorOf(makeVerifier().updateState(moved, now))).toMatch(error);
  }
});

test('n from the request', () => {
  const entries = [{ index: 257, weight: encodeScalar(1n) }];
  const beyond: QueryRequest = { columns: [0], weights: { kind: 'sparse', entries } };
  const answer = { values: [at(queried.values, 0)], proof: queried.proof };
  const error = 'query: weight 257 of a column of 256 scalars';
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

test('identity commitment of an update · identity f', () => {
  const identity = G1.ZERO.toBytes(false);
  expect(verdictOf(withColumn(header, 1, { commitment: identity }))).toBe('header commitments: column 1 is the identity'); // prettier-ignore
  // An honest opening of nothing: γ = 0 and only zeros.
  const nothing = cutPayloads(new Uint8Array(60), 256, 'update', [[0n, 0n, 0n]]);
  const empty = sealCut(nothing);
  expect(at(empty.header.columns, 0).commitment).toEqual(identity);
  expect(verdict(empty.signed)).toBe('header commitments: column 0 is the identity');
  expect(verdictOf({ ...header, time: G2.ZERO.toBytes(false) })).toMatch(/^header time/);
  const points = { accumulator: G1.ZERO, accumulatorKey: s };
  expect(errorOf(makeVerifier().updateState(forgeState(3, list, points), now))).toBe(
    'state: accumulator: the identity point',
  );
});

test('scalar ≥ r', () => {
  const large = (bytes: Uint8Array) => encodeScalar(numberOf(bytes) + groupOrder);
  const y = header.y.map(large);
  expect(verdictOf({ ...header, y })).toMatch(/^header opening: value 0: /); // prettier-ignore
  const payload = at(payloads, 0);
  const alias = concatBytes(large(payload.subarray(0, 32)), payload.subarray(32));
  const column = signed({ header: openAnew(withDigestOf(header, 0, alias), payloads), payloads });
  expect(verdict(column.signed)).toBe('accepted');
  expect(errorOf(verifier.verifyChunk(column.verified, 0, alias))).toBe('chunk blinding');
  const answer = { ...audited, value: large(audited.value) };
  expect(errorOf(verifier.verifyAudit(verified, audit, parties, answer))).toMatch(
    /^audit: value: /,
  );
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
  expect(verdictOf(withColumn(header, 0, { commitment: ofOrder3 }))).toMatch(/point 0: not in the subgroup$/); // prettier-ignore
  expect(verdictOf({ ...header, pi: ofOrder3 })).toMatch(/proof: point 0: not in the subgroup$/);
  const proof = ofOrder3Compressed;
  expect(errorOf(verifier.verifyAudit(verified, audit, parties, { ...audited, proof }))).toMatch(/^audit: proof: .*subgroup/); // prettier-ignore
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
    expect(errorOf(verifier.verifyAudit(verified, changed, parties, audited))).toBe(
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

test('CRS of small order or with a repeated point', async () => {
  // α of order 2 mod r − 1: its powers are 1, −1, 1, … and satisfy every equation.
  const order = (power: number) => (power % 2 === 1 ? groupOrder - 1n : 1n);
  const file = crs.file.slice();
  const degree = 258;
  for (let i = 1, place = 16; i <= 2 * degree; i++) {
    if (i === degree + 1) continue;
    file.set(G1.BASE.multiply(order(i)).toBytes(false), place);
    place += 96;
  }
  for (let i = 1; i <= degree; i++) {
    const place = 16 + 96 * (2 * degree - 1) + 192 * (i - 1);
    file.set(G2.BASE.multiply(order(i)).toBytes(false), place);
  }
  const verified = await Crs.verify(file, sha256(file), random);
  expect(errorOf(verified)).toBe('CRS: a point of G1 is there twice');
});

test('swapped columns', () => {
  const even = makeBatch(2 * 3840);
  const swap = <T>(items: readonly T[]) => items.slice().reverse();
  const swapped = { ...even.header, columns: swap(even.header.columns) };
  expect(verdictOf(swapped)).toBe(doesNotHold);
  const y = swap(even.header.y);
  expect(verdictOf({ ...swapped, y })).toBe(doesNotHold);
  expect(verdictOf({ ...even.header, y })).toBe(doesNotHold);
  expect(errorOf(verifier.verifyChunk(even.verified, 0, at(even.payloads, 1)))).toBe(
    'chunk digest',
  );
  const answer = answerAudit(crs, even.verified, audit, parties, swap(even.payloads), random);
  expect(errorOf(verifier.verifyAudit(even.verified, audit, parties, answer))).toMatch(/does not hold$/); // prettier-ignore
  const values = { ...queried, values: swap(queried.values) };
  expect(errorOf(verifier.verifyQuery(verified, query, values))).toMatch(/does not hold$/);
  const terms = [{ batch: even, weight: 256 }];
  const sum = makeSum(terms);
  expect(errorOf(verifier.verifySum(sum.signed, orderOf(terms), 'admitted'))).toBe('accepted');
  const { opening, sum: of, byteLength } = sum.header;
  assert(of !== null, 'a sum');
  const permuted = sealCut(swap(sum.payloads), { kind: 'sum', opening, sum: of, byteLength });
  expect(errorOf(verifier.verifySum(permuted.signed, orderOf(terms), 'admitted'))).toBe(wrongSum);
});

test('proxied audit', () => {
  // An auditor asks a holder that has nothing, which passes the challenge on to an honest one.
  const asked = { ...parties, holder: author.id };
  const proxied = answerAudit(crs, verified, audit, parties, payloads, random);
  expect(errorOf(verifier.verifyAudit(verified, audit, asked, proxied))).toBe(
    'audit: the proof does not hold',
  );
  // The honest one puts in the id of who asks it: the proxy's.
  const relayed = { task, auditor: author.id, holder: stranger.id };
  const answer = answerAudit(crs, verified, audit, relayed, payloads, random);
  for (const expected of [parties, asked]) {
    expect(errorOf(verifier.verifyAudit(verified, audit, expected, answer))).toMatch(/hold$/);
  }
});

test('audit from one folded column', () => {
  // A holder that keeps Σ ρ^j·P_j of one audit in place of the columns, and answers with it.
  const fresh = { ...audit, nonce: randomBytes(random, 32) };
  const told = (rho: bigint, request: AuditRequest) =>
    errorOf(verifier.verifyAudit(verified, request, parties, foldedAudit(crs, verified, request, parties, payloads, rho))); // prettier-ignore
  const rhoOf = (request: AuditRequest) => auditFactor(auditPoint(verified, request, parties));
  // Of the audit that it was folded for the answer holds, of no other: ρ is another one each time.
  expect(told(rhoOf(audit), audit)).toBe('accepted');
  expect(told(rhoOf(audit), fresh)).toBe('audit: the proof does not hold');
  expect(told(1n, fresh)).toBe('audit: the proof does not hold');
});

test('state of another task', () => {
  const other = makeTask();
  const foreign = makeDataOwner({ task: other, revoked: list }).state(now);
  expect(errorOf(makeVerifier().updateState(foreign, now))).toBe('state: of another task');
});

test('forged pair x₁+ε, x₂−ε/ρ', () => {
  const asked = { columns: [0, 1], weights: query.weights };
  // ρ as it would be if it did not hash the values, and as it was for the true ones.
  for (const values of [[], queried.values]) {
    const shifted = shiftPair(queried.values, queryFactor(verified, asked, values));
    const forged = { ...queried, values: shifted };
    expect(errorOf(verifier.verifyQuery(verified, asked, forged))).toBe(
      'query: the proof does not hold',
    );
  }
});

test('header of another task, opening, round or author', () => {
  expect(verdictOf({ ...header, task: makeTask() })).toBe('header of another task');
  // Both would sign it: but what was opened is not what it says.
  expect(verdictOf({ ...header, opening: sha256(audit.nonce) })).toBe(doesNotHold);
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
    const places = [0, 256, 512, 768].map((from) => from + bit); // γ₀, γ₁, γ₂, lanes
    for (const place of places) {
      const flipped = flipBit(payload, place);
      expect(errorOf(verifier.verifyChunk(verified, 0, flipped))).toBe('chunk digest');
    }
    const { digest, commitment } = at(header.columns, 1);
    assert(commitment !== null, 'an update has commitments');
    expect(verdictOf(withColumn(header, 1, { digest: flipBit(digest, bit) }))).toBe(doesNotHold);
    expect(verdictOf(withColumn(header, 1, { commitment: flipBit(commitment, bit) }))).toMatch(/^header commitments: point 1/); // prettier-ignore
    const y = [at(header.y, 0), flipBit(at(header.y, 1), bit)];
    expect(verdictOf({ ...header, y })).toMatch(/^header opening( does not hold|: value 1)/);
    const pi = flipBit(header.pi, bit);
    expect(verdictOf({ ...header, pi })).toMatch(/^header opening: proof/);
  });

  test('and any other point in place of π', () => {
    for (const point of [G1.BASE, G1.fromBytes(header.pi).negate(), G1.ZERO]) {
      expect(verdictOf({ ...header, pi: point.toBytes(false) })).toBe(doesNotHold);
    }
  });
});

test('header mixed from two', () => {
  expect(verdictOf({ ...header, y: other.header.y, pi: other.header.pi })).toBe(doesNotHold);
  expect(verdictOf({ ...header, columns: other.header.columns })).toBe(doesNotHold);
  expect(verdictOf({ ...header, time: other.header.time })).toBe(doesNotHold);
  expect(verdictOf(withColumn(header, 1, at(other.header.columns, 1)))).toBe(doesNotHold);
  const { digest } = at(other.header.columns, 1);
  expect(verdictOf(withColumn(header, 1, { digest }))).toBe(doesNotHold);
  const y = [at(header.y, 0), at(other.header.y, 1)];
  const columns = [at(header.columns, 0), at(other.header.columns, 1)];
  expect(verdictOf({ ...header, columns, y })).toBe(doesNotHold);
  expect(verdict({ ...batch.signed, signature: other.signed.signature })).toMatch(/signature/);
  expect(verdict({ ...batch.signed, admission: other.signed.admission })).toMatch(/admission/);
  const unsigned = { ...batch.signed, signature: sign('admission', batch.signed.header, author) };
  expect(verdict(admitHeader(unsigned, owner))).toBe("header signature is not the author's");
});

/** An update as a liar seals it: scalars that no bytes pack to, committed to and opened. */
function sealLarge(lane: bigint) {
  const polynomial = new Array<bigint>(259).fill(0n);
  [0, 257, 258].forEach((place) => (polynomial[place] = randomScalar(random)));
  const bytes = 15 * 256;
  for (let i = 1; i <= 256; i++) {
    polynomial[i] = Array.from({ length: 15 }, (_, l) => lane << BigInt(16 * l)).reduce((a, b) => a + b); // prettier-ignore
  }
  const honest = makeBatch(bytes).header;
  const payload = new Uint8Array(96 + bytes);
  [0, 257, 258].forEach((place, b) => payload.set(encodeScalar(at(polynomial, place)), 32 * b));
  const commitment = crs.combine(polynomial).toBytes(false);
  const unopened = withColumn(honest, 0, { commitment, digest: sha256(payload) }); // prettier-ignore
  const z = openingPoint(unopenedBytes(unopened));
  const proof = arithmetic.multiScalarMultiply(crs.openingPowers, quotient(polynomial, z));
  const y = [encodeScalar(evaluate(polynomial, z))];
  const header = { ...unopened, y, pi: proof.toBytes(false) };
  return { ...signed({ header, payloads: [payload] }), polynomial, payload };
}

test('lanes of 1000 with a sum that opens first', () => {
  const liar = sealLarge(1000n);
  // The header opens, and nothing in it says what the lanes are …
  expect(verdict(liar.signed)).toBe('accepted');
  // … but there is no payload of it that a checker would vouch for, whatever its author serves.
  expect(errorOf(verifier.verifyChunk(liar.verified, 0, liar.payload))).toBe('chunk evaluation');
  for (const byte of [0, 232, 255]) {
    const served = liar.payload.slice().fill(byte, 96);
    expect(errorOf(verifier.verifyChunk(liar.verified, 0, served))).toMatch(/^chunk (digest|eval)/);
  }
  const proof = { signed: liar.signed, column: 0, payload: liar.payload };
  expect(verifier.verifyFraud(proof)).toEqual({ ok: true, value: author.id });
  // Its sum opens, because it is the sum of what was committed to: that is why a sum is opened
  // only of what was vouched for, and why its lanes are looked at besides.
  const honest = makeBatch(new Uint8Array(3840).fill(128));
  const lanes = new Uint16Array(3840).fill(128 * 192 + 1000 * 64);
  const terms = [{ batch: honest, weight: 192 }, { batch: liar, weight: 64 }]; // prettier-ignore
  const blinding = sumBlinders(terms.map(({ batch: each, weight }) => ({ payloads: each.payloads, weight }))); // prettier-ignore
  const cut = cutPayloads(uint16ToBytes(lanes), 256, 'sum', blinding);
  const sum = sealCut(cut, { kind: 'sum', sum: { manifest, chunks: [0] } });
  const order = orderOf(terms);
  // 128·192 + 64,000 does not fit a u16 lane: what carries does not open.
  expect(errorOf(verifier.verifySum(sum.signed, order, 'admitted'))).toBe(wrongSum);
  const few = orderOf([{ batch: honest, weight: 1 }, { batch: liar, weight: 64 }]); // prettier-ignore
  const small = cutPayloads(uint16ToBytes(new Uint16Array(3840).fill(128 + 64_000)), 256, 'sum', sumBlinders([{ payloads: honest.payloads, weight: 1 }, { payloads: liar.payloads, weight: 64 }])); // prettier-ignore
  const opens = sealCut(small, { kind: 'sum', sum: { manifest, chunks: [0] } });
  const verified64 = valueOf(verifier.verifySum(opens.signed, few, 'admitted'));
  expect(errorOf(verifier.verifySumChunk(verified64, 0, at(small, 0), 65))).toBe(
    'chunk lanes exceed what bytes add up to',
  );
});

test('a sum before the freeze', () => {
  // A sum names the manifest that it is of: one made for a revision that was not frozen, or for
  // another attempt, is not one of the frozen revision.
  const terms = [{ batch, weight: 200 }, { batch: other, weight: 56 }]; // prettier-ignore
  const early = makeSum(terms, { sum: { manifest: sha256(manifest), chunks: [0, 1] } });
  const order = orderOf(terms);
  expect(errorOf(verifier.verifySum(early.signed, order, 'admitted'))).toBe('sum: of another manifest'); // prettier-ignore
  const attempt = makeSum(terms, { opening: sha256(manifest) });
  expect(errorOf(verifier.verifySum(attempt.signed, order, 'admitted'))).toBe('sum: of another opening'); // prettier-ignore
  const dropped = orderOf(terms.slice(0, 1));
  expect(errorOf(verifier.verifySum(makeSum(terms).signed, dropped, 'admitted'))).toBe(wrongSum);
});

test('the last lanes guessed from a header', () => {
  /** What C − [y]₁ is, had the column γ₀ alone: Σ m_i·(g_i − [z^i]₁), a function of the data. */
  const guessed = (batchOf: TestBatch) => {
    const z = openingPoint(unopenedBytes(batchOf.header));
    const known = G1.fromBytes(at(batchOf.verified.commitments, 0)).subtract(
      G1.BASE.multiply(numberOf(at(batchOf.header.y, 0))),
    );
    const unit = crs.g1(1).subtract(G1.BASE.multiply(z));
    let guess = G1.ZERO;
    for (let lane = 0; lane < 256; lane++) {
      if (guess.equals(known)) return lane;
      guess = guess.add(unit);
    }
    return null;
  };
  const secret = new Uint8Array([77]);
  const [first = 0n] = drawBlinders(1, 256, 'update', random).flat();
  const weak = sealCut(cutPayloads(secret, 256, 'update', [[first, 0n, 0n]]));
  expect(guessed(weak)).toBe(77); // one blinder does not hide it
  expect(guessed(makeBatch(secret))).toBe(null);
});

test('an all-zero model of one chunk', () => {
  const model = makeBatch(new Uint8Array(60), { kind: 'model' });
  const identity = G1.ZERO.toBytes(false);
  expect([...model.verified.commitments, model.header.pi]).toEqual([identity, identity]);
  expect(verdict(model.signed)).toBe('accepted');
  expect(errorOf(verifier.verifyChunk(model.verified, 0, at(model.payloads, 0)))).toBe('accepted');
  const one = at(model.payloads, 0).with(96, 1);
  expect(errorOf(verifier.verifyChunk(model.verified, 0, one))).toBe('chunk digest');
  const file = signed({ header: { ...model.header, kind: 'file' }, payloads: model.payloads });
  expect(verdict(file.signed)).toBe('header commitments: column 0 is the identity');
});
