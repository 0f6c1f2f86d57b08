import { tabSnapshot } from '../scripts/tab-snapshot.ts';
import { expect, selfId, test } from './swarm.ts';

/** Makes the page flip a bit in pieces that it sends: all of them, or the first few. */
function corruptPieces(pieces: number) {
  const send = Reflect.get(RTCDataChannel.prototype, 'send') as (data: unknown) => void;
  let left = pieces;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    const piece = (frame: Uint8Array) =>
      new TextDecoder().decode(frame.subarray(0, 16)).includes('piece');
    if (data instanceof Uint8Array && piece(data) && left-- > 0) {
      const place = data.length >> 1;
      data[place] = (data[place] ?? 0) ^ 1;
    }
    send.call(this, data);
  };
}

test('corrupted chunks are caught, their source is named, and they come from elsewhere', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url, room } = await coordinate({ minimum: 4, rounds: 1 });
  const context = await browser.newContext();
  await context.addInitScript(corruptPieces, 2);
  const liar = await openTab(url, context);
  const tabs = await Promise.all([1, 2, 3].map(() => openTab(url)));
  for (const tab of [liar, ...tabs]) await expect(tab.getByTestId('finished')).toBeVisible();
  const states = await Promise.all(tabs.map(tabSnapshot));
  const rejected = states.reduce((sum, state) => sum + state.totals.rejected, 0);
  expect(rejected).toBe(2);
  const name = (await selfId(liar)).slice(0, 8);
  const lines = states.flatMap((state) => state.warnings);
  expect(lines.filter((line) => line.includes('bad chunk')).length).toBe(2);
  for (const line of lines.filter((each) => each.includes('bad chunk'))) {
    expect(line).toContain(name);
    expect(line).toContain('chunk digest');
  }
  expect(new Set(states.map((state) => state.digests[1])).size).toBe(1);
  expect(room.snapshot().history[0]?.authors).toHaveLength(4);
});

test('a peer that corrupts everything is left out, and the others finish without it', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const deadlines = { trainMs: 60_000, admitMs: 10_000, exchangeMs: 10_000 };
  const { url, room } = await coordinate({ minimum: 4, rounds: 1, deadlines });
  const first = await openTab(url); // holds the model before the liar comes
  await expect.poll(async () => (await tabSnapshot(first)).totals.seeded).toBeGreaterThan(0);
  const context = await browser.newContext();
  await context.addInitScript(corruptPieces, 1e9);
  const liar = await openTab(url, context);
  const tabs = [first, ...(await Promise.all([1, 2].map(() => openTab(url))))];
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  const liarId = await selfId(liar);
  const [record] = room.snapshot().history;
  expect(record?.authors).toHaveLength(3);
  expect(record?.authors).not.toContain(liarId);
  for (const tab of tabs) {
    const row = tab.locator(`[data-testid=peer-row][data-peer="${liarId}"]`);
    expect(Number(await row.getAttribute('data-rejected'))).toBeGreaterThanOrEqual(1);
    expect(Number(await row.getAttribute('data-verified'))).toBe(0);
  }
});
