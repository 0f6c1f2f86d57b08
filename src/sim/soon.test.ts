import { describe, expect, test } from 'vitest';
import type { PeerMessage } from '../protocol/index.ts';
import { SwarmNetwork, type SimulatedPeer } from './swarm-network.ts';

const latencyMs = 50;
/** A chunk takes 0.2 s, and there are more of them than go into a channel of which nothing is known. */
const slow = { up: 20, down: 500, latencyMs };
const fast = { up: 500, down: 500, latencyMs };
const chunks = 64;

/** A holder, one that is connected with it, and one that gets from the middle one what that got. */
function chain(seed: number, prepare: (peers: SimulatedPeer[]) => void = () => undefined) {
  const network = new SwarmNetwork(seed, { link: fast });
  const [holder, middle, last] = [network.addPeer('holder', slow), network.addPeer('middle'), network.addPeer('last')]; // prettier-ignore
  prepare([holder, middle, last]);
  const batch = network.makeBatch('holder', chunks);
  network.give(holder, batch);
  for (const peer of [middle, last]) network.give(peer, batch, []);
  network.connect(holder, middle);
  network.connect(middle, last);
  /** Until everybody has everything; ms */
  const finish = () => {
    const isDone = () => network.holds(middle, batch) && network.holds(last, batch);
    expect(network.run(isDone, network.now + 60_000)).toBe(true);
    expect(network.closes).toEqual([]);
    return network.now;
  };
  return { network, holder, middle, last, batch, finish };
}

/** A peer of a version that knew neither `sending` nor `soon`. */
function old(peer: SimulatedPeer): void {
  peer.tamper = (message) =>
    message.type === 'handshake' ? { ...message, features: [] } : message;
}

/** What a liar says instead of sending. */
function promise(message: PeerMessage): PeerMessage {
  if (message.type !== 'piece') return message;
  return { type: 'sending', batch: message.batch, index: message.index };
}

const count = (peer: SimulatedPeer, type: PeerMessage['type']) => peer.sent.get(type) ?? 0;

describe('a chunk that is passed on', () => {
  test('is asked for before it is here: who gets it waits for no have and no request', () => {
    const { middle, finish } = chain(71);
    const ms = finish();
    expect(count(middle, 'soon')).toBeGreaterThan(0);
    expect(count(middle, 'soon') + count(middle, 'have')).toBeLessThanOrEqual(chunks);
    const before = chain(71, ([, , last]) => last && old(last));
    const was = before.finish();
    expect(count(before.middle, 'soon')).toBe(0);
    expect(count(before.middle, 'have')).toBe(chunks);
    expect(ms).toBeLessThan(was - latencyMs);
  });

  test('is not foretold by who is not told of it', () => {
    const { holder, middle, finish } = chain(72, ([, middle]) => middle && old(middle));
    finish();
    expect(count(holder, 'sending')).toBe(0);
    expect(count(middle, 'soon')).toBe(0);
  });
});

describe('who says that it sends, and does not', () => {
  test('is found out, and who was told gets the chunks elsewhere', () => {
    const { network, holder, middle, last, batch } = chain(73, ([holder]) => {
      if (holder) holder.tamper = promise;
    });
    network.run(() => false, network.now + 3_000);
    expect(count(middle, 'soon')).toBeGreaterThan(0);
    expect(count(middle, 'dont-have')).toBe(count(holder, 'sending'));
    expect(count(last, 'request')).toBeGreaterThan(0);
    expect(count(middle, 'reject')).toBe(count(last, 'request'));
    expect(network.countOf(last, batch)).toBe(0);
    const helper = network.addPeer('helper');
    network.give(helper, batch);
    network.connect(helper, last);
    expect(network.run(() => network.holds(last, batch), network.now + 60_000)).toBe(true);
    expect(network.closes).toEqual([]);
  });

  test('once is believed again when it has delivered', () => {
    const promised = new Set<number>();
    let kept: number | null = null;
    const { network, middle, finish } = chain(75, ([holder]) => {
      if (!holder) return;
      holder.tamper = (message) => {
        if (message.type === 'sending') promised.add(message.index);
        if (message.type !== 'piece' || kept !== null || !promised.has(message.index)) return message; // prettier-ignore
        kept = message.index;
        return null;
      };
    });
    expect(network.run(() => count(middle, 'dont-have') === 1, 10_000)).toBe(true);
    const told = count(middle, 'soon');
    finish();
    expect(count(middle, 'soon')).toBeGreaterThan(told);
  });

  test('as it is gone, is found out at once: what was foretold is withdrawn', () => {
    const { network, holder, middle, last } = chain(74);
    expect(network.run(() => count(middle, 'soon') === 1, 10_000)).toBe(true);
    network.disconnect(holder, middle);
    network.run(() => false, network.now + 200);
    expect(count(middle, 'dont-have')).toBe(1);
    expect(count(middle, 'reject')).toBe(1);
    expect(count(middle, 'piece')).toBe(count(last, 'request') - 1);
    expect(last.swarm().peers[0]?.requests).toBe(0);
    expect(network.closes).toEqual([]);
  });
});
