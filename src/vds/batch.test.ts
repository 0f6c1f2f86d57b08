import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeScalar, encodeScalar, encodeUncompressedG2, G1, groupOrder, invertScalar, sha256, toScalar } from '../crypto/index.ts'; // prettier-ignore
import {
  at,
  bytesToHex,
  concatBytes,
  equalBytes,
  randomBytes,
  seededRandom,
} from '../lib/index.ts';
import { chunkBytes, cutPayloads, drawBlinders, joinLanes, noOpening, sealAtOnce, sealPayloads, verifyChunk } from './batch.ts'; // prettier-ignore
import { testTrapdoor } from './crs.ts';
import { decodeHeader, unopenedBytes } from './header.ts';
import {
  blindingBytes,
  chunkLaneBytes,
  laneFormats,
  scalarCounts,
  type LaneFormat,
} from './lanes.ts';
import { openingFactors, openingPoint } from './opening.ts';
import { dot } from './polynomial.ts';
import { author, crs, errorOf, flipBit, key, makeBatch, numberOf, openAnew, owner, scalars, sealCut, signed, task, withDigestOf } from './testing.ts'; // prettier-ignore
import { commitTimes } from './time.ts';

const formats = Object.keys(laneFormats) as LaneFormat[];

/** Lanes of a length around the edges of up to two chunks, in any format. */
const cutting = fc
  .record({
    lanes: fc.constantFrom(...formats),
    chunks: fc.integer({ min: 0, max: 2 }),
    rest: fc.oneof(fc.integer({ min: -31, max: 31 }), fc.nat(3840)),
    seed: fc.nat(),
  })
  .map(({ lanes, chunks, rest, seed }) => {
    const length = Math.max(1, chunks * chunkLaneBytes(scalars, lanes) + rest);
    return { lanes, seed, bytes: randomBytes(seededRandom(seed), length) };
  });

/** As VDS.md has them: lanes per scalar, bytes per lane, and b, the bits between two lanes. */
const packing = {
  update: { lanes: 15, bytes: 1, bits: 16 },
  sum: { lanes: 15, bytes: 2, bits: 16 },
  bytes: { lanes: 30, bytes: 1, bits: 8 },
} as const;

/** P(x) = γ₀ + Σ m_i·x^i + γ₁·x^(n+1) + γ₂·x^(n+2), m_i = Σ lane_{i·L+l}·2^{b·l}, byte by byte. */
function valueAt(x: bigint, payload: Uint8Array, format: LaneFormat): bigint {
  const { lanes, bytes, bits } = packing[format];
  const [blinder0, blinder1, blinder2] = [0, 32, 64].map((at) => numberOf(payload.subarray(at, at + 32))); // prettier-ignore
  let value = blinder0 ?? 0n;
  let last = 1n;
  for (let i = 0; i <= scalars; i++) last = (last * x) % groupOrder;
  value += (blinder1 ?? 0n) * last + (blinder2 ?? 0n) * ((last * x) % groupOrder);
  let power = 1n;
  payload.subarray(blindingBytes).forEach((byte, place) => {
    const lane = Math.floor(place / bytes);
    if (place % (lanes * bytes) === 0) power = (power * x) % groupOrder;
    const shift = bits * (lane % lanes) + 8 * (place % bytes);
    value += (BigInt(byte) << BigInt(shift)) * power;
  });
  return value % groupOrder;
}

/** [k]₁, uncompressed. */
const encodedMultiple = (k: bigint) => G1.BASE.multiplyUnsafe(toScalar(k)).toBytes(false);

