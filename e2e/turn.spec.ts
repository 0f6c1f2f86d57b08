import { fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { BrowserContext, Page } from '@playwright/test';
import { tabSnapshot } from '../scripts/tab-snapshot.ts';
import { expect, test } from './swarm.ts';

const secret = 'shared with the TURN server';
const localhost = '127.0.0.1';

/** @returns what makes it vanish: no packet arrives any more, and nobody says so */
async function startTurn(port: number): Promise<() => Promise<void>> {
  const server = fork('e2e/turn-server.ts', [String(port), secret], {
    execArgv: ['--import', 'tsx'],
  });
  const exited = once(server, 'exit');
  await once(server, 'message');
  return async () => {
    server.kill('SIGKILL');
    await exited;
  };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, localhost, resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}

/** As where a firewall lets nothing else through. What became of connections is in `connectionStates`. */
async function allowRelaysOnly(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const Real = RTCPeerConnection;
    globalThis.connectionStates = [];
    globalThis.RTCPeerConnection = class extends Real {
      constructor(configuration?: RTCConfiguration) {
        super({ ...configuration, iceTransportPolicy: 'relay' });
        this.addEventListener('connectionstatechange', () => {
          globalThis.connectionStates.push(this.connectionState);
        });
      }
    };
  });
}

declare global {
  var connectionStates: RTCPeerConnectionState[];
}

test('tabs train through a TURN server, and once more when it was gone and is back', async ({
  browser,
  coordinate,
  openTab,
}) => {
  const port = await freeUdpPort();
  let stopTurn = await startTurn(port);
  const iceServers = [{ urls: `turn:${localhost}:${port}`, secret }];
  const { url } = await coordinate({ minimum: 3, rounds: 1, iceServers });
  const tabs: Page[] = [];
  for (let k = 0; k < 2; k++) {
    const context = await browser.newContext();
    await allowRelaysOnly(context);
    tabs.push(await openTab(url, context));
  }
  const connected = (count: number) =>
    Promise.all(tabs.map((tab) => expect.poll(async () => (await tabSnapshot(tab)).connections).toBe(count))); // prettier-ignore
  await connected(1);
  for (const tab of tabs) await expect(tab.getByTestId('peer-row')).toContainText('relayed');

  await stopTurn();
  await connected(0);
  // Not waited until the browser gives up.
  for (const tab of tabs)
    expect(await tab.evaluate(() => globalThis.connectionStates)).not.toContain('failed');
  stopTurn = await startTurn(port);
  await connected(1);

  const context = await browser.newContext();
  await allowRelaysOnly(context);
  tabs.push(await openTab(url, context));
  for (const tab of tabs) await expect(tab.getByTestId('finished')).toBeVisible();
  const states = await Promise.all(tabs.map(tabSnapshot));
  expect(new Set(states.map(({ digests }) => digests[1])).size).toBe(1);
  for (const { totals } of states) expect(totals.verified).toBeGreaterThan(0);
  await stopTurn();
});
