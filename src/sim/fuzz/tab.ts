import fc from 'fast-check';
import { encodeCanonical } from '../../crypto/index.ts';
import { seededRandom, uniform } from '../../lib/index.ts';
import { serverCodec } from '../../protocol/index.ts';
import { serverMessages } from '../../protocol/testing.ts';
import { RoundNetwork } from '../round-network.ts';
import { Mutator } from './mutator.ts';
import { must, type FuzzReport } from './report.ts';

const perSlice = 40;
const sliceMs = 50;
const roundMs = 10 * 60_000;

/**
 * A tab to which the coordinator says things that are wrong among those that are right. Whatever it
 * makes of them, the others' rounds go on, and it takes part again when that is over.
 */
export function fuzzTab(seed: number, frames: number): FuzzReport {
  const random = seededRandom(seed);
  const network = new RoundNetwork(seed, { rounds: 100_000, minimum: 2 });
  const mutator = new Mutator(random);
  const [victim] = ['victim', 'other', 'third'].map((name) => network.join(name, 100));
  must(victim !== undefined, 'three members');
  network.tamper = (message) => {
    mutator.learn(serverCodec.encode(message));
    return message;
  };
  const closed = () => network.coordinator.rounds.closed;
  must(
    network.run(() => closed() >= 1, roundMs),
    'the first round does not end',
  );
  const arbitraries = fc.oneof(...Object.values(serverMessages));
  const generated = fc.sample(arbitraries, { seed, numRuns: Math.min(1_000, frames) });
  let [sent, accepted] = [0, 0];
  while (sent < frames) {
    for (let n = 0; n < perSlice && sent < frames; n++, sent++) {
      const frame =
        uniform(random) < 0.2 ? encodeCanonical(mutator.pick(generated)) : mutator.frame();
      if (serverCodec.decode(frame).ok) accepted++;
      network.receiveAtTab(victim, frame);
    }
    victim.refused.splice(0);
    network.run(() => false, sliceMs);
  }
  // What it was told of rounds that are not may have left it idle: a reload is what a person would do.
  network.reload(victim);
  const before = closed();
  must(
    network.run(() => closed() >= before + 2, roundMs),
    'rounds do not end any more',
  );
  const { history } = network.coordinator.snapshot();
  must(history.at(-1)?.authors.includes(victim.identity.id) === true, 'the tab takes no part any more'); // prettier-ignore
  return { inputs: sent, accepted };
}
