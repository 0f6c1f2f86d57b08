import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as v from 'valibot';
import { SetupError } from './config.ts';

/** How a lock shows that its holder lives. */
export interface LockTimes {
  /** ms between two touches */
  readonly beatMs: number;
  /** ms without a touch after which a holder in another place is gone */
  readonly watchMs: number;
}

const usualTimes: LockTimes = { beatMs: 1_000, watchMs: 5_000 };
/** Longer than taking a lock over may take. ms */
const takeOverMs = 10_000;

const holderSchema = v.object({ pid: v.number(), place: v.string(), nonce: v.string() });
type Holder = v.InferOutput<typeof holderSchema>;

/** Locks that this very process holds. */
const held = new Set<string>();

/**
 * Takes a lock: a file that names the process which holds it, and which that process touches all
 * the time. One that died where processes can be seen from here is known at once; in another
 * container or machine it is, when the file is not touched any more.
 *
 * @param path of the lock
 * @param onLost told if somebody else took it: this process was stopped for so long
 * @returns lets go of it
 * @throws SetupError if somebody has it
 */
export async function takeLock(
  path: string,
  onLost: () => void,
  given: Partial<LockTimes> = {},
): Promise<() => void> {
  const times = { ...usualTimes, ...given };
  const mine: Holder = { pid: process.pid, place, nonce: randomBytes(16).toString('hex') };
  if (!create(path, mine)) {
    const holder = holderOf(path);
    await waitUntilStale(path, holder, times);
    takeOver(path, holder, mine);
  }
  held.add(path);
  const release = () => {
    clearInterval(beat);
    held.delete(path);
    if (holderOf(path)?.nonce === mine.nonce) rmSync(path, { force: true });
  };
  const beat = setInterval(() => {
    if (holderOf(path)?.nonce === mine.nonce) {
      touch(path);
      return;
    }
    release();
    onLost();
  }, times.beatMs);
  beat.unref();
  return release;
}

/** Comes back once it is sure that `holder` has the lock no more; throws if it has. */
async function waitUntilStale(
  path: string,
  holder: Holder | null,
  { watchMs }: LockTimes,
): Promise<void> {
  const isHere = holder?.place === place;
  if (held.has(path)) throw inUse(path, holder);
  if (isHere && holder.pid === process.pid) return; // of an earlier process of that number
  if (isHere) {
    if (isAlive(holder.pid)) throw inUse(path, holder);
    return;
  }
  const touched = touchedAt(path);
  await pause(watchMs);
  if (touchedAt(path) !== touched) throw inUse(path, holder);
}

/**
 * Replaces a stale lock. Of several that find it stale one does: whoever made the file beside it
 * first, and then it looks again.
 */
function takeOver(path: string, stale: Holder | null, mine: Holder): void {
  const beside = `${path}.taking`;
  const since = touchedAt(beside);
  if (since !== null && Date.now() - since > takeOverMs) rmSync(beside, { force: true });
  if (!create(beside, mine)) throw beingTaken(path);
  try {
    if (holderOf(path)?.nonce !== stale?.nonce) throw beingTaken(path);
    rmSync(path, { force: true });
    if (!create(path, mine)) throw beingTaken(path);
  } finally {
    rmSync(beside, { force: true });
  }
}

/** Makes the file with its contents in one step; false if there is one. */
function create(path: string, holder: Holder): boolean {
  const contents = JSON.stringify(holder);
  const draft = `${path}.${holder.nonce}`;
  try {
    writeFileSync(draft, contents, { flag: 'wx', mode: 0o600 });
    try {
      linkSync(draft, path);
    } catch (thrown) {
      if (codeOf(thrown) === 'EEXIST') return false;
      // A file system without links: whoever reads it half-written takes its holder for one elsewhere.
      writeFileSync(path, contents, { flag: 'wx', mode: 0o600 });
    }
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === 'EEXIST') return false;
    throw thrown;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Who has the lock; null if nobody has, or it cannot be read. */
function holderOf(path: string): Holder | null {
  try {
    const parsed = v.safeParse(holderSchema, JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Gone in this moment: the next beat finds out.
  }
}

/** ms since 1970, or null if there is no such file */
function touchedAt(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
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

/** Where a process number means the same process: on Linux this boot and container, else the host. */
const place = (() => {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return `${process.platform} ${hostname()}`;
  }
})();

function inUse(path: string, holder: Holder | null): SetupError {
  const isHere = holder?.place === place;
  const who = isHere ? ` (process ${holder.pid})` : ', in another container or machine,';
  return new SetupError(
    `the data folder ${dirname(path)} is in use by another server${who}; ` +
      'stop it or set MURMURATION_DATA_FOLDER',
  );
}

function beingTaken(path: string): SetupError {
  return new SetupError(`the data folder ${dirname(path)} is being taken by another server`);
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
}
