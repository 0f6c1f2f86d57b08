import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { assert, at, shuffle, type Random } from '../lib/index.ts';
import type { DataDescription, ModelDescription, TrainingOptions } from '../protocol/index.ts';
import type { Dataset } from './dataset.ts';
import { outputWidth, tensorsOf, type Tensor } from './model.ts';

type Arrays = np.Array[];

/** Rows that are evaluated at once. */
const evaluationBatch = 256;
/** Outliers among a table's rows make training diverge without a bound on the gradient. */
const largestNorm = 2;
/** Steps between two looks at progress and cancellation. */
const stepsPerLook = 8;

/** Local training and evaluation of one task's model. */
export interface Trainer {
  /** Where it computes: wasm or webgpu. */
  readonly device: string;
  /**
   * Minibatch SGD with momentum from `parameters` (float32[P]), which are left alone.
   *
   * @returns the new parameters and the last epoch's mean loss; null if cancelled
   * @throws if a parameter is not finite any more
   */
  train(
    parameters: Float32Array,
    dataset: Dataset,
    options: TrainingOptions,
    random: Random,
    onProgress: (done: number, total: number, loss: number) => void,
    cancelled: () => boolean,
  ): Promise<{ readonly parameters: Float32Array; readonly loss: number } | null>;
  /**
   * Mean cross-entropy and share of rows read right; for regressions the mean squared error of
   * the standardised target and R².
   */
  evaluate(
    parameters: Float32Array,
    dataset: Dataset,
  ): Promise<{ readonly loss: number; readonly accuracy: number }>;
  /** float32[rows × outputs]: probabilities, or standardised values. */
  predict(parameters: Float32Array, dataset: Dataset): Promise<Float32Array>;
}

/** Prepares training: WebGPU where there is one, else WebAssembly. */
export async function openTrainer(
  data: DataDescription,
  model: ModelDescription,
  device?: 'wasm' | 'webgpu',
): Promise<Trainer> {
  const chosen = device ?? (await bestDevice());
  await init(chosen);
  defaultDevice(chosen);
  return new JaxTrainer(chosen, tensorsOf(data, model), outputWidth(data), isRegression(data));
}

async function bestDevice(): Promise<'wasm' | 'webgpu'> {
  if (!('navigator' in globalThis)) return 'wasm'; // Node: looking for WebGPU would throw
  try {
    return (await init('webgpu')).includes('webgpu') ? 'webgpu' : 'wasm';
  } catch {
    return 'wasm';
  }
}

function isRegression(data: DataDescription): boolean {
  return data.kind === 'table' && data.target.kind === 'numeric';
}

/**
 * jax-js arrays are reference-counted: an argument is consumed, `.ref` keeps it for another use.
 * Batches have one size, the last one filled up with rows of weight 0, so that every step runs the
 * same compiled kernels.
 */
class JaxTrainer implements Trainer {
  readonly device: string;
  readonly #tensors: readonly Tensor[];
  readonly #outputs: number;
  readonly #regression: boolean;
  readonly #forward: (parameters: Arrays, x: np.Array) => np.Array;
  #step: { readonly key: string; readonly run: Step } | null = null;

  constructor(device: string, tensors: readonly Tensor[], outputs: number, regression: boolean) {
    this.device = device;
    this.#tensors = tensors;
    this.#outputs = outputs;
    this.#regression = regression;
    this.#forward = jit((parameters: Arrays, x: np.Array) => forward(parameters, x));
  }

