import { Dexie, type ChromeTransactionDurability, type Transaction } from 'dexie';

/** Dexie's version 1 is IndexedDB's version 10. */
const nativeVersions = 10;

/** What a version of the program changed. */
export interface Schema {
  /** Tables that it has or adds, with their keys and indices as Dexie writes them; null for one that goes. */
  readonly tables: Readonly<Record<string, string | null>>;
  /** Moves what the version before kept. Tables that go are there yet. */
  readonly migrate?: (transaction: Transaction) => Promise<void>;
}

/**
 * Opens a database, or makes it. One of an earlier version becomes the newest; one that this version
 * of the program cannot read is left alone for the one that can. Rejects if the browser gives none.
 *
 * @param schemas of each version, or what it changes of the one before; the first is version 1
 * @returns null if it cannot be read
 */
export async function openDatabase(
  name: string,
  schemas: readonly Schema[],
  durability: ChromeTransactionDurability = 'default',
): Promise<Dexie | null> {
  // Dexie opens newer ones, too, and adds to them what it misses.
  const version = (await indexedDB.databases()).find((each) => each.name === name)?.version;
  if (version !== undefined && version >= (schemas.length + 1) * nativeVersions) return null;
  const db = new Dexie(name, { chromeTransactionDurability: durability, cache: 'disabled' });
  // Nobody watches queries here, and it would tell every tab of every write.
  db.unuse({ stack: 'dbcore', name: 'Observability' });
  schemas.forEach(({ tables, migrate }, before) => {
    const version = db.version(before + 1).stores(tables);
    if (migrate) version.upgrade(migrate);
  });
  try {
    await db.open();
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'UpgradeError') return null;
    throw thrown;
  }
  if (hasKeysOf(db)) return db;
  db.close();
  return null;
}

/** Whether what is in the browser has the tables and keys that it is to have: Dexie does not look. */
function hasKeysOf(db: Dexie): boolean {
  const native = db.backendDB();
  const names = [...native.objectStoreNames];
  return db.tables.every(({ name, schema }) => {
    if (!names.includes(name)) return false;
    const { keyPath } = native.transaction(name).objectStore(name);
    return String(keyPath) === String(schema.primKey.keyPath);
  });
}
