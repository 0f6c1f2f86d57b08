import { encodeCanonical } from '../../crypto/index.ts';
import { ownBytes, seededRandom, uniform, utf8ToBytes } from '../../lib/index.ts';
import { fitImages, fitTable, parseCsv, parseIdx, writeIdx } from '../../learning/index.ts';
import type { ImageData } from '../../protocol/index.ts';
import { decodeExportedRound } from '../../rounds/index.ts';
import { crs } from '../sealing.ts';
import { decodeHeader, Crs } from '../../vds/index.ts';
import { RoundNetwork } from '../round-network.ts';
import { Mutator } from './mutator.ts';
import type { FuzzReport } from './report.ts';

const image: ImageData = { kind: 'image', width: 3, height: 2, channels: 1, classes: ['a', 'b', 'c'], builtIn: null }; // prettier-ignore
const numeric = (name: string) => ({ kind: 'numeric' as const, name, mean: 0, deviation: 1 });
const table = {
  kind: 'table' as const,
  columns: [
    numeric('x'),
    { kind: 'categorical' as const, name: 'colour', values: ['red', 'blue'] },
  ],
  target: numeric('y'),
};

/** Files that a person could give the page or `npm run verify`: each is read or refused with words. */
export function fuzzFiles(seed: number, files: number): FuzzReport {
  const random = seededRandom(seed);
  const images = writeIdx(
    [4, 2, 3],
    new Uint8Array(24).map((_, i) => i),
  );
  const labels = writeIdx([4], Uint8Array.from([0, 1, 2, 1]));
  const rows = ['x,colour,y', '1.5,red,2', '-3e4,blue,0', '"7","red",1', ''].join('\r\n');
  const { owner } = new RoundNetwork(seed, { rounds: 1, minimum: 1 });
  const { header } = owner.sign(0, owner.models[0] ?? new Float32Array());
  const exported = encodeCanonical({ type: 'exported-round', version: 1, description: owner.description, crs: crs.file.subarray(0, 100) }); // prettier-ignore
  const read = {
    images: (bytes: Uint8Array) => parseIdx(bytes),
    fittedImages: (bytes: Uint8Array) => fitted(bytes, labels),
    fittedLabels: (bytes: Uint8Array) => fitted(images, bytes),
    table(bytes: Uint8Array) {
      const parsed = parseCsv(new TextDecoder().decode(bytes));
      return parsed.ok ? fitTable(table, parsed.value) : parsed;
    },
    header: (bytes: Uint8Array) => decodeHeader(bytes),
    exported: (bytes: Uint8Array) => decodeExportedRound(bytes),
    crs: (bytes: Uint8Array) => Crs.open(ownBytes(bytes), crs.digest),
  };
  const seeds: Record<keyof typeof read, Uint8Array> = {
    ...{ images, fittedImages: images, fittedLabels: labels, table: utf8ToBytes(rows) },
    ...{ header, exported, crs: crs.file.subarray(0, 300) },
  };
  const kinds = Object.keys(read) as (keyof typeof read)[];
  const mutators = new Map(kinds.map((kind) => [kind, new Mutator(random)]));
  for (const kind of kinds) mutators.get(kind)?.learn(seeds[kind]);
  let accepted = 0;
  for (let n = 0; n < files; n++) {
    const mutator = mutators.get(kinds[n % kinds.length] ?? 'table');
    const kind = kinds[n % kinds.length];
    if (!mutator || !kind) continue;
    let file = kind === 'header' || kind === 'exported' ? mutator.frame() : mutator.bytes(seeds[kind]); // prettier-ignore
    while (uniform(random) < 0.3) file = mutator.bytes(file);
    if (read[kind](file).ok) accepted++;
  }
  return { inputs: files, accepted };
}

function fitted(images: Uint8Array, labels: Uint8Array) {
  const [one, other] = [parseIdx(images), parseIdx(labels)];
  if (!one.ok) return one;
  return other.ok ? fitImages(image, one.value, other.value) : other;
}
