import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../protocol/index.ts';
import { parseIdx, writeIdx } from './idx.ts';

const errorOf = (bytes: readonly number[] | Uint8Array) => {
  const parsed = parseIdx(Uint8Array.from(bytes));
  return parsed.ok ? 'no error' : parsed.error;
};

describe('parseIdx', () => {
  it('reads back what writeIdx wrote, also from within a larger buffer', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 9 }), (shape, before) => {
        const size = shape.reduce((product, each) => product * each, 1);
        const data = Uint8Array.from({ length: size }, (_, i) => (7 * i) & 0xff);
        const file = writeIdx(shape, data);
        const larger = new Uint8Array(before + file.length + 3);
        larger.set(file, before);
        const parsed = parseIdx(larger.subarray(before, before + file.length));
        expect(parsed).toEqual({ ok: true, value: { type: 'uint8', shape, data } });
      }),
    );
  });

  it("reads MNIST's layout: big-endian sizes after 00 00 08 and the number of dimensions", () => {
    const file = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
    const parsed = parseIdx(Uint8Array.from(file));
    expect(parsed).toEqual({
      ok: true,
      value: { type: 'uint8', shape: [2, 3], data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
    });
  });

  it('says what is wrong', () => {
    expect(errorOf([])).toMatch('nothing');
    expect(errorOf([0x1f, 0x8b, 8, 0, 0])).toMatch('starts with 1f 8b 08 00');
    expect(errorOf([0, 0, 0x0d, 1, 0, 0, 0, 0])).toMatch('type 0xd');
    expect(errorOf([0, 0, 8, 0])).toMatch('0 dimensions');
    expect(errorOf([0, 0, 8, 5])).toMatch('5 dimensions');
    expect(errorOf([0, 0, 8, 2, 0, 0, 0, 1])).toMatch('within its header');
    expect(errorOf([0, 0, 8, 1, 0, 0, 0, 3, 1, 2])).toMatch('needs 3 bytes of data, the file has 2'); // prettier-ignore
    expect(errorOf([0, 0, 8, 1, 0, 0, 0, 1, 1, 2])).toMatch('needs 1 bytes of data, the file has 2'); // prettier-ignore
  });

  it('believes no size that the file does not have, and takes no more rows than a tab holds', () => {
    const huge = [0, 0, 8, 3, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 1];
    expect(errorOf(huge)).toMatch('needs 18446744065119617000 bytes');
    const file = writeIdx([limits.rows + 1], new Uint8Array(limits.rows + 1));
    expect(errorOf(file)).toMatch(`${limits.rows + 1} rows`);
  });

  it('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        parseIdx(bytes);
        parseIdx(Uint8Array.from([0, 0, 8, ...bytes]));
      }),
    );
  });
});

describe('writeIdx', () => {
  it('refuses data that does not fill the shape', () => {
    expect(() => writeIdx([2, 2], new Uint8Array(3))).toThrow('2×2');
  });
});
