import type { Browser, BrowserContext, Page } from '@playwright/test';
import { gzipSync } from 'node:zlib';
import { tensorsOf } from '../src/learning/index.ts';
import { bytesToFloat32, shortId, type PeerId } from '../src/lib/index.ts';
import { tabSnapshot } from '../scripts/tab-snapshot.ts';
import { expect, selfId, test } from './swarm.ts';

test('a tab that is alone is told to open another one', async ({ coordinate, openTab }) => {
  const { url } = await coordinate();
  const tab = await openTab(url);
  await expect(tab.getByTestId('invite')).toBeVisible();
  const second = tab.waitForEvent('popup');
  await tab.getByTestId('invite').getByRole('link').or(tab.getByTestId('invite').getByRole('button')).first().click(); // prettier-ignore
  const other = await second;
  await expect(other.getByTestId('self-id')).toBeVisible();
  await expect(tab.getByTestId('member-row')).toHaveCount(2);
  expect(await selfId(other)).not.toBe(await selfId(tab));
});

test('a lost coordinator is said, and when it is back the tabs go on by themselves', async ({
  coordinate,
  openTab,
}) => {
  const coordinator = await coordinate({ rounds: 3 });
  const tabs = [await openTab(coordinator.url), await openTab(coordinator.url)];
  for (const tab of tabs) {
    await expect(tab.locator('[data-testid=history-row][data-round="1"]')).toBeVisible();
  }
  await coordinator.stop();
  for (const tab of tabs) {
    await expect(tab.getByTestId('connection')).toHaveAttribute('aria-label', /reconnecting/);
  }
  const again = await coordinator.startAgain();
  expect(again.room.id).toBe(coordinator.room.id);
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  expect(again.room.snapshot().history.map((record) => record.round)).toEqual([1, 2, 3]);
});

test('a link to a task that the coordinator does not have says so', async ({
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate();
  const tab = await openTab(`${url}#/task/${'ab'.repeat(16)}`);
  await expect(tab.getByTestId('stopped')).toContainText('does not have the task');
});

test('a CRS that is not the one that the task pins stops the tab, which says why', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate();
  const context = await browser.newContext();
  await context.route('**/crs', async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    const last = body.length - 1;
    body[last] = (body[last] ?? 0) ^ 1;
    await route.fulfill({ response, body });
  });
  const tab = await openTab(url, context);
  const reason = 'Nothing of this task can be verified: CRS file: not the one that the task pins.';
  await expect(tab.getByText(reason).first()).toBeVisible();
});

test('a browser without WebRTC is told so', async ({ browser, coordinate, openTab }) => {
  const { url } = await coordinate();
  const context = await browser.newContext();
  await context.addInitScript(() => Reflect.deleteProperty(window, 'RTCPeerConnection'));
  const tab = await openTab(url, context);
  await expect(tab.getByTestId('stopped')).toContainText('WebRTC');
});

test('without IndexedDB the tab goes on from memory and says so', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate({ rounds: 1 });
  const contexts = [await browser.newContext(), await browser.newContext()];
  for (const context of contexts) {
    await context.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException('denied', 'SecurityError');
      };
    });
  }
  const tabs = await Promise.all(contexts.map((context) => openTab(url, context)));
  for (const tab of tabs) {
    await expect(tab.getByTestId('notice').first()).toBeVisible();
    await expect(tab.getByTestId('finished')).toBeVisible();
  }
});

for (const worker of ['storage', 'training']) {
  test(`a page whose ${worker} worker cannot be loaded says so`, async ({
    browser,
    coordinate,
    openTab,
  }) => {
    const { url } = await coordinate();
    const context = await browser.newContext();
    await context.route(`**/assets/${worker}.worker-*.js`, (route) => route.abort());
    const tab = await openTab(url, context);
    await expect(tab.getByTestId('stopped')).toContainText(
      `the ${worker} worker of this page could not be loaded`,
    );
  });
}

