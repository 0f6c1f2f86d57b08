import type { Table } from 'dexie';
import { bytesToHex,  err, messageOf, ok, type Random, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { Crs, type OnProgress } from '../vds/index.ts';
import { openDatabase } from './database.ts';

interface CrsRow {
  readonly digest: string;
  readonly file: Uint8Array<ArrayBuffer>;
}

/** CRS files kept: 0.4 MB each at n = 1024. */
const keptFiles = 8;

/** The CRS that a task pins, by its digest. */
export interface LoadedCrs {
  readonly crs: Crs;
  /** Checks it point by point (seconds) and keeps it; null if this browser did so before. */
  readonly verify: ((onProgress: OnProgress) => Promise<Result<null>>) | null;
}

/** Gets the CRS that a task pins: from this origin's database, else from the coordinator. */
export async function loadCrs(
  task: TaskId,
  pinned: Uint8Array,
  random: Random,
): Promise<Result<LoadedCrs>> {
  const table = await openTable().catch(() => null); // without a database it is loaded every time
  const kept = await table?.get(bytesToHex(pinned)).catch(() => undefined);
  if (kept) {
    const crs = Crs.open(kept.file, pinned);
    if (crs.ok) return ok({ crs: crs.value, verify: null });
  }
  const file = await fetchCrs(task);
  if (!file.ok) return file;
  const crs = Crs.open(file.value, pinned);
  if (!crs.ok) return crs;
  const verify = async (onProgress: OnProgress) => {
    const verified = await Crs.verify(file.value, pinned, random, onProgress);
    if (!verified.ok) return verified;
    await keep(table, { digest: bytesToHex(pinned), file: file.value }).catch(() => undefined);
    return ok(null);
  };
  return ok({ crs: crs.value, verify });
}

async function keep(table: Table<CrsRow, string> | null, row: CrsRow): Promise<void> {
  if (table === null) return;
  await table.put(row);
  const count = await table.count();
  if (count > keptFiles) await table.limit(count - keptFiles).delete();
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

async function openTable(): Promise<Table<CrsRow, string> | null> {
  const db = await openDatabase('murmuration-crs', [{ tables: { files: 'digest' } }]);
  return db && db.table('files');
}
