import { assert, at, Bitfield, shortId, type PeerId } from '../lib/index.ts';
import { signStatement, type ClientMessage } from '../protocol/index.ts';
import { outcomeOf } from './outcome.ts';
import { RoundNetwork, type SimulatedMember } from './round-network.ts';
import { sumOf } from './sums.ts';

/** When a fault comes: as soon as the round is in this phase. */
export const steps = ['training', 'sealing', 'exchanging', 'collecting'] as const;
export type FaultStep = (typeof steps)[number];

interface Scene {
  readonly network: RoundNetwork;
  /** The honest member that the fault befalls. */
  readonly member: SimulatedMember;
  readonly honest: readonly SimulatedMember[];
}

/** What befalls an honest member, or the coordinator. */
export const faults = {
  'nothing happens': () => undefined,
  'a member vanishes': ({ network, member }) => network.disconnect(member),
  'a member is slow': ({ member }) => {
    Object.assign(member, { trainMs: 30_000, sealMs: 15_000, uploadMs: 30_000 });
  },
  'a member is silent': ({ member }) => {
    member.tamper = () => null;
  },
  'a member reconnects': ({ network, member }) => {
    network.disconnect(member);
    network.after(1_000, () => network.connect(member));
  },
  'a member is loaded anew': ({ network, member }) => network.reload(member),
  'a connection is replaced': ({ network, member }) => network.connect(member),
  'the coordinator is killed and restarted': ({ network }) => network.restart(),
  'the server’s store fails': ({ network }) => {
    network.storeFailures = 2;
  },
  'a member’s store loses an update': ({ network, member, honest }) => {
    const header = network.admitted.get(at(honest, 0).identity.id);
    if (header && member.held.has(header.id)) network.lose(member, header);
  },
  'the clock jumps': ({ network }) => {
    network.jump(30_000);
  },
} satisfies Record<string, (scene: Scene) => void>;
export type Fault = keyof typeof faults;

interface Lying {
  readonly network: RoundNetwork;
  readonly liar: SimulatedMember;
  readonly honest: readonly SimulatedMember[];
}

const corrupt = (payloads: readonly Uint8Array[]) =>
  payloads.map((bytes) => bytes.with(100, at(bytes, 100) ^ 1));

/** A statement on every chunk there is, whether it is so or not. */
function stated({ network, liar }: Lying, type: 'vouch' | 'complaint') {
  const opening = network.coordinator.snapshot().opening ?? new Uint8Array(32);
  const batches = [...network.admitted.values()].map(({ id, columns }) => ({
    ...{ header: id, bits: Bitfield.full(columns.length).toBytes() },
  }));
  return signStatement({ type, opening, peer: liar.identity.id, batches }, liar.identity);
}

/** What another member does on purpose. */
export const lies = {
  'nobody lies': () => undefined,
  'reports another model': ({ liar }) => {
    liar.liesAboutDigest = true;
  },
  'delivers a false sum': ({ liar }) => {
    liar.sealMs = 1; // its header is the first, and so it is asked first
    liar.makeSum = (terms, sealed) => {
      const { lanes, blinding } = sumOf(terms);
      return sealed({ lanes: lanes.with(0, at(lanes, 0) ^ 1), blinding });
    };
  },
  'delivers no sum': ({ liar }) => {
    liar.sealMs = 1;
    liar.uploadMs = Infinity;
  },
  'serves altered chunks': ({ liar }) => {
    liar.serve = corrupt;
  },
  'serves nobody': ({ liar, honest }) => {
    for (const member of honest) member.unreachable.add(liar.identity.id);
    liar.tamper = (message) =>
      message.type === 'relayed' ? { ...message, payload: null } : message;
  },
  'vouches for all it never saw': (lying) => {
    lying.liar.tamper = (message) =>
      message.type === 'vouch' ? { ...message, signed: stated(lying, 'vouch') } : message;
  },
  'complains of all that holds': (lying) => {
    lying.liar.tamper = (message): ClientMessage => {
      if (message.type !== 'vouch') return message;
      const { round, attempt } = message;
      return {
        type: 'complaint',
        round,
        attempt,
        signed: stated(lying, 'complaint'),
        reason: 'no',
      };
    };
  },
  'sends a header that does not open': ({ liar }) => {
    liar.tamper = (message) => {
      if (message.type !== 'header') return message;
      const { header } = message.signed;
      const signed = {
        ...message.signed,
        header: header.with(header.length - 5, 1 ^ at(header, header.length - 5)),
      };
      return { ...message, signed };
    };
  },
  'trains and says no more': ({ liar }) => {
    liar.tamper = (message) => (message.type === 'trained' || message.type === 'ready' ? message : null); // prettier-ignore
  },
} satisfies Record<string, (lying: Lying) => void>;
export type Lie = keyof typeof lies;

