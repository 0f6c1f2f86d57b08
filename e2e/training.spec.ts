import type { Page } from '@playwright/test';
import { bytesToHex, type PeerId } from '../src/lib/index.ts';
import { decodeHeader, headerId, openingPointOf, type SignedHeader } from '../src/vds/index.ts';
import { digitsData } from '../signaling/default-task.ts';
import type { TaskRoom } from '../signaling/task-room.ts';
import { tabSnapshot } from '../scripts/tab-snapshot.ts';
import { closedRound, expect, selfId, test } from './swarm.ts';

test('four contexts train eight rounds and arrive at equal models, most bytes peer to peer', async ({
  coordinate,
  openTab,
}) => {
  const { url, traffic, room } = await coordinate({
    minimum: 4,
    rounds: 8,
    model: { kind: 'mlp', hidden: [128] },
  });
  const tabs = await Promise.all([1, 2, 3, 4].map(() => openTab(url)));
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  const digests = await Promise.all(tabs.map((tab) => closedRound(tab, 8)));
  expect(new Set(digests).size).toBe(1);
  for (const tab of tabs) await expect(tab.locator('[data-testid=peer-row][data-route=host]')).toHaveCount(3); // prettier-ignore
  const states = await Promise.all(tabs.map(tabSnapshot));
  for (const state of states) {
    expect(state.digests[8]).toBe(digests[0]);
    expect(state.totals.rejected).toBe(0);
    expect(state.totals.verified).toBeGreaterThan(0);
  }
  const fromPeers = states.reduce((sum, state) => sum + state.totals.downloaded, 0);
  expect(fromPeers).toBeGreaterThan(traffic.bytesOut + traffic.bytesIn);
  await expectValues(tabs[0] as Page, room.snapshot().model);
  await expectAudits(room, tabs[0] as Page);
});

for (const [topology, connections] of [
  ['ring', [2, 2, 2, 2, 2]],
  ['star', [1, 1, 1, 1, 4]],
] as const) {
  test(`five tabs in a ${topology} pass chunks on to those that their authors are not connected with`, async ({
    coordinate,
    openTab,
  }) => {
    const { url } = await coordinate({ minimum: 5, rounds: 1, topology });
    const tabs = await Promise.all([1, 2, 3, 4, 5].map(() => openTab(url)));
    for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
    const states = await Promise.all(tabs.map(tabSnapshot));
    expect(states.map((state) => state.connections).sort()).toEqual(connections);
    expect(new Set(states.map(({ digests }) => digests[1])).size).toBe(1);
    for (const { totals } of states) expect(totals.rejected).toBe(0);
  });
}

/** Every round was audited and held; a tab whose database is emptied behind its back fails. */
async function expectAudits(room: TaskRoom, tab: Page) {
  const { auditor, epoch } = room;
  await expect.poll(() => auditor.records.length).toBe(8);
  expect(auditor.records.every(({ verdict }) => verdict.ok)).toBe(true);
  const holder = (await selfId(tab)) as PeerId;
  const newest = headerId(room.snapshot().model.header);
  expect((await auditor.audit(holder, newest, [0, 5], epoch)).verdict).toMatchObject({ ok: true });
  await tab.evaluate(async () => {
    const done = (request: IDBRequest) =>
      new Promise((resolve, reject) => {
        request.onsuccess = resolve;
        request.onerror = reject;
      });
    for (const { name = '' } of await indexedDB.databases()) {
      const opening = indexedDB.open(name);
      await done(opening);
      const { objectStoreNames } = opening.result;
      if (!objectStoreNames.contains('packs')) continue;
      await done(opening.result.transaction('packs', 'readwrite').objectStore('packs').clear());
    }
  });
  const { verdict } = await auditor.audit(holder, newest, [0, 5], epoch);
  expect(verdict).toMatchObject({
    ok: false,
    error: expect.stringMatching(/^refused: /),
  });
}

/** The line of the newest model opens to the values that its header really has. */
async function expectValues(tab: Page, { header: bytes }: SignedHeader) {
  const header = decodeHeader(bytes);
  if (!header.ok) throw new Error(header.error);
  const { columns, y, pi } = header.value;
  const line = tab.locator('[data-testid=proof-line][data-what="model 8"]');
  await line.locator('summary').click();
  const values = line.getByTestId('proof-values');
  await values.getByLabel('Chunk, of').selectOption('3');
  const third = columns[3];
  for (const each of [pi, y[3], third?.digest, third?.commitment]) {
    await expect(values).toContainText(bytesToHex(each ?? new Uint8Array(1)));
  }
  const z = openingPointOf(header.value).toString(16).padStart(64, '0');
  await expect(values).toContainText(z);
  const sum = tab.locator('[data-testid=proof-line][data-what="sum 8"]');
  await sum.locator('summary').click();
  await expect(sum).toContainText('this tab computed Σ aₖ·Cₖ');
}

