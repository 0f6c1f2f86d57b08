import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Bitfield } from './bitfield.ts';

const bits = fc.array(fc.boolean(), { maxLength: 100 });

function fieldOf(wanted: readonly boolean[]): Bitfield {
  const field = new Bitfield(wanted.length);
  wanted.forEach((bit, i) => bit && field.set(i));
  return field;
}

describe('bitfield', () => {
  test('what is written in bytes is read back', () => {
    fc.assert(
      fc.property(bits, (wanted) => {
        const read = Bitfield.fromBytes(fieldOf(wanted).toBytes(), wanted.length);
        expect(wanted.map((_, i) => read?.has(i))).toEqual(wanted);
        expect(read?.count).toBe(wanted.filter(Boolean).length);
      }),
    );
  });

  test('the first bit is the highest of the first byte (BEP 3)', () => {
    const field = new Bitfield(10);
    field.set(0);
    field.set(9);
    expect(field.toBytes()).toEqual(new Uint8Array([0b1000_0000, 0b0100_0000]));
  });

  test('a spare bit is rejected, whichever it is', () => {
    fc.assert(
      fc.property(bits, fc.nat(), (wanted, choice) => {
        const spare = (8 - (wanted.length % 8)) % 8;
        fc.pre(spare > 0);
        const bytes = fieldOf(wanted).toBytes();
        const last = bytes.length - 1;
        bytes[last] = (bytes[last] ?? 0) | (1 << (choice % spare));
        expect(Bitfield.fromBytes(bytes, wanted.length)).toBeNull();
      }),
    );
  });

  test('a byte too many or too few is rejected', () => {
    expect(Bitfield.fromBytes(new Uint8Array(2), 17)).toBeNull();
    expect(Bitfield.fromBytes(new Uint8Array(4), 17)).toBeNull();
    expect(Bitfield.fromBytes(new Uint8Array(3), 17)).not.toBeNull();
    expect(Bitfield.fromBytes(new Uint8Array(1), 0)).toBeNull();
  });

  test('the count equals a recount after any sequence of sets, in range or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.array(fc.integer({ min: -10, max: 60 })),
        (length, indices) => {
          const field = new Bitfield(length);
          const model = new Set<number>();
          for (const index of indices) {
            const fresh = index >= 0 && index < length && !model.has(index);
            expect(field.set(index)).toBe(fresh);
            if (fresh) model.add(index);
          }
          const recount = Array.from({ length }, (_, i) => field.has(i)).filter(Boolean).length;
          expect(field.count).toBe(recount);
          expect(recount).toBe(model.size);
          expect(field.complete).toBe(model.size === length);
        },
      ),
    );
  });

  test('nothing beyond the end is held', () => {
    const field = Bitfield.full(11);
    expect(field.complete).toBe(true);
    expect(field.has(-1)).toBe(false);
    expect([11, 12, 15, 16, 1000].filter((i) => field.has(i))).toEqual([]);
  });

  test('its bytes are a copy', () => {
    const field = new Bitfield(8);
    field.toBytes()[0] = 255;
    expect(field.has(0)).toBe(false);
  });
});
