import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { at, float32ToBytes, type HeaderId } from '../src/lib/index.ts';
import { headerId, type StateUpdate } from '../src/vds/index.ts';
import { identityOf, signValue } from '../src/crypto/index.ts';
import { readConfig } from './config.ts';
import { digitsTask } from './default-task.ts';
import { ScriptedTab } from './scripted-tab.ts';
import { startCoordinator, type Coordinator } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'murmuration-backup-'));
const [dataFolder, backup] = [join(folder, 'data'), join(folder, 'backup')];
const config = { ...readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent' }), dataFolder };
const task = { ...digitsTask(config), model: { kind: 'mlp' as const, hidden: [] } };

let coordinator: Coordinator;
let files: HeaderId[] = [];
let stopped: string[] = [];

async function start() {
  stopped = [];
  const onStop = (reason: string) => stopped.push(reason);
  coordinator = await startCoordinator(config, { folder: join(folder, 'app'), task, onStop });
}

/** As a restored disk: the coordinator runs on what it had when the backup was made. */
async function restore() {
  rmSync(dataFolder, { recursive: true });
  cpSync(backup, dataFolder, { recursive: true });
  await start();
}

/** What one tab was told of the newest state, from a coordinator that is gone by then. */
async function lastWord(change: () => Promise<{ ok: boolean }>): Promise<StateUpdate> {
  const { tab } = await ScriptedTab.join(coordinator.url);
  expect(await change()).toMatchObject({ ok: true });
  const { update } = await tab.next('state');
  await coordinator.close();
  return update;
}

/** A tab that comes back and knows this core. */
async function comeBack({ core }: Pick<StateUpdate, 'core'>) {
  const tab = new ScriptedTab(coordinator.url);
  tab.hello(await tab.next('challenge'), { core });
  return tab;
}

beforeAll(async () => {
  mkdirSync(join(folder, 'app'));
  writeFileSync(join(folder, 'app', 'index.html'), '');
  await start();
  for (const size of [100, 200]) {
    const made = await coordinator.room.desk.createFile(new Uint8Array(size));
    if (made.ok) files = [...files, headerId(made.value.header)];
  }
  await coordinator.close();
  cpSync(dataFolder, backup, { recursive: true });
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => coordinator.close());

describe('a coordinator that was restored from a backup', () => {
  test('takes over from a tab what was revoked since, before it signs anything for it', async () => {
    await restore();
    const known = await lastWord(() => coordinator.room.revoke(at(files, 0)));
    await restore();
    expect(coordinator.room.epoch).toBe(0);
    const tab = await comeBack(known);
    await tab.next('show-state');
    tab.send({ type: 'shown-state', update: known });
    const { state } = await tab.next('welcome');
    expect(state.core).toEqual(known.core);
    expect(state.revoked).toEqual([at(files, 0)]);

    // It is kept: the next start needs nobody, and a tab that knows the core is simply let in.
    await coordinator.close();
    await start();
    expect(coordinator.room.epoch).toBe(1);
    const again = await comeBack(known);
    expect((await again.next('welcome')).state.core).toEqual(known.core);
    expect(stopped).toEqual([]);
  });

  test('tells those that are here already', async () => {
    await restore();
    const known = await lastWord(() => coordinator.room.revoke(at(files, 1)));
    await restore();
    const { tab: present } = await ScriptedTab.join(coordinator.url);
    const tab = await comeBack(known);
    await tab.next('show-state');
    tab.send({ type: 'shown-state', update: known });
    expect((await present.next('state')).update.core).toEqual(known.core);
  });

  test('stops with words where it has signed another history since', async () => {
    await restore();
    const known = await lastWord(() => coordinator.room.revoke(at(files, 0)));
    await restore();
    const { tab: present } = await ScriptedTab.join(coordinator.url);
    expect((await coordinator.room.revoke(at(files, 1))).ok).toBe(true);
    const tab = await comeBack(known);
    const reason = 'this server has signed revocations that its database does not have, and others since: restore a newer backup of the data folder'; // prettier-ignore
    // Once the backup is there it comes back by itself.
    expect(await tab.next('refused')).toMatchObject({ reason, again: true });
    expect(await present.next('refused')).toMatchObject({ reason });
    expect(stopped).toEqual([reason]);
    const { room } = coordinator;
    expect(await room.revoke(at(files, 0))).toMatchObject({ ok: false });
    expect(await room.replace(at(files, 0), new Uint8Array(3))).toMatchObject({ ok: false });
  });

  test('stops with words where its model was replaced since: it has no other to go on with', async () => {
    await restore();
    const { room } = coordinator;
    const model = headerId(room.desk.model.header.header);
    const content = float32ToBytes(room.parameters.map((value) => value / 2));
    const known = await lastWord(() => room.replace(model, content));
    await restore();
    const tab = await comeBack(known);
    await tab.next('show-state');
    tab.send({ type: 'shown-state', update: known });
    const reason = 'the current model of this database was replaced since: restore a newer backup of the data folder'; // prettier-ignore
    // Once the backup is there it comes back by itself.
    expect(await tab.next('refused')).toMatchObject({ reason, again: true });
    expect(stopped).toEqual([reason]);
    // Nothing was stored of it: the operator's newer backup, or this one, is as it was.
    await coordinator.close();
    await start();
    expect(coordinator.room.epoch).toBe(0);
  });
});

describe('a tab cannot harm it', () => {
  test('with a list that is not the signed one, a core by somebody else, or anything else', async () => {
    await restore();
    const known = await lastWord(() => coordinator.room.revoke(at(files, 0)));
    await restore();
    const { tab: present } = await ScriptedTab.join(coordinator.url);

    const liar = await comeBack(known);
    await liar.next('show-state');
    liar.send({ type: 'shown-state', update: { ...known, revoked: [at(files, 1)] } });
    expect(await liar.next('refused')).toMatchObject({ reason: 'state: the list of revoked batches is not the signed one', again: false }); // prettier-ignore

    const forged = signValue('state-core', { epoch: 9 }, identityOf(new Uint8Array(32).fill(5)));
    const forger = await comeBack({ core: forged });
    expect((await forger.next('refused')).reason).toMatch(/^state-core: the signature/);

    const other = await comeBack(known);
    await other.next('show-state');
    other.send({ type: 'rest' });
    expect((await other.next('refused')).reason).toBe('show the state that was asked for');

    present.send({ type: 'shown-state', update: known }); // nobody asked
    await present.settled();
    expect(coordinator.room.epoch).toBe(0);
    expect(stopped).toEqual([]);
  });
});
