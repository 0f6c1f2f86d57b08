import { describe, expect, it } from 'vitest';
import { at, seededRandom, shuffle, uniform } from '../lib/index.ts';
import type { DataDescription, TrainingOptions } from '../protocol/index.ts';
import type { Dataset } from './dataset.ts';
import { initialParameters, tensorsOf } from './model.ts';
import { openTrainer } from './training.ts';

const numeric = (name: string) => ({ kind: 'numeric' as const, name, mean: 0, deviation: 1 });
const regression: DataDescription = {
  kind: 'table',
  columns: [numeric('a'), numeric('b')],
  target: numeric('y'),
};
const classification: DataDescription = {
  ...regression,
  target: { kind: 'categorical', name: 'y', values: ['no', 'yes', 'perhaps'] },
};
const linear = { kind: 'mlp' as const, hidden: [] };
const options: TrainingOptions = {
  localEpochs: 3,
  batchSize: 8,
  learningRate: 0.1,
  momentum: 0.9,
  validationShare: 0.1,
};
const ignore = () => undefined;
const never = () => false;

/** Points of a square, with y = 0.5a − 0.25b, or a class by sectors that a linear model tells apart. */
function points(rows: number, targetKind: 'class' | 'value', seed = 1): Dataset {
  const random = seededRandom(seed);
  const features = Float32Array.from({ length: 2 * rows }, () => 2 * uniform(random) - 1);
  const targets = Float32Array.from({ length: rows }, (_, row) => {
    const [a, b] = [features[2 * row] ?? 0, features[2 * row + 1] ?? 0];
    if (targetKind === 'value') return 0.5 * a - 0.25 * b;
    return a > Math.abs(b) ? 0 : b > 0 ? 1 : 2;
  });
  return { rows, width: 2, features, featureScale: 1, targets, targetKind };
}

/**
 * The same training written out for a linear model with squared loss, in doubles; it draws from
 * `random` as the trainer does, by one shuffle an epoch.
 */
function referenceTraining(start: Float32Array, data: Dataset, by: TrainingOptions, seed: number) {
  const random = seededRandom(seed);
  const w = [...start];
  const velocity = w.map(() => 0);
  const order = Array.from({ length: data.rows }, (_, row) => row);
  let loss = 0;
  for (let epoch = 0; epoch < by.localEpochs; epoch++) {
    for (let i = order.length - 1; i > 0; i--) {
      const limit = 2 ** 32 - (2 ** 32 % (i + 1));
      let draw = random.uint32();
      while (draw >= limit) draw = random.uint32();
      const j = draw % (i + 1);
      [order[i], order[j]] = [at(order, j), at(order, i)];
    }
    loss = 0;
    for (let from = 0; from < order.length; from += by.batchSize) {
      const rows = order.slice(from, from + by.batchSize);
      const gradient = w.map(() => 0);
      for (const row of rows) {
        const x = [data.features[2 * row] ?? 0, data.features[2 * row + 1] ?? 0, 1];
        const error = x.reduce((sum, value, i) => sum + value * at(w, i), 0) - at(data.targets, row); // prettier-ignore
        loss += (error * error) / order.length;
        x.forEach((value, i) => (gradient[i] = at(gradient, i) + (2 * error * value) / rows.length)); // prettier-ignore
      }
      const clip = Math.min(1, 2 / Math.hypot(...gradient));
      w.forEach((_, i) => {
        velocity[i] = by.momentum * at(velocity, i) + clip * at(gradient, i);
        w[i] = at(w, i) - by.learningRate * at(velocity, i);
      });
    }
  }
  return { parameters: w, loss };
}

