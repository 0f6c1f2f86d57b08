import { cp, rm } from 'node:fs/promises';
import type { BrowserContext, Page } from '@playwright/test';
import { shortId, type HeaderId, type PeerId } from '../src/lib/index.ts';
import { tabSnapshot } from '../scripts/tab-snapshot.ts';
import { headerId } from '../src/vds/index.ts';
import { closedRound, expect, selfId, test } from './swarm.ts';

/** The batches that a tab shows, and how many of their chunks it holds. */
const batchesOf = (page: Page) =>
  page.evaluate(() => {
    const { murmuration } = window as unknown as {
      murmuration: { snapshot(): { batches: { header: string; own: string[] }[] } };
    };
    const { batches } = murmuration.snapshot();
    return batches.map(({ header, own }) => ({ header, held: own.filter((each) => each === 'held').length })); // prettier-ignore
  });

const holds = async (page: Page, header: HeaderId) =>
  (await batchesOf(page)).some((batch) => batch.header === header && batch.held > 0);

/** Chunks of a batch in all of a tab's databases. */
const storedChunks = (page: Page, header: HeaderId) =>
  page.evaluate(async (wanted) => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error('the database fails'));
      });
    let found = 0;
    for (const { name = '' } of await indexedDB.databases()) {
      const db = await done(indexedDB.open(name));
      if (!db.objectStoreNames.contains('packs')) continue;
      const packs = (await done(db.transaction('packs').objectStore('packs').getAll())) as { header: string; indices: number[] }[]; // prettier-ignore
      for (const { header, indices } of packs) if (header === wanted) found += indices.length;
      db.close();
    }
    return found;
  }, header);

/** A context whose way to the coordinator can be cut, and mended; its way to peers stays. */
async function cuttable(context: BrowserContext) {
  let isCut = false;
  const open: { close(): Promise<void> }[] = [];
  await context.routeWebSocket('**/ws', async (socket) => {
    if (isCut) {
      await socket.close();
      return;
    }
    open.push(socket, socket.connectToServer());
  });
  return {
    async cut() {
      isCut = true;
      await Promise.all(open.map((socket) => socket.close()));
    },
    mend: () => (isCut = false),
  };
}

test('a task that is finished goes on from the page, and begins anew', async ({
  coordinate,
  openTab,
}) => {
  const { url, room, newToken } = await coordinate({ rounds: 1 });
  const tabs = [await openTab(url), await openTab(url)];
  for (const tab of tabs)
    await expect(tab.getByTestId('finished')).toContainText('goes on serving');
  const [owner] = tabs;
  if (!owner) throw new Error('two tabs');
  await owner.getByLabel('Token').fill(newToken ?? '');
  await owner.getByRole('button', { name: 'Open', exact: true }).click();
  await owner.getByLabel('Rounds after round 1').fill('2');
  await owner.getByRole('button', { name: 'Continue', exact: true }).click();
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toHaveCount(0);
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  expect(room.rounds).toEqual({ closed: 3, lastRound: 3 });
  // A newcomer finds the model, and is told what can be done.
  const late = await openTab(url);
  await expect(late.getByTestId('finished')).toContainText('npm run owner -- continue');
  await owner.getByRole('button', { name: 'Start anew' }).click();
  await owner.getByRole('button', { name: 'Forget what was learned?' }).click();
  for (const tab of [...tabs, late]) {
    await expect(tab.getByTestId('round-number')).toHaveText('4');
    await expect(tab.getByTestId('finished')).toBeVisible();
  }
  const digests = await Promise.all(tabs.map(async (tab) => (await tabSnapshot(tab)).digests[4]));
  expect(new Set(digests).size).toBe(1);
});

test('six tabs drop what is revoked and refuse it, also from a tab that was offline meanwhile', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url, room } = await coordinate({ minimum: 6, rounds: 1 });
  const context = await browser.newContext();
  const line = await cuttable(context);
  const away = await openTab(url, context);
  const others = await Promise.all(Array.from({ length: 5 }, () => openTab(url)));
  const tabs = [away, ...others];
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  const batches = await room.desk.batches({ limit: 200, offset: 0 });
  const update = batches.find(({ kind, author }) => kind === 'update' && author === room.connected[0]); // prettier-ignore
  if (update === undefined) throw new Error('an update was admitted');
  const { header } = update;
  for (const tab of tabs) expect(await holds(tab, header)).toBe(true);
  for (const tab of tabs) expect(await storedChunks(tab, header)).toBe(7);

  await line.cut();
  await expect(away.getByTestId('connection')).toContainText('reconnecting');
  await expect(away.getByTestId('revoked')).toContainText('as of');
  expect((await room.revoke(header)).ok).toBe(true);
  for (const tab of others) {
    await expect(tab.getByTestId('revoked')).toHaveText('1 batch');
    await expect.poll(() => holds(tab, header)).toBe(false);
    await expect.poll(() => storedChunks(tab, header)).toBe(0);
    await expect(tab.locator('[data-testid=history-row][data-round="1"]')).toHaveAttribute('data-revoked', '1'); // prettier-ignore
  }

  // The one that knows nothing of it keeps what it has, and offers it: nobody takes it back.
  expect(await holds(away, header)).toBe(true);
  const late = await openTab(url);
  await expect(late.getByTestId('revoked')).toHaveText('1 batch');
  for (const tab of [...others, late]) expect(await holds(tab, header)).toBe(false);

  line.mend();
  await expect(away.getByTestId('revoked')).toHaveText('1 batch');
  await expect.poll(() => holds(away, header)).toBe(false);
  await expect.poll(() => storedChunks(away, header)).toBe(0);

  // An audit of it is an audit of nothing.
  const holder = (await selfId(away)) as PeerId;
  const { verdict } = await room.auditor.audit(holder, header, [0], room.epoch);
  expect(verdict).toMatchObject({ ok: false });
});

