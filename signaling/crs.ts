import { proxy } from 'comlink';
import { sha256 } from '../src/crypto/index.ts';
import { Crs, type OnProgress, type ScalarCount } from '../src/vds/index.ts';
import { SetupError } from './config.ts';
import type { OwnerThread } from './owner-thread.ts';
import type { Store } from './store/store.ts';

/** Makes a CRS for chunks of `scalars` scalars, in the Data Owner's thread: some seconds. */
export async function makeCrs(
  scalars: ScalarCount,
  owner: OwnerThread,
  onProgress: OnProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = await owner.service.generateCrs(scalars, proxy(onProgress));
  await onProgress(1);
  return file;
}

/**
 * The CRS for chunks of `scalars` scalars: from the database if it is there, else what `make` makes,
 * which is kept. Tasks of one server share it.
 *
 * @throws SetupError if what is kept is damaged
 */
export async function openCrs(
  store: Store,
  scalars: ScalarCount,
  make: () => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Crs> {
  const kept = await store.crs(scalars);
  const file = kept ?? (await make());
  const crs = Crs.open(file, sha256(file));
  if (!crs.ok || crs.value.scalars !== scalars) {
    throw new SetupError(`the CRS in the database is damaged: restore a backup of the data folder`);
  }
  if (kept === null) await store.addCrs(scalars, file);
  return crs.value;
}