/** A context whose storage worker runs this first. */
async function withWorkerScript(browser: Browser, script: string): Promise<BrowserContext> {
  const context = await browser.newContext();
  await context.route('**/assets/storage.worker-*.js', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `{${script}}\n${await response.text()}` });
  });
  return context;
}

test('a disk that fills up costs a tab nothing', async ({ browser, coordinate, openTab }) => {
  const { url, room } = await coordinate({ minimum: 3, rounds: 1 });
  // Of what is written together the third and everything later cannot be.
  const context = await withWorkerScript(
    browser,
    `const { add } = IDBObjectStore.prototype;
    let adds = 0;
    IDBObjectStore.prototype.add = function (...row) {
      if (this.name === 'packs' && ++adds >= 3) throw new DOMException('full', 'QuotaExceededError');
      return add.apply(this, row);
    };`,
  );
  const failingTab = await openTab(url, context);
  const tabs = [failingTab, await openTab(url), await openTab(url)];
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  await expect(failingTab.getByText('Chunks are kept in memory only')).toBeVisible();
  const history = room.snapshot().history.map(({ authors }) => authors.length);
  expect(history).toEqual([3]);
  await expect.poll(async () => (await tabSnapshot(failingTab)).missing).toBe(0);
  const digests = (await Promise.all(tabs.map(tabSnapshot))).map((tab) => tab.digests[1]);
  expect(new Set(digests.filter((digest) => digest !== undefined)).size).toBe(1);
});

test('what a disk fails to give is fetched again', async ({ browser, coordinate, openTab }) => {
  const { url } = await coordinate({ rounds: 1 });
  // What is read first and third is not: after a reload, as nothing is in memory then.
  const context = await withWorkerScript(
    browser,
    `const { get } = IDBObjectStore.prototype;
    let gets = 0;
    IDBObjectStore.prototype.get = function (...key) {
      if (this.name === 'packs' && ++gets % 2 === 1 && gets <= 3) throw new DOMException('I/O', 'UnknownError');
      return get.apply(this, key);
    };`,
  );
  const failingTab = await openTab(url, context);
  await openTab(url);
  await expect(failingTab.getByTestId('finished')).toBeVisible();
  await expect.poll(async () => (await tabSnapshot(failingTab)).missing).toBe(0);
  await failingTab.reload();
  await expect(failingTab.getByTestId('finished')).toBeVisible();
  const isLost = (line: string) => line.includes('cannot be read: fetching it');
  await expect.poll(async () => (await tabSnapshot(failingTab)).warnings.some(isLost)).toBe(true);
  await expect.poll(async () => (await tabSnapshot(failingTab)).missing).toBe(0);
});

