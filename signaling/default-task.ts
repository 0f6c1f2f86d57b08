import { randomBytes } from 'node:crypto';
import { encodeCanonical } from '../src/crypto/index.ts';
import { equalBytes, ownBytes, seededRandom, type PeerId, type TaskId } from '../src/lib/index.ts';
import { initialParameters, parameterCount, tensorsOf } from '../src/learning/index.ts';
import { largestSwarm, taskIdOf, type TaskDescription } from '../src/protocol/index.ts';
import { chooseScalars, type Crs, type ScalarCount } from '../src/vds/index.ts';
import type { Config } from './config.ts';
import type { Store } from './store/store.ts';

/** What a task says besides what follows from it and from its owner. */
export type TaskSettings = Omit<
  TaskDescription,
  'type' | 'version' | 'ownerKey' | 'nonce' | 'exchange' | 'crs'
> & { readonly exchange: Omit<TaskDescription['exchange'], 'scalars'> };

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
      // Of 0.02, 0.05 and 0.1, five rounds of four members: real digits 0.943, 0.956, 0.956, built-in
      // ones 0.878, 0.892, 0.876, both dealt evenly; unevenly 0.904, 0.925, 0.938 and 0.823, 0.853, 0.862.
      learningRate: 0.05,
      momentum: 0.9,
      validationShare: 0.1,
    },
    rounds: config.rounds,
    members: {
      minimum: config.minimumMembers,
      quorum: Math.min(2, config.minimumMembers),
      maximum: largestSwarm(config.topology),
    },
    exchange: {
      mode: 'gossip' as const,
      topology:
        config.topology === 'random-regular'
          ? { kind: config.topology, degree: config.degree }
          : { kind: config.topology },
      uploadSlots: config.uploadSlots,
    },
    deadlines: { trainMs: 180_000, admitMs: 30_000, exchangeMs: 60_000 },
  };
}

/** What a task says of its CRS. */
type PinnedCrs = Pick<Crs, 'scalars' | 'digest'>;

/** n for a task: fitted to its model. */
export function scalarsFor(settings: Pick<TaskSettings, 'data' | 'model'>): ScalarCount {
  return chooseScalars(parameterCount(tensorsOf(settings.data, settings.model)));
}

/** A new task's description. */
export function describeTask(
  settings: TaskSettings,
  ownerKey: PeerId,
  crs: PinnedCrs,
): TaskDescription {
  return {
    type: 'task',
    version: 3,
    ...settings,
    ownerKey,
    nonce: ownBytes(randomBytes(16)),
    exchange: { ...settings.exchange, scalars: crs.scalars },
    crs: crs.digest,
  };
}

/** The task with these settings: the store's, or a new one that is not stored yet. */
export async function findTask(
  store: Store,
  settings: TaskSettings,
  ownerKey: PeerId,
  crs: PinnedCrs,
): Promise<{
  readonly id: TaskId;
  readonly description: TaskDescription;
  readonly isNew: boolean;
}> {
  const fresh = describeTask(settings, ownerKey, crs);
  for (const task of await store.tasks()) {
    const { nonce } = task.description;
    if (equalBytes(encodeCanonical(task.description), encodeCanonical({ ...fresh, nonce }))) {
      return { ...task, isNew: false };
    }
  }
  return { id: taskIdOf(fresh), description: fresh, isNew: true };
}

/** The model that a new task starts from, float32[P]. */
export function startingParameters({ data, model }: TaskDescription): Float32Array {
  const seed = randomBytes(4).readUInt32LE();
  return initialParameters(tensorsOf(data, model), seededRandom(seed));
}
