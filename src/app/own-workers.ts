import { proxy, transfer, type Remote } from 'comlink';
import { startStorage, startTraining } from '../adapters/index.ts';
import type { StorageService, StoreState, TrainingService } from '../adapters/index.ts';
import { messageOf, type HeaderId } from '../lib/index.ts';

export interface OwnWorkers {
  readonly storage: Remote<StorageService>;
  readonly training: Remote<TrainingService>;
}

export interface WorkerEvents {
  /** Where chunks are kept changes. */
  readonly keeping: (where: StoreState) => void;
  /** What was stored before cannot be read, and is left alone. */
  readonly setAside: () => void;
  /** A chunk that was kept cannot be read. */
  readonly lost: (header: HeaderId, index: number) => void;
  /** A worker's script broke off. */
  readonly broken: (reason: string) => void;
}

/**
 * The workers of this tab, connected with each other: chunks of models do not pass through the page.
 * Rejects if a worker's script cannot be loaded: it would answer nothing, ever.
 *
 * @param database where chunks are kept; null: in memory
 */
export async function startWorkers(
  database: string | null,
  events: WorkerEvents,
): Promise<OwnWorkers> {
  const [storage, training] = [startStorage(), startTraining()];
  const broken = Promise.race([storage.broken, training.broken]);
  const workers = { storage: storage.service, training: training.service };
  await Promise.race([open(database, workers, events), broken]);
  broken.catch((thrown: unknown) => events.broken(messageOf(thrown)));
  return workers;
}

async function open(
  database: string | null,
  { storage, training }: OwnWorkers,
  { keeping, setAside, lost }: WorkerEvents,
): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  await Promise.all([
    storage.connect(transfer(port1, [port1])),
    training.connect(transfer(port2, [port2])),
  ]);
  await storage.open(database, proxy(keeping), proxy(setAside), proxy(lost));
}
