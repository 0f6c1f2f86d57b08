import { at, err, ok, type Result } from '../lib/index.ts';
import { limits, type Column, type TableData } from '../protocol/index.ts';
import { lineOfRow, toNumber, type Table } from './csv.ts';

/** What a task's description takes as a column's mean. */
const largestMean = 1e30;

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
    if (name.length > limits.nameLength) {
      return err(`the name of column ${i + 1} is longer than ${limits.nameLength} characters`);
    }
    const column = describeColumn(table, i);
    if (!column.ok) return column;
    if (column.value !== null) columns.push(column.value);
  }
  const targetColumn = columns.find((column) => column.name === target);
  if (targetColumn === undefined) {
    return err(`the target '${target}' has the same value in every row`);
  }
  const features = columns.filter((column) => column.name !== target);
  if (features.length === 0) return err('no column is left to predict the target from');
  return ok({ kind: 'table', columns: features, target: targetColumn });
}

/** null for a column that never changes. */
function describeColumn(table: Table, index: number): Result<Column | null> {
  const name = at(table.header, index);
  const fields = table.rows.map((row) => at(row, index));
  const gap = fields.indexOf('');
  if (gap >= 0) {
    const line = lineOfRow(table, gap);
    return err(`line ${line}: column '${name}' is empty; fill it in or leave the row out`);
  }
  const numbers = fields.map(toNumber);
  if (numbers.every((number) => number !== null)) return describeNumbers(name, numbers);
  const values = [...new Set(fields)].sort();
  if (values.length <= limits.classes) return describeTexts(name, values);
  const odd = numbers.indexOf(null);
  const count = numbers.filter((number) => number !== null).length;
  // Mostly numbers: it is one wrong field rather than a column of thousands of names.
  return count > numbers.length / 2
    ? err(`line ${lineOfRow(table, odd)}: '${at(fields, odd)}' in column '${name}' is not a number`)
    : err(
        `column '${name}' has ${values.length} different texts, ${limits.classes} at the most; ` +
          'leave it out if it is a name or an id',
      );
}

function describeNumbers(name: string, numbers: readonly number[]): Result<Column | null> {
  const first = at(numbers, 0);
  // Compared, not computed: ten times 0.1 has a mean beside 0.1, and so a deviation above 0.
  if (numbers.every((number) => number === first)) return ok(null);
  if (numbers.some((number) => Math.abs(number) > largestMean)) {
    return err(`column '${name}' has numbers beyond ${largestMean}`);
  }
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const square = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length;
  const deviation = Math.sqrt(square);
  return ok(deviation > 0 ? { kind: 'numeric', name, mean, deviation } : null);
}

function describeTexts(name: string, values: string[]): Result<Column | null> {
  const long = values.find((value) => value.length > limits.nameLength);
  if (long !== undefined) {
    return err(
      `column '${name}' has a text of ${long.length} characters, ${limits.nameLength} at the most`,
    );
  }
  return ok(values.length > 1 ? { kind: 'categorical', name, values } : null);
}
