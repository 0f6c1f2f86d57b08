import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  dealDirichlet,
  dealIid,
  describeTable,
  digitShares,
  fitImages,
  fitTable,
  generateDigits,
  parseCsv,
  parseIdx,
  writeIdx,
  type Dataset,
} from '../src/learning/index.ts';
import { seededRandom, type Result } from '../src/lib/index.ts';
import type { DataDescription } from '../src/protocol/index.ts';
import { SetupError } from '../signaling/config.ts';
import { digitsData } from '../signaling/default-task.ts';

/** A file as a page's file picker takes it. */
export interface TabFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** What a demo trains on. */
export interface DemoData {
  readonly data: DataDescription;
  /** Files for each tab; null where tabs make the built-in digits themselves. */
  readonly files: readonly (readonly TabFile[])[] | null;
  /** What no tab sees: the reported accuracy is on it. */
  readonly heldOut: Dataset;
}

/** Rows of a file that tabs share: the last fifth is held out. */
const shared = (rows: number) => rows - Math.floor(rows / 5);

/** Reads an image file and its labels in the IDX format, and describes the task they make. */
export async function readImages(imagesFile: string, labelsFile: string) {
  const images = must(parseIdx(await readPlain(imagesFile)), imagesFile);
  const labels = must(parseIdx(await readPlain(labelsFile)), labelsFile);
  const [, height = 0, width = 0] = images.shape;
  if (images.shape.length !== 3) throw new SetupError(`${imagesFile} holds no images`);
  const classes = labels.data.reduce((most, label) => Math.max(most, label), 1) + 1;
  const data = {
    kind: 'image' as const,
    width,
    height,
    channels: 1 as const,
    classes: Array.from({ length: classes }, (_, label) => String(label)),
    builtIn: null,
  };
  return { data, images, labels, all: must(fitImages(data, images, labels), imagesFile) };
}

/** Deals the rows of an image file in the IDX format over the tabs. */
export async function dealImages(
  imagesFile: string,
  labelsFile: string,
  tabs: number,
  alpha: number | null,
): Promise<DemoData> {
  const { data, images, labels, all } = await readImages(imagesFile, labelsFile);
  const [rows = 0, height = 0, width = 0] = images.shape;
  const pixels = width * height;
  const pack = (picked: readonly number[], what: string) => [
    idxFile(`${what}-images`, [picked.length, height, width], picked, images.data, pixels),
    idxFile(`${what}-labels`, [picked.length], picked, labels.data, 1),
  ];
  const hands = deal(all, shared(rows), tabs, alpha);
  return {
    data,
    files: hands.map((hand, tab) => pack(hand, `tab-${tab + 1}`)),
    heldOut: take(all, shared(rows), rows),
  };
}

/** Deals the rows of a CSV file over the tabs; its columns and statistics make the task. */
export async function dealTable(
  file: string,
  target: string,
  tabs: number,
  alpha: number | null,
): Promise<DemoData> {
  const text = new TextDecoder().decode(await readPlain(file));
  const table = must(parseCsv(text), file);
  const cut = shared(table.rows.length);
  // Only rows that tabs train on may shape the task; but a value must not be unknown later.
  const data = must(describeTable(table, target), file);
  const all = must(fitTable(data, table), file);
  const lines = table.rows.map((row) => row.map(quoted).join(','));
  const header = table.header.map(quoted).join(',');
  const hands = deal(all, cut, tabs, alpha);
  return {
    data,
    files: hands.map((hand, tab) => [
      {
        name: `tab-${tab + 1}-${basename(file)}`,
        mimeType: 'text/csv',
        buffer: Buffer.from([header, ...hand.map((row) => lines[row])].join('\n')),
      },
    ]),
    heldOut: take(all, cut, table.rows.length),
  };
}

/** The built-in digits: tabs make their own, the held-out ones come from another seed. */
export function builtInDigits(samplesPerMember: number, alpha: number | null): DemoData {
  const random = seededRandom(0xfeed);
  return {
    data: digitsData(samplesPerMember, alpha ?? 0),
    files: null,
    heldOut: generateDigits(2000, digitShares(null, random), random),
  };
}

function deal(all: Dataset, rows: number, tabs: number, alpha: number | null): number[][] {
  const random = seededRandom(7);
  const hands =
    alpha === null || all.targetKind === 'value'
      ? dealIid(rows, tabs, random)
      : dealDirichlet(all.targets.subarray(0, rows), tabs, alpha, random);
  return hands.map((hand) => [...hand]);
}

function take(all: Dataset, from: number, to: number): Dataset {
  const { width } = all;
  return {
    ...all,
    rows: to - from,
    features: all.features.subarray(from * width, to * width),
    targets: all.targets.subarray(from, to),
  };
}

function idxFile(
  name: string,
  shape: number[],
  rows: readonly number[],
  source: Uint8Array,
  width: number,
): TabFile {
  const bytes = new Uint8Array(rows.length * width);
  rows.forEach((row, i) => bytes.set(source.subarray(row * width, (row + 1) * width), i * width));
  return {
    name: `${name}.idx`,
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(writeIdx(shape, bytes)),
  };
}

async function readPlain(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((thrown: unknown) => {
    throw new SetupError(
      `${file} cannot be read: ${thrown instanceof Error ? thrown.message : ''}`,
    );
  });
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return new Uint8Array(gzipped ? gunzipSync(bytes) : bytes);
}

function must<T>(result: Result<T>, file: string): T {
  if (result.ok) return result.value;
  throw new SetupError(`${file}: ${result.error}`);
}

function quoted(field: string): string {
  return /[",\n\r]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
