import { chromium, expect, test as base, type Page } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'vite';
import { findBrowser, launchArguments } from '../scripts/browser.ts';
import { storeContract } from '../src/adapters/testing.ts';

interface Fixtures {
  readonly page: Page;
}

interface WorkerFixtures {
  /** Of the page that uses the store. */
  readonly url: string;
}

const test = base.extend<Fixtures, WorkerFixtures>({
  url: [
    async ({}, use) => {
      const server = await createServer({
        configFile: 'vite.config.ts',
        logLevel: 'error',
        server: { port: 0, host: 'localhost', proxy: {}, hmr: false, watch: null },
      });
      await server.listen();
      await use(`${server.resolvedUrls?.local[0] ?? ''}e2e/pages/store.html`);
      await server.close();
    },
    { scope: 'worker' },
  ],
  page: async ({ page, url }, use) => {
    await open(page, url);
    await use(page);
  },
});

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => 'storeTest' in window);
}

for (const name of Object.keys(storeContract)) {
  test(`a store in IndexedDB ${name}`, async ({ page }) => {
    await page.evaluate((of) => window.storeTest.holds(of), name);
  });
}

test('a disk that is full: what it has is read, what came later is kept in memory until there is room', async ({
  page,
  url,
}) => {
  const session = await page.context().newCDPSession(page);
  const { origin } = new URL(url);
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 3_000_000 });
  const { states, put, held, onDisk } = await page.evaluate(() => window.storeTest.fill(500));
  expect(states).toEqual(['full', 'disk']);
  expect(put).toBeGreaterThan(5);
  expect(put).toBeLessThan(200);
  expect(held).toBe(put);
  expect(onDisk).toBe(1);
});

test('a database of a later version is left alone, and another one takes its place', async ({
  page,
}) => {
  const found = await page.evaluate(() => window.storeTest.openLater());
  expect(found).toEqual({ isSetAside: true, held: [0], versions: [70] });
});

test('what is stored of identities long gone is deleted, and nothing else', async ({ page }) => {
  const [recent, old, open] = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
  const left = await page.evaluate(
    (identities) => window.storeTest.forget(identities),
    [
      { id: recent ?? '', days: 20, isOpen: false },
      { id: old ?? '', days: 40, isOpen: false },
      { id: open ?? '', days: 40, isOpen: true },
    ],
  );
  const names = [recent, open].map((id) => `murmuration-${id?.slice(0, 16)}`);
  expect(left).toEqual(names.flatMap((name) => [name, `${name}-freezes`]));
});

test('a browser that is killed has what it said it kept', async ({ url }) => {
  const profile = await mkdtemp(join(tmpdir(), 'murmuration-profile-'));
  const acknowledged = new Set<number>();
  const first = await launch(profile);
  await first.page.exposeFunction('acknowledged', (index: number) => void acknowledged.add(index));
  await open(first.page, url);
  first.page.evaluate(() => window.storeTest.putForEver()).catch(() => undefined); // it is killed
  await expect.poll(() => acknowledged.size).toBeGreaterThan(60);
  await kill(first.process);
  const second = await launch(profile);
  await open(second.page, url);
  const whole = new Set(await second.page.evaluate(() => window.storeTest.whole()));
  expect([...acknowledged].filter((index) => !whole.has(index))).toEqual([]);
  await kill(second.process);
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
});

/** A browser of its own process group, which can be killed. */
async function launch(profile: string): Promise<{ process: ChildProcess; page: Page }> {
  const headless = ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${profile}`];
  const child = spawn(findBrowser(), [...launchArguments, ...headless, 'about:blank'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const endpoint = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (data: Buffer) => {
      said += data.toString();
      const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on('exit', () => reject(new Error(`the browser did not start: ${said}`)));
  });
  const browser = await chromium.connectOverCDP(endpoint);
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('the browser has no context');
  return { process: child, page: await context.newPage() };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  await gone;
}
