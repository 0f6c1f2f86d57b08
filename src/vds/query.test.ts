import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { encodeScalar, G1, groupOrder as r, randomScalar } from '../crypto/index.ts';
import { at, bytesToHex, randomBytes, seededRandom } from '../lib/index.ts';
import type { VerifiedHeader } from './header.ts';
import { payloadPolynomial } from './polynomial.ts';
import { answerQuery, decodeLanes, maxAskedColumns, maxWeights, queryAnswerSchema, queryRequestSchema, queryWeights, verifyQuery, type QueryAnswer, type QueryRequest } from './query.ts'; // prettier-ignore
import { crs, errorOf, flipBit, makeBatch, makeSum, scalars as n, sealCut, valueOf, type TestBatch } from './testing.ts'; // prettier-ignore

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
  const coefficients = payloadPolynomial(at(payloads, column), header.lanes, n);
  return entries.reduce((sum, [index, weight]) => sum + weight * (coefficients[index] ?? 0n), 0n) % r; // prettier-ignore
}

const update = makeBatch(2 * 3840 + 700);
const file = makeBatch(7680 + 100, { kind: 'file' });
const zeros = makeBatch(new Uint8Array(5000));

const scalar = fc.oneof(fc.bigInt({ min: 0n, max: r - 1n }), fc.constantFrom(0n, 1n, r - 1n));
/** Weights inside the data of the columns asked for, not all 0. */
const entriesFor = ({ header, payloads }: TestBatch, columns: readonly number[]) => {
  const perScalar = header.lanes === 'update' ? 15 : 30;
  const lengths = columns.map((j) => Math.ceil((at(payloads, j).length - 96) / perScalar));
  return fc
    .uniqueArray(fc.tuple(fc.integer({ min: 1, max: Math.min(...lengths) }), scalar), {
      minLength: 1,
      maxLength: 9,
      selector: ([index]) => index,
    })
    .map((some) => some.toSorted(([a], [b]) => a - b))
    .filter((some) => some.some(([, weight]) => weight !== 0n));
};