test('the model is replaced in mid-task: the round starts over from the new one, in all tabs', async ({
  coordinate,
  openTab,
}) => {
  const { url, room } = await coordinate({ minimum: 2, rounds: 3 });
  const tabs = [await openTab(url), await openTab(url)];
  const first = await closedRound(tabs[0] as Page, 1);
  const model = headerId(room.snapshot().model.header);
  const content = await room.desk.modelBytes(0);
  if (content === null) throw new Error('the first model is kept');
  const replaced = await room.replace(model, content);
  expect(replaced).toMatchObject({ ok: true });
  for (const tab of tabs) {
    await expect(tab.getByText(/the Data Owner replaced the model of round \d/)).toBeVisible();
    await expect(tab.getByTestId('revoked')).toHaveText('1 batch');
  }
  const last = await Promise.all(tabs.map((tab) => closedRound(tab, 3)));
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  expect(new Set(last).size).toBe(1);
  expect(last[0]).not.toBe(first);
  for (const tab of tabs) expect(await holds(tab, model)).toBe(false);
});

test('a neighbour that answers with other columns’ values is found out', async ({
  coordinate,
  openTab,
  liar,
}) => {
  const { url } = await coordinate({ minimum: 2, rounds: 1 });
  const [honest, lying] = [await openTab(url), await openTab(url, await liar('answer'))];
  for (const tab of [honest, lying]) await expect(tab.getByTestId('finished')).toBeVisible();
  const form = honest.getByTestId('verify');
  await form.getByLabel('Question').selectOption('Random projection');
  await form.getByLabel('Batch').selectOption({ label: 'model 1' });
  await form.getByLabel('Chunks').fill('0, 1');
  await form.getByRole('button', { name: 'Ask for proof' }).click();
  const newest = honest.getByTestId('verdicts').locator('li').first();
  await expect(newest).toHaveAttribute('data-state', 'refused');
  await expect(newest).toContainText('Query: the proof does not hold.');
  await expect(newest).toContainText(shortId((await selfId(lying)) as PeerId));
});

test('a coordinator that was restored from a backup learns from a tab what was revoked since', async ({
  coordinate,
  openTab,
}) => {
  const coordinator = await coordinate({ minimum: 2 });
  const { url, room, dataFolder } = coordinator;
  const made = await room.desk.createFile(new Uint8Array(1000));
  if (!made.ok) throw new Error(made.error);
  await coordinator.stop();
  await cp(dataFolder, `${dataFolder}-backup`, { recursive: true });
  let running = await coordinator.startAgain();
  const restore = async () => {
    await running.close();
    await rm(dataFolder, { recursive: true });
    await cp(`${dataFolder}-backup`, dataFolder, { recursive: true });
    running = await coordinator.startAgain();
  };

  const tab = await openTab(url);
  await expect(tab.getByTestId('self-id')).toBeVisible();
  await expect(tab.getByText('CRS loaded')).toBeVisible();
  await running.room.revoke(headerId(made.value.header));
  await expect(tab.getByTestId('revoked')).toHaveText('1 batch');

  // The tab is there and comes back by itself.
  await restore();
  await expect(tab.getByText('it was shown the newest state')).toBeVisible();
  await expect.poll(() => running.room.epoch).toBe(1);

  // The tab is opened anew, with nothing but what it keeps: its first hello names no task yet.
  await tab.goto('about:blank');
  await restore();
  expect(running.room.epoch).toBe(0);
  await tab.goto(url);
  await expect(tab.getByTestId('revoked')).toHaveText('1 batch');
  await expect(tab.getByText('welcome was refused: state: epoch 0 is older than epoch 1')).toBeVisible(); // prettier-ignore
  expect(running.room.epoch).toBe(1);
  await running.close();
  await rm(`${dataFolder}-backup`, { recursive: true });
});
