import { Dexie, type Table } from 'dexie';
import { bytesToHex,  err, messageOf, ok, type Random, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { Crs, type OnProgress } from '../vds/index.ts';

interface CrsRow {
  readonly digest: string;
  readonly file: Uint8Array<ArrayBuffer>;
}

/** CRS files kept: 0.4 MB each at n = 1024. */
const keptFiles = 8;

/**
 * The CRS that a task pins: from this origin's database if it was verified there before, else from
 * the coordinator, verified point by point (seconds) and kept.
 */
export async function loadCrs(
  task: TaskId,
  pinned: Uint8Array,
  random: Random,
  onProgress: OnProgress,
): Promise<Result<{ readonly crs: Crs; readonly cached: boolean }>> {
  const table = await openTable().catch(() => null); // without a database it is loaded every time
  const kept = await table?.get(bytesToHex(pinned)).catch(() => undefined);
  if (kept) {
    const crs = Crs.open(kept.file, pinned);
    if (crs.ok) return ok({ crs: crs.value, cached: true });
  }
  const file = await fetchCrs(task);
  if (!file.ok) return file;
  const crs = await Crs.verify(file.value, pinned, random, onProgress);
  if (!crs.ok) return crs;
  await table?.put({ digest: bytesToHex(pinned), file: file.value }).catch(() => undefined);
  await table?.count().then(async (count) => {
    if (count > keptFiles) await table.limit(count - keptFiles).delete();
  }, () => undefined); // prettier-ignore
  return ok({ crs: crs.value, cached: false });
}

async function fetchCrs(task: TaskId): Promise<Result<Uint8Array<ArrayBuffer>>> {
  try {
    const response = await fetch(`/api/tasks/${task}/crs`);
    if (!response.ok) return err(`CRS: the coordinator answered ${response.status}`);
    return ok(new Uint8Array(await response.arrayBuffer()));
  } catch (thrown) {
    return err(`CRS: it could not be loaded: ${messageOf(thrown)}`);
  }
}

async function openTable(): Promise<Table<CrsRow, string>> {
  const db = new Dexie('murmuration-crs');
  db.version(1).stores({ files: 'digest' });
  await db.open();
  return db.table('files');
}