describe('an answer to a linear query', () => {
  test('is Σ t_i·m_i of every column asked for, and its proof holds', () => {
    const asked = fc.constantFrom(update, file, zeros).chain((batch) => {
      const all = batch.payloads.map((_, j) => j);
      return fc
        .subarray(all, { minLength: 1 })
        .chain((columns) =>
          fc.tuple(fc.constant(batch), fc.constant(columns), entriesFor(batch, columns)),
        );
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
    const lanes = at(file.payloads, 1).slice(96, 126);
    expect(value.toString(16).padStart(60, '0')).toBe(bytesToHex(lanes.reverse()));
  });

  test('with weights of 0 is refused by both sides', () => {
    const request = ask([0, 1], [[3, 0n], [47, 0n]]); // prettier-ignore
    const error = 'query: all weights are 0';
    expect(errorOf(answerQuery(crs, update.verified, request, update.payloads.slice(0, 2)))).toBe(error); // prettier-ignore
    const answer = { values: [encodeScalar(0n), encodeScalar(0n)], proof: G1.ZERO.toBytes() };
    expect(errorOf(verifyQuery(crs, update.verified, request, answer))).toBe(error);
  });

  test('about zeros is 0, and no other value', () => {
    const request = ask([0], [[1, 5n], [n, 7n]]); // prettier-ignore
    const answer = answerOf(zeros, request);
    expect(valueOf(verifyQuery(crs, zeros.verified, request, answer))).toEqual([0n]);
    const one = { ...answer, values: [encodeScalar(1n)] };
    expect(errorOf(verifyQuery(crs, zeros.verified, request, one))).toMatch('does not hold');
  });

  test('inside the data of every column that it is of, and not past the last lane of one', () => {
    // 700 codes are 47 scalars.
    expect(errorOf(answerQuery(crs, update.verified, ask([2], [[47, 1n]]), update.payloads.slice(2)))).toBe('accepted'); // prettier-ignore
    const beyond = ask([0, 2], [[48, 1n]]);
    const error = 'query: weight 48 of a column of 47 scalars';
    expect(errorOf(answerQuery(crs, update.verified, beyond, update.payloads))).toBe(error);
    const answer = { values: [encodeScalar(0n), encodeScalar(0n)], proof: G1.ZERO.toBytes() };
    expect(errorOf(verifyQuery(crs, update.verified, beyond, answer))).toBe(error);
    // The blinders are of powers beyond the data: no query reaches them.
    expect(errorOf(answerQuery(crs, update.verified, ask([0], [[n + 1, 1n]]), update.payloads))).toMatch('of 256 scalars'); // prettier-ignore
  });
});

describe('weights from a seed', () => {
  const seed = randomBytes(random, 32);

  test('are the same for both sides, and others for another seed', () => {
    const request = askSeed([0, 2], seed);
    const answer = answerOf(update, request);
    const weights = valueOf(queryWeights(update.verified, request, n));
    const expected = [0, 2].map((j) => product(update, j, [...weights.entries()].slice(1)));
    expect(valueOf(verifyQuery(crs, update.verified, request, answer))).toEqual(expected);
    const other = askSeed([0, 2], flipBit(seed, 255));
    expect(errorOf(verifyQuery(crs, update.verified, other, answer))).toMatch('does not hold');
  });

  test.each([256, 1024, 4096])('are %i different ones, t_0 = 0', (count) => {
    const weights = valueOf(queryWeights(update.verified, askSeed([0], seed), count));
    expect(weights.length).toBe(count + 1);
    expect(weights[0]).toBe(0n);
    expect(new Set(weights).size).toBe(count + 1);
    expect(weights.every((weight) => weight >= 0n && weight < r)).toBe(true);
    expect(weights.slice(0, n + 1)).toEqual(
      valueOf(queryWeights(update.verified, askSeed([0], seed), n)),
    );
  });
});

describe('refused is an answer', () => {
  const request = ask([0, 2], [[1, 5n], [40, r - 3n], [47, randomScalar(random)]]); // prettier-ignore
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
      ask([0, 1], [[1, 5n], [40, r - 3n], [47, 1n]]), // prettier-ignore
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
    const commitments = update.verified.commitments.with(2, at(update.verified.commitments, 1));
    const other = { ...update.verified, commitments };
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
    expect([maxWeights, maxAskedColumns]).toEqual([512, 64]);
    expect(fits(sparse(many(512))) && fits(sparse([{ index: 4096, weight: two }]))).toBe(true);
    expect(fits({ ...askSeed([0], new Uint8Array(32)), columns: columns(64) })).toBe(true);
    const refused: unknown[] = [
      sparse([]),
      sparse(many(513)),
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
    const answer = { values: [one], proof: G1.BASE.toBytes() };
    for (const header of [update.verified]) {
      const error = 'query: weight 257 of a column of 256 scalars';
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

describe('lanes of an answer', () => {
  /** Σ t_i·lane of each lane of the scalars asked for. */
  const lanesOf = ({ header, payloads }: TestBatch, entries: readonly Entry[]) => {
    const [perScalar, bytes] = header.lanes === 'update' ? [15, 1] : header.lanes === 'sum' ? [15, 2] : [30, 1]; // prettier-ignore
    const lanes = at(payloads, 0).subarray(96);
    return Array.from({ length: perScalar }, (_, l) =>
      entries.reduce((sum, [index, weight]) => {
        const place = ((index - 1) * perScalar + l) * bytes;
        const lane = (lanes[place] ?? 0) + (bytes === 2 ? 256 * (lanes[place + 1] ?? 0) : 0);
        return sum + Number(weight) * lane;
      }, 0),
    );
  };
  const decoded = (batch: TestBatch, entries: readonly Entry[]) => {
    const request = ask([0], entries);
    const [value = 0n] = valueOf(verifyQuery(crs, batch.verified, request, answerOf(batch, request))); // prettier-ignore
    return decodeLanes(batch.verified, request, value);
  };
  const largest = makeBatch(new Uint8Array(3840).fill(255));
  const sum = makeSum([{ batch: largest, weight: 256 }]);

  test('of an update: one parameter, and sums over up to 257 scalars', () => {
    const all = Array.from({ length: n }, (_, i): Entry => [i + 1, i === 7 ? 2n : 1n]);
    for (const batch of [update, largest]) {
      for (const weights of [
        [[3, 1n]],
        [
          [1, 200n],
          [9, 57n],
        ],
        [[5, 257n]],
        all,
      ] as Entry[][]) {
        // prettier-ignore
        expect(valueOf(decoded(batch, weights))).toEqual(lanesOf(batch, weights));
      }
    }
    // 257 · 255 fills the 16 bits: one more and they carry.
    expect(valueOf(decoded(largest, [[5, 257n]]))).toEqual(new Array(15).fill(65_535));
  });

  test('of a sum and of bytes: one scalar with weight 1', () => {
    expect(valueOf(decoded(file, [[4, 1n]]))).toEqual(lanesOf(file, [[4, 1n]]));
    expect(valueOf(decoded(sum, [[4, 1n], [5, 0n]]))).toEqual(new Array(15).fill(65_280)); // prettier-ignore
  });

  test('are not read where they may carry', () => {
    const carry = 'the weights add up to more than 257: lanes may carry';
    for (const weights of [
      [[5, 258n]],
      [
        [1, 1n],
        [2, 257n],
      ],
      [
        [1, r - 1n],
        [2, 1n],
      ],
      [[1, r - 1n]],
    ] as Entry[][]) {
      // prettier-ignore
      expect(errorOf(decoded(update, weights))).toBe(carry);
    }
    const single = 'lanes of sums and bytes are read one scalar at a time, with weight 1';
    for (const batch of [file, sum]) {
      for (const weights of [
        [[1, 2n]],
        [
          [1, 1n],
          [2, 1n],
        ],
        [
          [1, r - 1n],
          [2, 2n],
        ],
      ] as Entry[][]) {
        // prettier-ignore
        expect(errorOf(decoded(batch, weights))).toBe(single);
      }
    }
    const projected = decodeLanes(update.verified, askSeed([0], new Uint8Array(32)), 1n);
    expect(errorOf(projected)).toBe('a random projection has no lanes');
  });
});
