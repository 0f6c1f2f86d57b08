import { describe, expect, test } from 'vitest';
import { SwarmNetwork, type SimulatedPeer } from './swarm-network.ts';

const link = { up: 20, down: 1_000, latencyMs: 20 };

/** Two that have a batch, and one that wants it. */
function wanting(seed: number, chunks: number) {
  const network = new SwarmNetwork(seed, { link });
  const [quick, other, leecher] = ['quick', 'other', 'leecher'].map((name) =>
    network.addPeer(name),
  );
  if (!quick || !other || !leecher) throw new Error('three peers');
  const batch = network.makeBatch('quick', chunks);
  network.give(quick, batch);
  network.give(other, batch);
  network.connect(other, leecher);
  network.connect(quick, leecher);
  network.run(() => false, 100);
  network.give(leecher, batch, []);
  const done = () => network.holds(leecher, batch);
  const pieces = (peer: SimulatedPeer) => peer.sent.get('piece') ?? 0;
  return { network, quick, other, leecher, done, pieces };
}

describe('the end game', () => {
  test('a chunk that is late is asked of a second peer, and the loser is told to stop', () => {
    const { network, other, leecher, done } = wanting(1, 12);
    // It takes requests, and after two pieces gives nothing.
    let given = 0;
    other.tamper = (message) => (message.type === 'piece' && ++given > 2 ? null : message);
    expect(network.run(done, 60_000)).toBe(true);
    // Long before its requests time out.
    expect(network.now).toBeLessThan(6_000);
    expect(leecher.sent.get('cancel')).toBeGreaterThan(0);
    expect(network.closes).toEqual([]);
  });

  test('what comes in time is sent once', () => {
    const { network, quick, other, done, pieces } = wanting(2, 30);
    expect(network.run(done, 60_000)).toBe(true);
    expect(pieces(quick) + pieces(other)).toBe(30);
  });

  test('the one answer to what was cancelled is no breach, piece or reject', () => {
    const { network, other, done, leecher } = wanting(3, 12);
    const late: (() => void)[] = [];
    let given = 0;
    // Its pieces but the first two come seconds after they were asked for.
    other.tamper = (message) => {
      if (message.type !== 'piece' || ++given <= 2 || late.length > 20) return message;
      late.push(() => network.handle(leecher, { type: 'message', peer: other.id, message }));
      return null;
    };
    expect(network.run(done, 60_000)).toBe(true);
    expect(late.length).toBeGreaterThan(0);
    for (const deliver of late) deliver();
    expect(network.closes).toEqual([]);
    expect(leecher.swarm().totals.get(other.id)?.rejected).toBe(0);
  });
});

test('what waits with a slow peer is asked of an idle one, and comes from there', () => {
  const network = new SwarmNetwork(4, { link });
  const [slow, quick, leecher] = [
    network.addPeer('slow', { up: 20 }),
    network.addPeer('quick', { up: 200 }),
    network.addPeer('leecher'),
  ];
  // How slow it is is known to itself from another batch.
  const [first, batch] = [network.makeBatch('leecher', 12), network.makeBatch('slow', 24)];
  for (const each of [first, batch]) network.give(slow, each);
  network.give(quick, batch);
  network.connect(slow, leecher);
  network.give(leecher, first, []);
  expect(network.run(() => network.holds(leecher, first), 20_000)).toBe(true);
  network.give(leecher, batch, []);
  network.run(() => false, network.now + 1_000);
  expect(leecher.swarm().peers[0]?.requests).toBeGreaterThan(10);
  network.connect(quick, leecher);
  // The slow one would need four seconds for what it was asked for.
  expect(network.run(() => network.holds(leecher, batch), network.now + 2_000)).toBe(true);
  expect(leecher.sent.get('cancel')).toBeGreaterThan(0);
  const pieces = (peer: SimulatedPeer) => peer.sent.get('piece') ?? 0;
  // What was in the slow one's channel already is waited for, and asked for twice in the end game only.
  expect(pieces(slow) + pieces(quick)).toBeLessThanOrEqual(12 + 24 + 1);
  expect(network.closes).toEqual([]);
});
