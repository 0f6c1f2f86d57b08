import { identityOf } from '../src/crypto/index.ts';
import type { PeerId } from '../src/lib/index.ts';
import { clientCodec, limits, serverCodec } from '../src/protocol/index.ts';
import { ScriptedTab } from '../signaling/scripted-tab.ts';
import { tabSnapshot } from '../scripts/tab-snapshot.ts';
import { expect, selfId, test, watchConnections } from './swarm.ts';

/** Makes the page flip a bit in pieces that it sends: all of them, or the first few. */
function corruptPieces(pieces: number) {
  const send = Reflect.get(RTCDataChannel.prototype, 'send') as (data: unknown) => void;
  let left = pieces;
  /** Where the bytes of a piece begin and end, if one begins there: an array of five, whose first is 12. */
  const pieceAt = (frame: Uint8Array, at: number) => {
    if (frame[at] !== 0x85 || frame[at + 1] !== 12) return null;
    const head = frame.indexOf(0x59, at + 2); // a byte string of up to 64 KiB
    const start = head + 3;
    const end = start + (((frame[head + 1] ?? 0) << 8) | (frame[head + 2] ?? 0));
    return head > 0 && head < at + 12 && end <= frame.length ? { start, end } : null;
  };
  const corrupt = (frame: Uint8Array) => {
    for (let at = 0; at < frame.length && left > 0; at++) {
      const piece = pieceAt(frame, at);
      if (piece === null) continue;
      const place = (piece.start + piece.end) >> 1;
      frame[place] = (frame[place] ?? 0) ^ 1;
      left--;
      at = piece.end - 1;
    }
  };
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    if (data instanceof Uint8Array) corrupt(data);
    send.call(this, data);
  };
}

/** So that a round does not wait long for what a liar cannot deliver. */
const deadlines = { trainMs: 60_000, admitMs: 10_000, exchangeMs: 10_000 };

test('offers that lead nowhere cost a tab a few connections, and others none', async ({
  coordinate,
  browser,
  openTab,
}) => {
  const { url } = await coordinate({ minimum: 3, rounds: 1 });
  const context = await browser.newContext();
  await watchConnections(context);
  const tab = await openTab(url, context);
  const id = (await selfId(tab)) as PeerId;
  // Of a pair the lower id offers.
  const identities = Array.from({ length: 255 }, (_, n) => identityOf(new Uint8Array(32).fill(n)));
  const lowest = identities.sort((a, b) => (a.id < b.id ? -1 : 1))[0];
  const { tab: attacker } = await ScriptedTab.join(url, lowest);
  await expect(tab.getByTestId('member-row')).toHaveCount(2);
  const junk = [
    { type: 'offer', sdp: 'v=0' },
    { type: 'candidate', candidate: { candidate: '' } },
    { type: 'transceiverRequest', transceiverRequest: { kind: 'video' } },
  ];
  for (let session = 0; session < 50; session++) {
    for (const each of junk) {
      attacker.send({ type: 'signal', to: id, session, data: JSON.stringify(each) });
    }
  }
  await attacker.close(); // the tab hears of it after all that
  await expect(tab.getByTestId('member-row')).toHaveCount(1);
  const connections = await tab.evaluate(() => globalThis.connections.length);
  expect(connections).toBeGreaterThan(0);
  expect(connections).toBeLessThanOrEqual(2 * limits.offersPerTenSeconds);
});

test('a channel that throws when something is sent costs that connection, and nobody anything else', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url } = await coordinate({ minimum: 3, rounds: 1 });
  const context = await browser.newContext();
  await context.addInitScript(() => {
    const send = Reflect.get(RTCDataChannel.prototype, 'send') as (data: unknown) => void;
    let sent = 0;
    RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
      // As Chromium does when too much waits.
      if (++sent % 10 === 0 && sent <= 50) throw new DOMException('full', 'OperationError');
      send.call(this, data);
    };
  });
  const throwing = await openTab(url, context);
  const tabs = [throwing, await openTab(url), await openTab(url)];
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  const digests = await Promise.all(tabs.map(async (tab) => (await tabSnapshot(tab)).digests[1]));
  expect(new Set(digests).size).toBe(1);
});

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

test('what a peer corrupts on every wire comes through the coordinator, and counts', async ({
  browser,
  coordinate,
  openTab,
}) => {
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
  expect(record?.authors).toHaveLength(4);
  for (const tab of tabs) {
    const row = tab.locator(`[data-testid=peer-row][data-peer="${liarId}"]`);
    expect(Number(await row.getAttribute('data-rejected'))).toBeGreaterThanOrEqual(1);
    expect(Number(await row.getAttribute('data-verified'))).toBe(0);
  }
  const { warnings } = await tabSnapshot(liar);
  expect(warnings.some((line) => line.includes('the coordinator asked for chunk'))).toBe(true);
});