describe('train', () => {
  it('is SGD with momentum on every row, the last smaller batch and its weight included', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    const start = Float32Array.of(0.3, -0.2, 0.1);
    for (const rows of [21, 16, 5]) {
      const data = points(rows, 'value');
      const trained = await trainer.train(start, data, options, seededRandom(9), ignore, never);
      const expected = referenceTraining(start, data, options, 9);
      expected.parameters.forEach((value, i) => expect(trained?.parameters[i]).toBeCloseTo(value, 5)); // prettier-ignore
      expect(trained?.loss).toBeCloseTo(expected.loss, 5);
    }
    expect([...start]).toEqual([...Float32Array.of(0.3, -0.2, 0.1)]);
  });

  it('bounds the gradient, so that outliers do not make it diverge', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    const [start, data] = [new Float32Array(3), points(21, 'value')];
    data.targets[4] = 1000;
    const trained = await trainer.train(start, data, options, seededRandom(9), ignore, never);
    const expected = referenceTraining(start, data, options, 9);
    expected.parameters.forEach((value, i) => expect(trained?.parameters[i]).toBeCloseTo(value, 4));
  });

  it('takes other options without being opened again', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    const [start, data] = [Float32Array.of(0.3, -0.2, 0.1), points(21, 'value')];
    for (const change of [{ learningRate: 0.01 }, { momentum: 0 }, { batchSize: 5 }]) {
      const by = { ...options, ...change };
      const trained = await trainer.train(start, data, by, seededRandom(9), ignore, never);
      const expected = referenceTraining(start, data, by, 9);
      expected.parameters.forEach((value, i) => expect(trained?.parameters[i]).toBeCloseTo(value, 5)); // prettier-ignore
    }
  });

  it('learns to classify, with hidden layers and bytes as features', async () => {
    const data = points(400, 'class');
    const bytes = Uint8Array.from(data.features, (value) => Math.round((value + 1) * 127.5));
    const dataset: Dataset = { ...data, features: bytes, featureScale: 1 / 255 };
    const model = { kind: 'mlp' as const, hidden: [16, 8] };
    const trainer = await openTrainer(classification, model, 'wasm');
    const start = initialParameters(tensorsOf(classification, model), seededRandom(4));
    const by = { ...options, localEpochs: 30, learningRate: 0.03 };
    const trained = await trainer.train(start, dataset, by, seededRandom(4), ignore, never);
    if (trained === null) throw new Error('was cancelled');
    const before = await trainer.evaluate(start, dataset);
    const after = await trainer.evaluate(trained.parameters, dataset);
    expect(before.accuracy).toBeLessThan(0.7);
    expect(after.accuracy).toBeGreaterThan(0.93);
    expect(after.loss).toBeLessThan(before.loss);
    // The reported loss is the last epoch's, so close to, but not, that of the final parameters.
    expect(trained.loss).toBeCloseTo(after.loss, 0);
  });

  it('reports progress up to the last step', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    const seen: number[][] = [];
    const progress = (...report: number[]) => seen.push(report);
    const data = points(100, 'value');
    const result = await trainer.train(new Float32Array(3), data, options, seededRandom(1), progress, never); // prettier-ignore
    // 13 batches an epoch, 3 epochs
    expect(seen.map(([done]) => done)).toEqual([8, 16, 24, 32, 39]);
    expect(seen.every(([, total, loss]) => total === 39 && Number.isFinite(loss))).toBe(true);
    expect(seen.at(-1)?.[2]).toBe(result?.loss);
  });

  it('waits for what progress returns before it looks whether it is cancelled', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    let cancelled = false;
    let reports = 0;
    // As in a worker: the cancel is a message that arrives while the report is answered.
    const progress = async () => {
      reports++;
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      cancelled = true;
    };
    const data = points(100, 'value');
    const result = await trainer.train(new Float32Array(3), data, options, seededRandom(1), progress, () => cancelled); // prettier-ignore
    expect(result).toBeNull();
    expect(reports).toBe(1);
  });

  it('passes on an error of the progress report', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    const data = points(100, 'value');
    const fail = () => {
      throw new Error('the tab is gone');
    };
    const run = trainer.train(new Float32Array(3), data, options, seededRandom(1), fail, never);
    await expect(run).rejects.toThrow('the tab is gone');
  });

  it('says so when it diverges, and reports no loss that is no number', async () => {
    const losses: number[] = [];
    const progress = (_done: number, _total: number, loss: number) => losses.push(loss);
    const trainer = await openTrainer(regression, linear, 'wasm');
    // Steps are bounded, so it takes a target whose square no float32 holds. Its row is the one
    // that the first epoch comes to last.
    const data = points(100, 'value');
    const order = Array.from({ length: 100 }, (_, row) => row);
    data.targets[at(shuffle(order, seededRandom(1)), 99)] = 1e30;
    const run = trainer.train(new Float32Array(3), data, options, seededRandom(1), progress, never); // prettier-ignore
    await expect(run).rejects.toThrow(/diverged.*lower the learning rate/);
    expect(losses).toHaveLength(1);
    expect(losses.every(Number.isFinite)).toBe(true);
  });

  it('refuses parameters and rows of another model', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    await expect(trainer.evaluate(new Float32Array(4), points(2, 'value'))).rejects.toThrow('another model'); // prettier-ignore
    const wide = { ...points(2, 'value'), width: 3 };
    await expect(trainer.evaluate(new Float32Array(3), wide)).rejects.toThrow('rows of 3 features');
  });

  it('does not leak arrays, whether it ends, is cancelled, fails or diverges', async () => {
    const trainer = await openTrainer(regression, { kind: 'mlp', hidden: [4000] }, 'wasm');
    const start = initialParameters(tensorsOf(regression, { kind: 'mlp', hidden: [4000] }), seededRandom(1)); // prettier-ignore
    const data = points(64, 'value');
    const spoiled = { ...data, targets: data.targets.map(() => 1e30) };
    const train = (
      by: TrainingOptions,
      progress: () => unknown,
      cancelled: () => boolean,
      on = data,
    ) => trainer.train(start, on, by, seededRandom(1), progress, cancelled).catch(ignore);
    const fail = () => Promise.reject(new Error('failed'));
    const round = async () => {
      await train(options, ignore, never);
      await train(options, ignore, () => true);
      await train(options, fail, never);
      await train(options, ignore, never, spoiled);
      await trainer.evaluate(start, data);
    };
    await round();
    const grown = await memoryGrowths(async () => {
      for (let i = 0; i < 15; i++) await round();
    });
    expect(grown).toBe(0);
  });
});

