import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { identityOf, type Identity } from '../../src/crypto/index.ts';
import { seededRandom, type PeerId, type TaskId } from '../../src/lib/index.ts';
import { modelDigest } from '../../src/learning/index.ts';
import { taskIdOf, type RoundRecord, type TaskDescription } from '../../src/protocol/index.ts';
import { readConfig } from '../config.ts';
import {
  describeTask,
  digitsTask,
  openTask,
  signModel,
  type TaskSettings,
} from '../default-task.ts';
import { Store, type Checkpoint } from './store.ts';

const owner = identityOf(new Uint8Array(32).fill(1));
const random = seededRandom(1);
const settings: TaskSettings = {
  ...digitsTask(readConfig({})),
  model: { kind: 'mlp', hidden: [] },
};

function aTask(by: Identity = owner): { id: TaskId; description: TaskDescription } {
  const description = describeTask(settings, by);
  return { id: taskIdOf(description), description };
}

/** A model after `round`, with values that are hard to keep: −0, denormals, infinity. */
function aModel({ description }: { description: TaskDescription }, round: number): Checkpoint {
  const parameters = Float32Array.from([-0, 2 ** -149, Infinity, round, random.uint32()]);
  return { round, header: signModel(description, round, parameters, owner).header, parameters };
}

function aRecord({ round, parameters }: Checkpoint): RoundRecord {
  const authors: PeerId[] = [owner.id];
  return { round, attempt: 1, authors, ms: 1234, digest: modelDigest(parameters), metrics: null };
}

describe('a store in memory', () => {
  let store: Store;
  // One for all tests, each of which has tasks of its own: opening one takes a second.
  beforeAll(async () => (store = await Store.open(null)), 60_000);
  afterAll(async () => store.close());

  /** Adds a task and closes so many of its rounds. */
  async function taskWith(rounds: number) {
    const task = aTask();
    const models = Array.from({ length: rounds + 1 }, (_, round) => aModel(task, round));
    for (const model of models) {
      if (model.round === 0) await store.addTask(task.id, task.description, model);
      else await store.closeRound(task.id, model, aRecord(model));
    }
    return { ...task, models };
  }

  test('gives back a task and the model it starts from, bit by bit', async () => {
    const { id, description, models } = await taskWith(0);
    expect(await store.tasks()).toContainEqual({ id, description });
    const newest = await store.newest(id, 2);
    expect(newest).toEqual(models);
    expect(Object.is(newest[0]?.parameters[0], -0)).toBe(true);
    expect(await store.history(id)).toEqual([]);
  });

  test('has nothing of a task that it does not know', async () => {
    expect(await store.newest('00'.repeat(16) as TaskId, 2)).toEqual([]);
    expect(await store.history('00'.repeat(16) as TaskId)).toEqual([]);
  });

  test('tells closed rounds in order, and models newest first', async () => {
    // More than nine rounds: in the order of text, 10 would come before 2.
    const { id, models } = await taskWith(11);
    expect(await store.history(id)).toEqual(models.slice(1).map(aRecord));
    expect(await store.newest(id, 3)).toEqual(models.slice(-3).reverse());
    expect((await store.newest(id, 100)).length).toBe(12);
  });

  test('keeps tasks apart', async () => {
    const [a, b] = [await taskWith(2), await taskWith(1)];
    expect((await store.history(a.id)).length).toBe(2);
    expect(await store.newest(b.id, 1)).toEqual(b.models.slice(-1));
    const ids = (await store.tasks()).map(({ id }) => id);
    expect(ids.slice(0, 2)).toEqual([b.id, a.id]); // the newest first
  });

  test('updates the record of one round alone', async () => {
    const { id, models } = await taskWith(3);
    const [, first, second, third] = models.map(aRecord);
    const updated = { ...second, metrics: { samples: 10, loss: 0.5, accuracy: 0.75 } };
    await store.updateRecord(id, updated as RoundRecord);
    expect(await store.history(id)).toEqual([first, updated, third]);
  });

  test('does not close a round twice, and a refused one leaves nothing changed', async () => {
    const task = await taskWith(2);
    const other = aModel(task, 2);
    await expect(store.closeRound(task.id, other, aRecord(other))).rejects.toThrow();
    expect(await store.newest(task.id, 9)).toEqual(task.models.slice().reverse());

    // The model would be new, the record is not: neither is kept.
    const third = aModel(task, 3);
    await expect(store.closeRound(task.id, third, aRecord(other))).rejects.toThrow();
    expect(await store.newest(task.id, 9)).toEqual(task.models.slice().reverse());
    expect(await store.history(task.id)).toEqual(task.models.slice(1).map(aRecord));

    await store.closeRound(task.id, third, aRecord(third));
    expect((await store.history(task.id)).length).toBe(3);
  });

  test('does not add a task twice, nor a round to a task that is not there', async () => {
    const task = await taskWith(0);
    await expect(store.addTask(task.id, task.description, aModel(task, 1))).rejects.toThrow();
    expect(await store.newest(task.id, 9)).toEqual(task.models);
    const stranger = aTask();
    const model = aModel(stranger, 1);
    await expect(store.closeRound(stranger.id, model, aRecord(model))).rejects.toThrow();
  });

  test('the default task is added once, and found again by its settings and owner', async () => {
    const opened = await openTask(store, settings, owner);
    expect(await openTask(store, settings, owner)).toEqual(opened);
    const longer = await openTask(store, { ...settings, rounds: 31 }, owner);
    expect(longer.id).not.toBe(opened.id);
    const foreign = await openTask(store, settings, identityOf(new Uint8Array(32).fill(2)));
    expect(foreign.id).not.toBe(opened.id);
    const ids = (await store.tasks()).map(({ id }) => id);
    expect(ids.filter((id) => id === opened.id).length).toBe(1);
    expect((await store.newest(opened.id, 2)).map(({ round }) => round)).toEqual([0]);
  });
});

test('a store in a folder has everything after it was closed and opened again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'murmuration-store-'));
  try {
    const task = aTask();
    const [start, next] = [aModel(task, 0), aModel(task, 1)];
    const before = await Store.open(join(folder, 'db'));
    await before.addTask(task.id, task.description, start);
    await before.closeRound(task.id, next, aRecord(next));
    await before.close();

    const after = await Store.open(join(folder, 'db'));
    expect(await after.tasks()).toEqual([task]);
    expect(await after.history(task.id)).toEqual([aRecord(next)]);
    expect(await after.newest(task.id, 2)).toEqual([next, start]);
    await after.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
