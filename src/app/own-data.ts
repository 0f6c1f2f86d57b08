import type { Remote } from 'comlink';
import { seedOf, type DataSummary, type TrainingService } from '../adapters/index.ts';
import type { Identity } from '../crypto/index.ts';
import { messageOf, type Result } from '../lib/index.ts';
import { addLog, type AppStore } from './store.ts';

/** What this tab trains on: loaded by its training worker, which it never leaves. */
export class OwnData {
  readonly #store: AppStore;
  readonly #training: Remote<TrainingService>;
  readonly #identity: Identity;
  /** Told how many samples there are to train on; null: none, or it pauses. */
  readonly #onSamples: (samples: number | null) => void;

  constructor(
    store: AppStore,
    training: Remote<TrainingService>,
    identity: Identity,
    onSamples: (samples: number | null) => void,
  ) {
    this.#store = store;
    this.#training = training;
    this.#identity = identity;
    this.#onSamples = onSamples;
  }

  /** This member's share of the task's built-in data, where the task has some. */
  useBuiltIn(): void {
    const data = this.#store.getState().task?.description.data;
    if (data?.kind !== 'image' || data.builtIn === null) return;
    const seed = seedOf(this.#identity, data.builtIn.seed);
    void this.#load('built-in digits', this.#training.useBuiltIn(seed));
  }

  /** The user's own files; they stay in this tab. */
  useFiles(files: readonly File[]): void {
    if (files.length === 0 || this.#store.getState().task === null) return;
    const names = files.map((file) => file.name).join(', ');
    void this.#load(names, this.#training.useFiles(files));
  }

  /** Takes part in training, or pauses: then the tab seeds and verifies only. */
  setActive(active: boolean): void {
    this.#store.setState({ active });
    this.#announce();
  }

  async #load(what: string, loading: Promise<Result<DataSummary>>): Promise<void> {
    this.#store.setState({ data: { state: 'loading', what }, active: true });
    const result = await loading.catch((thrown: unknown) => {
      return { ok: false as const, error: messageOf(thrown) };
    });
    if (result.ok) {
      this.#store.setState({ data: { state: 'ready', summary: result.value } });
      addLog(this.#store, 'info', `data ready: ${result.value.training} samples to train on`);
    } else {
      this.#store.setState({ data: { state: 'refused', reason: result.error } });
      addLog(this.#store, 'error', `data refused: ${result.error}`);
      this.#store.setState({ active: false });
    }
    this.#announce();
  }

  #announce(): void {
    const { data, active } = this.#store.getState();
    this.#onSamples(data.state === 'ready' && active ? data.summary.training : null);
  }
}
