// Each equation of VDS.md in the exponent: the CRS of the tests has a public α, so that every
// commitment and proof is [x]₁ or [x]₂ of an x that plain arithmetic in F_r finds.
import { hash_to_field } from '@noble/curves/abstract/hash-to-curve.js';
import { sha256 } from '@noble/hashes/sha2.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCanonical, encodeScalar, G1, G2, toAffinePoints } from '../crypto/index.ts';
import {
  assert,
  at,
  bytesToHex,
  concatBytes,
  hexToBytes,
  randomBytes,
  seededRandom,
} from '../lib/index.ts';
import { accumulate, accumulatorKey, nonMembershipHolds, proveNonMembership, serverKeys } from './accumulator.ts'; // prettier-ignore
import { answerAudit, verifyAudit } from './audit.ts';
import { testTrapdoor as alpha } from './crs.ts';
import { claimsHold, falseClaims, type OpeningClaim } from './opening.ts';
import { answerQuery, queryWeights, verifyQuery, type QueryRequest } from './query.ts';
import { sumCommitments } from './sum.ts';
import { crs, errorOf, makeBatch, makeHeaderId, makeSum, orderOf, owner, scalars as n, stranger, task, valueOf, type TestBatch } from './testing.ts'; // prettier-ignore
import { commitTimes } from './time.ts';

const r = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n;
const random = seededRandom(314);

const mod = (value: bigint) => ((value % r) + r) % r;
const sum = (values: readonly bigint[]) => mod(values.reduce((total, value) => total + value, 0n));
const dot = (a: readonly bigint[], b: readonly bigint[]) => sum(a.map((x, i) => x * at(b, i)));

function power(base: bigint, exponent: bigint | number): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) result = mod(result * result * (bit === '1' ? base : 1n));
  return result;
}

const divide = (a: bigint, b: bigint) => mod(a * power(mod(b), r - 2n)); // Fermat
const numberOf = (bytes: Uint8Array) => BigInt(`0x${bytesToHex(bytes)}`);
const inG1 = (x: bigint) => (mod(x) === 0n ? G1.ZERO : G1.BASE.multiply(mod(x)));
const inG2 = (x: bigint) => (mod(x) === 0n ? G2.ZERO : G2.BASE.multiply(mod(x)));
const compressed = (x: bigint) => inG1(x).toBytes(true);
const uncompressed = (x: bigint) => inG1(x).toBytes(false);

/** N of VDS.md. */
const N = n + 2;

/** α^0 … α^2N. */
const powersOfAlpha = Array.from({ length: 2 * N + 1 }, (_, i) => power(alpha, i));

/** H of VDS.md by noble's `hash_to_field`, over length-prefixed parts. */
function challenge(use: string, ...parts: readonly Uint8Array[]): bigint {
  const lengths = parts.map(({ length }) => hexToBytes(length.toString(16).padStart(8, '0')));
  const message = concatBytes(...parts.flatMap((part, i) => [at(lengths, i), part]));
  const options = { DST: `MURMURATION-V1/${use}`, p: r, m: 1, k: 128, hash: sha256 };
  const [[scalar = 0n] = []] = hash_to_field(message, 1, { ...options, expand: 'xmd' });
  return scalar;
}

/** L, bytes per lane and b of VDS.md, "Chunks as scalars". */
const formats = { update: [15, 1, 16], sum: [15, 2, 16], bytes: [30, 1, 8] } as const;

/** γ₀, m_1, … m_n, γ₁, γ₂ of a payload; 0 from where its lanes end up to m_n. */
function coefficientsOf(payload: Uint8Array, format: keyof typeof formats): bigint[] {
  const [lanesPerScalar, bytesPerLane, bits] = formats[format];
  const coefficients = new Array<bigint>(N + 1).fill(0n);
  [0, n + 1, n + 2].forEach((place, b) => {
    coefficients[place] = numberOf(payload.subarray(32 * b, 32 * b + 32));
  });
  for (let place = 96; place < payload.length; place++) {
    const lane = Math.floor((place - 96) / bytesPerLane);
    const shift = 8 * ((place - 96) % bytesPerLane) + bits * (lane % lanesPerScalar);
    const index = 1 + Math.floor(lane / lanesPerScalar);
    coefficients[index] = at(coefficients, index) + (BigInt(at(payload, place)) << BigInt(shift));
  }
  return coefficients;
}

