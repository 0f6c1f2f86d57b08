import { wrap, type Remote } from 'comlink';
import type { StorageService } from './storage-service.ts';
import type { TrainingService } from './training-service.ts';

/** Starts the worker that verifies and stores chunks. */
export function startStorage(): Remote<StorageService> {
  return wrap<StorageService>(
    new Worker(new URL('./storage.worker.ts', import.meta.url), {
      type: 'module',
      name: 'storage',
    }),
  );
}

/** Starts the worker that trains. */
export function startTraining(): Remote<TrainingService> {
  return wrap<TrainingService>(
    new Worker(new URL('./training.worker.ts', import.meta.url), {
      type: 'module',
      name: 'training',
    }),
  );
}
