import fc from 'fast-check';
import { encodeCanonical } from '../../crypto/index.ts';
import { randomInt, seededRandom, shortId, uniform, type Random } from '../../lib/index.ts';
import { clientCodec, limits, signStatement } from '../../protocol/index.ts';
import { clientMessages } from '../../protocol/testing.ts';
import { RoundNetwork, type SimulatedMember } from '../round-network.ts';
import { Mutator } from './mutator.ts';
import { must, type FuzzReport } from './report.ts';

const honestCount = 3;
const attackerCount = 2;
/** Frames that each attacker sends in a slice of time. */
const perSlice = 40;
const sliceMs = 50;
/** Within which a round ends at last, whatever attackers do: some deadlines and pauses. */
const roundMs = 10 * 60_000;

/**
 * Members that take part in rounds and besides send frames that are wrong, as many as they may:
 * real ones mutated, and any that the schemas allow. Nobody honest is struck, refused or left
 * out for good, and rounds go on.
 */
export function fuzzCoordinator(seed: number, frames: number): FuzzReport {
  const random = seededRandom(seed);
  const network = new RoundNetwork(seed, { rounds: 100_000, minimum: honestCount });
  const mutator = new Mutator(random);
  const honest = Array.from({ length: honestCount }, (_, n) => network.join(`honest ${n}`, 100));
  for (const member of honest) {
    member.tamper = (message) => {
      mutator.learn(clientCodec.encode(message));
      return message;
    };
  }
  must(
    network.run(() => closedRounds(network) >= 1, roundMs),
    'the first round does not end',
  );
  let attackers = Array.from({ length: attackerCount }, (_, n) => network.join(`attacker 0 ${n}`, 50)); // prettier-ignore
  const arbitraries = fc.oneof(...Object.values(clientMessages));
  const generated = fc.sample(arbitraries, { seed, numRuns: Math.min(2_000, frames) });
  let [sent, accepted, generation] = [0, 0, 0];
  while (sent < frames) {
    for (const attacker of attackers) {
      for (let n = 0; n < perSlice && sent < frames; n++, sent++) {
        const frame = makeFrame(network, attacker, mutator, random, generated);
        if (clientCodec.decode(frame).ok) accepted++;
        network.receive(attacker, frame);
      }
      if (!attacker.online && uniform(random) < 0.2) network.connect(attacker);
    }
    // Now and then as somebody else: strikes are of an identity.
    if (uniform(random) < 0.02) {
      for (const attacker of attackers) if (attacker.online) network.disconnect(attacker);
      generation++;
      attackers = attackers.map((_, n) => network.join(`attacker ${generation % 40} ${n}`, 50));
    }
    network.run(() => false, sliceMs);
    checkHonest(network, honest);
  }
  const before = closedRounds(network);
  must(
    network.run(() => closedRounds(network) > before, roundMs),
    'rounds do not end any more',
  );
  checkHonest(network, honest);
  return { inputs: sent, accepted };
}

const closedRounds = ({ coordinator }: RoundNetwork) => coordinator.rounds.closed;

function makeFrame(
  network: RoundNetwork,
  attacker: SimulatedMember,
  mutator: Mutator,
  random: Random,
  generated: readonly object[],
): Uint8Array {
  const kind = uniform(random);
  if (kind < 0.15) return encodeCanonical(mutator.pick(generated));
  // Of the attempt that is open, and in part by its own key.
  if (kind < 0.35) {
    const { round, attempt, opening } = network.coordinator.snapshot();
    const message = { ...mutator.pick(generated), round, attempt: Math.max(1, attempt) };
    if (kind > 0.33 && opening !== null && network.admitted.size > 0) {
      const header = mutator.pick([...network.admitted.values()]);
      const bits = new Uint8Array(1 + randomInt(random, 4)).fill(randomInt(random, 256));
      const type = uniform(random) < 0.5 ? 'vouch' : 'complaint';
      const peer = attacker.identity.id;
      const signed = signStatement({ type, opening, peer, batches: [{ header: header.id, bits }] }, attacker.identity); // prettier-ignore
      const statement = { type, round, attempt, signed };
      return encodeCanonical(type === 'vouch' ? statement : { ...statement, reason: 'because' });
    }
    return encodeCanonical('signed' in message || 'round' in message ? message : mutator.pick(generated)); // prettier-ignore
  }
  return mutator.frame();
}

function checkHonest(network: RoundNetwork, honest: readonly SimulatedMember[]): void {
  const { members, history } = network.coordinator.snapshot();
  must(members.length <= limits.members, `${members.length} members`);
  must(history.length <= limits.historyRounds, `${history.length} rounds are remembered`);
  for (const { identity, refused, online } of honest) {
    const name = shortId(identity.id);
    const caught = network.log.find((line) => line.startsWith(name) && line.includes(' refused'));
    must(caught === undefined, `an honest member is caught: ${caught ?? ''}`);
    must(online, `${name} lost its connection`);
    must(refused.length === 0, `an honest member refuses: ${refused.join('; ')}`);
    must(members.some(({ peer, online }) => peer === identity.id && online), `${name} is no member`); // prettier-ignore
  }
  network.log.splice(0, Math.max(0, network.log.length - 100));
}