test('the page has no threads of its own, and its first JavaScript is below 350 kB gzipped', async ({
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate({ minimum: 2 });
  const tab = await openTab(url);
  expect(await tab.evaluate(() => crossOriginIsolated)).toBe(false);
  const scripts = await tab.evaluate(() => {
    const modules = [...document.querySelectorAll<HTMLScriptElement>('script[src]')];
    const preloads = [...document.querySelectorAll<HTMLLinkElement>('link[rel=modulepreload]')];
    return [...modules.map((each) => each.src), ...preloads.map((each) => each.href)];
  });
  expect(scripts.length).toBeGreaterThan(0);
  let bytes = 0;
  for (const script of scripts) {
    const response = await tab.request.get(script);
    bytes += gzipSync(await response.body()).length;
  }
  expect(bytes).toBeLessThan(350_000);
});

test('a neighbour proves what a query asks for, and the answer is what the model says', async ({
  coordinate,
  openTab,
}) => {
  const { url, room } = await coordinate({ rounds: 1 });
  const [tab, other] = [await openTab(url), await openTab(url)];
  for (const each of [tab, other]) await expect(each.getByTestId('finished')).toBeVisible();
  const form = tab.getByTestId('verify');
  const question = form.getByLabel('Question');
  await question.selectOption('Linear query');
  await form.getByLabel('Batch').selectOption({ label: 'model 1' });
  await form.getByLabel('Chunks').fill('0, 1');
  await form.getByLabel('Weights, i:tᵢ').fill('3:1');
  await form.getByRole('button', { name: 'Ask for proof' }).click();
  const bytes = new Uint8Array(room.parameters.slice().buffer);
  const full = 30 * room.description.exchange.scalars;
  const lanes = [0, 1].map((chunk) => bytes.subarray(chunk * full + 60, chunk * full + 90).join(' ')); // prettier-ignore
  await expect(tab.getByTestId('lanes').locator('code')).toHaveText(lanes);

  await question.selectOption('Random projection');
  await form.getByRole('button', { name: 'Ask for proof' }).click();
  const newest = tab.getByTestId('verdicts').locator('li').first();
  await expect(newest).toHaveAttribute('data-state', 'proved');
  await expect(newest).toContainText('a random projection has no lanes');

  const { data, model } = room.description;
  const [weights] = tensorsOf(data, model);
  if (weights === undefined) throw new Error('a model has tensors');
  await question.selectOption('One parameter');
  await form.getByLabel('Tensor').selectOption(weights.name);
  await form.getByLabel('Position').fill('300, 7');
  await form.getByRole('button', { name: 'Ask for proof' }).click();
  const named = newest.getByTestId('named-value');
  const parameter = room.parameters[weights.offset + 300 * (weights.shape[1] ?? 0) + 7];
  await expect(named).toHaveAttribute('data-value', String(parameter));

  // Both updates have the same weight: the model moved by the mean of their means.
  const mean = (values: Float32Array) =>
    values.subarray(weights.offset, weights.offset + weights.length).reduce((sum, x) => sum + x, 0) / weights.length; // prettier-ignore
  const start = await room.desk.modelBytes(0);
  if (start === null) throw new Error('the first model is kept');
  const moved = mean(room.parameters) - mean(bytesToFloat32(start));
  await question.selectOption('Mean of a tensor');
  await expect(form.getByText('An update’s only')).toBeVisible();
  const meanOfTheOthers = async (page: Page, author: Page) => {
    const fields = page.getByTestId('verify');
    await fields.getByLabel('Question').selectOption('Mean of a tensor');
    const label = `update 1 of ${shortId((await selfId(author)) as PeerId)}`;
    await fields.getByLabel('Batch').selectOption({ label });
    await fields.getByLabel('Tensor').selectOption(weights.name);
    await fields.getByRole('button', { name: 'Ask for proof' }).click();
    const answer = page.getByTestId('verdicts').locator('li').first();
    await expect(answer).toContainText(`mean ${weights.name} of`);
    const [, worth = ''] = /: (-?[\d.e-]+)\. Each piece/.exec(await answer.getByTestId('named-value').innerText()) ?? []; // prettier-ignore
    return Number(worth);
  };
  const means = [await meanOfTheOthers(tab, other), await meanOfTheOthers(other, tab)];
  expect(means.reduce((sum, each) => sum + each / 2, 0)).toBeCloseTo(moved, 6);

  await question.selectOption('Audit');
  await form.getByRole('button', { name: 'Ask for proof' }).click();
  await expect(newest).toContainText('audit of');
  await expect(newest).toHaveAttribute('data-state', 'proved');
});

test('a tab whose disk is full says so, and trains with what memory holds', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate({ rounds: 2 });
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  // Room for the CRS, and not for a round; before anything is stored, as browsers remember for a while.
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: 500_000 }); // prettier-ignore
  const full = await openTab(url, context);
  const other = await openTab(url);
  const notice = full.getByTestId('notice').filter({ hasText: 'no more room on the disk' });
  await expect(notice).toBeVisible();
  for (const tab of [full, other]) await expect(tab.getByTestId('finished')).toBeVisible();
  const states = await Promise.all([full, other].map(tabSnapshot));
  expect(new Set(states.map(({ digests }) => digests[2])).size).toBe(1);
});