const columnsOf = ({ header, payloads }: TestBatch) =>
  payloads.map((payload) => coefficientsOf(payload, header.lanes));
const valueAt = (coefficients: readonly bigint[], x: bigint) =>
  sum(coefficients.map((coefficient, i) => coefficient * power(x, i)));
const commitmentOf = (coefficients: readonly bigint[]) => valueAt(coefficients, alpha);

/** Σ ρ^j·column_j. */
const combine = (columns: readonly (readonly bigint[])[], rho: bigint) =>
  Array.from({ length: N + 1 }, (_, i) => sum(columns.map((each, j) => at(each, i) * power(rho, j)))); // prettier-ignore

/** (Q(α) − Q(z)) / (α − z). */
const openingOf = (coefficients: readonly bigint[], z: bigint) =>
  divide(commitmentOf(coefficients) - valueAt(coefficients, z), alpha - z);

const update = makeBatch(2 * 15 * n + 1234);

describe('commitment and opening', () => {
  test.each([
    ['update', update],
    ['bytes', makeBatch(30 * n + 77, { kind: 'file' })],
  ])(
    'C = γ₀ + Σ m_i·α^i + γ₁·α^(n+1) + γ₂·α^(n+2), y = P(z), π = (Q(α) − Q(z))/(α − z) of %s lanes',
    (_lanes, batch) => {
      const { header } = batch;
      const columns = columnsOf(batch);
      const { y, pi, ...unopened } = header;
      const z = challenge('open-z', encodeCanonical(unopened));
      const values = columns.map((column) => encodeScalar(valueAt(column, z)));
      const rho = challenge('open-rho', encodeScalar(z), ...values);
      const commitments = columns.map((column) => uncompressed(commitmentOf(column)));
      expect(header.columns.map(({ commitment }) => commitment)).toEqual(commitments);
      expect(y).toEqual(values);
      expect(pi).toEqual(uncompressed(openingOf(combine(columns, rho), z)));
    },
  );
});

const scalar = fc.bigInt({ min: 0n, max: r - 1n });
/** Exponents of a claim: what is committed to, how it is combined, z and the proof. */
const exponents = fc.record({
  terms: fc.array(fc.tuple(fc.oneof(scalar, fc.constant(0n)), scalar), { minLength: 1, maxLength: 3 }), // prettier-ignore
  point: scalar,
  proof: fc.oneof(scalar, fc.constant(0n)),
});

/** A claim for which Σρ^{j−1}·C_j − y + z·π = α·π + error. */
function claimOf(
  { terms, point, proof }: typeof exponents extends fc.Arbitrary<infer T> ? T : never,
  error: bigint,
): OpeningClaim {
  const [committed, factors] = [terms.map(([each]) => each), terms.map(([, each]) => each)];
  const value = mod(dot(committed, factors) + (point - alpha) * proof - error);
  const commitments = toAffinePoints(committed.map(inG1));
  return { commitments, factors, point, value, proof: inG1(proof) };
}

describe('the check of openings', () => {
  test('accepts what solves the equation, and names each that does not', () => {
    const error = fc.oneof(fc.constant(0n), fc.bigInt({ min: 1n, max: r - 1n }));
    fc.assert(
      fc.property(fc.array(fc.tuple(exponents, error), { maxLength: 5 }), (tried) => {
        const claims = tried.map(([each, wrong]) => claimOf(each, wrong));
        const wrong = tried.flatMap(([, each], k) => (each === 0n ? [] : [k]));
        expect(claimsHold(crs, claims, random)).toBe(wrong.length === 0);
        expect(falseClaims(crs, claims, random)).toEqual(wrong);
      }),
      { numRuns: 15 },
    );
  });

  const samples = fc.sample(exponents, { numRuns: 4, seed: 1 });

  test('accepts several as one, each with its own point and proof', () => {
    const claims = samples.map((each) => claimOf(each, 0n));
    expect(claimsHold(crs, claims, random)).toBe(true);
    expect(falseClaims(crs, claims, random)).toEqual([]);
    expect(claimsHold(crs, [], random)).toBe(true);
  });

  test('finds errors that cancel each other', () => {
    const claims = samples.map((each, k) => claimOf(each, at([5n, 0n, -5n, 0n], k)));
    expect(claimsHold(crs, claims, random)).toBe(false);
    expect(falseClaims(crs, claims, random)).toEqual([0, 2]);
  });
});

