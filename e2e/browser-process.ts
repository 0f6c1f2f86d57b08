import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBrowser } from '../scripts/browser.ts';

/** A browser that no tool drives yet, in a process group of its own. */
export interface BrowserProcess {
  /** Of its DevTools protocol. */
  readonly endpoint: string;
  kill(): Promise<void>;
}

/** @param profile the folder in which it keeps what it keeps */
export async function startBrowser(
  profile: string,
  switches: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<BrowserProcess> {
  const child = spawn(
    findBrowser(),
    [...switches, `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'],
    {
      detached: true,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const endpoint = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
      const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', () => reject(new Error(`the browser did not start: ${said}`)));
  });
  return { endpoint, kill: () => kill(child) };
}

/** At once, and all that belongs to it. */
async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  await gone;
}

/** A folder for a profile, and what deletes it. */
export async function makeProfile(): Promise<{ profile: string; remove: () => Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'murmuration-profile-'));
  return { profile, remove: () => rm(profile, { recursive: true, force: true, maxRetries: 5 }) };
}
