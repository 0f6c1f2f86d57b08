import { chromium, firefox, type Browser } from '@playwright/test';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Keeps Chromium to what it is told to do; WebRTC between contexts works with these. */
export const launchArguments = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  // Tabs of one machine find each other by their real addresses, without a multicast resolver.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  // A tab in the background trains like one in front.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
  // Chromium's own sandbox needs a user other than root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];

interface Kind {
  readonly name: 'chromium' | 'firefox';
  readonly variable: string;
  readonly playwrights: () => string;
  readonly installed: readonly string[];
  /** The distribution's package. */
  readonly packaged: string;
}

const kinds = {
  chromium: {
    name: 'chromium',
    variable: 'CHROMIUM_PATH',
    playwrights: () => chromium.executablePath(),
    installed: [
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome',
      '/usr/bin/google-chrome-stable',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    ],
    packaged: 'chromium',
  },
  firefox: {
    name: 'firefox',
    variable: 'FIREFOX_PATH',
    playwrights: () => firefox.executablePath(),
    installed: [
      '/usr/bin/firefox',
      '/usr/bin/firefox-esr',
      '/Applications/Firefox.app/Contents/MacOS/firefox',
      'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
    ],
    packaged: 'firefox-esr',
  },
} as const satisfies Record<string, Kind>;

/**
 * A browser for tests and demos: the one that CHROMIUM_PATH or FIREFOX_PATH names, Playwright's
 * own, one that is installed, or one that is fetched now: Playwright's, or the distribution's
 * package.
 *
 * @throws if there is none to be had, with what to do about it
 */
export function findBrowser(of: keyof typeof kinds = 'chromium'): string {
  const { name, variable, installed, packaged, ...kind }: Kind = kinds[of];
  const named = process.env[variable];
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return named;
    throw new Error(`${variable} names ${named}, which is not there`);
  }
  const playwrights = kind.playwrights();
  const found = [playwrights, ...installed].find((path) => existsSync(path));
  if (found !== undefined) return found;
  console.error(`Fetching ${name} …`);
  const cli = join(dirname(createRequire(import.meta.url).resolve('playwright-core')), 'cli.js');
  if (attempt(process.execPath, [cli, 'install', name]) && existsSync(playwrights)) {
    return playwrights;
  }
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    attempt('apt-get', ['update']);
    attempt('apt-get', ['install', '--yes', '--no-install-recommends', packaged]);
  }
  const now = installed.find((path) => existsSync(path));
  if (now !== undefined) return now;
  throw new Error(`no ${name} found and none could be fetched: install it or set ${variable}`);
}

function attempt(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 600_000 });
    return true;
  } catch {
    return false;
  }
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: launchArguments });
}
