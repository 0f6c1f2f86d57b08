import Papa from 'papaparse';
import { err, ok, type Result } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';

/** A table of texts, trimmed; every row has as many fields as the header. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Line of the file on which each row begins, counted from 1; row + 2 if not given. */
  readonly lines?: readonly number[];
}

/**
 * Reads a CSV file with a header line; the delimiter is found out, empty lines are passed over.
 * The error names the line, or the column, and what is wrong with it.
 */
export function parseCsv(text: string): Result<Table> {
  const plain = text.replace(/^\uFEFF/, '');
  // papaparse is led astray by empty lines when it looks for the delimiter, and without them it
  // cannot tell which line a row is on. So the start of the file is read twice.
  const { delimiter } = Papa.parse(plain, { skipEmptyLines: 'greedy', preview: 20 }).meta;
  // A file much too long is not read to its end; half of it may be empty lines.
  const parsed = Papa.parse<string[]>(plain, { delimiter, preview: 2 * limits.rows + 2 });
  const [first, ...records] = withLines(parsed.data);
  if (first === undefined) return err('the CSV file is empty');
  const unclosed = parsed.errors.find((problem) => problem.type === 'Quotes');
  if (unclosed) return err(`CSV line ${lineOf(parsed.data, unclosed.row ?? 0)}: ${unclosed.message}`); // prettier-ignore
  const header = first.fields;
  const nameless = header.indexOf('');
  if (nameless >= 0) return err(`the CSV header has no name for column ${nameless + 1}`);
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) return err(`the CSV header names '${twice}' twice`);
  if (header.length > limits.tableColumns) {
    return err(`the CSV file has ${header.length} columns; ${limits.tableColumns} at the most`);
  }
  if (records.length === 0) return err('the CSV file has a header and no rows');
  if (records.length > limits.rows || parsed.meta.truncated) {
    return err(`the CSV file has too many rows; a tab takes ${limits.rows} at the most`);
  }
  const ragged = records.find(({ fields }) => fields.length !== header.length);
  if (ragged) {
    const { line, fields } = ragged;
    return err(`CSV line ${line} has ${fields.length} fields, the header has ${header.length}`);
  }
  return ok({
    header,
    rows: records.map(({ fields }) => fields),
    lines: records.map(({ line }) => line),
  });
}

/** The line of the file on which a row begins, for messages. */
export function lineOfRow(table: Table, row: number): number {
  return table.lines?.[row] ?? row + 2;
}

/** The number that a field holds, or null: decimal notation only, as `Number` also takes 0x10. */
export function toNumber(field: string): number | null {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(field)) return null;
  const value = Number(field);
  return Number.isFinite(value) ? value : null;
}

/** The records that are not empty, each with the line that it begins on. */
function withLines(records: readonly string[][]): { line: number; fields: string[] }[] {
  const found: { line: number; fields: string[] }[] = [];
  let line = 1;
  for (const record of records) {
    const fields = record.map((field) => field.trim());
    if (fields.some((field) => field !== '')) found.push({ line, fields });
    line += linesOf(record);
  }
  return found;
}

function lineOf(records: readonly string[][], index: number): number {
  return records.slice(0, index).reduce((line, record) => line + linesOf(record), 1);
}

/** A quoted field may go over several lines. */
function linesOf(record: readonly string[]): number {
  return record.reduce((sum, field) => sum + field.split(/\r\n|\r|\n/).length - 1, 1);
}
