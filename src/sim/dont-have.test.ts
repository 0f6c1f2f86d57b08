import { describe, expect, test } from 'vitest';
import { SwarmNetwork } from './swarm-network.ts';

/** A holder, and another peer that got the batch from it and said nothing of that, as it was there. */
function passedOn(seed: number) {
  const network = new SwarmNetwork(seed);
  const [holder, other] = [network.addPeer('holder'), network.addPeer('other')];
  const batch = network.makeBatch('holder', 3);
  network.give(holder, batch);
  network.give(other, batch, []);
  network.connect(holder, other);
  expect(network.run(() => network.holds(other, batch), 60_000)).toBe(true);
  expect(other.sent.get('have')).toBeUndefined();
  return { network, holder, other, batch };
}

test('a batch that is dropped half-way and wanted again comes over the same connection', () => {
  const network = new SwarmNetwork(1, { link: { up: 200, down: 200, latencyMs: 20 } });
  const [seed, leecher] = [network.addPeer('seed'), network.addPeer('leecher')];
  const batch = network.makeBatch('author', 16);
  network.give(seed, batch);
  network.give(leecher, batch, []);
  network.connectAll();
  const size = () => network.countOf(leecher, batch);
  expect(network.run(() => size() === 3, network.now + 60_000)).toBe(true);
  network.handle(leecher, { type: 'forget', headers: [batch.header.id] });
  network.run(() => false, network.now + 30);
  network.give(leecher, batch, []);
  expect(network.run(() => network.holds(leecher, batch), network.now + 60_000)).toBe(true);
  expect(network.closes).toEqual([]);
});

describe('a batch that its holder drops', () => {
  test('and wants again: it is told who got it meanwhile', () => {
    const { network, holder, other, batch } = passedOn(64);
    network.handle(holder, { type: 'forget', headers: [batch.header.id] });
    network.give(holder, batch, []);
    expect(network.run(() => network.holds(holder, batch), 60_000)).toBe(true);
    expect(other.sent.get('have')).toBe(1);
  });

  test('owes nothing of it, also of what was being read: its answers mean nothing any more', () => {
    const network = new SwarmNetwork(53);
    const [holder, leecher] = [network.addPeer('holder'), network.addPeer('leecher')];
    const batch = network.makeBatch('holder', 1);
    network.give(holder, batch);
    network.give(leecher, batch, []);
    network.connect(holder, leecher);
    const owed = () => leecher.swarm().peers[0]?.requests;
    expect(network.run(() => owed() === 1, 1_000)).toBe(true);
    network.run(() => false, network.now + 20.5); // the request came, and its chunk is being read
    network.handle(holder, { type: 'forget', headers: [batch.header.id] });
    network.run(() => false, network.now + 50);
    expect(holder.sent.get('reject')).toBe(1);
    expect(owed()).toBe(0);
    const { batches } = leecher.swarm();
    expect(batches[0]?.pending.size).toBe(0);
    expect(network.closes).toEqual([]);
  });
});

describe('a chunk that cannot be read any more', () => {
  test('is fetched again, announced again, and rejected meanwhile', () => {
    const network = new SwarmNetwork(61);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => network.addPeer(name));
    if (!a || !b || !c) throw new Error('three peers');
    const batch = network.makeBatch('a', 3);
    network.give(a, batch);
    network.give(b, batch);
    network.give(c, batch, []);
    network.connectAll();
    const { id } = batch.header;
    b.chunks.get(id)?.delete(1);
    network.handle(b, { type: 'lost', header: id, index: 1 });
    const all = () => network.holds(b, batch) && network.holds(c, batch);
    expect(network.run(all, 60_000)).toBe(true);
    expect(network.closes).toEqual([]);
    expect(b.swarm().batches[0]?.held.complete).toBe(true);
  });

  test('comes from a neighbour that did not say that it has it, as it was here', () => {
    const { network, holder, batch } = passedOn(63);
    const { id } = batch.header;
    holder.chunks.get(id)?.delete(1);
    network.handle(holder, { type: 'lost', header: id, index: 1 });
    expect(network.run(() => network.holds(holder, batch), 60_000)).toBe(true);
  });

  test('and was not there before is nothing new', () => {
    const network = new SwarmNetwork(62);
    const peer = network.addPeer('a');
    const batch = network.makeBatch('a', 3);
    network.give(peer, batch, [0]);
    network.handle(peer, { type: 'lost', header: batch.header.id, index: 1 });
    network.handle(peer, { type: 'lost', header: batch.header.id, index: 999 });
    expect(peer.log).toEqual([]);
  });
});
