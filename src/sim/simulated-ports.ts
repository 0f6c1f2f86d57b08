import { assert, bytesToFloat32, bytesToHex, float32ToBytes, messageOf, uniform, type HeaderId, type PeerId, type Result } from '../lib/index.ts'; // prettier-ignore
import { applySum, largestMagnitudes, modelDigest, parameterCount, quantise, sumUpdates, totalOf } from '../learning/index.ts'; // prettier-ignore
import type { ClientMessage, PeerMessage } from '../protocol/index.ts';
import type { RoundServerMessage } from '../rounds/index.ts';
import type { Answer, LinkPort, OnlookerPort, Ports, SeedPort, StorePort, TabEffect, TabEvent, TrainerPort } from '../tab/index.ts'; // prettier-ignore
import { cutPayloads, headerId, type VerifiedHeader } from '../vds/index.ts';
import type { SealedUpdate } from './averaging.ts';
import { scalars, seal, sealCut, type Sealed } from './sealing.ts';
import type { SimulatedMember } from './simulated-member.ts';
import type { SimulatedOwner } from './simulated-owner.ts';
import { cutSum, lanesOf, type SumTerm } from './sums.ts';

type Effect<T extends TabEffect['type']> = Extract<TabEffect, { type: T }>;

/** What a member's ports have of the world. */
export interface World {
  readonly owner: SimulatedOwner;
  /** since 1970 */
  readonly seconds: number;
  /** Every update that was sealed. */
  readonly updates: SealedUpdate[];
  /** Calls in so many ms, unless the page that asked for it is gone. */
  later(member: SimulatedMember, ms: number, run: () => void): void;
  /** To the coordinator. */
  tell(member: SimulatedMember, message: ClientMessage): void;
  setNeighbours(member: SimulatedMember, peers: readonly PeerId[]): void;
  send(member: SimulatedMember, to: PeerId, message: PeerMessage): void;
  close(member: SimulatedMember, to: PeerId): void;
  /** Whether the coordinator never said this. */
  isForged(message: RoundServerMessage): boolean;
}

/** A tab's ports: a store in memory, training that is a random step, links of the simulation. */
export function simulatedPorts(world: World, member: SimulatedMember): Ports {
  return {
    tell: ({ message }) => world.tell(member, message),
    reconnect: () => undefined,
    ...linkPort(world, member),
    ...storePort(world, member),
    ...seedPort(world, member),
    ...trainerPort(world, member),
    ...onlooker(member),
  };
}

/** Answers later with what is so then; what throws cannot be carried out. */
function answering(world: World, member: SimulatedMember) {
  return <E extends TabEffect>(ms: () => number, what: (effect: E) => TabEvent) =>
    (effect: E, answer: Answer): void => {
      world.later(member, ms(), () => {
        try {
          answer(what(effect));
        } catch (thrown) {
          if (!(thrown instanceof Missing)) throw thrown;
          answer({ type: 'failed', effect, reason: messageOf(thrown) });
        }
      });
    };
}

/** What is to be added up was revoked or lost meanwhile. */
class Missing extends Error {}

function linkPort(world: World, member: SimulatedMember): LinkPort {
  return {
    neighbours: ({ peers }) => world.setNeighbours(member, peers),
    signal: () => undefined,
    send: ({ peer, message }) => world.send(member, peer, message),
    close: ({ peer }) => world.close(member, peer),
  };
}

function storePort(world: World, member: SimulatedMember): StorePort {
  const { store } = member;
  const answer = answering(world, member);
  const soon = () => 1;
  const served = (header: HeaderId, index: number, to: PeerId | null) => {
    const payload = store.get(header, index);
    return payload && (member.serve([payload], to)[0] ?? null);
  };
  return {
    verify: ({ message }, verified) => {
      const result = member.messages.verify(message, world.seconds);
      if (!result.ok) member.refused.push(`${message.type}: ${result.error}`);
      // A tab does not follow what does not hold, and of an honest coordinator everything holds.
      assert(result.ok || world.isForged(message), `what the coordinator signs holds: ${result.ok ? '' : result.error}`); // prettier-ignore
      if (result.ok && result.value.type === 'frozen') member.frozen = result.value.freeze;
      verified({ type: 'verified', what: message.type, result });
    },
    add: answer(soon, ({ header, readers }: Effect<'add'>) => {
      return { type: 'held', header, readers, bits: store.bits(header) };
    }),
    store: answer(soon, ({ header, index, payload, from }: Effect<'store'>) => {
      const verdict = member.server.verifier.verifyChunk(header, index, payload);
      if (!verdict.ok) {
        return { type: 'refused', header: header.id, index, from, reason: verdict.error };
      }
      store.put(header, index, payload);
      return { type: 'stored', header: header.id, index, from };
    }),
    read: answer(soon, ({ peer, block }: Effect<'read'>) => {
      const { header, index, offset, length } = block;
      const bytes = served(header, index, peer)?.subarray(offset, offset + length) ?? null;
      return { type: 'block', peer, block, bytes };
    }),
    relay: answer(
      () => 10,
      (effect: Effect<'relay'>) => {
        return { ...effect, type: 'relayed', payload: served(effect.header, effect.index, null) };
      },
    ),
    answer: answer(soon, ({ peer, id }: Effect<'answer'>) => {
      const reason = 'the simulation answers no questions';
      return { type: 'answered', peer, id, answer: { kind: 'refused', reason } };
    }),
    keep: answer(soon, ({ headers }: Effect<'keep'>) => {
      store.keep(headers);
      return { type: 'dropped' };
    }),
    drop: answer(soon, ({ headers }: Effect<'drop'>) => {
      store.drop(headers);
      return { type: 'dropped' };
    }),
  };
}

