import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identityOf } from '../src/crypto/index.ts';
import { modelDigest } from '../src/learning/index.ts';
import { at, float32ToBytes, randomBytes, seededRandom } from '../src/lib/index.ts';
import { ownerApi, taskIdOf } from '../src/protocol/index.ts';
import { headerId } from '../src/vds/index.ts';
import { ScriptedRound, type Prepared } from './scripted-round.ts';
import { ScriptedTab } from './scripted-tab.ts';

const folder = mkdtempSync(join(tmpdir(), 'murmuration-kill-'));
const random = seededRandom(77);
const identities = [0, 1].map(() => identityOf(randomBytes(random, 32)));
const script = fileURLToPath(new URL('killable.ts', import.meta.url));

let child: ChildProcess;
let gone: Promise<unknown>;
let url = '';
let token = '';

/** @param dieAt see killable.ts */
async function start(dieAt?: number) {
  const args = ['--import', 'tsx', script, join(folder, 'app'), join(folder, 'data')];
  if (dieAt !== undefined) args.push(String(dieAt));
  child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  gone = once(child, 'exit');
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await once(lines, 'line')) as [string];
  const [printed = '', newToken = ''] = line.split(' ');
  url = printed;
  if (newToken !== '') token = newToken;
}

/** Without a chance to tidy up. */
async function kill() {
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

describe('a coordinator that is killed between any two steps', () => {
  /** Calls the API; null if the coordinator died over it. */
  async function call(path: string, body?: Uint8Array) {
    const { room } = await roomOf();
    const response = await fetch(`${url}api/tasks/${room}/${path}`, {
      method: body === undefined && !path.endsWith('/revoke') ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/octet-stream' }),
      },
      ...(body === undefined ? {} : { body: Buffer.from(body) }),
    }).catch(() => null);
    return response === null ? null : ((await response.json()) as unknown);
  }

  async function roomOf() {
    const { tasks } = v.parse(ownerApi.tasks, await (await fetch(`${url}api/tasks`)).json());
    return { room: at(tasks, 0).task };
  }

  /** What is revoked, and what there is, newest first. */
  async function books() {
    const { revoked, epoch } = v.parse(ownerApi.state, await call('state'));
    const { batches } = v.parse(ownerApi.batches, await call('batches?limit=200'));
    const { tab, welcome } = await ScriptedTab.join(url);
    const model = headerId(welcome.model.header);
    await tab.close();
    return { revoked, epoch, model, ids: batches.map(({ header }) => header) };
  }

  async function addFile(): Promise<string> {
    return v.parse(ownerApi.admitted, await call('files', randomBytes(random, 500))).header;
  }

  /** Has it killed at every step of a change, one after the other, until the change comes through. */
  async function atEveryStep(
    change: (step: number) => Promise<unknown>,
    check: (before: Books, after: Books) => void,
  ): Promise<number> {
    let died: { before: Books; tab: ScriptedTab } | null = null;
    await kill();
    for (let step = 0; ; step++) {
      await start(step);
      const before = await books();
      if (died !== null) {
        check(died.before, before);
        expect(before.epoch).toBe(before.revoked.length);
        expect(before.epoch).toBeGreaterThanOrEqual(died.before.epoch);
        // Nobody was told of more than there is.
        for (const { update } of died.tab.heard('state')) {
          expect(update.revoked.length).toBeLessThanOrEqual(before.epoch);
        }
      }
      const { tab } = await ScriptedTab.join(url);
      if ((await change(step)) !== null) {
        await tab.close();
        return step;
      }
      await gone;
      await tab.gone;
      died = { before, tab };
    }
  }

  test('of a revocation comes back with all of it or with nothing', async () => {
    let header = '';
    const outcomes = new Set<boolean>();
    const steps = await atEveryStep(
      async () => {
        header = await addFile();
        return call(`batches/${header}/revoke`);
      },
      (before, after) => {
        expect([before.revoked, [...before.revoked, header]]).toContainEqual(after.revoked);
        outcomes.add(after.revoked.includes(header));
      },
    );
    expect(steps).toBeGreaterThanOrEqual(3);
    expect(outcomes).toEqual(new Set([false, true]));
  }, 120_000);

  test('of a replacement of the model comes back with both or neither', async () => {
    const outcomes = new Set<boolean>();
    let old = '';
    const steps = await atEveryStep(
      async (step) => {
        ({ model: old } = await books());
        const content = float32ToBytes(new Float32Array(7850).fill(step / 8));
        return call(`batches/${old}/replace`, content);
      },
      (before, after) => {
        const isRevoked = after.revoked.includes(old);
        const added = after.ids.filter((id) => !before.ids.includes(id));
        expect(added).toHaveLength(isRevoked ? 1 : 0);
        expect(after.revoked).toEqual(isRevoked ? [...before.revoked, old] : before.revoked);
        expect(after.model).toBe(isRevoked ? at(added, 0) : old);
        outcomes.add(isRevoked);
      },
    );
    expect(steps).toBeGreaterThanOrEqual(4);
    expect(outcomes).toEqual(new Set([false, true]));
  }, 120_000);
});

type Books = { revoked: string[]; epoch: number; model: string; ids: string[] };
