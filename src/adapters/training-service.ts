import { transfer, wrap, type Remote } from 'comlink';
import { err, float32ToBytes, bytesToFloat32, messageOf, ok, seededRandom, shortId, uint16ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, Random, Result, TaskId } from '../lib/index.ts';
import { arithmetic, identityOf } from '../crypto/index.ts';
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
import { limits, type Metrics, type TaskDescription } from '../protocol/index.ts';
import {
  CommitmentKey,
  Crs,
  headerId,
  cutPayloads,
  drawBlinders,
  sealPayloads,
  signHeader,
} from '../vds/index.ts';
import type { Sealing, SignedHeader, VerifiedHeader } from '../vds/index.ts';
import type { BatchAccess } from './storage-service.ts';
import { CommitPool } from './commit-pool.ts';
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

/** An update of a manifest. */
interface Entry {
  readonly header: HeaderId;
  readonly weight: number;
}

/** Who seals what for which round. */
interface SealingOrder {
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

/** A promise that is settled from outside. */
function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((done, failed) => {
    resolve = done;
    reject = failed;
  });
  promise.catch(() => undefined); // who waits for it is told
  return { promise, resolve, reject };
}

/** ms of work after which messages are let in; a timer costs 4 ms, as long as half a chunk. */
const breathAfterMs = 50;