  async train(
    parameters: Float32Array,
    dataset: Dataset,
    options: TrainingOptions,
    random: Random,
    onProgress: (done: number, total: number, loss: number) => void,
    cancelled: () => boolean,
  ): Promise<{ readonly parameters: Float32Array; readonly loss: number } | null> {
    const { batchSize, localEpochs } = options;
    const step = this.#stepFor(options);
    let weights = this.#load(parameters);
    let velocity: Arrays = this.#tensors.map(({ shape }) => np.zeros([...shape]));
    const order = Uint32Array.from({ length: dataset.rows }, (_, row) => row);
    const perEpoch = Math.ceil(dataset.rows / batchSize);
    const total = perEpoch * localEpochs;
    let done = 0;
    let epochLoss = 0;
    for (let epoch = 0; epoch < localEpochs; epoch++) {
      shuffle(order, random);
      epochLoss = 0;
      for (let batch = 0; batch < perEpoch; batch++) {
        const rows = order.subarray(batch * batchSize, (batch + 1) * batchSize);
        const { x, y, w } = this.#batch(dataset, rows, batchSize);
        const [nextWeights, nextVelocity, loss] = step(weights, velocity, x, y, w);
        weights = nextWeights;
        velocity = nextVelocity;
        done++;
        const [value = NaN] = await loss.data();
        epochLoss += value * (rows.length / dataset.rows);
        if (done % stepsPerLook !== 0 && done !== total) continue;
        onProgress(done, total, value);
        await Promise.resolve();
        if (!cancelled()) continue;
        tree.dispose([weights, velocity]);
        return null;
      }
    }
    tree.dispose(velocity);
    const trained = await this.#unload(weights);
    if (!trained.every((value) => Number.isFinite(value))) {
      throw new Error('training diverged: lower the learning rate or the momentum');
    }
    return { parameters: trained, loss: epochLoss };
  }

