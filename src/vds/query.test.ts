import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { encodeScalar, G1, groupOrder as r, randomScalar } from '../crypto/index.ts';
import { at, bytesToHex, randomBytes, seededRandom } from '../lib/index.ts';
import type { VerifiedHeader } from './header.ts';
import { payloadPolynomial } from './polynomial.ts';
import { answerQuery, maxAskedColumns, maxWeights, queryAnswerSchema, queryRequestSchema, queryWeights, verifyQuery, type QueryAnswer, type QueryRequest } from './query.ts'; // prettier-ignore
import { crs, errorOf, flipBit, makeBatch, scalars as n, sealCut, valueOf, withColumn, type TestBatch } from './testing.ts'; // prettier-ignore

const random = seededRandom(513);

type Entry = readonly [index: number, weight: bigint];

const ask = (columns: readonly number[], entries: readonly Entry[]): QueryRequest => ({
  columns: [...columns],
  weights: {
    kind: 'sparse',
    entries: entries.map(([index, weight]) => ({ index, weight: encodeScalar(weight) })),
  },
});

const askSeed = (columns: readonly number[], seed: Uint8Array): QueryRequest => ({
  columns: [...columns],
  weights: { kind: 'seed', seed },
});

const answerOf = ({ verified, payloads }: TestBatch, request: QueryRequest) =>
  valueOf(answerQuery(crs, verified, request, request.columns.map((column) => at(payloads, column)))); // prettier-ignore

/** Σ t_i·m_i of one column, from the payload. */
function product({ header, payloads }: TestBatch, column: number, entries: readonly Entry[]) {
  const coefficients = payloadPolynomial(at(payloads, column), header.lanes);
  return entries.reduce((sum, [index, weight]) => sum + weight * (coefficients[index] ?? 0n), 0n) % r; // prettier-ignore
}

const update = makeBatch(2 * 3840 + 700);
const file = makeBatch(7680 + 100, { kind: 'file' });
const zeros = makeBatch(new Uint8Array(5000));

const scalar = fc.oneof(fc.bigInt({ min: 0n, max: r - 1n }), fc.constantFrom(0n, 1n, r - 1n));
const entries = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: n }), scalar), {
    minLength: 1,
    maxLength: 9,
    selector: ([index]) => index,
  })
  .map((some) => some.toSorted(([a], [b]) => a - b));

describe('an answer to a linear query', () => {
  test('is Σ t_i·m_i of every column asked for, and its proof holds', () => {
    const asked = fc.constantFrom(update, file, zeros).chain((batch) => {
      const all = batch.payloads.map((_, j) => j);
      return fc.tuple(fc.constant(batch), fc.subarray(all, { minLength: 1 }), entries);
    });
    fc.assert(
      fc.property(asked, ([batch, columns, weights]) => {
        const request = ask(columns, weights);
        const answer = answerOf(batch, request);
        expect(v.is(queryRequestSchema, request) && v.is(queryAnswerSchema, answer)).toBe(true);
        const expected = columns.map((column) => product(batch, column, weights));
        expect(valueOf(verifyQuery(crs, batch.verified, request, answer))).toEqual(expected);
      }),
      { numRuns: 10 },
    );
  });

  test('with a weight of 1 shows the bytes of one scalar', () => {
    const [value = 0n] = valueOf(verifyQuery(crs, file.verified, ask([1], [[1, 1n]]), answerOf(file, ask([1], [[1, 1n]])))); // prettier-ignore
    const lanes = at(file.payloads, 1).slice(32, 62);
    expect(value.toString(16).padStart(60, '0')).toBe(bytesToHex(lanes.reverse()));
  });

  test('with weights of 0 is 0, and no other value', () => {
    const request = ask([0, 1], [[3, 0n], [n, 0n]]); // prettier-ignore
    const answer = answerOf(update, request);
    expect(answer.proof).toEqual(G1.ZERO.toBytes());
    expect(valueOf(verifyQuery(crs, update.verified, request, answer))).toEqual([0n, 0n]);
    const one = { ...answer, values: [encodeScalar(0n), encodeScalar(1n)] };
    expect(errorOf(verifyQuery(crs, update.verified, request, one))).toBe('query: the proof does not hold'); // prettier-ignore
  });

  test('about zeros, and past the last lane, is 0, and no other value', () => {
    const cases = [[zeros, ask([0], [[1, 5n], [n, 7n]])], [file, ask([1], [[200, 9n]])]] as const; // prettier-ignore
    for (const [batch, request] of cases) {
      const answer = answerOf(batch, request);
      expect(valueOf(verifyQuery(crs, batch.verified, request, answer))).toEqual([0n]);
      const one = { ...answer, values: [encodeScalar(1n)] };
      expect(errorOf(verifyQuery(crs, batch.verified, request, one))).toMatch('does not hold');
    }
  });
});

