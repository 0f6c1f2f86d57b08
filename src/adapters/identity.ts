import { Dexie, type Table } from 'dexie';
import { identityOf, type Identity } from '../crypto/index.ts';
import { openDatabase } from './database.ts';

interface IdentityRow {
  readonly id: string;
  readonly secret: Uint8Array;
  usedAt: number;
}

/** The tab's identity and whether it survives a reload. */
export interface TabIdentity {
  readonly identity: Identity;
  /** null if it is kept; else why it is not. */
  readonly temporary: string | null;
}

const otherVersion = 'what this browser keeps for the page is of another version of it';
const sessionKey = 'murmuration-identity';
/** A reload's old page lets go of its lock only when it is gone. ms */
const reloadGraceMs = 2_000;
/** ms; a tab that was closed for so long is not expected back. */
const forgetAfterMs = 30 * 24 * 60 * 60 * 1000;

/**
 * The identity of this tab: the same after a reload, never shared with another tab. A tab
 * remembers its id in sessionStorage, which a duplicated tab inherits; the Web Lock on the id is
 * what tells the two apart. A new tab takes over an identity that no open tab uses, and with it
 * the chunks that it holds, before it makes a new one.
 */
export async function openIdentity(): Promise<TabIdentity> {
  // Web Locks are missing on plain http other than localhost.
  if (!('locks' in navigator)) {
    return { identity: freshIdentity(), temporary: 'this page is not in a secure context (https)' };
  }
  try {
    const identities = await openTable();
    if (identities === null) return { identity: freshIdentity(), temporary: otherVersion };
    const identity = (await reclaim(identities)) ?? (await adopt(identities)) ?? (await create(identities)); // prettier-ignore
    await identities.put({ ...identity, usedAt: Date.now() });
    sessionStorage.setItem(sessionKey, identity.id);
    return { identity, temporary: null };
  } catch {
    return { identity: freshIdentity(), temporary: 'this browser gives the page no storage' };
  }
}

async function openTable(): Promise<Table<IdentityRow, string> | null> {
  const db = await openDatabase('murmuration', [{ tables: { identities: 'id, usedAt' } }]);
  return db && db.table('identities');
}

/** The identity that this tab had before a reload. */
async function reclaim(identities: Table<IdentityRow, string>): Promise<Identity | null> {
  const id = sessionStorage.getItem(sessionKey);
  const row = id === null ? undefined : await identities.get(id);
  if (row === undefined) return null;
  const [entry] = performance.getEntriesByType('navigation');
  const reloaded = entry instanceof PerformanceNavigationTiming && entry.type === 'reload';
  const held = await hold(row.id, reloaded ? reloadGraceMs : 0);
  return held ? identityOf(row.secret) : null;
}

/** One that a closed tab left behind, the one used last first. */
async function adopt(identities: Table<IdentityRow, string>): Promise<Identity | null> {
  for (const row of await identities.orderBy('usedAt').reverse().toArray()) {
    if (await hold(row.id, 0)) return identityOf(row.secret);
  }
  return null;
}

async function create(identities: Table<IdentityRow, string>): Promise<Identity> {
  const identity = freshIdentity();
  await hold(identity.id, 0);
  await identities.put({ ...identity, usedAt: Date.now() });
  return identity;
}

function freshIdentity(): Identity {
  return identityOf(crypto.getRandomValues(new Uint8Array(32)));
}

/**
 * Deletes identities that no tab used for a month, with what was stored for them, and what is stored
 * for none. Those of open tabs stay.
 */
export async function forgetOldIdentities(): Promise<void> {
  if (!('locks' in navigator)) return;
  const identities = await openTable();
  if (identities === null) return; // whose databases are whose another version knows
  for (const { id } of await identities
    .where('usedAt')
    .below(Date.now() - forgetAfterMs)
    .toArray()) {
    await navigator.locks.request(lockOf(id), { ifAvailable: true }, async (lock) => {
      if (lock === null) return;
      await deleteDatabases((owner) => owner === prefixOf(id));
      await identities.delete(id);
    });
  }
  // An identity is there before its databases are.
  const known = new Set((await identities.toArray()).map(({ id }) => prefixOf(id)));
  await deleteDatabases((owner) => !known.has(owner));
}

/** @param isGone by the start of an identity */
async function deleteDatabases(isGone: (owner: string) => boolean): Promise<void> {
  for (const { name = '' } of await indexedDB.databases()) {
    const owner = /^murmuration-([0-9a-f]{16})(?:-[a-z]|$)/.exec(name)?.[1];
    if (owner !== undefined && isGone(owner)) await Dexie.delete(name);
  }
}

/** Takes the lock on an identity and keeps it while the page lives; false if another tab has it. */
function hold(id: string, waitMs: number): Promise<boolean> {
  const forever = new Promise<never>(() => undefined);
  return new Promise((resolve) => {
    const options: LockOptions =
      waitMs === 0 ? { ifAvailable: true } : { signal: AbortSignal.timeout(waitMs) };
    navigator.locks
      .request(lockOf(id), options, (lock) => {
        resolve(lock !== null);
        return lock === null ? undefined : forever;
      })
      .catch(() => resolve(false));
  });
}

function lockOf(id: string): string {
  return `murmuration-identity-${id}`;
}

/** The name of an identity's chunk database; those of its other databases begin with it. */
export function databaseOf(identity: Identity): string {
  return `murmuration-${prefixOf(identity.id)}`;
}

function prefixOf(id: string): string {
  return id.slice(0, 16);
}

/** A seed for the built-in data that is this identity's own. */
export function seedOf(identity: Identity, taskSeed: number): number {
  return (Number.parseInt(identity.id.slice(0, 8), 16) ^ taskSeed) >>> 0;
}
