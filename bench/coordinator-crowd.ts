import { randomBytes } from 'node:crypto';
import { setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { encodeCanonical } from '../src/crypto/index.ts';
import { ScriptedTab } from '../signaling/scripted-tab.ts';

/**
 * Who means a coordinator no good, in a process of its own: strangers that connect and say nothing
 * and come again when they are sent away, newcomers that join and leave, and one member that says
 * as much as it may, in messages that take long to read.
 */
// As if on another machine: what it computes itself is not to slow those that are measured.
setPriority(10);

const [url = '', strangers = '0', joinsPerSecond = '0', isFlooding = ''] = process.argv.slice(2);

function strange(): void {
  const socket = new WebSocket(`${url.replace('http', 'ws')}ws`);
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(strange, 1_000));
}
for (let n = 0; n < Number(strangers); n++) strange();

async function join(): Promise<void> {
  const tab = new ScriptedTab(url);
  try {
    tab.hello(await tab.next('challenge'));
    await tab.next('welcome');
    await tab.close();
  } catch {
    // Refused, as is right.
  }
}

/** Statements that name nothing, with as much in them as one may say, and lists of what is no key. */
async function flood(): Promise<void> {
  const { tab } = await ScriptedTab.join(url);
  const signed = { bytes: new Uint8Array(30_000), signature: new Uint8Array(64) };
  const vouch = { type: 'vouch', round: 1, attempt: 1, signed } as const;
  const deep = encodeCanonical({ type: 'vouch', list: Array.from({ length: 20_000 }, () => [1]) });
  for (;;) {
    await pause(5);
    tab.send(vouch);
    if (Math.random() < 0.01)
      tab.sendFrame(randomBytes(100)); // and now and then it has to come again
    else if (Math.random() < 0.1) tab.sendFrame(deep);
  }
}

async function floodAgain(): Promise<never> {
  for (;;) await flood().catch(() => undefined);
}
if (isFlooding !== '') void floodAgain();

if (Number(joinsPerSecond) > 0) {
  setInterval(() => void join(), 1000 / Number(joinsPerSecond));
}
