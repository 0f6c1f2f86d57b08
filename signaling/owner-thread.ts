import { wrap, type Remote } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { Worker } from 'node:worker_threads';
import type { OwnerService } from './owner-service.ts';

/** The Data Owner's thread. */
export interface OwnerThread {
  readonly service: Remote<OwnerService>;
  close(): Promise<void>;
}

/** @param onError told if the thread ends without having been asked to */
export function startOwner(onError: (thrown: unknown) => void): OwnerThread {
  const worker = new Worker(new URL('./owner.worker.mjs', import.meta.url), { name: 'owner' });
  let closed = false;
  worker.on('error', onError);
  worker.on('exit', (code) => {
    if (!closed) onError(new Error(`the Data Owner's thread ended with code ${code}`));
  });
  return {
    service: wrap<OwnerService>(nodeEndpoint(worker)),
    async close() {
      closed = true;
      await worker.terminate();
    },
  };
}