describe('Σ a_k·C_k', () => {
  test('is Σ a_k·C_k(α) in each column, which is what the sum of the lanes commits to', () => {
    const updates = [update, makeBatch(2 * 15 * n + 1234), makeBatch(2 * 15 * n + 1234)];
    const weights = [3, 250, 1];
    const terms = updates.map((batch, k) => ({ batch, weight: at(weights, k) }));
    const commitments = update.header.columns.map((_, j) => {
      const each = updates.map((batch) => commitmentOf(at(columnsOf(batch), j)));
      return uncompressed(dot(each, weights.map(BigInt)));
    });
    expect(sumCommitments(orderOf(terms).summands, [0, 1, 2])).toEqual(commitments);
    const total = makeSum(terms);
    const own = columnsOf(total).map((column) => uncompressed(commitmentOf(column)));
    expect(own).toEqual(commitments);
  });
});

describe('linear query', () => {
  const sparse = [1, 2, 77, 82, 83].map((index) => ({ index, weight: randomBytes(random, 32).fill(0, 0, 1) })); // prettier-ignore
  const requests: QueryRequest[] = [
    { columns: [0], weights: { kind: 'sparse', entries: sparse } },
    { columns: [0, 2], weights: { kind: 'sparse', entries: sparse } },
    { columns: [0, 1, 2], weights: { kind: 'seed', seed: randomBytes(random, 32) } },
  ];

  test.each(requests)('x = Σ t_i·m_i and π by its double sum, of columns $columns', (request) => {
    const asked = request.columns.map((column) => at(update.payloads, column));
    const answer = valueOf(answerQuery(crs, update.verified, request, asked));
    const t = valueOf(queryWeights(update.verified, request, n));
    const columns = request.columns.map((column) => at(columnsOf(update), column));
    const values = columns.map(([, ...m]) => dot(t.slice(1), m));
    expect(answer.values).toEqual(values.map(encodeScalar));
    const rho = challenge('query-rho', hexToBytes(update.verified.id), encodeCanonical(request.columns), encodeCanonical(request.weights), ...answer.values); // prettier-ignore
    const combined = combine(columns, rho);
    let proof = 0n;
    for (let i = 1; i <= n; i++) {
      for (let j = 0; j <= N; j++) {
        if (j !== i) proof += at(t, i) * mod(at(combined, j) * at(powersOfAlpha, N + 1 - i + j));
      }
    }
    expect(answer.proof).toEqual(compressed(proof));
    // e(C, Σ t_i·ĝ_(N+1−i)) = e(π, [1]₂)·e(g_1, ĝ_N)^x
    const weighed = sum(t.map((weight, i) => weight * power(alpha, N + 1 - i)));
    const value = valueAt(values, rho);
    const missing = at(powersOfAlpha, N + 1);
    expect(mod(commitmentOf(combined) * weighed)).toBe(mod(proof + value * missing));
    expect(verifyQuery(crs, update.verified, request, answer)).toEqual({ ok: true, value: values });
  });

  // It is this equation that is checked and no other: with the power N+1 one proves anything.
  test('of a false value holds for who knows the power N+1', () => {
    const request = at(requests, 0);
    const value = 42n;
    const t = valueOf(queryWeights(update.verified, request, n));
    const weighed = sum(t.map((weight, i) => weight * power(alpha, N + 1 - i)));
    const commitment = commitmentOf(at(columnsOf(update), 0));
    const proof = compressed(commitment * weighed - value * at(powersOfAlpha, N + 1));
    const forged = { values: [encodeScalar(value)], proof };
    expect(verifyQuery(crs, update.verified, request, forged)).toEqual({
      ok: true,
      value: [value],
    });
    const other = { ...forged, values: [encodeScalar(value + 1n)] };
    expect(errorOf(verifyQuery(crs, update.verified, request, other))).toMatch('does not hold');
  });
});

