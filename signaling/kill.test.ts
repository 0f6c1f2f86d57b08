import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { identityOf } from '../src/crypto/index.ts';
import { modelDigest } from '../src/learning/index.ts';
import { at, randomBytes, seededRandom } from '../src/lib/index.ts';
import { taskIdOf } from '../src/protocol/index.ts';
import { ScriptedRound, type Prepared } from './scripted-round.ts';
import { ScriptedTab } from './scripted-tab.ts';

const folder = mkdtempSync(join(tmpdir(), 'murmuration-kill-'));
const random = seededRandom(77);
const identities = [0, 1].map(() => identityOf(randomBytes(random, 32)));
const script = fileURLToPath(new URL('killable.ts', import.meta.url));

let child: ChildProcess;
let url = '';

async function start() {
  const args = ['--import', 'tsx', script, join(folder, 'app'), join(folder, 'data')];
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  [url] = (await once(lines, 'line')) as [string];
}

/** Without a chance to tidy up. */
async function kill() {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

beforeAll(async () => {
  mkdirSync(join(folder, 'app'));
  writeFileSync(join(folder, 'app', 'index.html'), '');
  await start();
}, 60_000);
afterAll(async () => {
  await kill();
  rmSync(folder, { recursive: true });
});

/** Both members, connected; what the coordinator has is one state: model, record and history agree. */
async function joinBoth() {
  const joined = await Promise.all(identities.map((identity) => ScriptedTab.join(url, identity)));
  const tabs = joined.map(({ tab }) => tab);
  const { welcome } = at(joined, 0);
  const { description, model, history } = welcome;
  const room = {
    id: taskIdOf(description),
    description,
    parameters: new Float32Array() as Float32Array,
  };
  const scripted = await ScriptedRound.with({ url, room });
  const header = scripted.verified(model);
  room.parameters = await scripted.downloadModel(header);
  expect(header.round).toBe(history.length);
  const last = history.at(-1);
  if (last) expect(last.digest).toEqual(modelDigest(room.parameters));
  for (const tab of tabs) tab.send({ type: 'ready', samples: 100 });
  return { tabs, scripted, history, parameters: room.parameters };
}

type Joined = Awaited<ReturnType<typeof joinBoth>>;

const prepareAll = ({ tabs, scripted }: Joined): Promise<Prepared[]> =>
  Promise.all(tabs.map((tab) => scripted.prepare(tab)));

/** How far a round goes before the coordinator is killed; what it may have come to. */
const moments: Record<string, (joined: Joined) => Promise<Float32Array | null>> = {
  'while members commit': async (joined) => {
    await prepareAll(joined);
    return null;
  },
  'while headers are admitted': async (joined) => {
    for (const prepared of await prepareAll(joined)) joined.scripted.sendHeader(prepared);
    for (const tab of joined.tabs) await tab.settled();
    return null;
  },
  'while the sum is judged': async (joined) => {
    const { tabs, scripted } = joined;
    const members = await Promise.all(tabs.map((tab) => scripted.seal(tab)));
    const result = at(scripted.finish(members), 0);
    const asked = await ScriptedTab.nextToAny(tabs, 'upload');
    await scripted.upload(asked.tab, result, asked.message);
    await asked.tab.settled();
    return result.next;
  },
};

test.each(Object.entries(moments))(
  'a coordinator that is killed %s comes back with a model that was decided on, and goes on',
  async (_, reach) => {
    const before = await joinBoth();
    const next = await reach(before);
    await kill();
    await Promise.all(before.tabs.map((tab) => tab.gone));
    await start();
    const after = await joinBoth();
    const closed = after.history.length - before.history.length;
    expect(closed).toBeLessThanOrEqual(next === null ? 0 : 1);
    expect(after.parameters).toEqual(closed === 1 ? next : before.parameters);
    const header = await after.scripted.run(after.tabs);
    expect(header.round).toBe(after.history.length + 1);
    await Promise.all(after.tabs.map((tab) => tab.close()));
  },
  120_000,
);
