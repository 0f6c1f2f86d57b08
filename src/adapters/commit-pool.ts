import { wrap, type Remote } from 'comlink';
import { pointAt, type G1Point } from '../crypto/index.ts';
import type { CommitChunks, CommitmentKey } from '../vds/index.ts';
import type { CommitService } from './commit-service.ts';

/** More of them would wait for memory: each has a table of its own, 4 MB for n = 1024. */
const mostThreads = 4;

/**
 * Threads to commit on, where there are so many processors: one is left for the page, and the
 * caller's own is used where that leaves one.
 */
export function committingThreads(processors: number): number {
  return Math.max(1, Math.min(mostThreads, processors - 1));
}

interface PoolWorker {
  readonly service: Remote<CommitService>;
  /** Rejects when the worker breaks. */
  readonly broken: Promise<never>;
}

/** Workers that commit to the chunks of a batch side by side, each chunk by whoever is free. */
export class CommitPool {
  readonly #key: CommitmentKey;
  readonly #workers: PoolWorker[] = [];

  /** @param key what commits if a worker cannot */
  constructor(key: CommitmentKey) {
    this.#key = key;
  }

  /** Starts one more worker; it takes part as soon as its table is built. */
  async add(): Promise<void> {
    const worker = new Worker(new URL('./commit.worker.ts', import.meta.url), {
      type: 'module',
      name: 'commit',
    });
    const service = wrap<CommitService>(worker);
    // A worker that breaks, or whose script cannot be loaded, answers nothing.
    const broken = new Promise<never>((_, reject) => {
      worker.onerror = () => reject(new Error('a commit worker broke'));
    });
    broken.catch(() => undefined); // who waits for it is told
    await Promise.race([service.open(this.#key.crs.file, this.#key.crs.digest), broken]);
    this.#workers.push({ service, broken });
  }

  async commitChunks(...order: Parameters<CommitChunks>): Promise<G1Point[]> {
    if (this.#workers.length === 0) return this.#key.commitChunks(...order);
    const [payloads, format, onDone] = order;
    const commitments: G1Point[] = [];
    const waiting = [...payloads.entries()];
    const work = async ({ service, broken }: PoolWorker) => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [index, payload] = next;
        commitments[index] = await Promise.race([service.commit(payload, format), broken])
          .then((points) => pointAt(points, 0))
          .catch(() => this.#key.commit(payload, format));
        await onDone(index);
      }
    };
    await Promise.all(this.#workers.map(work));
    return commitments;
  }
}