describe('evaluate and predict', () => {
  it('cover every row, however the rows fall into batches', async () => {
    const trainer = await openTrainer(regression, linear, 'wasm');
    const exact = Float32Array.of(0.5, -0.25, 0);
    for (const rows of [1, 255, 256, 257, 600]) {
      const data = points(rows, 'value');
      const predicted = await trainer.predict(exact, data);
      expect(predicted).toHaveLength(rows);
      predicted.forEach((value, row) => expect(value).toBeCloseTo(at(data.targets, row), 6));
      const score = await trainer.evaluate(exact, data);
      expect(score.loss).toBeCloseTo(0, 10);
      expect(score.accuracy).toBeCloseTo(rows === 1 ? 0 : 1, 6);
    }
  });

  it('predict probabilities of classes', async () => {
    const trainer = await openTrainer(classification, linear, 'wasm');
    const data = points(10, 'class');
    // Biases only: logits 0, 0, log 2
    const parameters = Float32Array.of(0, 0, 0, 0, 0, 0, 0, 0, Math.log(2));
    const predicted = await trainer.predict(parameters, data);
    for (let row = 0; row < 10; row++) {
      expect(predicted[3 * row]).toBeCloseTo(0.25, 6);
      expect(predicted[3 * row + 2]).toBeCloseTo(0.5, 6);
    }
  });
});

describe('openTrainer', () => {
  it('uses WebAssembly where there is no WebGPU, and says so if that was asked for', async () => {
    expect((await openTrainer(regression, linear)).device).toBe('wasm');
    await expect(openTrainer(regression, linear, 'webgpu')).rejects.toThrow('webgpu is not possible here'); // prettier-ignore
  });
});

/** How often WebAssembly memory grew meanwhile: jax-js keeps its arrays in one. */
async function memoryGrowths(work: () => Promise<void>): Promise<number> {
  const { WebAssembly: wasm } = globalThis as unknown as {
    WebAssembly: { Memory: { prototype: { grow: (pages: number) => number } } };
  };
  const { prototype } = wasm.Memory;
  const original = Object.getOwnPropertyDescriptor(prototype, 'grow');
  if (original === undefined) throw new Error('no WebAssembly.Memory.grow');
  const grow = original.value as (pages: number) => number;
  let growths = 0;
  prototype.grow = function (pages: number) {
    growths++;
    return grow.call(this, pages);
  };
  try {
    await work();
  } finally {
    Object.defineProperty(prototype, 'grow', original);
  }
  return growths;
}