describe('weights from a seed', () => {
  const seed = randomBytes(random, 32);

  test('are the same for both sides, and others for another seed', () => {
    const request = askSeed([0, 2], seed);
    const answer = answerOf(update, request);
    const weights = valueOf(queryWeights(request, n));
    const expected = [0, 2].map((j) => product(update, j, [...weights.entries()].slice(1)));
    expect(valueOf(verifyQuery(crs, update.verified, request, answer))).toEqual(expected);
    const other = askSeed([0, 2], flipBit(seed, 255));
    expect(errorOf(verifyQuery(crs, update.verified, other, answer))).toMatch('does not hold');
  });

  test.each([256, 1024, 4096])('are %i different ones, t_0 = 0', (count) => {
    const weights = valueOf(queryWeights(askSeed([0], seed), count));
    expect(weights.length).toBe(count + 1);
    expect(weights[0]).toBe(0n);
    expect(new Set(weights).size).toBe(count + 1);
    expect(weights.every((weight) => weight >= 0n && weight < r)).toBe(true);
    expect(weights.slice(0, n + 1)).toEqual(valueOf(queryWeights(askSeed([0], seed), n)));
  });
});

describe('refused is an answer', () => {
  const request = ask([0, 2], [[1, 5n], [40, r - 3n], [n, randomScalar(random)]]); // prettier-ignore
  const answer = answerOf(update, request);
  const [first, second] = [at(answer.values, 0), at(answer.values, 1)];
  const number = (bytes: Uint8Array) => BigInt(`0x${bytesToHex(bytes)}`);
  const plus = (bytes: Uint8Array, more: bigint) => encodeScalar((number(bytes) + more) % r);
  const verdict = (
    changed: Partial<QueryAnswer>,
    asked: QueryRequest = request,
    header: VerifiedHeader = update.verified,
  ) => errorOf(verifyQuery(crs, header, asked, { ...answer, ...changed }));
  const doesNotHold = 'query: the proof does not hold';

  test('only if it is altered', () => {
    expect(verdict({})).toBe('accepted');
  });

  test('with any other value', () => {
    expect(verdict({ values: [plus(first, 1n), second] })).toBe(doesNotHold);
    expect(verdict({ values: [first, plus(second, r - 1n)] })).toBe(doesNotHold);
    expect(verdict({ values: [second, first] })).toBe(doesNotHold);
    expect(verdict({ values: [plus(first, 1n), plus(second, r - 1n)] })).toBe(doesNotHold);
    expect(verdict({ values: [encodeScalar(0n), encodeScalar(0n)] })).toBe(doesNotHold);
    const count = 'query: not one value a column';
    expect(verdict({ values: [first] })).toBe(count);
    expect(verdict({ values: [first, second, second] })).toBe(count);
  });

  test('with a value that is not below r, though it is congruent to the right one', () => {
    const alias = encodeScalar(number(second) + r);
    expect(verdict({ values: [first, alias] })).toBe('query: value: a scalar is not below the group order'); // prettier-ignore
  });

  test('with any other proof', () => {
    const point = G1.fromBytes(answer.proof);
    for (const other of [point.negate(), point.add(G1.BASE), G1.BASE, G1.ZERO]) {
      expect(verdict({ proof: other.toBytes() })).toBe(doesNotHold);
    }
    const order3 = new Uint8Array(48).with(0, 0x80); // (0, 2)
    const wrong = [order3, new Uint8Array(48), answer.proof.slice(1), flipBit(answer.proof, 7)];
    for (const proof of wrong) expect(verdict({ proof })).toMatch(/^query: proof: /);
  });

  test('to another request', () => {
    const others: QueryRequest[] = [
      ask([0, 1], [[1, 5n], [40, r - 3n], [n, 1n]]), // prettier-ignore
      { ...request, columns: [1, 2] },
      ask([0, 2], [[1, 5n], [40, r - 3n]]), // prettier-ignore
      ask([0, 2], [[1, 5n]]),
    ];
    for (const other of others) expect(verdict({}, other)).toBe(doesNotHold);
  });

  test('to a request that another request gives the same values', () => {
    const silent = ask([0], [[5, 1n], [6, 0n]]); // prettier-ignore
    const louder = ask([0], [[5, 1n], [6, 1n]]); // prettier-ignore
    const { values, proof } = answerOf(zeros, silent);
    expect(answerOf(zeros, louder).values).toEqual(values);
    const tried = errorOf(verifyQuery(crs, zeros.verified, louder, { values, proof }));
    expect(tried).toBe(doesNotHold);
  });

  test('about another batch', () => {
    expect(verdict({}, request, makeBatch(2 * 3840 + 700).verified)).toBe(doesNotHold);
    // The same payloads in a header of another round: the columns are combined otherwise.
    const twin = sealCut(update.payloads, { round: 2 });
    expect(twin.header.columns).toEqual(update.header.columns);
    expect(verdict({}, request, twin.verified)).toBe(doesNotHold);
    expect(errorOf(verifyQuery(crs, twin.verified, request, answerOf(twin, request)))).toBe('accepted'); // prettier-ignore
  });

  test('against another commitment', () => {
    const { commitment } = at(update.header.columns, 1);
    const other = { ...update.verified, ...withColumn(update.header, 2, { commitment }) };
    expect(verdict({}, request, other)).toBe(doesNotHold);
  });

  test('from payloads that are not what was committed to', () => {
    const altered = { ...update, payloads: update.payloads.map((each) => flipBit(each, 8 * 700)) };
    const forged = valueOf(answerQuery(crs, update.verified, request, [0, 2].map((j) => at(altered.payloads, j)))); // prettier-ignore
    expect(forged.values).toEqual(answer.values); // the lane has no weight, and yet
    expect(verdict(forged)).toBe(doesNotHold);
  });

  test('of columns that the header lacks', () => {
    expect(verdict({}, { ...request, columns: [0, 3] })).toBe('query: column 3 is not in the header'); // prettier-ignore
  });
});

