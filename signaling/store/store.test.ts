import { PGlite } from '@electric-sql/pglite';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeCanonical, identityOf, type Identity, type Signed } from '../../src/crypto/index.ts';
import { at, float32ToBytes, seededRandom, type HeaderId, type PeerId, type TaskId } from '../../src/lib/index.ts'; // prettier-ignore
import { modelDigest } from '../../src/learning/index.ts';
import { limits, signManifest, taskIdOf, type Manifest, type RoundRecord, type TaskDescription } from '../../src/protocol/index.ts'; // prettier-ignore
import { admitHeader, headerId, signHeader, type Header, type SignedHeader } from '../../src/vds/index.ts'; // prettier-ignore
import { readConfig } from '../config.ts';
import { describeTask, digitsTask, findTask, type TaskSettings } from '../default-task.ts';
import { Store, type Checkpoint } from './store.ts';

const owner = identityOf(new Uint8Array(32).fill(1));
const random = seededRandom(1);
const settings: TaskSettings = {
  ...digitsTask(readConfig({})),
  model: { kind: 'mlp', hidden: [] },
};

const crs = { scalars: 256, digest: new Uint8Array(32).fill(7) } as const;

function aTask(by: Identity = owner): { id: TaskId; description: TaskDescription } {
  const description = describeTask(settings, by.id, crs);
  return { id: taskIdOf(description), description };
}

/** A header of the right form: the store leaves its proofs to the Data Owner. */
function aHeader(task: TaskId, round: number, kind: Header['kind']): SignedHeader {
  const header: Header = {
    type: 'header',
    version: 3,
    suite: 'bls12-381',
    task,
    opening: new Uint8Array(32),
    round,
    kind,
    author: owner.id,
    scalars: crs.scalars,
    lanes: kind === 'sum' || kind === 'update' ? kind : 'bytes',
    byteLength: 20,
    crs: crs.digest,
    columns: [{ digest: float32ToBytes(new Float32Array(8).map(() => random.uint32())), commitment: kind === 'sum' ? null : new Uint8Array(96) }], // prettier-ignore
    time: kind === 'update' ? new Uint8Array(192) : null,
    replaces: null,
    sum: kind === 'sum' ? { manifest: crs.digest, chunks: [0] } : null,
    y: [new Uint8Array(32)],
    pi: new Uint8Array(96),
  };
  return admitHeader(signHeader(header, owner), owner);
}

const idOf = (signed: SignedHeader) => headerId(signed.header);

/** A model after `round`, with values that are hard to keep: −0, denormals, infinity. */
function aModel({ id }: { id: TaskId }, round: number): Checkpoint {
  const parameters = Float32Array.from([-0, 2 ** -149, Infinity, round, random.uint32()]);
  return { round, header: aHeader(id, round, 'model'), parameters };
}

function aRecord({ round, parameters }: Checkpoint): RoundRecord {
  const authors: PeerId[] = [owner.id];
  const digest = modelDigest(parameters);
  return {
    round,
    attempt: 1,
    revision: 1,
    authors,
    ms: 1234,
    digest,
    metrics: null,
    revokedUpdates: 0,
  };
}

/** Closes a round with a sum that nobody looks at. */
function close(
  store: Store,
  task: TaskId,
  model: Checkpoint,
  record = aRecord(model),
  manifest: Signed = { bytes: new Uint8Array([0x80]), signature: new Uint8Array(64) },
) {
  return store.closeRound(task, model, {
    record,
    manifest,
    sum: aHeader(task, model.round, 'sum'),
  });
}

