import { randomBytes } from 'node:crypto';
import { encodeCanonical, type Identity } from '../src/crypto/index.ts';
import {
  equalBytes,
  float32ToBytes,
  ownBytes,
  seededRandom,
  type TaskId,
} from '../src/lib/index.ts';
import { initialParameters, parameterCount, tensorsOf } from '../src/learning/index.ts';
import { limits, taskIdOf, type TaskDescription } from '../src/protocol/index.ts';
import { admitHeader, chooseScalars, cutBatch, signHeader, type SignedHeader } from '../src/vds/index.ts'; // prettier-ignore
import type { Config } from './config.ts';
import type { Checkpoint, Store } from './store/store.ts';

/** What a task says besides what follows from it and from its owner. */
export type TaskSettings = Omit<
  TaskDescription,
  'type' | 'version' | 'ownerKey' | 'nonce' | 'exchange' | 'crs'
>;

/** The built-in digits, `samplesPerMember` on each; alpha as in the configuration. */
export function digitsData(samplesPerMember: number, alpha: number) {
  return {
    kind: 'image' as const,
    width: 28,
    height: 28,
    channels: 1 as const,
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    builtIn: {
      generator: 'digits' as const,
      seed: 1,
      samplesPerMember,
      alpha: alpha === 0 ? null : alpha,
    },
  };
}

/** The task that a tab joins which names none: reading handwritten digits. */
export function digitsTask(config: Config): TaskSettings {
  return {
    name: 'Handwritten digits',
    data: digitsData(config.samplesPerMember, config.alpha),
    model: { kind: 'mlp', hidden: [128] },
    ...defaultLearning(config),
  };
}

/** Training, rounds and deadlines as configured. */
export function defaultLearning(config: Config) {
  return {
    training: {
      localEpochs: config.localEpochs,
      batchSize: 32,
      learningRate: 0.02,
      momentum: 0.9,
      validationShare: 0.1,
    },
    rounds: config.rounds,
    members: {
      minimum: config.minimumMembers,
      quorum: Math.min(2, config.minimumMembers),
      maximum: limits.members,
    },
    deadlines: { trainMs: 180_000, admitMs: 30_000, exchangeMs: 60_000 },
  };
}

/** A new task's description, chunk size fitted to its model. */
export function describeTask(settings: TaskSettings, owner: Identity): TaskDescription {
  const parameters = parameterCount(tensorsOf(settings.data, settings.model));
  return {
    type: 'task',
    version: 1,
    ...settings,
    ownerKey: owner.id,
    nonce: ownBytes(randomBytes(16)),
    exchange: { mode: 'gossip', topology: 'mesh', scalars: chooseScalars(parameters) },
    crs: null,
  };
}

/** A model as a batch by the Data Owner, signed and admitted. γ = 0: every member can cut it too. */
export function signModel(
  description: TaskDescription,
  round: number,
  parameters: Float32Array,
  owner: Identity,
): { readonly header: SignedHeader; readonly payloads: readonly Uint8Array[] } {
  const { header, payloads } = cutBatch(
    {
      task: taskIdOf(description),
      round,
      kind: 'model',
      author: owner.id,
      scalars: description.exchange.scalars,
      lanes: 'bytes',
    },
    float32ToBytes(parameters),
    null,
  );
  return { header: admitHeader(signHeader(header, owner), owner), payloads };
}

/** Finds the task with these settings in the store, or adds it. */
export async function openTask(
  store: Store,
  settings: TaskSettings,
  owner: Identity,
): Promise<{ readonly id: TaskId; readonly description: TaskDescription }> {
  const fresh = describeTask(settings, owner);
  for (const task of await store.tasks()) {
    const { nonce } = task.description;
    if (equalBytes(encodeCanonical(task.description), encodeCanonical({ ...fresh, nonce }))) {
      return task;
    }
  }
  const id = taskIdOf(fresh);
  const tensors = tensorsOf(fresh.data, fresh.model);
  const seed = randomBytes(4).readUInt32LE();
  const parameters = initialParameters(tensors, seededRandom(seed));
  const start: Checkpoint = {
    round: 0,
    header: signModel(fresh, 0, parameters, owner).header,
    parameters,
  };
  await store.addTask(id, fresh, start);
  return { id, description: fresh };
}
