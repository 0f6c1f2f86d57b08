import { diskSpace } from '../adapters/index.ts';
import type { OwnWorkers } from './own-workers.ts';
import type { AppState, ProofsView } from './state.ts';
import type { AppStore } from './store.ts';

/** ms between two looks at how much room there is. */
const measureEveryMs = 5_000;

/** What is read off every so often, and what changes many times a second: each publishing draws the page. */
export class Gauges {
  readonly #store: AppStore;
  readonly #workers: OwnWorkers;
  readonly #onProofs: (change: Partial<ProofsView>) => void;
  /** Changes that wait for the next publishing. */
  #waiting: Partial<AppState> = {};
  #counted: Partial<ProofsView> = {};
  #isCounting = false;
  #measuredAt = 0;

  constructor(
    store: AppStore,
    workers: OwnWorkers,
    onProofs: (change: Partial<ProofsView>) => void,
  ) {
    this.#store = store;
    this.#workers = workers;
    this.#onProofs = onProofs;
  }

  /** For what changes many times a second. */
  later(change: Partial<AppState>): void {
    this.#waiting = { ...this.#waiting, ...change };
  }

  publish(): void {
    this.#store.setState(this.#waiting);
    this.#onProofs(this.#counted);
    this.#waiting = {};
    this.#counted = {};
    if (Date.now() >= this.#measuredAt + measureEveryMs) this.#measure();
    if (!this.#isCounting) this.#count(); // a busy worker is not asked again before it answered
  }

  #measure(): void {
    this.#measuredAt = Date.now();
    diskSpace()
      .then((space) => this.#store.setState(({ disk }) => ({ disk: { ...disk, space } })))
      .catch(() => undefined); // a browser that does not say
  }

  #count(): void {
    this.#isCounting = true;
    const { storage, training } = this.#workers;
    void Promise.all([storage.totals(), training.totals()])
      .then(([{ ms, headers, chunks }, { commit }]) => {
        this.#counted = { verifyMs: ms, headers, chunks, commitMs: commit };
      })
      .catch(() => undefined)
      .finally(() => (this.#isCounting = false));
  }
}
