import { wrap, type Remote } from 'comlink';
import type { StorageService } from './storage-service.ts';
import type { TrainingService } from './training-service.ts';

/** A service in a worker. */
export interface Started<T> {
  readonly service: Remote<T>;
  /** Rejects if the script cannot be loaded, or breaks outside of a call. */
  readonly broken: Promise<never>;
}

/** Starts the worker that verifies and stores chunks. */
export function startStorage(): Started<StorageService> {
  return started(
    'storage',
    new Worker(new URL('./storage.worker.ts', import.meta.url), {
      type: 'module',
      name: 'storage',
    }),
  );
}

/** Starts the worker that trains. */
export function startTraining(): Started<TrainingService> {
  return started(
    'training',
    new Worker(new URL('./training.worker.ts', import.meta.url), {
      type: 'module',
      name: 'training',
    }),
  );
}

function started<T>(name: string, worker: Worker): Started<T> {
  const broken = new Promise<never>((_, reject) => {
    // Of a script that could not be loaded the event says nothing.
    worker.onerror = ({ message }: Partial<ErrorEvent>) => {
      const why = message ? `broke: ${message}` : 'could not be loaded';
      reject(new Error(`the ${name} worker of this page ${why}`));
    };
  });
  broken.catch(() => undefined); // who waits for it is told
  return { service: wrap<T>(worker), broken };
}