describe('cutting', () => {
  test('any lanes come back, for every format and n, all chunks full but the last', () => {
    const any = fc.tuple(cutting, fc.constantFrom(...scalarCounts));
    fc.assert(
      fc.property(any, ([{ lanes, bytes, seed }, n]) => {
        const blinding = drawBlinders(bytes.length, n, lanes, seededRandom(seed));
        const payloads = cutPayloads(bytes, n, lanes, blinding);
        const full = blindingBytes + chunkLaneBytes(n, lanes);
        expect(payloads.slice(0, -1).every(({ length }) => length === full)).toBe(true);
        const parts = (payload: Uint8Array) => [0, 32, 64].map((at) => decodeScalar(payload.subarray(at, at + 32))); // prettier-ignore
        expect(payloads.map(parts)).toEqual(
          blinding.map((each) => each.map((value) => ({ ok: true, value }))),
        );
        const cut = payloads.map((payload) => payload.subarray(blindingBytes));
        expect(equalBytes(concatBytes(...cut), bytes)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  test('no lanes are no batch', () => {
    expect(() => cutPayloads(new Uint8Array(), scalars, 'bytes', null)).toThrow('lane');
  });

  test('what every member computes has γ = 0: all arrive at the same payloads', () => {
    const [first, second] = cutPayloads(new Uint8Array(5000), scalars, 'update', null);
    for (const payload of [first, second]) {
      expect(payload?.subarray(0, blindingBytes)).toEqual(new Uint8Array(blindingBytes));
    }
  });

  test('blindings are drawn anew for each chunk: equal chunks have different digests', () => {
    const { header } = makeBatch(new Uint8Array(3 * 3840).fill(7));
    expect(new Set(header.columns.map(({ digest }) => bytesToHex(digest))).size).toBe(3);
  });
});

describe('sealing', () => {
  test('commits to [P(α)]₁ of every payload and proves [(Q(α) − Q(z))/(α − z)]₁', () => {
    fc.assert(
      fc.property(cutting, ({ lanes, bytes }) => {
        fc.pre(lanes !== 'sum');
        const { header, payloads } = makeBatch(bytes, { kind: lanes === 'update' ? lanes : 'file' }); // prettier-ignore
        const z = openingPoint(unopenedBytes(header));
        const logarithms = payloads.map((payload) => valueAt(testTrapdoor, payload, lanes));
        const values = payloads.map((payload) => valueAt(z, payload, lanes));
        header.columns.forEach(({ digest, commitment }, j) => {
          expect(commitment).toEqual(encodedMultiple(at(logarithms, j)));
          expect(digest).toEqual(sha256(at(payloads, j)));
        });
        const factors = openingFactors(z, values);
        const rise = toScalar(dot(logarithms, factors) - dot(values, factors));
        const quotient = rise * invertScalar(testTrapdoor - z);
        expect(header.y).toEqual(values.map(encodeScalar));
        expect(header.pi).toEqual(encodedMultiple(quotient));
        expect(header.byteLength).toBe(bytes.length);
        expect(decodeHeader(signed({ header, payloads }).signed.header)).toEqual({ ok: true, value: header }); // prettier-ignore
        payloads.forEach((payload, j) => {
          expect(payload.length).toBe(chunkBytes(header, j));
          expect(verifyChunk(header, j, payload)).toEqual({ ok: true, value: null });
        });
        expect(equalBytes(joinLanes(header, payloads), bytes)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  const about = { task, opening: noOpening, round: 4, kind: 'update', author: author.id } as const;
  const payloads = cutPayloads(randomBytes(seededRandom(5), 9000), scalars, 'update', null);

  test('step by step makes the same header as at once, and tells how far it is', async () => {
    const time = () => ({ seconds: () => 9, random: seededRandom(6) });
    const shares: number[] = [];
    const progress = async (share: number) => {
      await Promise.resolve();
      shares.push(share);
    };
    const slowly = await sealPayloads(key, about, payloads, time(), progress);
    expect(slowly).toEqual(sealAtOnce(key, about, payloads, time()));
    expect(shares).toEqual([0.2, 0.4, 0.6, 1]);
  });

  test('stops where the caller throws', async () => {
    const stop = () => Promise.reject(new Error('enough'));
    await expect(sealPayloads(key, about, payloads, null, stop)).rejects.toThrow('enough');
  });

  test('reads the clock as each chunk is sealed, and commits to what it read', () => {
    const clock = [3, 14, 159];
    const seconds = () => clock.shift() ?? Number.NaN;
    const sealed = sealAtOnce(key, about, payloads, { seconds, random: seededRandom(7) });
    const { commitment, blinding } = commitTimes(crs, [3, 14, 159], seededRandom(7));
    expect(sealed.header.time).toEqual(encodeUncompressedG2(commitment));
    expect(sealed.time).toEqual({ blinding, seconds: [3, 14, 159] });
  });

  test('names the batch that it takes the place of, or none', () => {
    const { verified, header } = makeBatch(10);
    expect(header.replaces).toBe(null);
    expect(makeBatch(10, { replaces: verified.id }).header.replaces).toBe(verified.id);
  });

  test('an incomplete batch is not joined', () => {
    const { header, payloads } = makeBatch(8000);
    expect(() => joinLanes(header, payloads.slice(1))).toThrow('incomplete');
  });
});

describe('any one bit flipped is refused', () => {
  const batch = makeBatch(4000);

  test('in a payload, γ included: by the digest', () => {
    const place = fc.tuple(fc.nat(1), fc.nat());
    fc.assert(
      fc.property(place, ([index, choice]) => {
        const payload = at(batch.payloads, index);
        const flipped = flipBit(payload, choice % (payload.length * 8));
        expect(errorOf(verifyChunk(batch.header, index, flipped))).toBe('chunk digest');
      }),
      { numRuns: 200 },
    );
  });

  test('in a payload whose digest the author signed: by the evaluation', () => {
    const { header, payloads } = makeBatch(40);
    const payload = at(payloads, 0);
    fc.assert(
      fc.property(fc.nat(payload.length * 8 - 1), (bit) => {
        const flipped = flipBit(payload, bit);
        const lying = openAnew(withDigestOf(header, 0, flipped), payloads);
        expect(errorOf(verifyChunk(lying, 0, flipped))).toMatch(
          bit < 96 * 8 && bit % 256 < 8 ? /^chunk (evaluation|blinding)$/ : /^chunk evaluation$/,
        );
      }),
      { numRuns: 50 },
    );
  });
});

test('a chunk of zeros is a chunk as any other, where γ is public', () => {
  const payloads = cutPayloads(new Uint8Array(8000), scalars, 'bytes', null);
  const { header } = sealCut(payloads, { kind: 'model', author: owner });
  expect(header.pi).toEqual(G1.ZERO.toBytes(false));
  payloads.forEach((payload, j) => {
    expect(errorOf(verifyChunk(header, j, payload))).toBe('accepted');
  });
});

describe('a chunk is refused', () => {
  const { header, payloads } = makeBatch(3840 + 100);
  const [payload, last] = [at(payloads, 0), at(payloads, 1)];
  const gamma = numberOf(payload.subarray(0, 32));
  const withBlinding = (blinding: bigint) =>
    concatBytes(encodeScalar(blinding), payload.subarray(32));

  test('with another γ, though the author signed its digest', () => {
    for (const blinding of [0n, 1n, gamma + 1n, groupOrder - gamma]) {
      const other = withBlinding(blinding);
      expect(errorOf(verifyChunk(header, 0, other))).toBe('chunk digest');
      const lying = openAnew(withDigestOf(header, 0, other), payloads);
      expect(errorOf(verifyChunk(lying, 0, other))).toBe('chunk evaluation');
    }
  });

  // γ + r takes the same value at z, so that two payloads would pass for one column.
  test('with a γ that is not below r, though it is congruent to the right one', () => {
    const alias = withBlinding(gamma + groupOrder);
    expect(errorOf(verifyChunk(header, 0, alias))).toBe('chunk digest');
    const lying = openAnew(withDigestOf(header, 0, alias), payloads);
    expect(errorOf(verifyChunk(lying, 0, alias))).toBe('chunk blinding');
  });

  test('with the same value at z and another digest', () => {
    const point = openingPoint(unopenedBytes(header));
    const other = payload.slice();
    other[blindingBytes] = at(payload, blindingBytes) ^ 1; // m_1 changes by ±1, P(z) by ±z
    const change = BigInt(at(other, blindingBytes) - at(payload, blindingBytes));
    other.set(encodeScalar(toScalar(gamma - change * point)));
    expect(valueAt(point, other, 'update')).toBe(valueAt(point, payload, 'update'));
    expect(errorOf(verifyChunk(header, 0, other))).toBe('chunk digest');
  });

  test('with the digest of the header, whose author committed to and opened another payload', () => {
    const other = at(makeBatch(3840 + 100).payloads, 0);
    const lying = openAnew(withDigestOf(header, 0, other), payloads);
    expect(errorOf(verifyChunk(lying, 0, other))).toBe('chunk evaluation');
    expect(errorOf(verifyChunk(lying, 0, payload))).toBe('chunk digest');
    expect(errorOf(verifyChunk(lying, 1, last))).toBe('accepted');
  });

  test('of another length, though the author signed its digest and zeros change no value', () => {
    const long = concatBytes(last, new Uint8Array(1));
    const full = concatBytes(last, new Uint8Array(payload.length - last.length));
    const wrong = [long, full, last.subarray(0, -1), last.subarray(0, 96), new Uint8Array()];
    for (const each of wrong) {
      const lying = openAnew(withDigestOf(header, 1, each), payloads);
      expect(errorOf(verifyChunk(lying, 1, each))).toBe('chunk length');
    }
  });

  test('in the place of another one of its batch', () => {
    const even = makeBatch(2 * 3840);
    expect(errorOf(verifyChunk(even.header, 0, at(even.payloads, 1)))).toBe('chunk digest');
    const lying = openAnew(withDigestOf(even.header, 0, at(even.payloads, 1)), even.payloads);
    expect(errorOf(verifyChunk(lying, 0, at(even.payloads, 1)))).toBe('chunk evaluation');
  });

  test.each([-1, 2, 4095, 0.5, Number.NaN])('at index %d, which the header lacks', (index) => {
    const error = `chunk ${index} is not in the header`;
    expect(verifyChunk(header, index, payload)).toEqual({ ok: false, error });
  });
});
