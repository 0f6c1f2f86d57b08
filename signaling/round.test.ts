import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  at,
  Bitfield,
  bytesToFloat32,
  bytesToHex,
  normal,
  seededRandom,
  uint16ToBytes,
} from '../src/lib/index.ts';
import {
  applySum,
  largestMagnitudes,
  modelDigest,
  quantise,
  sumUpdates,
  tensorsOf,
} from '../src/learning/index.ts';
import { verifyManifest, type RoundRecord, type ServerMessage } from '../src/protocol/index.ts';
import {
  cutBatch,
  cutPayloads,
  joinLanes,
  signHeader,
  verifyChunk,
  verifyHeader,
  type SignedHeader,
  type VerifiedHeader,
} from '../src/vds/index.ts';
import { readConfig } from './config.ts';
import { digitsTask, type TaskSettings } from './default-task.ts';
import { ScriptedTab } from './scripted-tab.ts';
import { startCoordinator, type Coordinator } from './server.ts';

type Manifest = Extract<ServerMessage, { type: 'manifest' }>;

const folder = mkdtempSync(join(tmpdir(), 'murmuration-round-'));
const config = {
  ...readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent', MURMURATION_ROUNDS: '3' }),
  dataFolder: join(folder, 'data'),
};
// No hidden layer: 7 850 parameters in three chunks.
const task: TaskSettings = { ...digitsTask(config), model: { kind: 'mlp', hidden: [] } };
const random = seededRandom(31);

/** What the coordinator told of the models that rounds made. */
const told: { record: RoundRecord; parameters: Float32Array }[] = [];

async function start(): Promise<Coordinator> {
  const onModel = (record: RoundRecord, parameters: Float32Array) =>
    told.push({ record, parameters });
  return startCoordinator(config, { folder: join(folder, 'app'), task, onModel });
}

function verified(coordinator: Coordinator, signed: SignedHeader): VerifiedHeader {
  const { ownerKey } = coordinator.room.description;
  const header = verifyHeader(signed, { task: coordinator.room.id, ownerKey, admitted: true });
  if (!header.ok) throw new Error(header.error);
  return header.value;
}

/** Fetches a model from the coordinator, every chunk verified. */
async function download(coordinator: Coordinator, header: VerifiedHeader): Promise<Float32Array> {
  const base = `${coordinator.url}api/tasks/${coordinator.room.id}/batches/${header.id}/chunks/`;
  const payloads = await Promise.all(
    header.columns.map(async (_, index) => {
      const response = await fetch(base + String(index));
      const payload = new Uint8Array(await response.arrayBuffer());
      expect(verifyChunk(header, index, payload)).toEqual({ ok: true, value: null });
      return payload;
    }),
  );
  return bytesToFloat32(joinLanes(header, payloads));
}

/** What a member has at hand once the manifest is there. */
interface Sealed {
  readonly tab: ScriptedTab;
  readonly codes: Uint8Array;
  readonly payloads: readonly Uint8Array[];
  readonly message: Manifest;
}

/** Joins `open` to the manifest for one member: trains (at random), quantises, seals. */
async function seal(coordinator: Coordinator, tab: ScriptedTab): Promise<Sealed> {
  const { description, id } = coordinator.room;
  const tensors = tensorsOf(description.data, description.model);
  const { round, attempt } = await tab.next('open');
  const delta = coordinator.room.parameters.map(() => normal(random) * 0.01);
  tab.send({
    type: 'trained',
    round,
    attempt,
    metrics: { samples: 100, loss: 1, accuracy: 0.5 },
    magnitudes: largestMagnitudes(delta, tensors),
  });
  const { scales } = await tab.next('quantise');
  const { codes } = quantise(delta, scales, tensors, random);
  const { scalars } = description.exchange;
  const author = tab.identity.id;
  const about = { task: id, round, kind: 'update', author, scalars, lanes: 'update' } as const;
  const { header, payloads } = cutBatch(about, codes, random);
  tab.send({ type: 'header', round, attempt, signed: signHeader(header, tab.identity) });
  return { tab, codes, payloads, message: await tab.next('manifest') };
}

/** Adds up what the manifest names, as every member does by itself. */
function aggregate(coordinator: Coordinator, message: Manifest, members: readonly Sealed[]) {
  const { description, id, parameters } = coordinator.room;
  const opened = verifyManifest(message.manifest, { task: id, ownerKey: description.ownerKey });
  if (!opened.ok) throw new Error(opened.error);
  const manifest = opened.value;
  const headers = message.headers.map((signed) => verified(coordinator, signed));
  const updates = manifest.entries.map((entry) => {
    const header = headers.find((each) => each.id === entry.header);
    const author = members.find(({ tab }) => tab.identity.id === entry.author);
    if (header === undefined || author === undefined) throw new Error('a batch is missing');
    author.payloads.forEach((payload, i) => expect(verifyChunk(header, i, payload).ok).toBe(true));
    const lanes = joinLanes(header, author.payloads);
    expect(lanes).toEqual(author.codes);
    return lanes;
  });
  const weights = manifest.entries.map((entry) => entry.weight);
  const sum = sumUpdates(updates, weights);
  const tensors = tensorsOf(description.data, description.model);
  const next = applySum(parameters, sum, manifest.scales, tensors);
  return { manifest, headers, sum, next, digest: modelDigest(next) };
}

