import fc from 'fast-check';
import { seededRandom, uniform } from '../../lib/index.ts';
import { peerCodec } from '../../protocol/index.ts';
import { peerMessages } from '../../protocol/testing.ts';
import { SwarmNetwork, type SimulatedPeer } from '../swarm-network.ts';
import { Mutator } from './mutator.ts';
import { must, type FuzzReport } from './report.ts';

/** Frames of an attacker on one connection; then somebody else's turn comes. */
const perTransfer = 300;
const sliceMs = 20;
const transferMs = 120_000;

/**
 * Peers that speak the protocol and besides send frames that are wrong. Who sends them may lose its
 * connection; a transfer between two others ends, and theirs stays.
 */
export function fuzzEngine(seed: number, frames: number): FuzzReport {
  const random = seededRandom(seed);
  const mutator = new Mutator(random);
  const arbitraries = fc.oneof(...Object.values(peerMessages));
  const generated = fc.sample(arbitraries, { seed, numRuns: Math.min(2_000, frames) });
  let [sent, accepted] = [0, 0];
  for (let transfer = 0; sent < frames; transfer++) {
    const network = new SwarmNetwork(seed + transfer);
    const [giver, taker, attacker] = [network.addPeer('giver'), network.addPeer('taker'), network.addPeer('attacker')]; // prettier-ignore
    const batch = network.makeBatch('giver', 4);
    network.give(giver, batch);
    network.give(taker, batch, []);
    network.give(attacker, batch, [0]);
    for (const peer of [giver, taker, attacker]) {
      peer.tamper = (message) => {
        if (mutator.knows < 300 || uniform(random) < 0.05) mutator.learn(peerCodec.encode(message));
        return message;
      };
    }
    network.connectAll();
    for (let n = 0; n < perTransfer && sent < frames; n++, sent++) {
      const kind = uniform(random);
      const frame =
        kind < 0.3 || mutator.knows === 0
          ? peerCodec.encode(mutator.pick(generated))
          : mutator.frame();
      if (peerCodec.decode(frame).ok) accepted++;
      const victim = uniform(random) < 0.5 ? giver : taker;
      if (!network.isConnected(attacker, victim)) network.connect(attacker, victim);
      network.receive(victim, attacker, frame);
      if (uniform(random) < 0.2) network.run(() => false, network.now + sliceMs);
    }
    const isDone = () => network.holds(taker, batch) && network.holds(giver, batch);
    must(network.run(isDone, network.now + transferMs), 'a transfer between others does not end');
    checkHonest(network, attacker);
  }
  return { inputs: sent, accepted };
}

function checkHonest(network: SwarmNetwork, attacker: SimulatedPeer): void {
  for (const { by, peer, reason } of network.closes) {
    const isAttackers = by === attacker.id || peer === attacker.id;
    must(isAttackers, `an honest peer is closed: ${reason}`);
  }
  for (const peer of network.peers.values()) {
    const { batches, peers } = peer.swarm();
    must(batches.length <= 1, `${batches.length} batches`);
    must(peers.length <= 2, `${peers.length} peers`);
  }
}