describe('audit', () => {
  const request = { nonce: randomBytes(random, 32), epoch: 7, columns: [0, 2] };
  const parties = { task, auditor: owner.id, holder: stranger.id };
  const ids = [parties.auditor, parties.holder].map(hexToBytes);
  const z = challenge('audit-z', hexToBytes(task), request.nonce, ...ids, encodeCanonical(7), hexToBytes(update.verified.id), encodeCanonical([0, 2])); // prettier-ignore
  const [first = [], , third = []] = columnsOf(update);
  const combined = combine([first, third], challenge('audit-rho', encodeScalar(z)));
  const payloads = request.columns.map((column) => at(update.payloads, column));
  const chiOf = (mask: Uint8Array) => challenge('audit-mask', encodeScalar(z), mask);

  test('opens R + χ·Σρ^j·C_j at z to v', () => {
    // The mask is drawn first: r₀ and r₁ are the first of the randomness.
    const drawn = seededRandom(9);
    const [r0, r1] = [0, 1].map(() => mod(numberOf(randomBytes(drawn, 48))));
    const answer = answerAudit(crs, update.verified, request, parties, payloads, seededRandom(9));
    assert(r0 !== undefined && r1 !== undefined, 'drawn');
    expect(answer.mask).toEqual(compressed(r0 + r1 * alpha));
    const chi = chiOf(answer.mask);
    const masked = combined.map((c, i) => mod(c * chi + ([r0, r1][i] ?? 0n)));
    expect(answer.value).toEqual(encodeScalar(valueAt(masked, z)));
    expect(answer.proof).toEqual(compressed(openingOf(masked, z)));
  });

  test('of a false value holds for who knows α', () => {
    const mask = compressed(5n);
    const committed = mod(5n + chiOf(mask) * commitmentOf(combined));
    const proof = compressed(divide(committed - 42n, alpha - z));
    const forged = { mask, value: encodeScalar(42n), proof };
    const verdict = (tried: typeof forged) =>
      errorOf(verifyAudit(crs, update.verified, request, parties, tried, random));
    expect(verdict(forged)).toBe('accepted');
    expect(verdict({ ...forged, value: encodeScalar(43n) })).toMatch('does not hold');
  });
});

describe('revocation', () => {
  const s = numberOf(randomBytes(random, 31));
  const revoked = Array.from({ length: 5 }, makeHeaderId);
  const element = (id: string) => challenge('revoke', hexToBytes(id));
  const product = revoked.reduce((f, id) => mod(f * (element(id) + s)), 1n);
  const keys = serverKeys(s, revoked.length);

  test('f = Π(e_i + s), the keys are s^i', () => {
    expect(accumulate(s, revoked).toBytes()).toEqual(compressed(product));
    const expected = revoked.map((_, i) => compressed(power(s, i + 1)));
    expect(keys.map((key) => key.toBytes())).toEqual(expected);
    expect(accumulatorKey(s).equals(inG2(s))).toBe(true);
  });

  test('u = −f_X(−y), w = (f_X(s) − f_X(−y))/(s + y)', () => {
    const header = makeHeaderId();
    const y = element(header);
    const u = mod(-revoked.reduce((f, id) => mod(f * (element(id) - y)), 1n));
    const proof = proveNonMembership(header, revoked, keys);
    expect(proof?.remainder).toBe(u);
    expect(proof?.witness.toBytes()).toEqual(compressed(divide(product + u, s + y)));
  });

  test('for a revoked one, u ≠ 0 solves w·(y + s) = f + u for who knows s, u = 0 for all', () => {
    const header = at(revoked, 2);
    const witness = (u: bigint) => inG1(divide(product + u, s + element(header)));
    const holds = (u: bigint) =>
      nonMembershipHolds(header, { witness: witness(u), remainder: u }, inG1(product), inG2(s));
    expect([holds(1n), holds(r - 1n), holds(0n)]).toEqual([true, true, false]);
  });
});

describe('time', () => {
  test('C_time = γ_t + Σ t_j·α^j in G2', () => {
    const seconds = [0, 1, 59, 3600, 2 ** 32 - 1];
    const { commitment, blinding } = commitTimes(crs, seconds, random);
    const exponent = sum(seconds.map((t, j) => BigInt(t) * power(alpha, j + 1)));
    expect(commitment.toBytes()).toEqual(inG2(blinding + exponent).toBytes());
  });
});
