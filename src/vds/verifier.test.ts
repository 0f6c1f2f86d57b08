import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeScalar, toScalar } from '../crypto/index.ts';
import { at, concatBytes, seededRandom, type Random } from '../lib/index.ts';
import { signHeader, type Header, type SignedHeader } from './header.ts';
import { author, errorOf, flipBit, makeBatch, makeDataOwner, makeHeaderId, makeTask, makeVerifier, now, numberOf, ofOrder3, openAnew, signed, valueOf, withColumn, withDigestOf, type TestBatch } from './testing.ts'; // prettier-ignore

const verdict = (tried: SignedHeader) => errorOf(makeVerifier().verifyHeader(tried, 'admitted'));

/** The batch with y_1 changed by so much, signed anew. */
function withValue({ header, payloads }: TestBatch, change: bigint): TestBatch {
  const value = numberOf(at(header.y, 0));
  const y = [encodeScalar(toScalar(value + change)), ...header.y.slice(1)];
  return signed({ header: { ...header, y }, payloads });
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
    ['header opening does not hold', ({ header }) => resigned({ ...header, pi: spare.header.pi })], // prettier-ignore
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

describe('a fraud proof', () => {
  const verifier = makeVerifier();
  const { header, payloads, signed: honest } = makeBatch(3840 + 60);
  const other = at(makeBatch(3840 + 60).payloads, 0);
  /** Its author signed the digest of one payload and opened another one. */
  const lying = signed({ header: openAnew(withDigestOf(header, 0, other), payloads), payloads });
  const proof = { signed: lying.signed, column: 0, payload: other };

  test('of a payload with the right digest and the wrong value names the author', () => {
    expect(errorOf(verifier.verifyHeader(lying.signed, 'admitted'))).toBe('accepted');
    expect(errorOf(verifier.verifyChunk(lying.verified, 0, other))).toBe('chunk evaluation');
    expect(verifier.proveFraud(proof)).toBe(proof);
    expect(makeVerifier().verifyFraud(proof)).toEqual({ ok: true, value: author.id });
  });

  test('of a payload with the right digest and a wrong length, too', () => {
    const long = concatBytes(at(payloads, 1), new Uint8Array(1));
    const header1 = openAnew(withDigestOf(header, 1, long), payloads);
    const liar = signed({ header: header1, payloads });
    expect(verifier.verifyFraud({ signed: liar.signed, column: 1, payload: long }).ok).toBe(true);
  });

  test('is nothing where the author told the truth, or others may have changed the bytes', () => {
    const refusal = (changed: Partial<typeof proof>) => errorOf(verifier.verifyFraud({ ...proof, ...changed })); // prettier-ignore
    expect(refusal({ signed: honest, payload: at(payloads, 0) })).toBe('fraud proof: the payload is what the header says'); // prettier-ignore
    expect(refusal({ payload: flipBit(other, 900) })).toBe('fraud proof: not the payload that the author signed'); // prettier-ignore
    expect(refusal({ column: 1 })).toBe('fraud proof: not the payload that the author signed');
    expect(refusal({ column: 2 })).toBe('fraud proof: no such column');
    const forged = { ...lying.signed, signature: honest.signature };
    expect(refusal({ signed: forged })).toBe("fraud proof: header signature is not the author's");
    expect(verifier.proveFraud({ ...proof, column: 1 })).toBe(null);
  });
});
