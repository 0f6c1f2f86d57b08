import { proxy, transfer, type Remote } from 'comlink';
import type { Identity } from '../crypto/index.ts';
import { at, Bitfield, messageOf, ownBytes, type PeerId, type TaskId } from '../lib/index.ts';
import type { LinkPort, SeedPort, StorePort, TabEffect, TabEvent, TrainerPort, Answer } from '../tab/index.ts'; // prettier-ignore
import type { PeerLinks } from './peer-links.ts';
import { fetchSeed } from './seed-client.ts';
import type { ArrivedChunk, StorageService } from './storage-service.ts';
import type { TrainingService } from './training-service.ts';

/** bytes of a frame besides the chunk that it carries, at most */
const envelopeBytes = 1024;

/** Carries an effect out in its time. @param work what came of it; null for nothing to be said */
function later<E extends TabEffect>(work: (effect: E) => Promise<TabEvent | null>) {
  return (effect: E, answer: Answer): void => {
    work(effect).then(
      (event) => {
        if (event !== null) answer(event);
      },
      (thrown: unknown) => answer({ type: 'failed', effect, reason: messageOf(thrown) }),
    );
  };
}

/** Calls of one kind that are under way: while one is being answered, the next is there already. */
const callsUnderWay = 2;
const gatheredAtOnce = 32;

/**
 * Carries effects out together: a call to a worker costs both sides some 0.1 ms, and a chunk takes two.
 * What comes while calls are under way goes with the next one.
 *
 * @param work what came of each, in order
 */
function together<E extends TabEffect>(work: (effects: readonly E[]) => Promise<TabEvent[]>) {
  const waiting: { readonly effect: E; readonly answer: Answer }[] = [];
  let underWay = 0;
  const call = async () => {
    underWay++;
    while (waiting.length > 0) {
      const some = waiting.splice(0, gatheredAtOnce);
      const events = await work(some.map(({ effect }) => effect)).catch((thrown: unknown) => {
        const reason = messageOf(thrown);
        return some.map(({ effect }): TabEvent => ({ type: 'failed', effect, reason }));
      });
      const answers = new Map<Answer, TabEvent[]>();
      some.forEach(({ answer }, i) => {
        answers.set(answer, [...(answers.get(answer) ?? []), at(events, i)]);
      });
      for (const [answer, given] of answers) answer(...given);
    }
    underWay--;
  };
  return (effect: E, answer: Answer): void => {
    waiting.push({ effect, answer });
    if (underWay < callsUnderWay) void call();
  };
}

type Effect<T extends TabEffect['type']> = Extract<TabEffect, { type: T }>;

/** The storage worker. @param who asks and answers: this tab, and the Data Owner */
export function storagePort(
  storage: Remote<StorageService>,
  who: { readonly self: PeerId; readonly ownerKey: PeerId },
): StorePort {
  return {
    verify: later(async ({ message }: Effect<'verify'>) => {
      return { type: 'verified', what: message.type, result: await storage.verify(message) };
    }),
    add: later(async ({ header, readers }: Effect<'add'>) => {
      const { length } = header.columns;
      const bits = Bitfield.fromBytes(await storage.add(header, readers), length);
      return { type: 'held', header, readers, bits: bits ?? new Bitfield(length) };
    }),
    store: together(async (effects: readonly Effect<'store'>[]) => {
      const chunks = effects.map(({ header, index, payload }): ArrivedChunk => {
        // Nobody else needs the frame that it came in.
        const isFrame = payload.buffer.byteLength < payload.length + envelopeBytes;
        const own = isFrame ? (payload as Uint8Array<ArrayBuffer>) : ownBytes(payload);
        return { header: header.id, index, payload: own };
      });
      const moved = transfer(chunks, chunks.map(({ payload }) => payload.buffer)); // prettier-ignore
      const results = await storage.acceptAll(moved);
      return effects.map(({ header: { id: header }, index, from }, i) => {
        const result = at(results, i);
        return result.ok
          ? { type: 'stored', header, index, from }
          : { type: 'refused', header, index, from, reason: result.error };
      });
    }),
    read: together(async (effects: readonly Effect<'read'>[]) => {
      const read = await storage.readAll(effects.map(({ block }) => block));
      return effects.map(({ peer, block }, i) => ({ type: 'block', peer, block, bytes: at(read, i) })); // prettier-ignore
    }),
    relay: later(async (effect: Effect<'relay'>) => {
      const payload = await storage.chunk(effect.header, effect.index);
      return { ...effect, type: 'relayed', payload };
    }),
    answer: later(async ({ peer, id, header, question }: Effect<'answer'>) => {
      const parties = { auditor: peer ?? who.ownerKey, holder: who.self };
      return { type: 'answered', peer, id, answer: await storage.answer(header, question, parties) }; // prettier-ignore
    }),
    keep: later(async ({ headers }: Effect<'keep'>) => {
      await storage.keep(headers);
      return { type: 'dropped' };
    }),
    drop: later(async ({ headers }: Effect<'drop'>) => {
      await storage.drop(headers);
      return { type: 'dropped' };
    }),
  };
}