function seedPort(world: World, member: SimulatedMember): SeedPort {
  return {
    seed: answering(world, member)(
      () => 20,
      ({ header, index }: Effect<'seed'>) => {
        const payload = world.owner.payloads.get(header)?.[index] ?? null;
        return { type: 'seeded', header, index, payload };
      },
    ),
  };
}

function trainerPort(world: World, member: SimulatedMember): TrainerPort {
  const { owner, updates } = world;
  const { store, random } = member;
  const answer = answering(world, member);
  const quick = () => 20;
  return {
    train: ({ round, attempt }, trained) => {
      const training = ++member.trainings;
      world.later(member, member.trainMs, () => {
        if (member.trainings !== training) return;
        const step = () => (uniform(random) - 0.5) * 0.2;
        member.delta = Float32Array.from({ length: parameterCount(owner.tensors) }, step);
        const magnitudes = largestMagnitudes(member.delta, owner.tensors);
        const metrics = { samples: member.samples, loss: 1, accuracy: 0.5 };
        trained({ type: 'trained', round, attempt, metrics, magnitudes });
      });
    },
    'cancel-training': () => {
      member.trainings++;
    },
    seal: answer(
      () => member.sealMs,
      ({ round, attempt, opening, scales }: Effect<'seal'>) => {
        assert(member.delta !== null, 'sealing what was trained');
        const { codes } = quantise(member.delta, scales, owner.tensors, random);
        const about = { task: owner.task, opening, round, kind: 'update' } as const;
        const { signed, payloads } = seal(about, codes, member.identity, random.uint32());
        const header = headerId(signed.header);
        const { id: author, samples } = member;
        updates.push({ author, round, attempt, header, codes, scales, samples });
        store.putAll(header, payloads);
        return { type: 'sealed', round, attempt, signed };
      },
    ),
    aggregate: answer(quick, ({ manifest, model }: Effect<'aggregate'>) => {
      const { round, attempt, revision, scales, entries } = manifest;
      const lanes = (header: HeaderId) => lanesOf(payloadsOf(member, header));
      const weights = entries.map(({ weight }) => weight);
      const sum = sumUpdates(entries.map(({ header }) => lanes(header)), weights); // prettier-ignore
      const base = bytesToFloat32(lanes(model.id));
      const next = applySum(base, sum, totalOf(weights), scales, owner.tensors);
      member.sum = { sum, model: next };
      const digest = modelDigest(next);
      member.digests.set(round, bytesToHex(digest));
      return { type: 'aggregated', round, attempt, revision, digest };
    }),
    'prove-sum': answer(
      () => member.uploadMs,
      ({ manifest }: Effect<'prove-sum'>) => {
        const { opening, digest, entries, round } = manifest;
        const terms = entries.map(({ header, weight }): SumTerm => ({ payloads: payloadsOf(member, header), weight })); // prettier-ignore
        const about = { task: owner.task, opening, kind: 'sum', manifest: digest } as const;
        const sealed: Sealed = member.makeSum(terms, (parts, of = round) =>
          sealCut({ ...about, round: of }, cutSum(parts), member.identity, 0),
        );
        return { type: 'sum-proved', manifest, ...sealed };
      },
    ),
    feedback: () => undefined,
    install: answer(
      () => 1,
      ({ model }: Effect<'install'>) => {
        assert(member.sum !== null, 'installing what was added up');
        const payloads = cutPayloads(float32ToBytes(member.sum.model), scalars, 'bytes', null);
        const verdicts = verdictsOn(member, model, payloads);
        assert(verdicts.every(({ ok }) => ok), 'the same model'); // prettier-ignore
        store.putAll(model.id, payloads);
        return { type: 'installed', model, isSame: true };
      },
    ),
    evaluate: answer(quick, ({ model: { round } }: Effect<'evaluate'>) => {
      return { type: 'evaluated', round, metrics: { samples: 10, loss: 0.5, accuracy: 0.75 } };
    }),
  };
}

function onlooker(member: SimulatedMember): OnlookerPort {
  const nothing = () => undefined;
  return {
    ...{ followed: nothing, 'not-followed': nothing, computed: nothing, measured: nothing },
    ...{ timed: nothing, pause: nothing, asked: nothing },
    'bad-chunk': ({ reason }) => void member.refused.push(`chunk: ${reason}`),
    log: ({ text }) => void member.log.push(text),
  };
}

function payloadsOf({ held }: SimulatedMember, header: HeaderId): readonly Uint8Array[] {
  const payloads = held.get(header);
  if (payloads === undefined) throw new Missing('a batch is not complete any more');
  return payloads;
}

/** What a member finds of chunks. */
export function verdictsOn(
  { server }: SimulatedMember,
  header: VerifiedHeader,
  payloads: readonly Uint8Array[],
): Result<null>[] {
  return payloads.map((each, i) => server.verifier.verifyChunk(header, i, each));
}
