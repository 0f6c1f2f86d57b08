import fc from 'fast-check';
import Papa from 'papaparse';
import { describe, expect, it } from 'vitest';
import { limits } from '../protocol/index.ts';
import { lineOfRow, parseCsv, toNumber, type Table } from './csv.ts';

const tableOf = (text: string): Table => {
  const parsed = parseCsv(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};
const errorOf = (text: string) => {
  const parsed = parseCsv(text);
  return parsed.ok ? 'no error' : parsed.error;
};

describe('parseCsv', () => {
  it('reads header and rows, trimmed, whatever the delimiter and the line ends', () => {
    const expected = { header: ['a', 'b'], rows: [['1', 'x'], ['2', 'y']] }; // prettier-ignore
    for (const text of ['a,b\n1,x\n2,y', '\uFEFFa;b\r\n1;x\r\n2;y\r\n', 'a\tb\n 1\tx \n\n2\ty']) {
      expect(tableOf(text)).toMatchObject(expected);
    }
  });

  it('reads a table of one column', () => {
    expect(tableOf('a\n1\n2')).toMatchObject({ header: ['a'], rows: [['1'], ['2']] });
  });

  it('reads back what a writer quotes', () => {
    const field = fc.string({ maxLength: 8 }).map((text) => `x${text.replaceAll('\r', '')}x`);
    const records = fc.array(fc.tuple(field, field, field), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(records, (rows) => {
        const text = Papa.unparse([['a', 'b', 'c'], ...rows]);
        expect(tableOf(text).rows).toEqual(rows);
      }),
    );
  });

  it('knows the line of a row across empty lines and quoted line breaks', () => {
    const table = tableOf('a,b\n\n"1\n1",x\n,\n\n2,y\n');
    expect(table.rows).toEqual([['1\n1', 'x'], ['2', 'y']]); // prettier-ignore
    expect([lineOfRow(table, 0), lineOfRow(table, 1)]).toEqual([3, 7]);
    expect(errorOf('a,b\n\n"1\n1",x\n3\n')).toBe('CSV line 5 has 1 fields, the header has 2');
  });

  it('says what is wrong', () => {
    expect(errorOf('')).toMatch('empty');
    expect(errorOf('\n \n')).toMatch('empty');
    expect(errorOf('a,b\n')).toMatch('a header and no rows');
    expect(errorOf('a,,c\n1,2,3')).toMatch('no name for column 2');
    expect(errorOf('a,b, a\n1,2,3')).toMatch("names 'a' twice");
    expect(errorOf('a,b\n1,2\n1,2,3')).toBe('CSV line 3 has 3 fields, the header has 2');
    expect(errorOf('a,b\n1,2\n1,"2')).toMatch(/^CSV line 3: .*quote/i);
  });

  it('takes as many rows and columns as a tab holds, and no more', () => {
    const rows = (count: number) => `a\n${'1\n'.repeat(count)}`;
    expect(tableOf(rows(limits.rows)).rows).toHaveLength(limits.rows);
    expect(errorOf(rows(limits.rows + 1))).toMatch(`${limits.rows}`);
    expect(errorOf(rows(3 * limits.rows))).toMatch('too many rows');
    const columns = Array.from({ length: limits.tableColumns + 1 }, (_, i) => `c${i}`).join();
    expect(errorOf(`${columns}\n${columns}`)).toMatch(`${limits.tableColumns + 1} columns`);
  });

  it('takes any text without throwing', () => {
    const pieces = fc.constantFrom('a', '1', ',', ';', '"', '\n', '\r\n', ' ', '\t');
    const messy = fc.array(pieces, { maxLength: 40 }).map((all) => all.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string(), messy), (text) => {
        const parsed = parseCsv(text);
        if (!parsed.ok) return;
        const { header, rows } = parsed.value;
        expect(rows.every((row) => row.length === header.length)).toBe(true);
      }),
    );
  });
});

describe('toNumber', () => {
  it('reads decimal notation and nothing else', () => {
    expect(['1', '-0.5', '+2.', '.25', '1e3', '-1.5E-2'].map(toNumber)).toEqual([
      1, -0.5, 2, 0.25, 1000, -0.015,
    ]);
    for (const text of ['', ' ', 'abc', '0x10', '0b1', '1,5', '1_0', 'NaN', 'Infinity', '1e999']) {
      expect(toNumber(text)).toBeNull();
    }
  });
});
