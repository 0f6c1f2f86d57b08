import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseColumns, parsePosition, parseWeights } from './query-form.ts';

describe('columns', () => {
  test.each([
    ['0', [0]],
    [' 3 , 1', [1, 3]],
    ['2-4', [2, 3, 4]],
    ['2 - 4, 3-5,0', [0, 2, 3, 4, 5]],
  ])('%j are read, ascending and once each', (text, columns) => {
    expect(parseColumns(text, 8)).toEqual({ ok: true, value: columns });
  });

  test.each([
    ['', 'Numbers of chunks'],
    ['1,', 'Numbers of chunks'],
    ['one', 'Numbers of chunks'],
    ['-1', 'Numbers of chunks'],
    ['1.5', 'Numbers of chunks'],
    ['4-2', 'the first is above the last'],
    ['8', 'chunks 0 to 7'],
    ['0-8', 'chunks 0 to 7'],
  ])('%j are refused, and why', (text, reason) => {
    expect(parseColumns(text, 8)).toEqual({ ok: false, error: expect.stringContaining(reason) as string }); // prettier-ignore
  });

  test('beyond what one question may ask are refused', () => {
    expect(parseColumns('0-63', 100).ok).toBe(true);
    expect(parseColumns('0-64', 100)).toEqual({ ok: false, error: 'At most 64 chunks' });
  });
});

describe('weights', () => {
  test('are read back as they were written', () => {
    const entry = fc.record({
      index: fc.integer({ min: 1, max: 256 }),
      weight: fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
    });
    const entries = fc.uniqueArray(entry, { minLength: 1, selector: ({ index }) => index });
    fc.assert(
      fc.property(entries, (wanted) => {
        const text = wanted.map(({ index, weight }) => `${index}:${weight}`).join(', ');
        const value = wanted.toSorted((a, b) => a.index - b.index);
        expect(parseWeights(text, 256)).toEqual({ ok: true, value });
      }),
    );
  });

  test.each([
    ['', 'Pairs of position and weight'],
    ['1', 'Pairs of position and weight'],
    ['1:', 'Pairs of position and weight'],
    ['1:0x5', 'Pairs of position and weight'],
    ['1:1.5', 'Pairs of position and weight'],
    [`1:${'9'.repeat(71)}`, 'Pairs of position and weight'],
    ['0:1', 'scalars 1 to 256'],
    ['257:1', 'scalars 1 to 256'],
    ['1:1, 1:2', 'Position 1 stands there twice'],
  ])('%j are refused, and why', (text, reason) => {
    expect(parseWeights(text, 256)).toEqual({ ok: false, error: expect.stringContaining(reason) as string }); // prettier-ignore
  });
});

describe('a position in a tensor', () => {
  test.each([
    ['0, 0', 0],
    ['0,9', 9],
    [' 1 , 0 ', 10],
    ['783, 9', 7839],
  ])('%j is read, row by row', (text, index) => {
    expect(parsePosition(text, [784, 10])).toEqual({ ok: true, value: index });
  });

  test.each([
    ['', 'A position of 784 × 10, such as 0, 0'],
    ['5', 'A position of'],
    ['1, 2, 3', 'A position of'],
    ['1, -2', 'A position of'],
    ['1, 2.5', 'A position of'],
    ['784, 0', '784: the last one is 783'],
    ['0, 10', '10: the last one is 9'],
  ])('%j is refused, and why', (text, reason) => {
    expect(parsePosition(text, [784, 10])).toEqual({ ok: false, error: expect.stringContaining(reason) as string }); // prettier-ignore
  });
});