test('two tabs of one context have identities and stores of their own, commit on several threads, and both take part', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url, room } = await coordinate();
  const context = await browser.newContext();
  // A machine of eight processors, whatever this one is.
  await context.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, 'hardwareConcurrency', { value: 8 });
  });
  const one = await openTab(url, context);
  const other = await openTab(url, context);
  for (const tab of [one, other]) await expect(tab.getByTestId('finished')).toBeVisible();
  await expect(one.getByText('commitments by WebAssembly, 4 threads')).toHaveCount(1);
  const committing = one.workers().filter((worker) => worker.url().includes('commit.worker'));
  expect(committing).toHaveLength(4);
  const ids = [await selfId(one), await selfId(other)];
  expect(ids[0]).not.toBe(ids[1]);
  const authors = room.snapshot().history.map((record) => [...record.authors].sort());
  expect(authors).toEqual([[...ids].sort(), [...ids].sort()]);
  const databases = await one.evaluate(async () =>
    (await indexedDB.databases()).map((d) => d.name),
  );
  for (const id of ids) expect(databases).toContain(`murmuration-${id.slice(0, 16)}`);
});

test('a tab closed in mid-round does not hold up the others', async ({ coordinate, openTab }) => {
  const { url, room } = await coordinate({
    minimum: 3,
    rounds: 1,
    // Long enough that the tab closes while it trains.
    data: digitsData(2000, 0),
  });
  const tabs = await Promise.all([1, 2, 3].map(() => openTab(url)));
  const [leaver, ...others] = tabs;
  if (!leaver) throw new Error('no tab');
  const gone = await selfId(leaver);
  await expect.poll(() => room.snapshot().phase, { intervals: [20] }).toBe('training');
  await leaver.close();
  for (const tab of others) await expect(tab.getByTestId('finished')).toBeVisible();
  expect(room.snapshot().history[0]?.authors).toHaveLength(2);
  expect(room.snapshot().history[0]?.authors).not.toContain(gone);
});

test('a reload resumes the same identity and fetches no chunk again', async ({
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate({ rounds: 1 });
  const [tab, other] = [await openTab(url), await openTab(url)];
  for (const each of [tab, other]) await expect(each.getByTestId('finished')).toBeVisible();
  // Not before the new model is there: of the old one nothing is of use after the reload.
  const model = tab.locator('[data-testid=proof-line][data-what="model 1"]');
  await expect(model).toContainText('14 of 14 chunks hold');
  const before = await selfId(tab);
  await tab.reload();
  await expect(tab.getByTestId('finished')).toBeVisible();
  expect(await selfId(tab)).toBe(before);
  await expect.poll(async () => (await tabSnapshot(tab)).totals.resumed).toBeGreaterThan(0);
  const { totals, missing } = await tabSnapshot(tab);
  expect(missing).toBe(0);
  expect(totals).toMatchObject({ downloaded: 0, seeded: 0 });
});

test('a reload in the middle of the exchange takes part with the chunks it had', async ({
  coordinate,
  openTab,
}) => {
  const { url, room } = await coordinate({ minimum: 3, rounds: 1 });
  const tabs = await Promise.all([1, 2, 3].map(() => openTab(url)));
  const [tab] = tabs;
  if (!tab) throw new Error('no tab');
  await expect.poll(() => room.snapshot().phase, { intervals: [20] }).toBe('exchanging');
  await tab.reload();
  for (const each of tabs) await expect(each.getByTestId('finished')).toBeVisible();
  await expect(tab.getByTestId('crs')).toContainText('verified earlier');
  expect(room.snapshot().history[0]?.authors).toHaveLength(3);
});

test('a duplicated tab gets an identity of its own', async ({ browser, coordinate, openTab }) => {
  const { url } = await coordinate();
  const context = await browser.newContext();
  const tab = await openTab(url, context);
  const id = await selfId(tab);
  const session = await tab.evaluate(() => sessionStorage.getItem('murmuration-identity'));
  expect(session).toBe(id);
  // What duplicating does: a new tab that starts with a copy of the session's storage.
  await context.addInitScript((copied) => {
    if (copied !== null) sessionStorage.setItem('murmuration-identity', copied);
  }, session);
  const copy = await openTab(url, context);
  await expect(copy.getByTestId('connection')).toHaveText(/online/i);
  expect(await selfId(copy)).not.toBe(id);
  await expect(tab.getByTestId('connection')).toHaveText(/online/i);
});