/** Lets messages in between pieces of work, where the last time is a while ago. */
function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < breathAfterMs) return;
    await new Promise<void>((resolve) => setTimeout(resolve));
    last = performance.now();
  };
}

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
  /** The model that was needed last: the next round starts from it. */
  #model: { readonly header: HeaderId; readonly parameters: Float32Array } | null = null;
  #batches: Remote<BatchAccess> | null = null;
  /** Resolves when the CRS is verified and its table is built: sealing waits for it. */
  readonly #key = deferred<{ readonly key: CommitmentKey; readonly pool: CommitPool }>();
  #commitMs = 0;
  #evaluateMs = 0;
  readonly #random: Random = systemRandom();

  /** @param port the storage worker's end is a {@link BatchAccess} */
  connect(port: MessagePort): void {
    this.#batches = wrap<BatchAccess>(port);
  }

  open(task: TaskDescription): void {
    this.#task = task;
    this.#tensors = tensorsOf(task.data, task.model);
  }

  /**
   * Gets ready to commit with a CRS that the storage worker verified: builds the table, in the
   * background.
   *
   * @param threads to commit on; from 2 on, workers of their own
   * @returns what computes: WebAssembly or BigInt
   */
  openCrs(file: Uint8Array<ArrayBuffer>, threads: number): typeof arithmetic.name {
    const crs = Crs.open(file, this.#opened().crs);
    if (!crs.ok) throw new Error(crs.error);
    CommitmentKey.build(crs.value, breather()).then((key) => {
      const pool = new CommitPool(key);
      for (let k = 0; k < threads && threads > 1; k++) pool.add().catch(() => undefined);
      this.#key.resolve({ key, pool });
    }, this.#key.reject);
    return arithmetic.name;
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

  /** Trains from a model that is held; null if it was cancelled. Throws if training diverged. */
  async train(
    model: HeaderId,
    onProgress: (done: number, total: number, loss: number) => void,
  ): Promise<{ metrics: Metrics; magnitudes: number[] } | null> {
    const task = this.#opened();
    const trainer = await this.#openTrainer();
    const { training, validation } = this.#loaded();
    const start = await this.#parameters(model);
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
    const magnitudes = largestMagnitudes(this.#delta, this.#tensors);
    if (!magnitudes.every((each) => each <= limits.magnitude)) {
      throw new Error('training diverged: a parameter moved by more than a million; lower the learning rate'); // prettier-ignore
    }
    const { loss } = trained;
    const metrics = bounded({ samples: training.rows, loss, accuracy: measured.accuracy });
    return { metrics, magnitudes };
  }

  cancel(): void {
    this.#run.cancelled = true;
  }

  /**
   * The trained update in 8 bits, one byte a parameter, cut, committed to, opened, signed and kept;
   * the quantiser's error waits for `feedback`.
   *
   * @param about `elapsedMs` since the round's opening
   */
  async seal(...order: Parameters<TrainingService['sealUpdate']>): Promise<SignedHeader> {
    const { signed, payloads } = await this.sealUpdate(...order);
    const moved = transfer(payloads, payloads.map((payload) => payload.buffer)); // prettier-ignore
    await this.#storage().keepOwn(headerId(signed.header), moved);
    return signed;
  }

  protected async sealUpdate(
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
    entries: readonly Entry[],
    onProgress: (share: number) => void,
  ): Promise<SealedBatch> {
    if (this.#aggregate === null) throw new Error('nothing was aggregated');
    const blinding = await this.#storage().sumBlinders(entries);
    if (blinding === null) throw new Error('an update is not complete any more');
    const { scalars } = this.#opened().exchange;
    const payloads = cutPayloads(uint16ToBytes(this.#aggregate.sum), scalars, 'sum', blinding);
    const sealed = await this.#seal(about, 'sum', payloads, null, onProgress);
    return transfer(sealed, payloads.map((payload) => payload.buffer)); // prettier-ignore
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

  /** Adds up updates that are held and applies the sum to a model; SHA-256 of the new model. */
  async aggregate(
    model: HeaderId,
    entries: readonly Entry[],
    scales: readonly number[],
  ): Promise<Uint8Array> {
    const base = await this.#parameters(model);
    const updates: Uint8Array[] = [];
    for (const { header } of entries) updates.push(await this.#lanes(header));
    return this.addUp(base, updates, entries.map(({ weight }) => weight), scales); // prettier-ignore
  }

  protected addUp(
    model: Float32Array,
    updates: readonly Uint8Array[],
    weights: readonly number[],
    scales: readonly number[],
  ): Uint8Array {
    const sum = sumUpdates(updates, weights);
    const next = applySum(model, sum, totalOf(weights), scales, this.#tensors);
    this.#aggregate = { sum, model: next };
    return modelDigest(next);
  }

  /** The newest aggregate became the model: its chunks are kept. False if they are not its chunks. */
  async install(model: VerifiedHeader): Promise<boolean> {
    if (this.#aggregate === null) return false;
    const parameters = this.#aggregate.model;
    const lanes = float32ToBytes(parameters);
    if (!(await this.#storage().install(model, transfer(lanes, [lanes.buffer])))) return false;
    this.#model = { header: model.id, parameters };
    return true;
  }

  /** A model that is held, on the validation data. */
  async evaluate(model: HeaderId): Promise<Metrics> {
    const trainer = await this.#openTrainer();
    const { validation } = this.#loaded();
    const parameters = await this.#parameters(model);
    const start = performance.now();
    const measured = await trainer.evaluate(parameters, validation);
    this.#evaluateMs += performance.now() - start;
    return bounded({ samples: validation.rows, ...measured });
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
    const { key, pool } = await this.#key.promise;
    const { task, round, opening, secret, manifest } = order;
    const author = identityOf(secret);
    const start = performance.now();
    const chunks = payloads.map((_, index) => index);
    const sum = manifest ? { sum: { manifest, chunks } } : {};
    const about = { task, opening, round, kind, author: author.id, ...sum };
    const breathe = breather();
    const tell = async (share: number) => {
      onProgress(share);
      await breathe();
    };
    const { header } = await sealPayloads(key, about, payloads, time, tell, (...of) => pool.commitChunks(...of)); // prettier-ignore
    this.#commitMs += performance.now() - start;
    return { signed: signHeader(header, author), payloads };
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

  /** Of a model that is held, float32[P]: from where it was made, or from its chunks. */
  async #parameters(header: HeaderId): Promise<Float32Array> {
    if (this.#model?.header !== header) {
      this.#model = { header, parameters: bytesToFloat32(await this.#lanes(header)) };
    }
    return this.#model.parameters;
  }

  /** The lanes of a batch that is held completely. */
  async #lanes(header: HeaderId): Promise<Uint8Array> {
    const lanes = await this.#storage().lanes(header);
    if (lanes === null) throw new Error(`batch ${shortId(header)} is not complete any more`);
    return lanes;
  }

  #storage(): Remote<BatchAccess> {
    if (this.#batches === null) throw new Error('bug: the training service is not connected');
    return this.#batches;
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

/** What a model that is beyond all measure gets: the worst that can be told. */
function bounded({ samples, loss, accuracy }: Metrics): Metrics {
  return {
    samples,
    loss: loss <= limits.loss ? loss : limits.loss,
    accuracy: accuracy >= -limits.loss ? accuracy : -limits.loss,
  };
}
