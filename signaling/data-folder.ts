import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'; // prettier-ignore
import { dirname, join } from 'node:path';
import { identityOf, type Identity } from '../src/crypto/index.ts';
import { SetupError } from './config.ts';
import { takeLock, type LockTimes } from './folder-lock.ts';

/** The folder that one server, and only one at a time, keeps its state in. */
export interface DataFolder {
  readonly path: string;
  readonly database: string;
  readonly owner: Identity;
  /** SHA-256 of the token with which one may use the Data Owner's API. */
  readonly tokenHash: Uint8Array;
  /** The token itself where it was drawn just now: it is kept nowhere, and shown this once. */
  readonly newToken: string | null;
  /** Lets another server have the folder. */
  release(): void;
}

/**
 * Opens the folder, makes it and the Data Owner's key if they are not there.
 *
 * @param onLost told if another server took the folder, because this one was stopped for long
 * @throws SetupError if it cannot be written, is in use, or holds a broken key.
 */
export async function openDataFolder(
  path: string,
  { onLost, ...times }: { readonly onLost: () => void } & Partial<LockTimes>,
): Promise<DataFolder> {
  try {
    makeFolder(path);
  } catch (thrown) {
    throw new SetupError(`the data folder ${path} cannot be made: ${reasonOf(thrown)}`);
  }
  const release = await lockFolder(path, onLost, times);
  try {
    const owner = identityOf(Buffer.from(secretIn(join(path, 'owner.key'), 'key'), 'hex'));
    return { path, database: join(path, 'db'), owner, ...ownerToken(path), release };
  } catch (thrown) {
    release();
    throw thrown;
  }
}

/** Two servers on one database would destroy it. */
async function lockFolder(
  path: string,
  onLost: () => void,
  times: Partial<LockTimes>,
): Promise<() => void> {
  try {
    return await takeLock(join(path, 'lock'), onLost, times);
  } catch (thrown) {
    if (thrown instanceof SetupError) throw thrown;
    throw new SetupError(`the data folder ${path} cannot be written: ${reasonOf(thrown)}`);
  }
}

/** Not `mkdir -p` on the folder itself: that never returns on file systems that take no folders. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (thrown) {
    if (codeOf(thrown) !== 'ENOENT') throw thrown;
    mkdirSync(dirname(path), { recursive: true });
    mkdirSync(path, { mode: 0o700 });
  }
}

/**
 * The token's hash, which is all that is kept of it: deleting `owner.token.sha256` has the next
 * start draw another token, and the old one is worth nothing.
 */
function ownerToken(folder: string): Pick<DataFolder, 'tokenHash' | 'newToken'> {
  const path = join(folder, 'owner.token.sha256');
  const drawn = randomBytes(32).toString('hex');
  const kept = secretIn(path, 'token’s hash', tokenHash(drawn).toString('hex'));
  const isNew = kept === tokenHash(drawn).toString('hex');
  return { tokenHash: Buffer.from(kept, 'hex'), newToken: isNew ? drawn : null };
}

/** What a token is compared by. */
export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** 32 bytes in hex, written when the file is first asked for, readable by its owner only. */
function secretIn(
  path: string,
  what: keyof typeof cures,
  fresh = randomBytes(32).toString('hex'),
): string {
  try {
    if (!existsSync(path)) writeAtOnce(path, fresh);
  } catch (thrown) {
    throw new SetupError(`the ${what} ${path} cannot be written: ${reasonOf(thrown)}`);
  }
  chmodSync(path, 0o600);
  const hex = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(hex))
    throw new SetupError(`the ${what} ${path} is damaged: ${cures[what]}`);
  return hex;
}

/** All of the file or nothing, on the disk, whenever the machine stops. Nobody else has the folder. */
function writeAtOnce(path: string, contents: string): void {
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, contents);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

const cures = {
  key: 'put a copy of it in its place, or begin anew with another MURMURATION_DATA_FOLDER',
  'token’s hash': 'delete it, and the next start draws another token',
};

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}

function reasonOf(thrown: unknown): string {
  const reasons: Partial<Record<string, string>> = {
    EACCES: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOTDIR: 'a part of its path is a file',
    EEXIST: 'a file with its name is in the way',
    ENOSPC: 'the disk is full',
  };
  return reasons[String(codeOf(thrown))] ?? (thrown instanceof Error ? thrown.message : 'unknown');
}