/** Sends the chunks of a sum, as asked for by `upload`. */
function upload(coordinator: Coordinator, tab: ScriptedTab, sum: Uint16Array, asked: Asked) {
  const { round, attempt, revision } = asked;
  const { scalars } = coordinator.room.description.exchange;
  cutPayloads(uint16ToBytes(sum), scalars, 'sum', null).forEach((payload, index) =>
    tab.send({ type: 'sum', round, attempt, revision, index, payload }),
  );
}
type Asked = Pick<Extract<ServerMessage, { type: 'upload' }>, 'round' | 'attempt' | 'revision'>;

/** From the manifest to everybody's `done`; returns what all arrived at. */
function finish(coordinator: Coordinator, members: readonly Sealed[]) {
  const results = members.map((member) => aggregate(coordinator, member.message, members));
  members.forEach(({ tab }, i) => {
    const { manifest, headers, digest } = at(results, i);
    const { round, attempt, revision } = manifest;
    const held = headers.map(({ id, columns }) => ({
      header: id,
      bits: Bitfield.full(columns.length).toBytes(),
    }));
    tab.send({ type: 'progress', round, attempt, held });
    tab.send({ type: 'done', round, attempt, revision, digest });
  });
  return results;
}

/** A record but for its duration: it is measured once before and once after the model is stored. */

describe('rounds over WebSockets', () => {
  let coordinator: Coordinator;
  let tabs: ScriptedTab[];

  beforeAll(async () => {
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'index.html'), '');
    coordinator = await start();
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
    const members = await Promise.all(tabs.map((tab) => seal(coordinator, tab)));
    const before = coordinator.room.parameters;
    const results = finish(coordinator, members);
    const { sum, next, digest } = at(results, 0);
    expect(at(results, 1).digest).toEqual(digest);
    expect(next).not.toEqual(before);

    const first = await ScriptedTab.nextToAny(tabs, 'upload');
    upload(coordinator, first.tab, sum, first.message);

    const closed = await Promise.all(tabs.map((tab) => tab.next('closed')));
    for (const { record, model } of closed) {
      expect(bytesToHex(record.digest)).toBe(bytesToHex(digest));
      expect(record).toMatchObject({ round: 1, attempt: 1, metrics: null });
      expect([...record.authors].sort()).toEqual(tabs.map((tab) => tab.identity.id).sort());
      const header = verified(coordinator, model);
      expect(header).toMatchObject({ kind: 'model', round: 1 });
      expect(await download(coordinator, header)).toEqual(next);
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
    const members = await Promise.all(tabs.map((tab) => seal(coordinator, tab)));
    const { sum, next, digest } = at(finish(coordinator, members), 0);
    const first = await ScriptedTab.nextToAny(tabs, 'upload');

    // Nobody asked for this one: right as it is, it must not close the round.
    const stranger = at(tabs, first.tab === tabs[0] ? 1 : 0);
    upload(coordinator, stranger, sum, first.message);
    await stranger.settled();
    upload(coordinator, first.tab, sum.map((lane, i) => (i === 5000 ? lane ^ 1 : lane)), first.message); // prettier-ignore

    const second = await ScriptedTab.nextToAny(tabs, 'upload');
    expect(second.tab).toBe(stranger);
    upload(coordinator, second.tab, sum, second.message);
    const closed = await Promise.all(tabs.map((tab) => tab.next('closed')));
    for (const { record } of closed) expect(record.digest).toEqual(digest);
    expect(coordinator.room.parameters).toEqual(next);
  });

  test('members that arrive at different models fail the round, and the model stays', async () => {
    const before = coordinator.room.parameters;
    const members = await Promise.all(tabs.map((tab) => seal(coordinator, tab)));
    for (const { tab, message } of members) {
      const { manifest } = aggregate(coordinator, message, members);
      const { round, attempt, revision } = manifest;
      const digest = modelDigest(
        Float32Array.from([Number.parseInt(tab.identity.id.slice(0, 6), 16)]),
      );
      tab.send({ type: 'done', round, attempt, revision, digest });
    }
    for (const tab of tabs) {
      expect(await tab.next('failed')).toMatchObject({ round: 3, attempt: 1 });
    }
    expect(coordinator.room.parameters).toEqual(before);
  });

  test('what was learned is there after a restart', async () => {
    const { history, model } = coordinator.room.snapshot();
    const { parameters } = coordinator.room;
    expect(history.map(({ round }) => round)).toEqual([1, 2]);
    await coordinator.close();
    coordinator = await start();
    const { welcome } = await ScriptedTab.join(coordinator.url);
    expect(welcome.history).toEqual(history);
    expect(welcome.history[0]?.metrics?.samples).toBe(40);
    expect(verified(coordinator, welcome.model).id).toBe(verified(coordinator, model).id);
    expect(await download(coordinator, verified(coordinator, welcome.model))).toEqual(parameters);
  }, 60_000);
});
