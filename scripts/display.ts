import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

/** A screen that windows can be shown on. */
export interface Display {
  /** What a program that shows windows needs in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  close(): void;
}

const xvfb = '/usr/bin/Xvfb';

/**
 * The screen of this machine, or one in memory: Xvfb, which is fetched where it is missing and can be.
 *
 * @throws if there is none to be had, with what to do about it
 */
export async function openDisplay(): Promise<Display> {
  const hasScreen = process.platform !== 'linux' || Boolean(process.env['DISPLAY']);
  if (hasScreen) return { environment: {}, close: () => undefined };
  const packages = '/usr/bin/apt-get';
  if (!existsSync(xvfb) && process.getuid?.() === 0 && existsSync(packages)) {
    console.error('Fetching Xvfb …');
    const options = { stdio: 'ignore', timeout: 600_000 } as const;
    try {
      execFileSync(packages, ['update'], options);
      execFileSync(packages, ['install', '--yes', '--no-install-recommends', 'xvfb'], options);
    } catch {
      // What to do about it is said below.
    }
  }
  if (!existsSync(xvfb))
    throw new Error('there is no screen and no Xvfb: install it or set DISPLAY');
  const server = spawn(
    xvfb,
    ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'],
    {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    },
  );
  // It writes its number once it is there.
  const number = await new Promise<string>((resolve, reject) => {
    const [, , , output] = server.stdio;
    output?.once('data', (data: Buffer) => resolve(data.toString().trim()));
    server.once('exit', () => reject(new Error('Xvfb did not start')));
  });
  return { environment: { DISPLAY: `:${number}` }, close: () => void server.kill() };
}