/** A manifest of round 3 that names these updates, each by another author. */
function manifestOf(task: TaskId, updates: readonly SignedHeader[]) {
  const manifest: Manifest = {
    ...{ type: 'manifest', task, round: 3, attempt: 1, revision: 1, scales: [1] },
    ...{ opening: crs.digest, model: idOf(aHeader(task, 2, 'model')), exchangeMs: 1000 },
    entries: updates.map((signed, k) => ({
      ...{ author: identityOf(new Uint8Array(32).fill(k + 1)).id, header: idOf(signed) },
      ...{ samples: 1, weight: 64 },
    })),
  };
  return signManifest(manifest, owner);
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
      else await close(store, task.id, model);
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
  });

  test('keeps until which round a task goes on', async () => {
    const { id } = await taskWith(0);
    expect(await store.lastRound(id)).toBeNull();
    await store.setLastRound(id, 40);
    expect(await store.lastRound(id)).toBe(40);
  });

  test('forgets rounds long ago, and no file and no revocation', async () => {
    const { id, models } = await taskWith(2);
    const file = aHeader(id, 0, 'file');
    await store.addFile(id, file, new Uint8Array(3));
    await store.revoke(id, idOf(at(models, 1).header), 1, null);
    const late = aModel({ id }, limits.historyRounds + 1);
    await close(store, id, late);
    expect((await store.history(id)).map(({ round }) => round)).toEqual([2, late.round]);
    expect(await store.header(id, idOf(at(models, 1).header))).toBeNull();
    expect(await store.header(id, idOf(at(models, 2).header))).not.toBeNull();
    expect(await store.header(id, idOf(file))).not.toBeNull();
    expect(await store.revoked(id)).toHaveLength(1);
  });

  test('keeps the newest models, and the best of those before', async () => {
    const { id, models } = await taskWith(0);
    const accuracies = [0.2, 0.9, 0.3, 0.9, 0.4, ...Array.from({ length: 10 }, () => 0.5)];
    for (const [k, accuracy] of accuracies.entries()) {
      const model = aModel({ id }, k + 1);
      models.push(model);
      await close(store, id, model);
      const metrics = { samples: 10, loss: 1, accuracy };
      await store.updateRecord(id, { ...aRecord(model), metrics });
    }
    const kept = (await store.newest(id, 100)).map(({ round }) => round);
    const newest = Array.from({ length: limits.keptModels }, (_, k) => accuracies.length - k);
    expect(kept).toEqual([...newest, 4]); // of two as good the newer one
    expect(await store.checkpoint(id, 4)).toEqual(models[4]);
    expect((await store.history(id)).length).toBe(accuracies.length);
  });

  test('refuses to keep a record that could not be read again', async () => {
    const { id, models } = await taskWith(1);
    const model = aModel({ id }, 2);
    const metrics = { samples: 1e12, loss: 1, accuracy: 1 };
    await expect(close(store, id, model, { ...aRecord(model), metrics })).rejects.toThrow('not stored'); // prettier-ignore
    expect(await store.newest(id, 1)).toEqual(models.slice(-1)); // neither model nor record
    const record = aRecord(models[1] as Checkpoint);
    await expect(store.updateRecord(id, { ...record, metrics })).rejects.toThrow('not stored');
    expect(await store.history(id)).toEqual([record]);
  });

  test('keeps tasks apart', async () => {
    const [a, b] = [await taskWith(2), await taskWith(1)];
    expect((await store.history(a.id)).length).toBe(2);
    expect(await store.newest(b.id, 1)).toEqual(b.models.slice(-1));
    const ids = (await store.tasks()).map(({ id }) => id);
    expect(ids.slice(0, 2)).toEqual([b.id, a.id]); // the newest first
  });

  test('marks the rounds whose models were made with what is revoked, whoever writes the record', async () => {
    const { id, models } = await taskWith(2);
    const [counted, other, failed] = [1, 1, 1].map(() => aHeader(id, 3, 'update'));
    if (!counted || !other || !failed) throw new Error('three headers');
    await store.addHeaders(id, [counted, other, failed]);
    const model = aModel({ id }, 3);
    const record = aRecord(model);
    await close(store, id, model, record, manifestOf(id, [counted, other]));
    const marks = async () => (await store.history(id)).map(({ revokedUpdates }) => revokedUpdates);

    expect(await store.revoke(id, idOf(failed), 1, null)).toEqual([]); // of an attempt that failed
    expect(await store.revoke(id, idOf(models[1]?.header ?? failed), 2, null)).toEqual([]);
    expect(await marks()).toEqual([0, 0, 0]);
    expect(await store.revoke(id, idOf(counted), 3, null)).toEqual([{ round: 3, revokedUpdates: 1 }]); // prettier-ignore
    await store.updateRecord(id, { ...record, metrics: { samples: 1, loss: 1, accuracy: 1 } });
    expect(await marks()).toEqual([0, 0, 1]);
    const added = [aHeader(id, 3, 'file'), other].map(idOf);
    expect(await store.addRevocations(id, 4, added)).toEqual([{ round: 3, revokedUpdates: 2 }]);
    expect(await marks()).toEqual([0, 0, 2]);
    expect((await store.round(id, 3))?.record.revokedUpdates).toBe(2);
    expect(await store.revoked(id)).toEqual([idOf(failed), idOf(models[1]?.header ?? failed), idOf(counted), ...added]); // prettier-ignore
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
    await expect(close(store, task.id, other)).rejects.toThrow();
    expect(await store.newest(task.id, 9)).toEqual(task.models.slice().reverse());

    // The model would be new, the record is not: neither is kept.
    const third = aModel(task, 3);
    await expect(close(store, task.id, third, aRecord(other))).rejects.toThrow();
    expect(await store.newest(task.id, 9)).toEqual(task.models.slice().reverse());
    expect(await store.history(task.id)).toEqual(task.models.slice(1).map(aRecord));

    await close(store, task.id, third);
    expect((await store.history(task.id)).length).toBe(3);
  });

  test('does not add a task twice, nor a round to a task that is not there', async () => {
    const task = await taskWith(0);
    await expect(store.addTask(task.id, task.description, aModel(task, 1))).rejects.toThrow();
    expect(await store.newest(task.id, 9)).toEqual(task.models);
    const stranger = aTask();
    const model = aModel(stranger, 1);
    await expect(close(store, stranger.id, model)).rejects.toThrow();
  });

  test('the default task is found again by its settings, owner and CRS', async () => {
    const own = { ...settings, name: 'Found again' };
    const find = (settled = own, by = owner, pinned = crs) =>
      findTask(store, settled, by.id, pinned);
    const found = await find();
    expect(found.isNew).toBe(true);
    await store.addTask(found.id, found.description, aModel(found, 0));
    expect(await find()).toEqual({ ...found, isNew: false });
    const others = [
      await find({ ...own, rounds: 31 }),
      await find(own, identityOf(new Uint8Array(32).fill(2))),
      await find(own, owner, { ...crs, digest: new Uint8Array(32).fill(8) }),
    ];
    for (const other of others) expect(other.isNew).toBe(true);
  });

  test('keeps every header that was admitted, once, with what became of it', async () => {
    const { id, models } = await taskWith(2);
    const file = aHeader(id, 0, 'file');
    await store.addFile(id, file, new Uint8Array([1, 2, 3]));
    await store.addHeaders(id, [file, file]);
    await store.addHeaders(id, []);
    expect(await store.header(id, idOf(file))).toEqual(file);
    expect(await store.header(id, '00'.repeat(32) as HeaderId)).toBeNull();
    expect(await store.file(id, idOf(file))).toEqual(new Uint8Array([1, 2, 3]));
    expect(await store.fileCount(id)).toBe(1);
    const all = await store.batches(id, { limit: 200, offset: 0 });
    expect(all.length).toBe(models.length + 2 + 1); // a sum each round
    expect(all[0]).toMatchObject({ header: idOf(file), kind: 'file', revokedIn: null });
    expect(await store.batches(id, { limit: 2, offset: 1 })).toEqual(all.slice(1, 3));
  });

  test('keeps revocations in order, and each batch is revoked once', async () => {
    const { id, models } = await taskWith(2);
    const ids = models.map(({ header }) => idOf(header));
    for (const [i, header] of ids.entries()) await store.revoke(id, header, i + 1, null);
    await expect(store.revoke(id, ids[0] as HeaderId, 4, null)).rejects.toThrow();
    expect(await store.revoked(id)).toEqual(ids);
    const all = await store.batches(id, { limit: 200, offset: 0 });
    expect(all.find(({ header }) => header === ids[1])?.revokedIn).toBe(2);
  });

  test('a model is revoked and replaced together, or not at all', async () => {
    const { id, models } = await taskWith(2);
    const old = idOf((models[2] as Checkpoint).header);
    const replacement = { signed: aHeader(id, 2, 'model'), content: Float32Array.of(1, 2) };
    await store.revoke(id, idOf((models[1] as Checkpoint).header), 1, null);
    await expect(store.revoke(id, old, 1, replacement)).rejects.toThrow(); // that epoch was before
    expect((await store.newest(id, 1))[0]).toEqual(models[2]);
    expect(await store.header(id, idOf(replacement.signed))).toBeNull();

    await store.revoke(id, old, 2, replacement);
    expect((await store.newest(id, 1))[0]).toEqual({
      round: 2,
      header: replacement.signed,
      parameters: replacement.content,
    });
    expect(await store.checkpoint(id, 1)).toEqual(models[1]);
    expect(await store.checkpoint(id, 3)).toBeNull();
  });

  test('does not keep a task that could not be read again', async () => {
    const old = aTask();
    const { version, ...rest } = old.description;
    const description = { ...rest, version: version - 1 } as unknown as TaskDescription;
    await expect(store.addTask(old.id, description, aModel(old, 0))).rejects.toThrow('not stored');
    expect((await store.tasks()).map(({ id }) => id)).not.toContain(old.id);
  });
});