  async evaluate(parameters: Float32Array, dataset: Dataset) {
    const outputs = await this.#outputsOf(parameters, dataset);
    return this.#regression
      ? scoreValues(outputs, dataset.targets)
      : scoreClasses(outputs, dataset.targets, this.#outputs);
  }

  async predict(parameters: Float32Array, dataset: Dataset): Promise<Float32Array> {
    const outputs = await this.#outputsOf(parameters, dataset);
    if (this.#regression) return outputs;
    for (let i = 0; i < outputs.length; i += this.#outputs) {
      outputs.set(softmax(outputs.subarray(i, i + this.#outputs)), i);
    }
    return outputs;
  }

  /** Logits or values, rows × outputs. */
  async #outputsOf(parameters: Float32Array, dataset: Dataset): Promise<Float32Array> {
    const weights = this.#load(parameters);
    const outputs = new Float32Array(dataset.rows * this.#outputs);
    for (let from = 0; from < dataset.rows; from += evaluationBatch) {
      const length = Math.min(evaluationBatch, dataset.rows - from);
      const rows = Uint32Array.from({ length }, (_, i) => from + i);
      const x = this.#features(dataset, rows, evaluationBatch);
      const result = await this.#forward(tree.ref(weights), x).data();
      const part = Float32Array.from(result.subarray(0, length * this.#outputs));
      outputs.set(part, from * this.#outputs);
    }
    tree.dispose(weights);
    return outputs;
  }

  #features(dataset: Dataset, rows: Uint32Array, size: number): np.Array {
    const { width, features, featureScale } = dataset;
    const x = new Float32Array(size * width);
    rows.forEach((row, i) => {
      for (let j = 0; j < width; j++) {
        x[i * width + j] = (features[row * width + j] ?? 0) * featureScale;
      }
    });
    return np.array(x).reshape([size, width]);
  }

  /** Features, targets (one-hot or values), and the weight of each row: 1, or 0 for filling. */
  #batch(dataset: Dataset, rows: Uint32Array, size: number) {
    const outputs = this.#outputs;
    const y = new Float32Array(size * outputs);
    const w = new Float32Array(size);
    rows.forEach((row, i) => {
      const target = dataset.targets[row] ?? 0;
      if (this.#regression) y[i] = target;
      else y[i * outputs + target] = 1;
      w[i] = 1 / rows.length;
    });
    return {
      x: this.#features(dataset, rows, size),
      y: np.array(y).reshape([size, outputs]),
      w: np.array(w).reshape([size, 1]),
    };
  }

  #load(parameters: Float32Array): Arrays {
    return this.#tensors.map(({ shape, offset, length }) =>
      np.array(parameters.slice(offset, offset + length)).reshape([...shape]),
    );
  }

  async #unload(weights: Arrays): Promise<Float32Array> {
    const parameters = new Float32Array(this.#tensors.reduce((sum, { length }) => sum + length, 0));
    for (const [i, { offset }] of this.#tensors.entries()) {
      parameters.set(Float32Array.from(await at(weights, i).data()), offset);
    }
    return parameters;
  }

  /** The compiled step; compiled anew only if the options changed. */
  #stepFor({ learningRate, momentum, batchSize }: TrainingOptions): Step {
    const key = [learningRate, momentum, batchSize].join();
    if (this.#step?.key !== key) {
      const run = compileStep(this.#regression, learningRate, momentum);
      this.#step = { key, run };
    }
    return this.#step.run;
  }
}

type Step = (
  weights: Arrays,
  velocity: Arrays,
  x: np.Array,
  y: np.Array,
  w: np.Array,
) => [Arrays, Arrays, np.Array];

function compileStep(regression: boolean, learningRate: number, momentum: number): Step {
  const lossOf = (weights: Arrays, x: np.Array, y: np.Array, w: np.Array) => {
    const outputs = forward(weights, x);
    const each = regression ? np.square(outputs.sub(y)) : nn.logSoftmax(outputs).mul(y).mul(-1);
    return each.mul(w).sum();
  };
  const gradient = valueAndGrad(lossOf);
  return jit((weights: Arrays, velocity: Arrays, x: np.Array, y: np.Array, w: np.Array) => {
    const [loss, gradients] = gradient(tree.ref(weights), x, y, w);
    const clip = clipFactor(gradients);
    const nextVelocity = velocity.map((v, i) =>
      v.mul(momentum).add(at(gradients, i).mul(clip.ref)),
    );
    const next = weights.map((weight, i) => weight.sub(at(nextVelocity, i).ref.mul(learningRate)));
    clip.dispose();
    return [next, nextVelocity, loss] as [Arrays, Arrays, np.Array];
  });
}

/** What scales gradients to a norm of at most {@link largestNorm} (Pascanu et al. 2013). */
function clipFactor(gradients: Arrays): np.Array {
  const squares = gradients.map((gradient) => np.square(gradient.ref).sum());
  const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)));
  return np.minimum(np.reciprocal(norm.mul(1 / largestNorm).add(1e-12)), 1);
}

/** Dense layers with ReLU between them; consumes its arguments. */
function forward(weights: Arrays, x: np.Array): np.Array {
  let activation = x;
  for (let i = 0; i < weights.length; i += 2) {
    const linear = np.matmul(activation, at(weights, i)).add(at(weights, i + 1));
    activation = i + 2 < weights.length ? nn.relu(linear) : linear;
  }
  return activation;
}

function softmax(logits: Float32Array): Float32Array {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function scoreClasses(logits: Float32Array, targets: Float32Array, classes: number) {
  let right = 0;
  let loss = 0;
  targets.forEach((target, row) => {
    const probabilities = softmax(logits.subarray(row * classes, (row + 1) * classes));
    const best = probabilities.indexOf(Math.max(...probabilities));
    if (best === target) right++;
    loss -= Math.log(Math.max(1e-30, probabilities[target] ?? 0));
  });
  return { loss: loss / targets.length, accuracy: right / targets.length };
}

function scoreValues(values: Float32Array, targets: Float32Array) {
  assert(targets.length > 0, 'evaluating no rows');
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
  let residual = 0;
  let variance = 0;
  targets.forEach((target, row) => {
    residual += (target - (values[row] ?? 0)) ** 2;
    variance += (target - mean) ** 2;
  });
  return {
    loss: residual / targets.length,
    accuracy: variance === 0 ? 0 : 1 - residual / variance,
  };
}
