import { expect, test } from 'vitest';
import { keepEqual, sameFields } from './keep-equal.ts';

const list = (...values: number[]) => values.map((value) => ({ value }));

test('a list that says the same stays the same object', () => {
  const before = list(1, 2, 3);
  expect(keepEqual(before, list(1, 2, 3), sameFields)).toBe(before);
});

test('of a list that changed, what did not change stays the same object', () => {
  const before = list(1, 2, 3);
  for (const after of [list(1, 4, 3), list(1, 2), list(1, 2, 3, 4), list(3, 2, 1)]) {
    const kept = keepEqual(before, after, sameFields);
    expect(kept).toEqual(after);
    expect(kept).not.toBe(before);
    for (const each of kept) {
      const known = before.find(({ value }) => value === each.value);
      if (known) expect(each).toBe(known);
    }
  }
});

test('fields are the same when all are', () => {
  expect(sameFields({ a: 1, b: NaN }, { a: 1, b: NaN })).toBe(true);
  expect(sameFields<object>({ a: 1 }, { a: 1, b: 2 })).toBe(false);
  expect(sameFields({ a: 1 }, { a: 2 })).toBe(false);
});