test('what an earlier version left is not fatal: its tasks are let alone, bad records left out and told of', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'murmuration-store-'));
  const store = await Store.open(folder);
  const task = aTask();
  const models = [0, 1, 2].map((round) => aModel(task, round));
  await store.addTask(task.id, task.description, models[0] as Checkpoint);
  for (const model of models.slice(1)) await close(store, task.id, model);
  await store.close();
  const client = await PGlite.create(folder);
  const bad = encodeCanonical({ ...aRecord(models[1] as Checkpoint), metrics: { samples: 1e12, loss: 0, accuracy: 0 } }); // prettier-ignore
  await client.query('UPDATE rounds SET record = $1 WHERE round = 1', [bad]);
  const older = encodeCanonical({ ...task.description, version: 1 });
  await client.query('INSERT INTO tasks (id, description) VALUES ($1, $2)', ['0'.repeat(32), older]); // prettier-ignore
  await client.close();
  const again = await Store.open(folder);
  const unreadable: number[] = [];
  const history = await again.history(task.id, (round) => unreadable.push(round));
  expect(history.map(({ round }) => round)).toEqual([2]);
  expect(unreadable).toEqual([1]);
  expect((await again.tasks()).map(({ id }) => id)).toEqual([task.id]);
  await again.close();
  rmSync(folder, { recursive: true });
}, 60_000);

test('a store in a folder has everything after it was closed and opened again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'murmuration-store-'));
  try {
    const task = aTask();
    const [start, next] = [aModel(task, 0), aModel(task, 1)];
    const before = await Store.open(join(folder, 'db'));
    await before.addTask(task.id, task.description, start);
    await close(before, task.id, next);
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
