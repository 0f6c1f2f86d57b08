import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { dirname, join } from 'node:path';
import { identityOf, type Identity } from '../src/crypto/index.ts';
import { SetupError } from './config.ts';

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
 * @throws SetupError if it cannot be written, is in use, or holds a broken key.
 */
export function openDataFolder(path: string): DataFolder {
  try {
    makeFolder(path);
  } catch (thrown) {
    throw new SetupError(`the data folder ${path} cannot be made: ${reasonOf(thrown)}`);
  }
  const lock = join(path, 'lock');
  takeLock(lock, path);
  const release = () => rmSync(lock, { force: true });
  try {
    const owner = identityOf(Buffer.from(secretIn(join(path, 'owner.key'), 'key'), 'hex'));
    return { path, database: join(path, 'db'), owner, ...ownerToken(path), release };
  } catch (thrown) {
    release();
    throw thrown;
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

/** Two servers on one database would destroy it: the lock names the process that has the folder. */
function takeLock(lock: string, folder: string): void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx', mode: 0o600 });
      return;
    } catch (thrown) {
      if (codeOf(thrown) !== 'EEXIST') {
        throw new SetupError(`the data folder ${folder} cannot be written: ${reasonOf(thrown)}`);
      }
    }
    const holder = Number(readFileSync(lock, 'utf8'));
    if (holder !== process.pid && isAlive(holder)) {
      throw new SetupError(
        `the data folder ${folder} is in use by another server (process ${holder}); ` +
          'stop it or set MURMURATION_DATA_FOLDER',
      );
    }
    rmSync(lock, { force: true }); // its process was killed
  }
  throw new SetupError(`the data folder ${folder} is being taken by another server`);
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === 'EPERM';
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
  what: 'key' | 'token’s hash',
  fresh = randomBytes(32).toString('hex'),
): string {
  try {
    writeFileSync(path, fresh, { flag: 'wx', mode: 0o600 });
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') {
      throw new SetupError(`the ${what} ${path} cannot be written: ${reasonOf(thrown)}`);
    }
  }
  chmodSync(path, 0o600);
  const hex = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(hex)) throw new SetupError(`the ${what} ${path} is damaged`);
  return hex;
}

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
