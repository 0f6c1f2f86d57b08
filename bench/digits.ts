import {
  digitShares,
  generateDigits,
  initialParameters,
  tensorsOf,
} from '../src/learning/index.ts';
import { openTrainer } from '../src/learning/training.ts';
import { seededRandom } from '../src/lib/index.ts';
import { readImages } from '../scripts/demo-data.ts';
import { digitsData } from '../signaling/default-task.ts';
import type { BenchResult } from './result.ts';

const samples = 8_000;
const epochs = 5;
const seeds = [1, 2, 3];

/**
 * How well a model that has seen nothing but built-in digits reads real ones, from two IDX files;
 * against the same training on the first 8,000 of the real ones. Both are measured on the rest.
 */
export async function digits(args: readonly string[]): Promise<BenchResult> {
  const [imagesFile, labelsFile] = args;
  if (imagesFile === undefined || labelsFile === undefined) {
    throw new Error('npm run bench -- digits IMAGES LABELS (IDX files of 28×28 digits)');
  }
  const real = (await readImages(imagesFile, labelsFile)).all;
  const data = digitsData(samples, 0);
  const model = { kind: 'mlp', hidden: [128] } as const;
  const trainer = await openTrainer(data, { ...model, hidden: [...model.hidden] }, 'wasm');
  const options = {
    localEpochs: epochs,
    batchSize: 32,
    learningRate: 0.02,
    momentum: 0.9,
    validationShare: 0,
  };
  const part = (from: number, to: number) => ({
    ...real,
    rows: to - from,
    features: real.features.subarray(from * real.width, to * real.width),
    targets: real.targets.subarray(from, to),
  });
  const cut = Math.min(samples, real.rows - Math.floor(real.rows / 5));
  const test = part(cut, real.rows);
  const mean = { generated: 0, real: 0 };
  for (const seed of seeds) {
    const random = seededRandom(seed);
    const generated = generateDigits(samples, digitShares(null, random), random);
    for (const [name, set] of [
      ['generated', generated],
      ['real', part(0, cut)],
    ] as const) {
      // prettier-ignore
      const tensors = tensorsOf(data, { ...model, hidden: [...model.hidden] });
      const start = initialParameters(tensors, random);
      const trained = await trainer.train(start, set, options, random, () => undefined, () => false); // prettier-ignore
      if (trained === null) throw new Error('bug: nobody cancelled');
      const { accuracy } = await trainer.evaluate(trained.parameters, test);
      console.error(`seed ${seed}, trained on ${name} digits: ${accuracy}`);
      mean[name] += accuracy / seeds.length;
    }
  }
  return {
    ratios: { generatedVsReal: mean.generated / mean.real },
    values: { accuracyGenerated: mean.generated, accuracyReal: mean.real },
  };
}
