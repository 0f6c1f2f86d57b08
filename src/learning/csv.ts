import Papa from 'papaparse';
import { at, err, ok, type Result } from '../lib/index.ts';
import { limits, type Column, type TableData } from '../protocol/index.ts';

/** A table of texts; every row has as many fields as the header. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Reads a CSV file with a header line; the delimiter is found out. Empty lines are passed over. */
export function parseCsv(text: string): Result<Table> {
  const parsed = Papa.parse<string[]>(text.replace(/^\uFEFF/, ''), { skipEmptyLines: 'greedy' });
  const problem = parsed.errors.find((each) => each.type === 'Quotes');
  if (problem) return err(`CSV line ${(problem.row ?? 0) + 1}: ${problem.message}`);
  const [first, ...rows] = parsed.data;
  if (first === undefined) return err('the CSV file is empty');
  const header = first.map((name) => name.trim());
  const nameless = header.indexOf('');
  if (nameless >= 0) return err(`the CSV header has no name for column ${nameless + 1}`);
  const twice = header.find((name, i) => header.indexOf(name) !== i);
  if (twice !== undefined) return err(`the CSV header names '${twice}' twice`);
  if (rows.length === 0) return err('the CSV file has a header and no rows');
  if (rows.length > limits.rows) {
    return err(`the CSV file has ${rows.length} rows; a tab takes ${limits.rows} at the most`);
  }
  const ragged = rows.findIndex((row) => row.length !== header.length);
  if (ragged >= 0) {
    const found = at(rows, ragged).length;
    return err(`CSV line ${ragged + 2} has ${found} fields, the header has ${header.length}`);
  }
  return ok({ header, rows: rows.map((row) => row.map((field) => field.trim())) });
}

/** The number that a field holds, or null. */
export function toNumber(field: string): number | null {
  if (field === '') return null;
  const value = Number(field);
  return Number.isFinite(value) ? value : null;
}

/**
 * Makes a task's schema of a table: columns of numbers become numeric, with their mean and
 * standard deviation, all others categorical. Columns that never change tell nothing and are
 * left out.
 */
export function describeTable(table: Table, target: string): Result<TableData> {
  if (!table.header.includes(target)) {
    return err(`there is no column '${target}'; the file has: ${table.header.join(', ')}`);
  }
  const columns: Column[] = [];
  for (const [i, name] of table.header.entries()) {
    const column = describeColumn(name, table.rows.map((row) => at(row, i))); // prettier-ignore
    if (!column.ok) return column;
    if (column.value !== null) columns.push(column.value);
  }
  const targetColumn = columns.find((column) => column.name === target);
  if (targetColumn === undefined) return err(`the target '${target}' has the same value in every row`); // prettier-ignore
  const features = columns.filter((column) => column.name !== target);
  if (features.length === 0) return err('no column is left to predict the target from');
  return ok({ kind: 'table', columns: features, target: targetColumn });
}

/** null for a column that never changes. */
function describeColumn(name: string, fields: readonly string[]): Result<Column | null> {
  const numbers = fields.map(toNumber);
  if (numbers.every((number) => number !== null)) {
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    const square = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
    const deviation = Math.sqrt(square);
    return ok(deviation > 0 ? { kind: 'numeric', name, mean, deviation } : null);
  }
  const values = [...new Set(fields)].sort();
  if (values.includes('')) {
    const line = fields.indexOf('') + 2;
    return err(`line ${line}: column '${name}' is empty; fill it in or leave the row out`);
  }
  if (values.length > limits.classes) {
    return err(
      `column '${name}' has ${values.length} different texts, ${limits.classes} at the most; ` +
        'leave it out if it is a name or an id',
    );
  }
  return ok(values.length > 1 ? { kind: 'categorical', name, values } : null);
}
