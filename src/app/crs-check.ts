import { proxy } from 'comlink';
import { committingThreads } from '../adapters/index.ts';
import { messageOf, type TaskId } from '../lib/index.ts';
import { settingsDigest, type TaskDescription } from '../protocol/index.ts';
import type { OwnWorkers } from './own-workers.ts';
import type { ProofsView } from './state.ts';
import { addLog, type AppStore } from './store.ts';

export interface CrsCheckOptions extends OwnWorkers {
  readonly store: AppStore;
  readonly onProofs: (change: Partial<ProofsView>) => void;
  /** Nothing of the task can be verified. */
  readonly onUnverified: (reason: string) => void;
}

/**
 * Gets the task's CRS; without it there is nothing that this tab can do. It is verified while the tab
 * trains: it commits to nothing before.
 *
 * @throws if it is not the one that the task pins
 */
export async function openCrs(
  task: TaskId,
  description: TaskDescription,
  options: CrsCheckOptions,
): Promise<void> {
  const start = performance.now();
  const { ownerKey, crs } = description;
  const pinned = { task, ownerKey, settings: settingsDigest(description), crs };
  const loaded = await options.storage.join(pinned);
  if (!loaded.ok) {
    options.onUnverified(loaded.error);
    throw new Error(loaded.error);
  }
  void verifyCrs(options, loaded.value.isVerified, start);
}

async function verifyCrs(
  { store, storage, training, onProofs, onUnverified }: CrsCheckOptions,
  cached: boolean,
  start: number,
): Promise<void> {
  const onProgress = (share: number) => onProofs({ crs: { state: 'verifying', share } });
  const file = await storage.verifyCrs(proxy(onProgress)).catch((thrown: unknown) => {
    return { ok: false as const, error: messageOf(thrown) };
  });
  if (!file.ok) {
    onUnverified(file.error);
    return;
  }
  const ms = performance.now() - start;
  const threads = committingThreads(navigator.hardwareConcurrency);
  const computedBy = await training.openCrs(file.value, threads);
  onProofs({ crs: { state: 'ready', ms, cached } });
  addLog(store, 'info', `CRS ${cached ? 'loaded' : 'loaded and verified'} in ${Math.round(ms)} ms`);
  if (computedBy === 'BigInt') {
    addLog(store, 'warn', 'commitments and proofs are slow: there is no WebAssembly here');
  } else {
    const on = threads === 1 ? '1 thread' : `${threads} threads`;
    addLog(store, 'info', `commitments by ${computedBy}, ${on}`);
  }
}
