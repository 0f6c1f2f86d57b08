import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeScalar, groupOrder, toScalar } from '../crypto/index.ts';
import { at, seededRandom, type Random } from '../lib/index.ts';
import { signHeader, type Header, type SignedHeader } from './header.ts';
import type { Summand } from './sum.ts';
import { author, errorOf, makeBatch, makeDataOwner, makeHeaderId, makeSum, makeTask, makeVerifier, now, numberOf, ofOrder3, openAnew, owner, sealCut, signed, stranger, valueOf, withColumn, withDigestOf, type TestBatch } from './testing.ts'; // prettier-ignore

const verdict = (tried: SignedHeader) => errorOf(makeVerifier().verifyHeader(tried, 'admitted'));

/** The batch with y_1 changed by so much, signed anew. */
function withValue({ header, payloads }: TestBatch, change: bigint): TestBatch {
  const value = numberOf(at(header.opening.values, 0));
  const values = [encodeScalar(toScalar(value + change)), ...header.opening.values.slice(1)];
  return signed({ header: { ...header, opening: { ...header.opening, values } }, payloads });
}

const resigned = (header: Header) => signed({ header, payloads: [] }).signed;

/** A source that tells how much was drawn of it. */
function counted(): Random & { readonly drawn: () => number } {
  const random = seededRandom(8);
  let count = 0;
  return { uint32: () => (count++, random.uint32()), drawn: () => count };
}

describe('headers are verified as one batch', () => {
  const batches = Array.from({ length: 6 }, (_, k) => makeBatch(k % 2 === 0 ? 40 : 3900));
  const spare = makeBatch(40);
  /** Ways to spoil a header, and what is then said of it. */
  const spoilt: [string, (batch: TestBatch) => SignedHeader][] = [
    ['accepted', (batch) => batch.signed],
    ['header opening does not hold', (batch) => withValue(batch, 1n).signed],
    ['header opening does not hold', ({ header }) => resigned({ ...header, opening: { ...header.opening, proof: spare.header.opening.proof } })], // prettier-ignore
    ['header opening does not hold', ({ header }) => resigned(withDigestOf(header, 0, new Uint8Array(9)))], // prettier-ignore
    ['header opening does not hold', ({ header }) => resigned(withColumn(header, 0, { commitment: at(spare.header.columns, 0).commitment }))], // prettier-ignore
    ['header commitments: point 0: not in the subgroup', ({ header }) => resigned(withColumn(header, 0, { commitment: ofOrder3 }))], // prettier-ignore
    ["header signature is not the author's", (batch) => ({ ...batch.signed, signature: spare.signed.signature })], // prettier-ignore
    ['header of another task', ({ header }) => resigned({ ...header, task: makeTask() })],
  ];
  const headers = batches.map((batch) => spoilt.map(([, spoil]) => spoil(batch)));

  test('each by itself is refused for what is wrong with it', () => {
    for (const each of headers) {
      expect(each.map(verdict)).toEqual(spoilt.map(([error]) => error));
    }
  });

  test('and the false ones among many are named exactly as each by itself', () => {
    const choices = fc.array(fc.nat(spoilt.length - 1), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(choices, fc.boolean(), (chosen, reversed) => {
        const kinds = chosen.map((kind, k) => ({ kind, header: at(at(headers, k), kind) }));
        if (reversed) kinds.reverse();
        const tried = kinds.map(({ header }) => header);
        const verdicts = makeVerifier().verifyHeaders(tried, 'admitted');
        expect(verdicts.map(errorOf)).toEqual(kinds.map(({ kind }) => at(spoilt, kind)[0]));
        verdicts.forEach((result, k) => {
          if (result.ok) expect(result.value.signed).toEqual(at(tried, k));
        });
      }),
      { numRuns: 15 },
    );
  });

  test('all of them false, none of them, and no header at all', () => {
    const all = batches.map((batch) => withValue(batch, 5n).signed);
    const refused = all.map(() => 'header opening does not hold');
    expect(makeVerifier().verifyHeaders(all, 'admitted').map(errorOf)).toEqual(refused);
    const good = batches.map((batch) => makeVerifier().verifyHeaders([batch.signed], 'admitted'));
    expect(good.flat().map(errorOf)).toEqual(batches.map(() => 'accepted'));
    expect(makeVerifier().verifyHeaders([], 'admitted')).toEqual([]);
  });

  // Their errors cancel out in a sum without random weights, or with the same one for both.
  test('two whose values are wrong by opposite amounts are both refused', () => {
    const [first, third] = [at(batches, 0), at(batches, 2)];
    const pair = [withValue(first, 1n).signed, withValue(third, -1n).signed];
    const verdicts = makeVerifier().verifyHeaders(pair, 'admitted').map(errorOf);
    expect(verdicts).toEqual(Array(2).fill('header opening does not hold'));
  });

  test('the same header twice is accepted twice', () => {
    const { signed } = at(batches, 1);
    const verdicts = makeVerifier().verifyHeaders([signed, signed], 'admitted');
    expect(verdicts.map(errorOf)).toEqual(['accepted', 'accepted']);
  });

  test('without admission only where the Data Owner asks', () => {
    const unadmitted = signHeader(at(batches, 0).header, author);
    expect(errorOf(makeVerifier().verifyHeader(unadmitted, 'any'))).toBe('accepted');
    expect(verdict(unadmitted)).toBe('header is not admitted by the Data Owner');
  });
});

