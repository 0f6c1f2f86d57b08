import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bytesToFloat32,
  bytesToUint16,
  equalBytes,
  float32ToBytes,
  ownBytes,
  uint16ToBytes,
} from './bytes.ts';

/** The same bytes at an odd offset of a larger buffer, with garbage on either side. */
function misaligned(bytes: Uint8Array, by: number): Uint8Array {
  const large = new Uint8Array(bytes.length + by + 3).fill(0xee);
  large.set(bytes, by);
  return large.subarray(by, by + bytes.length);
}

const offset = fc.integer({ min: 0, max: 7 });

describe('float32 as bytes', () => {
  const known: [string, number, number[]][] = [
    ['1', 1, [0x00, 0x00, 0x80, 0x3f]],
    ['-2.5', -2.5, [0x00, 0x00, 0x20, 0xc0]],
    ['0', 0, [0x00, 0x00, 0x00, 0x00]],
    ['-0', -0, [0x00, 0x00, 0x00, 0x80]],
    ['the smallest denormal', 2 ** -149, [0x01, 0x00, 0x00, 0x00]],
    ['the largest denormal', 2 ** -126 - 2 ** -149, [0xff, 0xff, 0x7f, 0x00]],
    ['the smallest normal', 2 ** -126, [0x00, 0x00, 0x80, 0x00]],
    ['the largest', 3.4028234663852886e38, [0xff, 0xff, 0x7f, 0x7f]],
    ['infinity', Infinity, [0x00, 0x00, 0x80, 0x7f]],
  ];
  test.each(known)('%s has its IEEE 754 bits, lowest byte first', (_, value, bytes) => {
    expect([...float32ToBytes(new Float32Array([value]))]).toEqual(bytes);
    expect(Object.is(bytesToFloat32(new Uint8Array(bytes))[0], value)).toBe(true);
  });

  test('any NaN is read as NaN, whatever its payload', () => {
    for (const bytes of [
      [0x00, 0x00, 0xc0, 0x7f],
      [0x01, 0x00, 0x80, 0x7f],
      [0xff, 0xff, 0xff, 0xff],
    ]) {
      expect(bytesToFloat32(new Uint8Array(bytes))).toEqual(new Float32Array([NaN]));
    }
    expect(bytesToFloat32(float32ToBytes(new Float32Array([NaN])))[0]).toBeNaN();
  });

  test('every vector is read back bit by bit, at whatever offset its bytes lie', () => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true }), offset, (values, by) => {
        const read = bytesToFloat32(misaligned(float32ToBytes(values), by));
        expect(read.length).toBe(values.length);
        values.forEach((value, i) => expect(Object.is(read[i], value)).toBe(true));
      }),
    );
  });

  test('a view on a part of a vector gives the bytes of that part', () => {
    const values = new Float32Array([9, 1, -0, 9]).subarray(1, 3);
    expect([...float32ToBytes(values)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0x80]);
  });
});

describe('16-bit lanes as bytes', () => {
  test('lowest byte first', () => {
    expect([...uint16ToBytes(new Uint16Array([0x0102, 0xfffe]))]).toEqual([2, 1, 0xfe, 0xff]);
    expect([...bytesToUint16(new Uint8Array([2, 1, 0xfe, 0xff]))]).toEqual([0x0102, 0xfffe]);
  });

  test('every vector is read back, at whatever offset its bytes lie', () => {
    fc.assert(
      fc.property(fc.uint16Array(), offset, (values, by) => {
        expect(bytesToUint16(misaligned(uint16ToBytes(values), by))).toEqual(
          new Uint16Array(values),
        );
      }),
    );
  });
});

describe('byte strings', () => {
  test('are equal when length and every byte agree', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), offset, fc.nat(), (bytes, by, choice) => {
        const same = misaligned(bytes, by);
        expect(equalBytes(bytes, same)).toBe(true);
        expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
        expect(equalBytes(bytes.subarray(1), bytes)).toBe(false);
        const index = choice % bytes.length;
        same[index] = (same[index] ?? 0) ^ 1;
        expect(equalBytes(bytes, same)).toBe(false);
      }),
    );
  });

  test('an own copy has its own buffer, without what lay around it', () => {
    const part = misaligned(new Uint8Array([1, 2, 3]), 3);
    const copy = ownBytes(part);
    part[0] = 77;
    expect([...copy]).toEqual([1, 2, 3]);
    expect(copy.buffer.byteLength).toBe(3);
  });
});
