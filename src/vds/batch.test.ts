import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { identityOf, sha256 } from '../crypto/index.ts';
import {
  at,
  concatBytes,
  equalBytes,
  ownBytes,
  randomBytes,
  seededRandom,
  type TaskId,
} from '../lib/index.ts';
import { chunkBytes, cutBatch, cutPayloads, joinLanes, verifyChunk } from './batch.ts';
import {
  blindingBytes,
  chunkLaneBytes,
  laneFormats,
  scalarCounts,
  type LaneFormat,
  type ScalarCount,
} from './lanes.ts';

const author = identityOf(randomBytes(seededRandom(1), 32));
const formats = Object.keys(laneFormats) as LaneFormat[];

function about(scalars: ScalarCount, lanes: LaneFormat) {
  const task = '00'.repeat(16) as TaskId;
  return { task, round: 1, kind: 'update', author: author.id, scalars, lanes } as const;
}

/** Lane bytes of a length around the edges of up to three chunks. */
const cutting = fc
  .record({
    scalars: fc.constantFrom(...scalarCounts),
    lanes: fc.constantFrom(...formats),
    chunks: fc.integer({ min: 0, max: 2 }),
    rest: fc.oneof(fc.integer({ min: -1, max: 1 }), fc.nat(3840)),
    seed: fc.nat(),
  })
  .map(({ scalars, lanes, chunks, rest, seed }) => ({
    scalars,
    lanes,
    seed,
    bytes: randomBytes(
      seededRandom(seed),
      Math.max(1, chunks * chunkLaneBytes(scalars, lanes) + rest),
    ),
  }));

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = ownBytes(bytes);
  changed[bit >> 3] = at(bytes, bit >> 3) ^ (1 << (bit & 7));
  return changed;
}

describe('cutting and joining', () => {
  test('any lanes come back, for every format and n, and every chunk verifies', () => {
    fc.assert(
      fc.property(cutting, ({ scalars, lanes, bytes, seed }) => {
        const { header, payloads } = cutBatch(about(scalars, lanes), bytes, seededRandom(seed));
        expect(header.byteLength).toBe(bytes.length);
        expect(payloads.length).toBe(header.columns.length);
        payloads.forEach((payload, i) => {
          expect(payload.length).toBe(chunkBytes(header, i));
          expect(verifyChunk(header, i, payload)).toEqual({ ok: true, value: null });
        });
        expect(equalBytes(joinLanes(header, payloads), bytes)).toBe(true);
      }),
    );
  });

  test('a payload is γ and then its part of the lanes', () => {
    const bytes = randomBytes(seededRandom(2), 5000);
    const [first, second] = cutPayloads(bytes, 256, 'update', null);
    expect(first?.subarray(blindingBytes)).toEqual(bytes.subarray(0, 3840));
    expect(second?.subarray(blindingBytes)).toEqual(bytes.subarray(3840));
  });

  test('an incomplete batch is not joined', () => {
    const { header, payloads } = cutBatch(about(256, 'bytes'), new Uint8Array(8000), null);
    expect(() => joinLanes(header, payloads.slice(1))).toThrow('incomplete');
  });

  test('no lanes are no batch', () => {
    expect(() => cutBatch(about(256, 'bytes'), new Uint8Array(), null)).toThrow('lane');
  });
});

describe('γ', () => {
  const bytes = new Uint8Array(3 * 3840);

  test('is zero without blinding, so that all cut the same chunks', () => {
    for (const payload of cutPayloads(bytes, 256, 'update', null)) {
      expect(payload.subarray(0, blindingBytes)).toEqual(new Uint8Array(blindingBytes));
    }
  });

  test('is drawn anew for each chunk with blinding: equal lanes have different digests', () => {
    const random = seededRandom(3);
    const drawn = randomBytes(seededRandom(3), 3 * blindingBytes);
    const { header, payloads } = cutBatch(about(256, 'update'), bytes, random);
    const blindings = payloads.map((payload) => payload.subarray(0, blindingBytes));
    expect(concatBytes(...blindings)).toEqual(drawn);
    expect(new Set(header.columns.map(({ digest }) => digest.join())).size).toBe(3);
  });
});

describe('a chunk is refused', () => {
  test('with any one bit flipped, γ included', () => {
    fc.assert(
      fc.property(cutting, fc.nat(), ({ scalars, lanes, bytes }, choice) => {
        const { header, payloads } = cutBatch(about(scalars, lanes), bytes, null);
        const index = choice % payloads.length;
        const payload = at(payloads, index);
        const changed = flip(payload, choice % (payload.length * 8));
        expect(verifyChunk(header, index, changed)).toEqual({ ok: false, error: 'chunk digest' });
      }),
    );
  });

  test('with every single bit of a small payload flipped', () => {
    const { header, payloads } = cutBatch(about(256, 'update'), new Uint8Array([1, 2, 3]), null);
    const payload = at(payloads, 0);
    for (let bit = 0; bit < payload.length * 8; bit++) {
      expect(verifyChunk(header, 0, flip(payload, bit)).ok).toBe(false);
    }
  });

  test('of a wrong length, even if its digest were the one in the header', () => {
    const { header, payloads } = cutBatch(about(256, 'update'), new Uint8Array(10), null);
    const [payload] = payloads;
    const longer = concatBytes(payload ?? new Uint8Array(), new Uint8Array(1));
    const lying = { ...header, columns: [{ digest: sha256(longer), commitment: null }] };
    for (const wrong of [longer, payload?.subarray(1) ?? longer, new Uint8Array()]) {
      expect(verifyChunk(lying, 0, wrong)).toEqual({ ok: false, error: 'chunk length' });
    }
  });

  test.each([-1, 2, 4095, 0.5, NaN])('at index %d, which the header does not have', (index) => {
    const { header, payloads } = cutBatch(about(256, 'update'), new Uint8Array(5000), null);
    const verdict = verifyChunk(header, index, at(payloads, 0));
    expect(verdict).toEqual({ ok: false, error: `chunk ${index} is not in the header` });
  });

  test('in the place of another chunk of its batch', () => {
    const bytes = randomBytes(seededRandom(4), 2 * 3840);
    const { header, payloads } = cutBatch(about(256, 'update'), bytes, null);
    expect(verifyChunk(header, 0, at(payloads, 1)).ok).toBe(false);
  });
});
