import { at, err, ok, type Result } from '../lib/index.ts';
import { limits, type Column, type ImageData, type TableData } from '../protocol/index.ts';
import { lineOfRow, toNumber, type Table } from './csv.ts';
import type { Dataset } from './dataset.ts';
import type { IdxArray } from './idx.ts';
import { featureWidth } from './model.ts';

/** Fits an image file and its labels to the task; the error says what it wants and what it got. */
export function fitImages(data: ImageData, images: IdxArray, labels: IdxArray): Result<Dataset> {
  if (images.shape.length === 1 && labels.shape.length > 1) {
    return err('the files are swapped: labels were given as images, and images as labels');
  }
  const [rows = 0, height = 0, width = 0, channels = 1] = images.shape;
  const wanted = `images of ${data.width}×${data.height} pixels${data.channels === 3 ? ' in colour' : ''}`; // prettier-ignore
  if (images.shape.length < 3) {
    return err(`the task wants ${wanted}, this file has shape ${images.shape.join('×')}`);
  }
  if (width !== data.width || height !== data.height || channels !== data.channels) {
    const found = `${width}×${height}${channels === 1 ? '' : ` with ${channels} channels`}`;
    return err(`the task wants ${wanted}, this file has ${found}`);
  }
  if (labels.shape.length !== 1) {
    return err(`labels are a list of numbers, this file has shape ${labels.shape.join('×')}`);
  }
  if (labels.data.length !== rows) {
    return err(`there are ${rows} images and ${labels.data.length} labels`);
  }
  if (rows === 0) return err('the files hold no images');
  const wrong = labels.data.findIndex((label) => label >= data.classes.length);
  if (wrong >= 0) {
    return err(
      `label ${at(labels.data, wrong)} of image ${wrong + 1} is not a class; ` +
        `the task has ${data.classes.length}, counted from 0`,
    );
  }
  return ok({
    rows,
    width: featureWidth(data),
    features: images.data,
    featureScale: 1 / 255,
    targets: Float32Array.from(labels.data),
    targetKind: 'class',
  });
}

/**
 * Fits a table to the task: numbers standardised by the task's statistics, categories one-hot.
 * Columns that the task does not name are passed over; the error names line and column.
 */
export function fitTable(data: TableData, table: Table): Result<Dataset> {
  const columns = [...data.columns, data.target];
  const missing = columns.find(({ name }) => !table.header.includes(name));
  if (missing) {
    return err(`column '${missing.name}' is missing; the file has: ${table.header.join(', ')}`);
  }
  const rows = table.rows.length;
  const width = featureWidth(data);
  if (rows * width * 4 > limits.fileBytes) {
    return err(
      `${rows} rows of ${width} features each, categories unfolded, do not fit a tab's memory; ` +
        `${Math.floor(limits.fileBytes / 4 / width)} rows at the most`,
    );
  }
  const places = columns.map(({ name }) => table.header.indexOf(name));
  const features = new Float32Array(rows * width);
  const targets = new Float32Array(rows);
  for (const [row, fields] of table.rows.entries()) {
    let place = row * width;
    for (const [i, column] of columns.entries()) {
      const value = read(column, at(fields, at(places, i)));
      if (!value.ok) return err(`line ${lineOfRow(table, row)}: ${value.error}`);
      if (i === data.columns.length) targets[row] = value.value;
      else if (column.kind === 'numeric') features[place++] = value.value;
      else {
        features[place + value.value] = 1;
        place += column.values.length;
      }
    }
  }
  const targetKind = data.target.kind === 'categorical' ? 'class' : 'value';
  return ok({ rows, width, features, featureScale: 1, targets, targetKind });
}

/** A field as its column's standardised number or the index of its value. */
function read(column: Column, field: string): Result<number> {
  const { name } = column;
  if (column.kind === 'categorical') {
    const index = column.values.indexOf(field);
    if (index >= 0) return ok(index);
    const known = column.values.slice(0, 20).join(', ');
    const more = column.values.length > 20 ? ', …' : '';
    return err(`unknown value '${field}' in column '${name}'; the task knows ${known}${more}`);
  }
  const number = toNumber(field);
  if (number === null) return err(`'${field}' in column '${name}' is not a number`);
  const standardised = Math.fround((number - column.mean) / column.deviation);
  if (!Number.isFinite(standardised)) {
    return err(`${field} in column '${name}' is too far from the task's mean, ${column.mean}`);
  }
  return ok(standardised);
}