/** What the training worker is seen to do. */
export interface TrainingProgress {
  /** null: it is over. */
  readonly onTraining: (progress: { done: number; total: number; loss: number } | null) => void;
  /** Of committing, 0…1; null: it is over. */
  readonly onSealing: (share: number | null) => void;
}

/** The training worker. */
export function trainingPort(
  training: Remote<TrainingService>,
  { identity, task }: { readonly identity: Identity; readonly task: TaskId },
  { onTraining, onSealing }: TrainingProgress,
): TrainerPort {
  const { secret } = identity;
  const sealing = proxy(onSealing);
  return {
    train: later(async ({ round, attempt, model }: Effect<'train'>) => {
      const onProgress = (done: number, total: number, loss: number) =>
        onTraining({ done, total, loss });
      try {
        const result = await training.train(model.id, proxy(onProgress));
        return result && { type: 'trained', round, attempt, ...result };
      } finally {
        onTraining(null);
      }
    }),
    'cancel-training': later(async () => {
      await training.cancel();
      return null;
    }),
    seal: later(async ({ round, attempt, opening, scales, elapsedMs }: Effect<'seal'>) => {
      const order = { task, round, opening, secret, elapsedMs };
      try {
        const signed = await training.seal(order, scales, sealing);
        return { type: 'sealed', round, attempt, signed };
      } finally {
        onSealing(null);
      }
    }),
    aggregate: later(async ({ manifest, model }: Effect<'aggregate'>) => {
      const { round, attempt, revision, scales, entries } = manifest;
      const digest = await training.aggregate(model.id, entries, scales);
      return { type: 'aggregated', round, attempt, revision, digest };
    }),
    'prove-sum': later(async ({ manifest }: Effect<'prove-sum'>) => {
      const { round, opening, digest, entries } = manifest;
      const order = { task, round, opening, manifest: digest, secret };
      try {
        const sum = await training.sealSum(order, entries, sealing);
        return { type: 'sum-proved', manifest, ...sum };
      } finally {
        onSealing(null);
      }
    }),
    feedback: later(async ({ included }: Effect<'feedback'>) => {
      await training.feedback(included);
      return null;
    }),
    install: later(async ({ model }: Effect<'install'>) => {
      return { type: 'installed', model, isSame: await training.install(model) };
    }),
    evaluate: later(async ({ model }: Effect<'evaluate'>) => {
      return { type: 'evaluated', round: model.round, metrics: await training.evaluate(model.id) };
    }),
  };
}

/** The server as the seed of last resort. */
export function seedPort(task: TaskId): SeedPort {
  return {
    seed: later(async ({ header, index }: Effect<'seed'>) => {
      return { type: 'seeded', header, index, payload: await fetchSeed(task, header, index) };
    }),
  };
}

/** Connections by WebRTC. */
export function linkPort(links: PeerLinks): LinkPort {
  return {
    neighbours: ({ peers }) => links.setNeighbours(peers),
    signal: ({ from, session, data }) => links.signal(from, session, data),
    send: ({ peer, message }) => links.send(peer, message),
    close: ({ peer }) => links.close(peer),
  };
}
