import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { assert, at, shuffle, type Random } from '../lib/index.ts';
import type { DataDescription, ModelDescription, TrainingOptions } from '../protocol/index.ts';
import type { Dataset } from './dataset.ts';
import { featureWidth, outputWidth, parameterCount, tensorsOf, type Tensor } from './model.ts';
import { scoreClasses, scoreValues, softmaxRows, type Score } from './scoring.ts';

/** jax-js counts references: an argument is consumed, `.ref` keeps it for another use. */
type Arrays = np.Array[];

/** Outliers among a table's rows make training diverge without a bound on the gradient. */
const largestNorm = 2;
/** Rows that are evaluated at once, and features (16 MiB) if rows are wide. */
const evaluationRows = 256;
const evaluationFeatures = 4_194_304;
/** Steps between two looks at progress and cancellation: some 15 ms of the default model. */
const stepsPerLook = 8;

/** Local training and evaluation of one task's model. */
export interface Trainer {
  /** Where it computes: wasm or webgpu. */
  readonly device: string;
  /**
   * Minibatch SGD with momentum and clipped gradients from `parameters` (float32[P]), which are left alone; every row
   * counts once an epoch.
   *
   * @param onProgress steps done and in total, mean loss of the epoch so far. What it returns is
   *   awaited: training on wasm need not leave the event loop otherwise, and a worker that
   *   answers a proxied call hears a cancel meanwhile
   * @param cancelled looked at after `onProgress`
   * @returns the new parameters and the last epoch's mean loss; null if cancelled
   * @throws if training diverged; the message says what to change
   */
  train(
    parameters: Float32Array,
    dataset: Dataset,
    options: TrainingOptions,
    random: Random,
    onProgress: (done: number, total: number, loss: number) => unknown,
    cancelled: () => boolean,
  ): Promise<{ readonly parameters: Float32Array; readonly loss: number } | null>;
  /** Loss and accuracy (R² for regressions) on a dataset of one row at least. */
  evaluate(parameters: Float32Array, dataset: Dataset): Promise<Score>;
  /** float32[rows × outputs]: probabilities, or standardised values. */
  predict(parameters: Float32Array, dataset: Dataset): Promise<Float32Array>;
}

/**
 * Prepares training: on WebGPU where there is one, else on WebAssembly.
 *
 * @throws if the device asked for is not there
 */
export async function openTrainer(
  data: DataDescription,
  model: ModelDescription,
  device?: 'wasm' | 'webgpu',
): Promise<Trainer> {
  const chosen = device ?? ((await initDevice('webgpu')) ? 'webgpu' : 'wasm');
  if (!(await initDevice(chosen))) throw new Error(`training on ${chosen} is not possible here`);
  defaultDevice(chosen);
  return new JaxTrainer(chosen, data, model);
}

async function initDevice(device: 'wasm' | 'webgpu'): Promise<boolean> {
  // jax-js reads navigator.gpu unguarded, and Node 20 has no navigator.
  if (device === 'webgpu' && !('navigator' in globalThis)) return false;
  try {
    return (await init(device)).includes(device);
  } catch {
    return false;
  }
}

/** What a step takes, consumes and returns anew. (jax-js takes types for trees, no interfaces.) */
type State = {
  weights: Arrays;
  velocity: Arrays;
  /** Σ loss of the epoch's rows; kept on the device, as reading it would stall every step. */
  loss: np.Array;
};

type Batch = {
  x: np.Array;
  y: np.Array;
  /** Of each row in the batch's mean: 1/rows, or 0 for filling. [size, 1] */
  share: np.Array;
  rows: np.Array;
  rate: np.Array;
  momentum: np.Array;
};

class JaxTrainer implements Trainer {
  readonly device: string;
  readonly #tensors: readonly Tensor[];
  readonly #inputs: number;
  readonly #outputs: number;
  readonly #regression: boolean;
  readonly #forward = jit(forward);
  readonly #step: ReturnType<typeof compileStep>;

  constructor(device: string, data: DataDescription, model: ModelDescription) {
    this.device = device;
    this.#tensors = tensorsOf(data, model);
    this.#inputs = featureWidth(data);
    this.#outputs = outputWidth(data);
    this.#regression = data.kind === 'table' && data.target.kind === 'numeric';
    this.#step = compileStep(this.#regression);
  }

  async train(
    parameters: Float32Array,
    dataset: Dataset,
    options: TrainingOptions,
    random: Random,
    onProgress: (done: number, total: number, loss: number) => unknown,
    cancelled: () => boolean,
  ): Promise<{ readonly parameters: Float32Array; readonly loss: number } | null> {
    const { rows } = dataset;
    assert(rows > 0, 'training on no rows');
    const batchSize = Math.min(options.batchSize, rows);
    const perEpoch = Math.ceil(rows / batchSize);
    const total = perEpoch * options.localEpochs;
    const order = Uint32Array.from({ length: rows }, (_, row) => row);
    let epochLoss = 0;
    let state = this.#start(parameters);
    try {
      for (let done = 1; done <= total; done++) {
        const batch = (done - 1) % perEpoch;
        if (batch === 0) {
          shuffle(order, random);
          state.loss.dispose();
          state = { ...state, loss: np.zeros([]) };
        }
        const end = Math.min(rows, (batch + 1) * batchSize);
        const picked = order.subarray(batch * batchSize, end);
        state = this.#step({ ...state, ...this.#batch(dataset, picked, batchSize, options) });
        if (done % stepsPerLook !== 0 && done !== total) continue;
        epochLoss = at(await read(state.loss.ref), 0) / end;
        if (!Number.isFinite(epochLoss)) throw diverged();
        await onProgress(done, total, epochLoss);
        if (cancelled()) return null;
      }
      const trained = await this.#unload(state.weights);
      if (!trained.every((value) => Number.isFinite(value))) throw diverged();
      return { parameters: trained, loss: epochLoss };
    } finally {
      tree.dispose([...state.weights, ...state.velocity, state.loss]);
    }
  }

