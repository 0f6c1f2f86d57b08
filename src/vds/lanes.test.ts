import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at } from '../lib/index.ts';
import {
  blindingBytes,
  chooseScalars,
  chunkCount,
  chunkLaneBytes,
  laneFormats,
  payloadBytes,
  scalarCounts,
  type LaneFormat,
} from './lanes.ts';

const formats = Object.keys(laneFormats) as LaneFormat[];
const format = fc.constantFrom(...formats);
const scalars = fc.constantFrom(...scalarCounts);

describe('lanes of a chunk (VDS.md, Chunks as scalars)', () => {
  test('a scalar carries 15 codes, 15 sums or 30 bytes: below the 31 that a 255-bit field takes', () => {
    expect(chunkLaneBytes(1, 'update')).toBe(15);
    expect(chunkLaneBytes(1, 'sum')).toBe(30);
    expect(chunkLaneBytes(1, 'bytes')).toBe(30);
  });

  test('an update and the sum over it have the same number of chunks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000_000 }), scalars, (parameters, n) => {
        expect(chunkCount(2 * parameters, n, 'sum')).toBe(chunkCount(parameters, n, 'update'));
      }),
    );
  });

  test('payloads add up to the lanes and one blinding each, all full but the last', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000_000 }), scalars, format, (length, n, lanes) => {
        const count = chunkCount(length, n, lanes);
        const sizes = Array.from({ length: count }, (_, i) => payloadBytes(length, n, lanes, i));
        const full = blindingBytes + chunkLaneBytes(n, lanes);
        expect(sizes.slice(0, -1).every((size) => size === full)).toBe(true);
        expect(at(sizes, count - 1)).toBeGreaterThan(blindingBytes);
        expect(at(sizes, count - 1)).toBeLessThanOrEqual(full);
        expect(sizes.reduce((a, b) => a + b, 0)).toBe(length + count * blindingBytes);
      }),
    );
  });

  test('the edges of a chunk', () => {
    const full = chunkLaneBytes(256, 'update');
    expect(full).toBe(3840);
    expect(chunkCount(1, 256, 'update')).toBe(1);
    expect(chunkCount(full, 256, 'update')).toBe(1);
    expect(chunkCount(full + 1, 256, 'update')).toBe(2);
    expect(payloadBytes(full + 1, 256, 'update', 1)).toBe(blindingBytes + 1);
  });
});

describe('the choice of n', () => {
  test.each([
    [1, 256],
    [7 * 256 * 15, 256], // 7 chunks at best: the smallest n
    [7 * 256 * 15 + 1, 256],
    [7 * 512 * 15, 256],
    [7 * 512 * 15 + 1, 512],
    [7 * 1024 * 15 + 1, 1024],
    [101_770, 512], // 784-128-10
    [7 * 4096 * 15, 2048],
    [7 * 4096 * 15 + 1, 4096],
    [16_777_216, 4096],
  ] as const)('%i parameters: n = %i', (parameters, n) => {
    expect(chooseScalars(parameters)).toBe(n);
  });

  test('gives at least 8 chunks with the largest n that can, and never more than 4096', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 16_777_216 }), (parameters) => {
        const n = chooseScalars(parameters);
        const larger = scalarCounts.filter((each) => each > n);
        expect(larger.every((each) => chunkCount(parameters, each, 'update') < 8)).toBe(true);
        if (n > 256) expect(chunkCount(parameters, n, 'update')).toBeGreaterThanOrEqual(8);
        expect(chunkCount(parameters, n, 'update')).toBeLessThanOrEqual(4096);
        expect(chunkCount(4 * parameters, n, 'bytes')).toBeLessThanOrEqual(4096);
      }),
    );
  });
});