describe('an opening that holds is remembered', () => {
  const [first, second] = [makeBatch(40), makeBatch(40)];
  const both = [first.signed, second.signed];

  test('and not checked again', () => {
    const random = counted();
    const verifier = makeVerifier(random);
    const once = verifier.verifyHeaders(both, 'admitted');
    const drawn = random.drawn();
    expect(drawn).toBeGreaterThan(0); // the weights of the batch
    expect(verifier.verifyHeaders(both, 'admitted')).toEqual(once);
    expect(random.drawn()).toBe(drawn);
  });

  test('which does not spare signature and admission', () => {
    const verifier = makeVerifier();
    verifier.verifyHeaders(both, 'admitted');
    const verdictOf = (tried: SignedHeader) => errorOf(verifier.verifyHeader(tried, 'admitted'));
    const { signature } = second.signed;
    expect(verdictOf({ ...first.signed, signature })).toBe("header signature is not the author's");
    expect(verdictOf({ ...first.signed, admission: null })).toMatch(/not admitted/);
  });

  test('and one that does not hold is refused every time', () => {
    const verifier = makeVerifier();
    const tried = [first.signed, withValue(second, 1n).signed];
    const verdicts = () => verifier.verifyHeaders(tried, 'admitted').map(errorOf);
    expect(verdicts()).toEqual(['accepted', 'header opening does not hold']);
    expect(verdicts()).toEqual(['accepted', 'header opening does not hold']);
  });

  test('but refused once its batch is revoked, as are its chunks', () => {
    const verifier = makeVerifier();
    const header = valueOf(verifier.verifyHeader(first.signed, 'admitted'));
    const payload = at(first.payloads, 0);
    expect(errorOf(verifier.verifyChunk(header, 0, payload))).toBe('accepted');
    const dataOwner = makeDataOwner({ revoked: [makeHeaderId(), header.id] });
    valueOf(verifier.updateState(dataOwner.state(now), now));
    expect(verifier.isRevoked(header.id)).toBe(true);
    expect(verifier.isRevoked(second.verified.id)).toBe(false);
    const verdicts = verifier.verifyHeaders(both, 'admitted').map(errorOf);
    expect(verdicts).toEqual(['header is revoked by the Data Owner', 'accepted']);
    expect(errorOf(verifier.verifyChunk(header, 0, payload))).toBe(
      'batch is revoked by the Data Owner',
    );
    expect(errorOf(verifier.verifyChunk(second.verified, 0, at(second.payloads, 0)))).toBe(
      'accepted',
    );
  });
});

