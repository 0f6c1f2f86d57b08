import { transfer } from 'comlink';
import { err, float32ToBytes, bytesToFloat32, messageOf, ok, seededRandom, uint16ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { Random, Result, TaskId } from '../lib/index.ts';
import { identityOf } from '../crypto/index.ts';
import {
  applySum,
  classCounts,
  digitShares,
  fitImages,
  fitTable,
  generateDigits,
  largestMagnitudes,
  modelDigest,
  parseCsv,
  parseIdx,
  quantise,
  splitValidation,
  sumUpdates,
  totalOf,
  tensorsOf,
  type Dataset,
  type Tensor,
} from '../learning/index.ts';
import { openTrainer, type Trainer } from '../learning/training.ts';
import type { Metrics, TaskDescription } from '../protocol/index.ts';
import {
  CommitmentKey,
  Crs,
  cutPayloads,
  drawBlinders,
  sealPayloads,
  signHeader,
} from '../vds/index.ts';
import type { Sealing, SignedHeader } from '../vds/index.ts';
import { readDataFile } from './data-files.ts';
import { systemRandom } from './system-random.ts';

/** What the dashboard says of the data; the data itself never leaves the worker. */
export interface DataSummary {
  readonly source: string;
  readonly training: number;
  readonly validation: number;
  /** Samples of each class; null for a regression. */
  readonly classes: readonly number[] | null;
}

/** Who seals what for which round. */
export interface SealingOrder {
  readonly task: TaskId;
  readonly round: number;
  /** What headers of the attempt are bound to. */
  readonly opening: Uint8Array;
  /** The author's Ed25519 seed. */
  readonly secret: Uint8Array;
}

/** A signed header and the chunks that it describes. */
export interface SealedBatch {
  readonly signed: SignedHeader;
  readonly payloads: readonly Uint8Array<ArrayBuffer>[];
}

/** Lets messages in between two pieces of work. */
const breathe = () => new Promise<void>((resolve) => setTimeout(resolve));

/**
 * Everything that touches the tab's data and the model's numbers, in its worker: datasets,
 * training, quantiser, aggregation, and the commitments to what comes of it.
 */
export class TrainingService {
  #task: TaskDescription | null = null;
  #trainer: Promise<Trainer> | null = null;
  #tensors: readonly Tensor[] = [];
  #data: { readonly training: Dataset; readonly validation: Dataset } | null = null;
  /** The training under way. */
  #run: { cancelled: boolean } = { cancelled: false };
  /** Δ plus the quantiser's error so far, of the round being trained. */
  #delta: Float32Array | null = null;
  /** The quantiser's error of rounds that counted; what is fed back. */
  #residual: Float32Array | null = null;
  /** The error that the round under way would leave. */
  #pending: Float32Array | null = null;
  #aggregate: { readonly sum: Uint16Array; readonly model: Float32Array } | null = null;
  #key: Promise<CommitmentKey> | null = null;
  #commitMs = 0;
  #evaluateMs = 0;
  readonly #random: Random = systemRandom();

  open(task: TaskDescription): void {
    this.#task = task;
    this.#tensors = tensorsOf(task.data, task.model);
  }

  /**
   * Gets ready to commit with a CRS that the storage worker verified: builds the table, in the
   * background.
   */
  openCrs(file: Uint8Array<ArrayBuffer>): void {
    const crs = Crs.open(file, this.#opened().crs);
    if (!crs.ok) throw new Error(crs.error);
    this.#key = CommitmentKey.build(crs.value, breathe);
    this.#key.catch(() => undefined); // who needs it is told
  }

  /** Makes this member's share of the task's built-in digits. */
  useBuiltIn(seed: number): Result<DataSummary> {
    const { data } = this.#opened();
    if (data.kind !== 'image' || data.builtIn === null)
      return err('this task has no built-in data');
    const { samplesPerMember, alpha } = data.builtIn;
    const random = seededRandom(seed);
    const digits = generateDigits(samplesPerMember, digitShares(alpha, random), random);
    return ok(this.#use(digits, 'built-in digits'));
  }

  /** Reads files of the user's: images and labels as IDX, or one CSV; plain or gzipped. */
  async useFiles(files: readonly File[]): Promise<Result<DataSummary>> {
    const { data } = this.#opened();
    const names = files.map((file) => file.name).join(', ');
    try {
      const contents = [];
      for (const file of files) contents.push(await readDataFile(file));
      const dataset = data.kind === 'image' ? imagesOf(data, contents) : tableOf(data, contents);
      return dataset.ok ? ok(this.#use(dataset.value, names)) : dataset;
    } catch (thrown) {
      return err(`${names}: ${messageOf(thrown)}`);
    }
  }

  /** Trains from `model` (float32 bytes); null if it was cancelled. Throws if training diverged. */
  async train(
    model: Uint8Array,
    onProgress: (done: number, total: number, loss: number) => void,
  ): Promise<{ metrics: Metrics; magnitudes: number[] } | null> {
    const task = this.#opened();
    const trainer = await this.#openTrainer();
    const { training, validation } = this.#loaded();
    const start = bytesToFloat32(model);
    this.#run.cancelled = true;
    const run = { cancelled: false };
    this.#run = run;
    const trained = await trainer.train(
      start,
      training,
      task.training,
      this.#random,
      onProgress,
      () => run.cancelled,
    );
    if (trained === null) return null;
    const measured = await trainer.evaluate(trained.parameters, validation);
    const residual = this.#residual;
    this.#delta = trained.parameters.map((value, i) => value - (start[i] ?? 0) + (residual?.[i] ?? 0)); // prettier-ignore
    return {
      metrics: { samples: training.rows, loss: trained.loss, accuracy: measured.accuracy },
      magnitudes: largestMagnitudes(this.#delta, this.#tensors),
    };
  }

  cancel(): void {
    this.#run.cancelled = true;
  }

  /**
   * The trained update in 8 bits, one byte a parameter, cut, committed to, opened and signed; the
   * quantiser's error waits for `feedback`.
   *
   * @param about `elapsedMs` since the round's opening
   */
  async seal(
    about: SealingOrder & { readonly elapsedMs: number },
    scales: readonly number[],
    onProgress: (share: number) => void,
  ): Promise<SealedBatch> {
    if (this.#delta === null) throw new Error('nothing was trained');
    const { codes, residual } = quantise(this.#delta, scales, this.#tensors, this.#random);
    this.#pending = residual;
    const { scalars } = this.#opened().exchange;
    const blinding = drawBlinders(codes.length, scalars, 'update', this.#random);
    const payloads = cutPayloads(codes, scalars, 'update', blinding);
    const start = performance.now() - about.elapsedMs;
    const seconds = () => Math.max(0, Math.floor((performance.now() - start) / 1000));
    const time = { seconds, random: this.#random };
    return this.#seal(about, 'update', payloads, time, onProgress);
  }

  /** The newest aggregate's sum, cut, committed to, opened and signed: the proof of aggregation. */
  async sealSum(
    about: SealingOrder & { readonly manifest: Uint8Array },
    blinding: readonly (readonly bigint[])[],
    onProgress: (share: number) => void,
  ): Promise<SealedBatch> {
    if (this.#aggregate === null) throw new Error('nothing was aggregated');
    const { scalars } = this.#opened().exchange;
    const payloads = cutPayloads(uint16ToBytes(this.#aggregate.sum), scalars, 'sum', blinding);
    return this.#seal(about, 'sum', payloads, null, onProgress);
  }

  /** ms spent on commitments and openings, and on measuring models, so far. */
  totals(): { readonly commit: number; readonly evaluate: number } {
    return { commit: this.#commitMs, evaluate: this.#evaluateMs };
  }

  /** Whether the round counted our update: then its error is what the next one has to make good. */
  feedback(included: boolean): void {
    if (included && this.#pending !== null) this.#residual = this.#pending;
    this.#pending = null;
    this.#delta = null;
  }

  /** Adds the updates up and applies the sum; SHA-256 of the new model. */
  aggregate(
    model: Uint8Array,
    updates: readonly Uint8Array[],
    weights: readonly number[],
    scales: readonly number[],
  ): Uint8Array {
    const sum = sumUpdates(updates, weights);
    const next = applySum(bytesToFloat32(model), sum, totalOf(weights), scales, this.#tensors);
    this.#aggregate = { sum, model: next };
    return modelDigest(next);
  }

  /** The newest aggregate as a model batch's lanes. */
  aggregatedModel(): Uint8Array | null {
    return this.#aggregate && float32ToBytes(this.#aggregate.model);
  }

  /** The model on the validation data. */
  async evaluate(model: Uint8Array): Promise<Metrics> {
    const trainer = await this.#openTrainer();
    const { validation } = this.#loaded();
    const start = performance.now();
    const measured = await trainer.evaluate(bytesToFloat32(model), validation);
    this.#evaluateMs += performance.now() - start;
    return { samples: validation.rows, ...measured };
  }

  /** Where training runs: wasm or webgpu. */
  async device(): Promise<string> {
    return (await this.#openTrainer()).device;
  }

  async #seal(
    order: SealingOrder & { readonly manifest?: Uint8Array },
    kind: 'update' | 'sum',
    payloads: readonly Uint8Array<ArrayBuffer>[],
    time: Sealing | null,
    onProgress: (share: number) => void,
  ): Promise<SealedBatch> {
    if (this.#key === null) throw new Error('bug: sealing before the CRS');
    const key = await this.#key;
    const { task, round, opening, secret, manifest } = order;
    const author = identityOf(secret);
    const start = performance.now();
    const chunks = payloads.map((_, index) => index);
    const sum = manifest ? { sum: { manifest, chunks } } : {};
    const about = { task, opening, round, kind, author: author.id, ...sum };
    const { header } = await sealPayloads(key, about, payloads, time, async (share) => {
      onProgress(share);
      await breathe();
    });
    this.#commitMs += performance.now() - start;
    const sealed = { signed: signHeader(header, author), payloads };
    return transfer(sealed, payloads.map((payload) => payload.buffer)); // prettier-ignore
  }

  #use(dataset: Dataset, source: string): DataSummary {
    const { data, training } = this.#opened();
    this.#data = splitValidation(dataset, training.validationShare, this.#random);
    return {
      source,
      training: this.#data.training.rows,
      validation: this.#data.validation.rows,
      classes: dataset.targetKind === 'class' ? classCounts(dataset, classesOf(data)) : null,
    };
  }

  #openTrainer(): Promise<Trainer> {
    const { data, model } = this.#opened();
    this.#trainer ??= openTrainer(data, model);
    return this.#trainer;
  }

  #opened(): TaskDescription {
    if (this.#task === null) throw new Error('bug: the training service is not open');
    return this.#task;
  }

  #loaded() {
    if (this.#data === null) throw new Error('bug: no data is loaded');
    return this.#data;
  }
}

function classesOf(data: TaskDescription['data']): number {
  if (data.kind === 'image') return data.classes.length;
  return data.target.kind === 'categorical' ? data.target.values.length : 1;
}

function imagesOf(
  data: Extract<TaskDescription['data'], { kind: 'image' }>,
  files: readonly Uint8Array[],
): Result<Dataset> {
  const [first, second] = files;
  if (first === undefined || second === undefined || files.length > 2) {
    return err(`the task wants two IDX files, images and labels, not ${files.length}`);
  }
  const [one, other] = [parseIdx(first), parseIdx(second)];
  if (!one.ok) return one;
  if (!other.ok) return other;
  // Whichever has one dimension is the labels.
  const swapped = one.value.shape.length === 1 && other.value.shape.length > 1;
  return swapped
    ? fitImages(data, other.value, one.value)
    : fitImages(data, one.value, other.value);
}

function tableOf(
  data: Extract<TaskDescription['data'], { kind: 'table' }>,
  files: readonly Uint8Array[],
): Result<Dataset> {
  const [file] = files;
  if (file === undefined || files.length > 1) {
    return err(`the task wants one CSV file, not ${files.length}`);
  }
  const table = parseCsv(new TextDecoder('utf-8', { fatal: true }).decode(file));
  return table.ok ? fitTable(data, table.value) : table;
}