describe('a request', () => {
  const [one, two] = [encodeScalar(1n), encodeScalar(2n)];
  const sparse = (some: readonly { index: number; weight: Uint8Array }[]) => ({ columns: [0], weights: { kind: 'sparse', entries: some } }); // prettier-ignore
  const many = (count: number) => Array.from({ length: count }, (_, i) => ({ index: i + 1, weight: one })); // prettier-ignore
  const columns = (count: number) => Array.from({ length: count }, (_, i) => i);
  const fits = (request: unknown) => v.is(queryRequestSchema, request);

  test('is bounded: columns, weights, indices, lengths', () => {
    expect([maxWeights, maxAskedColumns]).toEqual([256, 64]);
    expect(fits(sparse(many(256))) && fits(sparse([{ index: 4096, weight: two }]))).toBe(true);
    expect(fits({ ...askSeed([0], new Uint8Array(32)), columns: columns(64) })).toBe(true);
    const refused: unknown[] = [
      sparse([]),
      sparse(many(257)),
      sparse([{ index: 0, weight: one }]),
      sparse([{ index: -1, weight: one }]),
      sparse([{ index: 1.5, weight: one }]),
      sparse([{ index: 4097, weight: one }]),
      sparse([{ index: 1, weight: new Uint8Array(31) }]),
      sparse([{ index: 2, weight: one }, { index: 1, weight: one }]), // prettier-ignore
      sparse([{ index: 2, weight: one }, { index: 2, weight: one }]), // prettier-ignore
      askSeed([0], new Uint8Array(31)),
      askSeed([0], new Uint8Array(33)),
      ...[[], [-1], [0.5], [1024], [1, 0], [1, 1], columns(65)].map((each) => askSeed(each, new Uint8Array(32))), // prettier-ignore
      { ...askSeed([0], new Uint8Array(32)), scalars: 4096 },
    ];
    for (const request of refused) expect(fits(request)).toBe(false);
  });

  // n is the pinned CRS', whatever a request or a header says.
  test('with an index above n is refused by both sides', () => {
    const request = ask([0], [[1, 1n], [n + 1, 1n]]); // prettier-ignore
    expect(fits(request)).toBe(true);
    const larger: VerifiedHeader = { ...update.verified, scalars: 512 };
    const answer = { values: [one], proof: G1.BASE.toBytes() };
    for (const header of [update.verified, larger]) {
      const error = 'query: weight 257 of a chunk of 256 scalars';
      expect(errorOf(answerQuery(crs, header, request, update.payloads.slice(0, 1)))).toBe(error);
      expect(errorOf(verifyQuery(crs, header, request, answer))).toBe(error);
    }
  });

  test('with a weight that is not below r is refused by both sides', () => {
    const request = ask([0], [[2, r]]);
    const error = 'query: weight 2: a scalar is not below the group order';
    expect(errorOf(answerQuery(crs, update.verified, request, update.payloads.slice(0, 1)))).toBe(error); // prettier-ignore
    const answer = { values: [one], proof: G1.BASE.toBytes() };
    expect(errorOf(verifyQuery(crs, update.verified, request, answer))).toBe(error);
  });
});