describe('a sum', () => {
  const length = 3900; // two columns
  const updates = [author, stranger, owner].map((by) => makeBatch(length, { author: by }));
  const weighed = (weights: readonly number[]) =>
    updates.map((batch, k) => ({ batch, weight: weights[k] ?? 0 }));
  const manifest = (weights: readonly number[]): Summand[] =>
    weighed(weights).map(({ batch, weight }) => ({ header: batch.verified, weight }));
  const weights = [100, 56, 100];
  const right = makeSum(weighed(weights));
  const verifySum = (sum: TestBatch, summands: readonly Summand[]) =>
    errorOf(makeVerifier().verifySum(sum.verified, summands));
  const wrongColumn = (column: number) => `sum: column ${column} is not Σ a_k·C_k of the manifest`;

  test('with the weights of the manifest opens and is accepted', () => {
    expect(verdict(right.signed)).toBe('accepted');
    expect(verifySum(right, manifest(weights))).toBe('accepted');
    expect(verifySum(right, manifest(weights).reverse())).toBe('accepted');
    right.payloads.forEach((payload, j) => {
      expect(errorOf(makeVerifier().verifyChunk(right.verified, j, payload))).toBe('accepted');
    });
  });

  test('is accepted for any weights, and for no others', () => {
    const split = fc.tuple(fc.nat(256), fc.nat(256)).map(([a, b]) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      return [low, high - low, 256 - high];
    });
    fc.assert(
      fc.property(split, split, (given, claimed) => {
        const sum = makeSum(weighed(given).filter(({ weight }) => weight > 0));
        expect(verifySum(sum, manifest(given))).toBe('accepted');
        const same = given.every((weight, k) => weight === claimed[k]);
        expect(verifySum(sum, manifest(claimed))).toBe(same ? 'accepted' : wrongColumn(0));
      }),
      { numRuns: 8 },
    );
  });

  test('with a changed weight, without a member, or with one more is refused', () => {
    expect(verifySum(right, manifest([101, 55, 100]))).toBe(wrongColumn(0));
    expect(verifySum(right, manifest([56, 100, 100]))).toBe(wrongColumn(0));
    expect(verifySum(right, manifest([156, 0, 100]))).toBe(wrongColumn(0));
    expect(verifySum(right, manifest(weights).slice(1))).toBe(wrongColumn(0));
    const added = { header: makeBatch(length).verified, weight: 1 };
    expect(verifySum(right, [...manifest(weights), added])).toBe(wrongColumn(0));
    expect(verifySum(right, [...manifest(weights), { ...added, weight: 0 }])).toBe('accepted');
    expect(verifySum(right, [])).toBe('sum: of nothing');
  });

  test('of other values opens as what it is, but is not the sum', () => {
    const payloads = right.payloads.map((payload) => payload.slice());
    const last = at(payloads, 1);
    last[32] = at(last, 32) ^ 1;
    const other = sealCut(payloads, { kind: 'sum' });
    expect(verdict(other.signed)).toBe('accepted');
    expect(verifySum(other, manifest(weights))).toBe(wrongColumn(1));
    // With the right commitments it is the sum, but what was changed does not open.
    const claimed = openAnew(withDigestOf(right.header, 1, last), payloads);
    const lying = signed({ header: claimed, payloads });
    expect(verifySum(lying, manifest(weights))).toBe('accepted');
    expect(verdict(lying.signed)).toBe('header opening does not hold');
  });

  test('with another γ is not the sum: it is Σ a_k·γ_k', () => {
    const payloads = right.payloads.map((payload) => payload.slice());
    at(payloads, 0).set(encodeScalar(groupOrder - 1n));
    expect(verifySum(sealCut(payloads, { kind: 'sum' }), manifest(weights))).toBe(wrongColumn(0));
  });

  test('with its columns permuted is refused', () => {
    const even = [author, stranger].map((by) => makeBatch(2 * 3840, { author: by }));
    const sum = makeSum(even.map((batch) => ({ batch, weight: 128 })));
    const summands = even.map(({ verified }) => ({ header: verified, weight: 128 }));
    expect(verifySum(sum, summands)).toBe('accepted');
    const permuted = sealCut(sum.payloads.slice().reverse(), { kind: 'sum' });
    expect(verifySum(permuted, summands)).toBe(wrongColumn(0));
  });

  test('of another round, another length or another kind is refused', () => {
    const later = makeSum(weighed(weights), { round: 2 });
    expect(verifySum(later, manifest(weights))).toBe('sum: of another round');
    const lanes = new Uint8Array(2 * length + 2);
    const long = makeBatch(lanes, { kind: 'sum' });
    expect(verifySum(long, manifest(weights))).toBe('sum: of another length');
    for (const kind of ['file', 'sum', 'model'] as const) {
      const other = sealCut(right.payloads, { kind, lanes: 'bytes', author: owner });
      expect(verifySum(other, manifest(weights))).toBe('sum: the header is not of a sum');
    }
  });

  test('that is revoked is refused', () => {
    const verifier = makeVerifier();
    const state = makeDataOwner({ revoked: [right.verified.id] }).state(now);
    valueOf(verifier.updateState(state, now));
    expect(errorOf(verifier.verifySum(right.verified, manifest(weights)))).toBe(
      'sum: revoked by the Data Owner',
    );
  });
});
