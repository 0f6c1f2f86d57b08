import { at, err, ok, type Result } from '../lib/index.ts';
import type { Column, ImageData, TableData } from '../protocol/index.ts';
import { toNumber, type Table } from './csv.ts';
import type { Dataset } from './dataset.ts';
import type { IdxArray } from './idx.ts';
import { featureWidth } from './model.ts';

/** Fits an image file and its labels to the task; the error says what it wants and what it got. */
export function fitImages(data: ImageData, images: IdxArray, labels: IdxArray): Result<Dataset> {
  const [rows = 0, height = 0, width = 0, channels = 1] = images.shape;
  const wanted = `${data.width}×${data.height} pixels${data.channels === 3 ? ' in colour' : ''}`;
  if (images.shape.length < 3) {
    return err(`the task wants images of ${wanted}; the file has shape ${images.shape.join('×')}`);
  }
  if (width !== data.width || height !== data.height || channels !== data.channels) {
    const found = `${width}×${height} pixels${channels === 1 ? '' : ` with ${channels} channels`}`;
    return err(`the task wants images of ${wanted}; the file has ${found}`);
  }
  if (labels.shape.length !== 1) {
    return err(`labels are a list of numbers; the file has shape ${labels.shape.join('×')}`);
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

/** Fits a table to the task: numbers standardised by the task's statistics, categories one-hot. */
export function fitTable(data: TableData, table: Table): Result<Dataset> {
  for (const { name } of [...data.columns, data.target]) {
    if (table.header.includes(name)) continue;
    return err(`column '${name}' is missing; the file has: ${table.header.join(', ')}`);
  }
  const width = featureWidth(data);
  const features = new Float32Array(table.rows.length * width);
  const targets = new Float32Array(table.rows.length);
  for (const [row, fields] of table.rows.entries()) {
    let place = row * width;
    for (const column of data.columns) {
      const value = read(column, at(fields, table.header.indexOf(column.name)), row + 2);
      if (!value.ok) return value;
      if (column.kind === 'numeric') features[place++] = value.value;
      else {
        features[place + value.value] = 1;
        place += column.values.length;
      }
    }
    const target = read(data.target, at(fields, table.header.indexOf(data.target.name)), row + 2);
    if (!target.ok) return target;
    targets[row] = target.value;
  }
  return ok({
    rows: table.rows.length,
    width,
    features,
    featureScale: 1,
    targets,
    targetKind: data.target.kind === 'categorical' ? 'class' : 'value',
  });
}

/** A field as its column's standardised number or the index of its value. */
function read(column: Column, field: string, line: number): Result<number> {
  if (column.kind === 'categorical') {
    const index = column.values.indexOf(field);
    if (index >= 0) return ok(index);
    const known = column.values.slice(0, 20).join(', ');
    return err(`line ${line}: unknown value '${field}' in column '${column.name}'; the task knows ${known}`); // prettier-ignore
  }
  const number = toNumber(field);
  if (number === null) return err(`line ${line}: '${field}' in column '${column.name}' is not a number`); // prettier-ignore
  return ok((number - column.mean) / column.deviation);
}
