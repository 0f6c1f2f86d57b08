import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { dataSchema, limits } from '../protocol/index.ts';
import { parseCsv, type Table } from './csv.ts';
import { describeTable } from './table-schema.ts';

const tableOf = (text: string): Table => {
  const parsed = parseCsv(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const errorOf = (text: string, target: string) => {
  const described = describeTable(tableOf(text), target);
  return described.ok ? 'no error' : described.error;
};

describe('describeTable', () => {
  it('makes numbers numeric, with mean and deviation, and texts categorical', () => {
    const described = describeTable(tableOf('sex,length,rings\nM,1,3\nF,3,5\nM,2,4'), 'rings');
    expect(described).toEqual({
      ok: true,
      value: {
        kind: 'table',
        columns: [
          { kind: 'categorical', name: 'sex', values: ['F', 'M'] },
          { kind: 'numeric', name: 'length', mean: 2, deviation: Math.sqrt(2 / 3) },
        ],
        target: { kind: 'numeric', name: 'rings', mean: 4, deviation: Math.sqrt(2 / 3) },
      },
    });
  });

  it('gives what a task takes', () => {
    const described = describeTable(tableOf('a,b,c\n1,x,5\n2,y,6\n4,z,6'), 'b');
    expect(described.ok && v.safeParse(dataSchema, described.value).success).toBe(true);
  });

  it('leaves out columns that never change, decimal fractions too', () => {
    // Ten times 0.1 adds up to 0.9999999999999999.
    const text = `a,b,c,d\n${'0.1,x,1,7\n'.repeat(9)}0.1,x,2,8\n`;
    const described = describeTable(tableOf(text), 'd');
    expect(described.ok && described.value.columns.map(({ name }) => name)).toEqual(['c']);
  });

  it('says what is wrong with the target', () => {
    expect(errorOf('a,b\n1,2\n2,3', 'x')).toBe("there is no column 'x'; the file has: a, b");
    expect(errorOf('a,b\n1,2\n2,2', 'b')).toMatch("'b' has the same value in every row");
    expect(errorOf('a,b\n1,2\n1,3', 'b')).toMatch('no column is left');
  });

  it('says where a field is missing or wrong', () => {
    expect(errorOf('a,b\n1,2\n\n,3', 'b')).toMatch("line 4: column 'a' is empty");
    const numbers = Array.from({ length: limits.classes + 1 }, (_, i) => `${i},${i % 2}`);
    const spoiled = ['a,b', ...numbers, 'abc,1'].join('\n');
    expect(errorOf(spoiled, 'b')).toBe(
      `line ${limits.classes + 3}: 'abc' in column 'a' is not a number`,
    );
  });

  it('refuses what no task takes', () => {
    const names = Array.from({ length: limits.classes + 1 }, (_, i) => `n${i},${i % 2}`);
    expect(errorOf(['a,b', ...names].join('\n'), 'b')).toMatch('1001 different texts');
    const long = 'x'.repeat(limits.nameLength + 1);
    expect(errorOf(`${long},b\n1,2\n2,3`, 'b')).toMatch('name of column 1');
    expect(errorOf(`a,b\n${long},2\ny,3`, 'b')).toMatch('text of 121 characters');
    expect(errorOf('a,b\n1e31,2\n2,3', 'b')).toMatch('beyond');
  });
});
