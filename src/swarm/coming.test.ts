import { describe, expect, test } from 'vitest';
import { Bitfield, chunkKey } from '../lib/index.ts';
import { Announcer } from './announcer.ts';
import { Batch } from './batch.ts';
import { Coming } from './coming.ts';
import { Download } from './download.ts';
import { Inventory } from './inventory.ts';
import { Outbox } from './outbox.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';
import { testHeader, testNeighbour } from './testing.ts';

/** A batch of four chunks, of which none is here, one who sends some and one who would like some. */
function waiting(features?: string[]) {
  const [outbox, inventory] = [new Outbox(), new Inventory()];
  const coming = new Coming(inventory);
  const announcer = new Announcer(outbox, coming);
  const header = testHeader(1, 4);
  inventory.add(new Batch(header, new Bitfield(4), null, 0));
  const [sender, other] = [testNeighbour(1, inventory), testNeighbour(2, inventory, features)];
  other.session.number(header.id);
  inventory.claimed(other.holdings, header.id, new Bitfield(4));
  const ask = (index: number, from: Peer = sender) => {
    const download = new Download({ header, index, peer: from.id }, 1_000, 1_000, 0);
    from.pipeline.downloads.set(chunkKey(header.id, index), download);
    const chunk = inventory.chunk(header.id, index);
    if (chunk) inventory.setPending(chunk);
  };
  const promise = (index: number, from: Peer = sender) => coming.promised(from, header.id, index);
  const store = (index: number, now: number) => {
    inventory.setHeld(header.id, index);
    announcer.stored(header.id, index, now);
  };
  /** What the other one is told now. */
  const announce = (now: number) => {
    announcer.foretell(now);
    announcer.announce([other], announcer.nextWake);
    return said();
  };
  const said = () =>
    outbox.empty().map((effect) => {
      const message = effect.type === 'send' ? effect.message : null;
      const indices = message !== null && 'indices' in message ? message.indices : null;
      return `${message?.type ?? effect.type} ${indices?.join() ?? 'all'}`;
    });
  const broken = (now: number) => coming.broken(now).map(({ index }) => index);
  return { ...{ coming, inventory, announcer, header: header.id, sender, other }, ...{ ask, promise, store, announce, said, broken } }; // prettier-ignore
}

describe('a chunk that is being sent here', () => {
  test('is what its sender was asked for, and says once', () => {
    const { ask, promise, coming, header } = waiting();
    expect(promise(0)).toBe(false);
    ask(0);
    expect(promise(0)).toBe(true);
    expect(promise(0)).toBe(false);
    expect(coming.has(header, 0)).toBe(false); // nobody was told
  });

  test('may be asked for once neighbours were told, who hear no more when it is here', () => {
    const { ask, promise, announce, store, coming, header } = waiting();
    ask(0);
    ask(1);
    promise(0);
    expect(announce(0)).toEqual(['soon 0']);
    expect(coming.has(header, 0)).toBe(true);
    store(0, 100);
    store(1, 100);
    expect(announce(100)).toEqual(['have 1']);
    expect(coming.has(header, 0)).toBe(false); // but held
    expect(coming.nextWake).toBe(Infinity);
  });

  test('is announced when it is here where that is sooner than telling', () => {
    const { ask, promise, announce, store } = waiting();
    ask(0);
    promise(0);
    store(0, 0);
    expect(announce(0)).toEqual(['have 0']);
  });

  test('is not told to who has it or does not know what that means', () => {
    const { ask, promise, announce, store, inventory, other, header } = waiting();
    ask(0);
    inventory.claimedMore(other.holdings, header, [0]);
    promise(0);
    expect(announce(0)).toEqual([]);
    const old = waiting([]);
    old.ask(0);
    old.promise(0);
    expect(old.announce(0)).toEqual([]);
    old.store(0, 100);
    expect(old.announce(100)).toEqual(['have 0']);
    store(0, 100);
    expect(announce(100)).toEqual([]);
  });
});

describe('a chunk that does not come', () => {
  test('in time is withdrawn, and its sender not believed until it delivers', () => {
    const { ask, promise, announce, broken, announcer, coming, header, said, sender, other } = waiting(); // prettier-ignore
    ask(0);
    promise(0);
    announce(1_000);
    expect(coming.nextWake).toBe(1_000 + patience.soonMs);
    expect(broken(999 + patience.soonMs)).toEqual([]);
    expect(broken(1_000 + patience.soonMs)).toEqual([0]);
    announcer.withdraw(header, 0, [other, sender]);
    expect(said()).toEqual(['dont-have 0']);
    expect(coming.has(header, 0)).toBe(false);
    ask(1);
    expect(promise(1)).toBe(false);
    ask(1, other);
    expect(promise(1, other)).toBe(true);
    sender.keepsWord = true; // it delivered
    ask(2);
    expect(promise(2)).toBe(true);
  });

  test('at all, as who sends it is gone or it was bad, is withdrawn at once', () => {
    const { ask, promise, announce, broken, inventory, header, sender } = waiting();
    ask(0);
    promise(0);
    announce(0);
    inventory.setNeeded(header, 0);
    expect(broken(1)).toEqual([0]);
    expect(broken(1)).toEqual([]);
    expect(sender.keepsWord).toBe(false);
  });

  test('before anybody was told is nothing', () => {
    const { ask, promise, announce, broken, inventory, header, sender } = waiting();
    ask(0);
    promise(0);
    inventory.setNeeded(header, 0);
    expect(announce(0)).toEqual([]);
    expect(broken(1)).toEqual([]);
    expect(sender.keepsWord).toBe(true);
  });

  test('as it was lost again before anybody heard that it is here, is withdrawn', () => {
    const { ask, promise, announce, store, broken, inventory, announcer, header, said, other } = waiting(); // prettier-ignore
    ask(0);
    promise(0);
    announce(0);
    store(0, 100);
    inventory.setLost(header, 0);
    announcer.lost(header, 0, [other]);
    expect(said()).toEqual([]);
    expect(broken(100)).toEqual([0]);
  });

  test('as its batch is dropped is not said one by one', () => {
    const { ask, promise, announce, broken, coming, inventory, announcer, header, said, other, sender } = waiting(); // prettier-ignore
    ask(0);
    promise(0);
    announce(0);
    announcer.dropped(header, [other]);
    inventory.drop(header);
    expect(said()).toEqual(['dont-have all']);
    expect(broken(1)).toEqual([]);
    expect(coming.has(header, 0)).toBe(false);
    expect(sender.keepsWord).toBe(true);
    announcer.withdraw(header, 0, [other]);
    expect(said()).toEqual([]);
  });
});