test('an author that serves another γ than it committed to is named and left out', async ({
  coordinate,
  openTab,
  liar,
}) => {
  const { url, room } = await coordinate({ minimum: 3, rounds: 1, deadlines });
  const lying = await openTab(url, await liar('gamma'));
  const tabs = await Promise.all([1, 2].map(() => openTab(url)));
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  const liarId = await selfId(lying);
  expect(room.snapshot().history[0]?.authors).not.toContain(liarId);
  for (const tab of tabs) {
    const { warnings } = await tabSnapshot(tab);
    const caught = warnings.filter((line) => line.includes('chunk digest'));
    expect(caught.length).toBeGreaterThan(0);
    for (const line of caught) expect(line).toContain(liarId.slice(0, 8));
    const refused = tab
      .getByTestId('refusals')
      .getByRole('listitem')
      .filter({ hasText: 'Found here' });
    await expect(refused.first()).toContainText(/chunk \d+ of [0-9a-f]{8}/);
    await expect(refused.first()).toContainText(liarId.slice(0, 8));
    await expect(refused.first()).toContainText('Chunk digest.');
    await expect(
      tab.getByText(`chunk of ${liarId.slice(0, 8)} refused: chunk digest`).first(),
    ).toBeVisible();
  }
});

test('a header whose opening does not hold is not admitted, and everybody is told why', async ({
  coordinate,
  openTab,
  liar,
}) => {
  const { url, room } = await coordinate({ minimum: 3, rounds: 1, deadlines });
  const lying = await openTab(url, await liar('header'));
  const tabs = await Promise.all([1, 2].map(() => openTab(url)));
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  const liarId = await selfId(lying);
  const reason = `header of ${liarId.slice(0, 8)} refused: header opening does not hold`;
  for (const tab of [lying, ...tabs]) await expect(tab.getByText(reason)).toBeVisible();
  expect(room.snapshot().history[0]?.authors).not.toContain(liarId);
});

test('a sum that is not that of the manifest is refused, and another member delivers it', async ({
  browser,
  coordinate,
  openTab,
  liar,
}) => {
  const { url, room } = await coordinate({ minimum: 2, rounds: 1 });
  const lying = await openTab(url, await liar('sum'));
  // The honest tab's header comes after the liar's, so that it is the liar who is asked first.
  const context = await browser.newContext();
  const held: (() => void)[] = [];
  await context.routeWebSocket('**/ws', (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((frame) => {
      const message = typeof frame === 'string' ? null : clientCodec.decode(frame);
      if (message?.ok && message.value.type === 'header') held.push(() => server.send(frame));
      else server.send(frame);
    });
  });
  const honest = await openTab(url, context);
  await expect(lying.getByTestId('step')).toHaveAttribute('data-step', 'sealed');
  await expect.poll(() => held.length).toBe(1);
  held[0]?.();
  for (const tab of [lying, honest]) await expect(tab.getByTestId('finished')).toBeVisible();
  const liarId = await selfId(lying);
  const reason = `sum of ${liarId.slice(0, 8)} refused: sum: it is not Σ a_k·u_k of the manifest`;
  for (const tab of [lying, honest]) await expect(tab.getByText(reason)).toBeVisible();
  expect((await tabSnapshot(honest)).proofs.sums[1]).toBe(true);
  expect(room.snapshot().history[0]?.authors).toHaveLength(2);
});

test('a stale state is refused, and the batch that it leaves out stays revoked', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const { url, room, newToken } = await coordinate({ minimum: 2, rounds: 3 });
  const context = await browser.newContext();
  const replays: (() => void)[] = [];
  await context.routeWebSocket('**/ws', (socket) => {
    const server = socket.connectToServer();
    server.onMessage((frame) => {
      const message = typeof frame === 'string' ? null : serverCodec.decode(frame);
      if (message?.ok && message.value.type === 'welcome') {
        const stale = serverCodec.encode({ type: 'state', update: message.value.state });
        replays.push(() => socket.send(Buffer.from(stale)));
      }
      socket.send(frame);
    });
  });
  const deceived = await openTab(url, context);
  const other = await openTab(url);
  await expect(deceived.locator('[data-testid=history-row]').first()).toBeVisible();
  const authorization = `Bearer ${newToken ?? ''}`;
  const batches = `${url}api/tasks/${room.id}/batches`;
  const listed = (await (await fetch(batches, { headers: { authorization } })).json()) as { batches: { header: string; kind: string }[] }; // prettier-ignore
  const update = listed.batches.find(({ kind }) => kind === 'update');
  await fetch(`${batches}/${update?.header ?? ''}/revoke`, { method: 'POST', headers: { authorization } }); // prettier-ignore
  for (const tab of [deceived, other]) {
    await expect(tab.getByTestId('revoked')).toHaveText('1 batch');
  }
  expect(replays).toHaveLength(1);
  replays[0]?.();
  const reason = 'state: epoch 0 is older than epoch 1';
  await expect(deceived.getByText(`the coordinator's state was refused: ${reason}`)).toBeVisible();
  await expect(deceived.getByTestId('revoked')).toHaveText('1 batch');
  for (const tab of [deceived, other]) await expect(tab.getByTestId('finished')).toBeVisible();
});
