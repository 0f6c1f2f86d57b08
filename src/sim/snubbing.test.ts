import { describe, expect, test } from 'vitest';
import { SwarmNetwork } from './swarm-network.ts';

/** One that has a batch and stops to give for a while, and one that wants it. */
function snubbed(seed: number, from: number, to: number) {
  const network = new SwarmNetwork(seed, { link: { up: 20, down: 1_000, latencyMs: 20 } });
  const [holder, leecher] = [network.addPeer('holder'), network.addPeer('leecher')];
  const batch = network.makeBatch('holder', 40);
  network.give(holder, batch);
  network.give(leecher, batch, []);
  network.connect(holder, leecher);
  holder.tamper = (message) =>
    message.type === 'piece' && network.now >= from && network.now < to ? null : message;
  const owed = () => leecher.swarm().peers[0]?.requests ?? 0;
  return { network, holder, leecher, batch, owed };
}

describe('a peer that owes and gives nothing for twenty seconds', () => {
  test('is asked for one block at a time', () => {
    const { network, owed } = snubbed(1, 2_000, Infinity);
    network.run(() => network.now >= 2_000, 2_000);
    expect(owed()).toBeGreaterThan(1);
    let most = 0;
    network.run(() => {
      if (network.now > 24_000) most = Math.max(most, owed());
      return false;
    }, 120_000);
    expect(most).toBe(1);
  });

  test('is asked for more again once it gives', () => {
    const { network, leecher, batch } = snubbed(2, 2_000, 60_000);
    expect(network.run(() => network.holds(leecher, batch), 120_000)).toBe(true);
    expect(network.closes).toEqual([]);
  });
});
