import { chromium, expect, test as base, type Page } from '@playwright/test';
import { createServer } from 'vite';
import { launchArguments } from '../scripts/browser.ts';
import { storeContract } from '../src/adapters/testing.ts';
import { makeProfile, startBrowser } from './browser-process.ts';

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

for (const [what, version] of [
  ['a later version', 70],
  ['this version and another shape', 10],
  ['no version of ours', 3],
] as const) {
  // prettier-ignore
  test(`a database of ${what} is left alone, and another one takes its place`, async ({ page }) => {
    const found = await page.evaluate((of) => window.storeTest.openUnreadable(of), version);
    expect(found).toEqual({ isSetAside: true, held: [0], versions: [version] });
  });
}

test('chunks of an earlier version are taken over', async ({ page }) => {
  const { held, whole, tables } = await page.evaluate(() => window.storeTest.migrateChunks());
  expect(held).toEqual([Array.from({ length: 100 }, (_, index) => index), [7]]);
  expect(whole).toBe(true);
  expect(tables).toEqual(['packs']);
});

test('what is put in the place of a chunk leaves nothing behind, and counts after a reload', async ({
  page,
}) => {
  const found = await page.evaluate(() => window.storeTest.putAgain(20));
  expect(found).toEqual({ rows: 2, payload: [20, 0] });
});

test('what an earlier version kept of the Data Owner’s words is migrated', async ({ page }) => {
  const found = await page.evaluate(() => window.storeTest.migrateStatements());
  expect(found).toEqual({ rounds: [7, 8], epochs: [3, undefined] });
});

test('what a later version kept of them is left alone', async ({ page }) => {
  const found = await page.evaluate(() => window.storeTest.openLaterStatements());
  expect(found).toEqual({ before: null, kept: 7, versions: [70] });
});

test('identities that a later version keeps are left alone, and nothing of theirs is deleted', async ({
  page,
}) => {
  const found = await page.evaluate(() => window.storeTest.withLaterIdentities());
  expect(found.temporary).toMatch(/another version/);
  expect(found.databases).toEqual(['murmuration 20', `murmuration-${'d'.repeat(16)} 20`]);
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
  const { profile, remove } = await makeProfile();
  const acknowledged = new Set<number>();
  const first = await launch(profile);
  await first.page.exposeFunction('acknowledged', (index: number) => void acknowledged.add(index));
  await open(first.page, url);
  first.page.evaluate(() => window.storeTest.putForEver()).catch(() => undefined); // it is killed
  await expect.poll(() => acknowledged.size).toBeGreaterThan(60);
  await first.process.kill();
  const second = await launch(profile);
  await open(second.page, url);
  const whole = new Set(await second.page.evaluate(() => window.storeTest.whole()));
  expect([...acknowledged].filter((index) => !whole.has(index))).toEqual([]);
  await second.process.kill();
  await remove();
});

/** A browser that can be killed, and a page of it. */
async function launch(profile: string) {
  const process = await startBrowser(profile, [...launchArguments, '--headless=new']);
  const browser = await chromium.connectOverCDP(process.endpoint);
  const [context] = browser.contexts();
  if (context === undefined) throw new Error('the browser has no context');
  return { process, page: await context.newPage() };
}
