import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { at, bytesToHex, type PeerId } from '../src/lib/index.ts';
import { modelDigest } from '../src/learning/index.ts';
import type { RoundRecord } from '../src/protocol/index.ts';
import { summandsOf } from '../src/rounds/index.ts';
import { readConfig } from './config.ts';
import { digitsTask, type TaskSettings } from './default-task.ts';
import { ScriptedRound } from './scripted-round.ts';
import { ScriptedTab } from './scripted-tab.ts';
import { startCoordinator, type Coordinator } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'murmuration-round-'));
const config = {
  ...readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent', MURMURATION_ROUNDS: '3' }),
  dataFolder: join(folder, 'data'),
};
// No hidden layer: 7 850 parameters in three chunks.
const task: TaskSettings = { ...digitsTask(config), model: { kind: 'mlp', hidden: [] } };

/** What the coordinator told of the models that rounds made. */
const told: { record: RoundRecord; parameters: Float32Array }[] = [];

async function start(): Promise<Coordinator> {
  const onModel = (record: RoundRecord, parameters: Float32Array) =>
    told.push({ record, parameters });
  return startCoordinator(config, { folder: join(folder, 'app'), task, onModel });
}

describe('rounds over WebSockets', () => {
  let coordinator: Coordinator;
  let scripted: ScriptedRound;
  let tabs: ScriptedTab[];

  beforeAll(async () => {
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'index.html'), '');
    coordinator = await start();
    scripted = await ScriptedRound.with(coordinator);
    const joined = await Promise.all([
      ScriptedTab.join(coordinator.url),
      ScriptedTab.join(coordinator.url),
    ]);
    tabs = joined.map(({ tab }) => tab);
    for (const tab of tabs) tab.send({ type: 'ready', samples: 100 });
  }, 60_000);
  afterAll(async () => {
    await coordinator.close();
    rmSync(folder, { recursive: true });
  });

  test('a round ends in the model that both members computed', async () => {
    const members = await Promise.all(tabs.map((tab) => scripted.seal(tab)));
    const before = coordinator.room.parameters;
    const results = scripted.finish(members);
    const { next, digest } = at(results, 0);
    expect(at(results, 1).digest).toEqual(digest);
    expect(next).not.toEqual(before);

    const first = await ScriptedTab.nextToAny(tabs, 'upload');
    await scripted.upload(first.tab, at(results, 0), first.message);

    const closed = await Promise.all(tabs.map((tab) => tab.next('closed')));
    for (const { record, model, sum } of closed) {
      expect(bytesToHex(record.digest)).toBe(bytesToHex(digest));
      expect(record).toMatchObject({ round: 1, attempt: 1, metrics: null });
      expect([...record.authors].sort()).toEqual(tabs.map((tab) => tab.identity.id).sort());
      const header = scripted.verified(model);
      expect(header).toMatchObject({ kind: 'model', round: 1 });
      expect(await scripted.downloadModel(header)).toEqual(next);
      const { manifest, headers } = at(results, 0);
      const order = { manifest: manifest.digest, summands: summandsOf(manifest, headers) };
      const proved = scripted.verifier.verifySum(sum, order, 'admitted');
      expect(proved.ok && proved.value.author).toBe(first.tab.identity.id);
    }
    expect(coordinator.room.parameters).toEqual(next);
    expect(told.map(({ record }) => record)).toEqual([at(closed, 0).record]);
    expect(at(told, 0).parameters).toEqual(next);
  });

  test('metrics of the model reach everybody, weighted by samples', async () => {
    const [a, b] = [at(tabs, 0), at(tabs, 1)];
    a.send({ type: 'metrics', round: 1, metrics: { samples: 10, loss: 1, accuracy: 0.5 } });
    expect((await b.next('metrics')).metrics).toEqual({ samples: 10, loss: 1, accuracy: 0.5 });
    b.send({ type: 'metrics', round: 1, metrics: { samples: 30, loss: 3, accuracy: 0.9 } });
    const mean = { samples: 40, loss: 2.5, accuracy: (0.5 * 10 + 0.9 * 30) / 40 };
    expect((await b.next('metrics')).metrics).toEqual(mean);
  });

  test('a sum that does not lead to the agreed model is refused, the other member is asked', async () => {
    const members = await Promise.all(tabs.map((tab) => scripted.seal(tab)));
    const result = at(scripted.finish(members), 0);
    const { sum, next, digest } = result;
    const first = await ScriptedTab.nextToAny(tabs, 'upload');

    // Nobody asked for this one: right as it is, it must not close the round.
    const stranger = at(tabs, first.tab === tabs[0] ? 1 : 0);
    await scripted.upload(stranger, result, first.message);
    await stranger.settled();
    const altered = sum.map((lane, i) => (i === 5000 ? lane ^ 1 : lane));
    await scripted.upload(first.tab, { ...result, sum: altered }, first.message);

    const second = await ScriptedTab.nextToAny(tabs, 'upload');
    expect(second.tab).toBe(stranger);
    await scripted.upload(second.tab, result, second.message);
    const closed = await Promise.all(tabs.map((tab) => tab.next('closed')));
    for (const { record } of closed) expect(record.digest).toEqual(digest);
    expect(coordinator.room.parameters).toEqual(next);
  });

  test('whatever members report, the sum that opens is the model, and liars are named', async () => {
    const members = await Promise.all(tabs.map((tab) => scripted.seal(tab)));
    const result = at(scripted.finish(members), 0);
    const first = await ScriptedTab.nextToAny(tabs, 'upload'); // the manifest is frozen
    const { round, attempt, revision } = result.manifest;
    const digest = modelDigest(new Float32Array(3));
    for (const tab of tabs) tab.send({ type: 'done', round, attempt, revision, digest });
    for (const tab of tabs) await tab.settled();
    await scripted.upload(first.tab, result, first.message);
    const named: PeerId[] = [];
    while (named.length < 2) {
      const { peer, what } = await at(tabs, 0).next('caught');
      if (what === 'digest') named.push(peer);
    }
    expect(named.sort()).toEqual(tabs.map((tab) => tab.identity.id).sort());
    const closed = await Promise.all(tabs.map((tab) => tab.next('closed')));
    for (const { record } of closed) expect(record.digest).toEqual(result.digest);
    expect(coordinator.room.parameters).toEqual(result.next);
  });

  test('what was learned is there after a restart', async () => {
    const { history, model } = coordinator.room.snapshot();
    const { parameters } = coordinator.room;
    expect(history.map(({ round }) => round)).toEqual([1, 2, 3]);
    await coordinator.close();
    coordinator = await start();
    const { welcome } = await ScriptedTab.join(coordinator.url);
    expect(welcome.history).toEqual(history);
    expect(welcome.history[0]?.metrics?.samples).toBe(40);
    scripted = await ScriptedRound.with(coordinator);
    const header = scripted.verified(welcome.model);
    expect(header.id).toBe(scripted.verified(model).id);
    expect(await scripted.downloadModel(header)).toEqual(parameters);
  }, 60_000);

  test('the last one is followed by others when the Data Owner says so, and a restart knows of it', async () => {
    const joined = await Promise.all([1, 2].map(() => ScriptedTab.join(coordinator.url)));
    tabs = joined.map(({ tab }) => tab);
    for (const { tab, welcome } of joined) {
      expect(welcome.lastRound).toBe(3);
      await tab.next('finished');
      tab.send({ type: 'ready', samples: 100 });
    }
    expect(await coordinator.room.goOn(2)).toEqual({
      ok: true,
      value: { closed: 3, lastRound: 5 },
    });
    for (const tab of tabs) expect((await tab.next('last-round')).lastRound).toBe(5);
    expect((await scripted.run(tabs)).round).toBe(4);
    const before = coordinator.room.parameters;
    expect(await coordinator.room.restart()).toEqual({
      ok: true,
      value: { closed: 4, lastRound: 7 },
    });
    for (const tab of tabs) await tab.next('replaced');
    expect(coordinator.room.parameters).not.toEqual(before);
    expect(coordinator.room.parameters.every(Number.isFinite)).toBe(true);

    await coordinator.close();
    coordinator = await start();
    const { tab, welcome } = await ScriptedTab.join(coordinator.url);
    expect(welcome.lastRound).toBe(7);
    await tab.settled();
    expect(tab.heard('finished')).toEqual([]);
  }, 60_000);
});
