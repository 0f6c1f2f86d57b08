import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { at, bytesToHex, float32ToBytes, randomBytes, seededRandom } from '../lib/index.ts';
import { decodeLanes, queryRequestSchema, type QueryRequest, type VerifiedHeader } from '../vds/index.ts'; // prettier-ignore
import { makeBatch, valueOf } from '../vds/testing.ts';
import { planMean, planParameter, type QueryPlan } from './named-query.ts';

const random = seededRandom(93);

/** The headers of these tests say how a batch is cut, and no more. */
const update = makeBatch(100).verified;
const model = makeBatch(100, { kind: 'model' }).verified;
const cut = (header: VerifiedHeader, scalars: 256 | 1024, byteLength: number): VerifiedHeader => ({
  ...header,
  scalars,
  byteLength,
});

/** What a holder of these bytes answers, plainly: Σ t_i·m_i of each column, decoded. */
function answer(header: VerifiedHeader, bytes: Uint8Array, request: QueryRequest): number[][] {
  const { weights, columns } = v.parse(queryRequestSchema, request);
  if (weights.kind !== 'sparse') throw new Error('a named query is sparse');
  const [count, bits] = header.lanes === 'update' ? [15, 16n] : [30, 8n];
  const full = count * header.scalars;
  return columns.map((column) => {
    const chunk = bytes.subarray(column * full, (column + 1) * full);
    const value = weights.entries.reduce((sum, { index, weight }) => {
      const lanes = chunk.subarray((index - 1) * count, index * count);
      expect(lanes.length).toBeGreaterThan(0); // inside the data
      const scalar = lanes.reduceRight((rest, lane) => (rest << bits) | BigInt(lane), 0n);
      return sum + BigInt(`0x${bytesToHex(weight)}`) * scalar;
    }, 0n);
    return valueOf(decodeLanes(header, request, value));
  });
}

const carryOut = (header: VerifiedHeader, bytes: Uint8Array, plan: QueryPlan) =>
  plan.read(plan.requests.map((request) => answer(header, bytes, request)));

const size = fc.record({
  scalars: fc.constantFrom(256 as const, 1024 as const),
  parameters: fc.integer({ min: 1, max: 40_000 }),
});

describe('one parameter', () => {
  test('of an update is its code, in a single question', () => {
    const asked = size.chain(({ scalars, parameters }) =>
      fc.record({
        scalars: fc.constant(scalars),
        parameters: fc.constant(parameters),
        index: fc.integer({ min: 0, max: parameters - 1 }),
      }),
    );
    fc.assert(
      fc.property(asked, ({ scalars, parameters, index }) => {
        const header = cut(update, scalars, parameters);
        const codes = randomBytes(random, parameters);
        const plan = valueOf(planParameter(header, index));
        expect(plan.requests.length).toBe(1);
        expect(carryOut(header, codes, plan)).toBe(at(codes, index) - 128);
      }),
    );
  });

  test('of a model is its float32, though its bytes be in two scalars', () => {
    const parameters = Float32Array.from({ length: 12_000 }, () => random.uint32() / 2 ** 31 - 1);
    const bytes = float32ToBytes(parameters);
    const header = cut(model, 256, bytes.length);
    const questions = new Set<number>();
    for (let index = 0; index < parameters.length; index += 7) {
      const plan = valueOf(planParameter(header, index));
      questions.add(plan.requests.length);
      expect(carryOut(header, bytes, plan)).toBe(at(parameters, index));
    }
    expect(questions).toEqual(new Set([1, 2]));
  });

  test.each([
    ['beyond the last', model, 25],
    ['below the first', model, -1],
    ['not whole', update, 1.5],
    ['beyond the last of an update', update, 100],
  ])('%s is refused, with what there is', (_, header, index) => {
    const last = header.kind === 'model' ? 24 : 99;
    expect(planParameter(header, index)).toEqual({ ok: false, error: `the batch has parameters 0 to ${last}` }); // prettier-ignore
  });

  test('of a file there is none', () => {
    const plan = planParameter({ ...model, kind: 'file' }, 0);
    expect(plan).toEqual({ ok: false, error: 'a file has no parameters to ask for' });
  });
});

describe('the mean of a tensor', () => {
  const tensor = (offset: number, length: number) => ({ name: 'w', shape: [length], offset, length }); // prettier-ignore

  test('of an update is put together from pieces that decode', () => {
    const asked = size.chain(({ scalars, parameters }) =>
      fc
        .tuple(fc.nat(parameters - 1), fc.nat(parameters - 1))
        .map(([a, b]) => ({ scalars, parameters, from: Math.min(a, b), to: Math.max(a, b) + 1 })),
    );
    fc.assert(
      fc.property(asked, ({ scalars, parameters, from, to }) => {
        const header = cut(update, scalars, parameters);
        const codes = randomBytes(random, parameters);
        const plan = valueOf(planMean(header, tensor(from, to - from)));
        const sum = codes.subarray(from, to).reduce((total, code) => total + code - 128, 0);
        expect(carryOut(header, codes, plan)).toBeCloseTo(sum / (to - from), 9);
      }),
    );
  });

  test('takes few questions: whole chunks go together', () => {
    const header = cut(update, 256, 25_450);
    expect(valueOf(planMean(header, tensor(0, 25_088))).requests.length).toBe(3);
    const large = cut(update, 1024, 101_770);
    expect(valueOf(planMean(large, tensor(0, 100_352))).requests.length).toBeLessThan(10);
  });

  test('of a model is no linear function of its bytes', () => {
    const plan = planMean(model, tensor(0, 10));
    expect(plan.ok || plan.error).toContain('ask for parameters');
  });
});