export interface FaultCase {
  readonly seed: number;
  readonly step: FaultStep;
  readonly fault: Fault;
  readonly lie: Lie;
}

/** What became of a case. It throws where something does not hold. */
export interface FaultOutcome {
  /** Attempts at the round. */
  readonly attempts: number;
  /** ms from the first opening to the round's end. */
  readonly ms: number;
}

/** All attempts that faults and lies may cost, each as long as its deadlines allow. ms */
const patienceMs = 4 * 60_000;

/**
 * A round of three honest members and one that may lie, in which a fault comes at a step: it ends
 * within its deadlines or is opened anew and ends, honest members that are there have the model
 * that the counted updates plainly average to, and nobody honest is struck.
 */
export function runFaultCase({ seed, step, fault, lie }: FaultCase): FaultOutcome {
  const network = new RoundNetwork(seed, { rounds: 3, minimum: 4 });
  const honest = ['first', 'second', 'third'].map((name, k) => network.join(name, 100 + 20 * k));
  const liar = network.join('liar', 130);
  lies[lie]({ network, liar, honest });
  const phase = () => network.coordinator.snapshot().phase;
  must(
    network.run(() => phase() === 'training', 10_000),
    'no round opens',
  );
  const start = network.now;
  const reached = network.run(() => phase() === step || network.coordinator.rounds.closed > 0, patienceMs); // prettier-ignore
  must(reached, `the round never comes to ${step}`);
  const member = at(honest, 1 + (seed % 2));
  faults[fault]({ network, member, honest });
  const isClosed = () => network.coordinator.rounds.closed >= 1;
  must(network.run(isClosed, patienceMs), 'the round does not end');
  const { attempt } = at(network.coordinator.snapshot().history, 0);
  const ms = network.now - start;
  // What is slow or silent is so no more: all come to the model.
  Object.assign(member, { trainMs: 500, sealMs: 20, uploadMs: 10, tamper: (said: ClientMessage) => said }); // prettier-ignore
  const { round } = network.coordinator.snapshot();
  network.run(() => network.coordinator.snapshot().phase === 'training', 5_000);
  network.run(() => false, 400);
  must(network.coordinator.snapshot().round === round, 'the next round is not over yet');
  const outcome = outcomeOf(network);
  const isAgreed = outcome.models.every((model) => model === outcome.plain);
  must(isAgreed, `models differ: ${outcome.models.map((model) => model.slice(0, 8)).join(' ')}`);
  const struck = honest.filter(({ identity }) => network.struck.has(identity.id));
  must(struck.length === 0, `struck: ${nameAll(network, struck.map(({ identity }) => identity.id))}`); // prettier-ignore
  return { attempts: attempt, ms };
}

function nameAll({ log }: RoundNetwork, peers: readonly PeerId[]): string {
  return peers.map((peer) => log.find((line) => line.startsWith(shortId(peer)) && line.includes('refused')) ?? shortId(peer)).join('; '); // prettier-ignore
}

function must(holds: boolean, what: string): void {
  assert(holds, what);
}