  async evaluate(parameters: Float32Array, dataset: Dataset): Promise<Score> {
    const outputs = await this.#outputsOf(parameters, dataset);
    return this.#regression
      ? scoreValues(outputs, dataset.targets)
      : scoreClasses(outputs, dataset.targets, this.#outputs);
  }

  async predict(parameters: Float32Array, dataset: Dataset): Promise<Float32Array> {
    const outputs = await this.#outputsOf(parameters, dataset);
    if (!this.#regression) softmaxRows(outputs, this.#outputs);
    return outputs;
  }

  /** Logits or values, rows × outputs. */
  async #outputsOf(parameters: Float32Array, dataset: Dataset): Promise<Float32Array> {
    const size = Math.max(1, Math.min(evaluationRows, evaluationFeatures / this.#inputs) | 0);
    const outputs = new Float32Array(dataset.rows * this.#outputs);
    const weights = this.#load(parameters);
    try {
      for (let from = 0; from < dataset.rows; from += size) {
        const length = Math.min(size, dataset.rows - from);
        const rows = Uint32Array.from({ length }, (_, i) => from + i);
        const x = this.#features(dataset, rows, size);
        const part = await read(this.#forward(tree.ref(weights), x));
        outputs.set(part.subarray(0, length * this.#outputs), from * this.#outputs);
      }
    } finally {
      tree.dispose(weights);
    }
    return outputs;
  }

  #start(parameters: Float32Array): State {
    return {
      weights: this.#load(parameters),
      velocity: this.#tensors.map(({ shape }) => np.zeros([...shape])),
      loss: np.zeros([]),
    };
  }

  /**
   * The named rows as a batch of `size`. Batches have one size, the last one filled up with rows
   * that do not count, so that every step runs the same compiled kernels.
   */
  #batch(dataset: Dataset, rows: Uint32Array, size: number, options: TrainingOptions): Batch {
    const outputs = this.#outputs;
    const y = new Float32Array(size * outputs);
    rows.forEach((row, i) => {
      const target = dataset.targets[row] ?? 0;
      if (this.#regression) y[i] = target;
      else y[i * outputs + target] = 1;
    });
    return {
      x: this.#features(dataset, rows, size),
      y: np.array(y).reshape([size, outputs]),
      share: np.array(new Float32Array(size).fill(1 / rows.length, 0, rows.length)).reshape([size, 1]), // prettier-ignore
      rows: np.array(rows.length),
      rate: np.array(options.learningRate),
      momentum: np.array(options.momentum),
    };
  }

  #features({ width, features, featureScale }: Dataset, rows: Uint32Array, size: number): np.Array {
    assert(width === this.#inputs, `rows of ${width} features, the model takes ${this.#inputs}`);
    const x = new Float32Array(size * width);
    for (let i = 0; i < rows.length; i++) {
      const [from, to] = [(rows[i] ?? 0) * width, i * width];
      for (let j = 0; j < width; j++) x[to + j] = (features[from + j] ?? 0) * featureScale;
    }
    return np.array(x).reshape([size, width]);
  }

  #load(parameters: Float32Array): Arrays {
    assert(parameters.length === parameterCount(this.#tensors), 'parameters of another model');
    return this.#tensors.map(({ shape, offset, length }) =>
      np.array(parameters.slice(offset, offset + length)).reshape([...shape]),
    );
  }

  async #unload(weights: Arrays): Promise<Float32Array> {
    const parameters = new Float32Array(parameterCount(this.#tensors));
    for (const [i, { offset }] of this.#tensors.entries()) {
      parameters.set(await read(at(weights, i).ref), offset);
    }
    return parameters;
  }
}

/**
 * The compiled step of SGD with momentum: v ← μ·v + ∇, w ← w − η·v, where ∇ is the gradient of
 * the batch's mean loss, clipped.
 * η and μ are arguments, so that other options need no compilation.
 */
function compileStep(regression: boolean) {
  const lossOf = (weights: Arrays, x: np.Array, y: np.Array, share: np.Array) => {
    const outputs = forward(weights, x);
    const each = regression ? np.square(outputs.sub(y)) : nn.logSoftmax(outputs).mul(y).mul(-1);
    return each.mul(share).sum();
  };
  const gradient = valueAndGrad(lossOf);
  return jit(({ weights, velocity, loss, x, y, share, rows, rate, momentum }: State & Batch) => {
    const [mean, gradients] = gradient(tree.ref(weights), x, y, share);
    const clip = clipFactor(gradients);
    const nextVelocity = velocity.map((v, i) =>
      v.mul(momentum.ref).add(at(gradients, i).mul(clip.ref)),
    );
    const next = weights.map((weight, i) => weight.sub(at(nextVelocity, i).ref.mul(rate.ref)));
    tree.dispose([momentum, rate, clip]);
    return { weights: next, velocity: nextVelocity, loss: loss.add(mean.mul(rows)) };
  });
}

/** What scales gradients to a norm of at most {@link largestNorm} (Pascanu et al. 2013); keeps them. */
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

/** Consumes the array. */
async function read(array: np.Array): Promise<Float32Array> {
  const data: unknown = await array.data();
  assert(data instanceof Float32Array, 'an array is not float32');
  return data;
}

function diverged(): Error {
  return new Error(
    'training diverged: a loss or a parameter is not finite; ' +
      'lower the learning rate or the momentum, or look for outliers in the data',
  );
}
