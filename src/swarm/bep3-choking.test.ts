import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomInt, seededRandom, uniform, type PeerId } from '../lib/index.ts';
import { Choker, type Contender } from './choker.ts';
import { testPeer } from './testing.ts';

type State = { -readonly [K in keyof Contender]: Contender[K] } & { since: number };

/** A choker and those it decides about; worth is what a test gives them. */
class Crowd {
  readonly peers = new Map<PeerId, State>();
  readonly choker: Choker;
  now = 0;

  constructor(seed: number, slots: number, count: number, about: Partial<State> = {}) {
    this.choker = new Choker(slots, seededRandom(seed));
    for (let i = 0; i < count; i++) {
      const id = testPeer(i);
      const fresh = { isInterested: true, isUnchoked: false, worth: 0, waitedMs: 0, isNew: false };
      this.peers.set(id, { id, ...fresh, since: 0, ...about });
    }
  }

  peer(i: number): State {
    const peer = this.peers.get(testPeer(i));
    if (!peer) throw new Error(`no peer ${i}`);
    return peer;
  }

  decide(): void {
    for (const peer of this.peers.values()) {
      if (peer.isUnchoked || !peer.isInterested) peer.since = this.now;
      peer.waitedMs = this.now - peer.since;
    }
    const { unchoke, choke } = this.choker.decide([...this.peers.values()], this.now);
    for (const id of choke) this.#set(id, false);
    for (const id of unchoke) this.#set(id, true);
  }

  /** Lets so much time pass in steps of a second. */
  pass(ms: number, each: () => void = () => undefined): void {
    for (let at = 0; at < ms; at += 1_000) {
      this.now += 1_000;
      this.decide();
      each();
    }
  }

  get served(): State[] {
    return [...this.peers.values()].filter((peer) => peer.isInterested && peer.isUnchoked);
  }

  #set(id: PeerId, isUnchoked: boolean): void {
    const peer = this.peers.get(id);
    if (peer?.isUnchoked === isUnchoked) throw new Error('told what is so already');
    if (peer) peer.isUnchoked = isUnchoked;
  }
}

describe('who is served', () => {
  test('with as many as there are slots, everybody', () => {
    const crowd = new Crowd(1, 4, 5);
    crowd.decide();
    expect(crowd.served).toHaveLength(5);
  });

  test('never more than the slots and one that is tried, whatever happens', () => {
    const change = fc.record({ peer: fc.nat(9), isInterested: fc.boolean(), worth: fc.nat(5), ms: fc.nat(12_000) }); // prettier-ignore
    fc.assert(
      fc.property(fc.nat(), fc.array(change, { maxLength: 50 }), (seed, changes) => {
        const crowd = new Crowd(seed, 3, 10, { isInterested: false });
        crowd.decide();
        for (const { peer, isInterested, worth, ms } of changes) {
          Object.assign(crowd.peer(peer), { isInterested, worth });
          crowd.now += ms;
          crowd.decide();
          expect(crowd.served.length).toBeLessThanOrEqual(4);
          const wanting = [...crowd.peers.values()].filter((each) => each.isInterested).length;
          expect(crowd.served.length).toBe(Math.min(4, wanting));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('those that gave most, once it is time', () => {
    const crowd = new Crowd(2, 4, 10);
    crowd.decide();
    for (let i = 0; i < 10; i++) crowd.peer(i).worth = i;
    crowd.pass(10_000);
    const best = crowd.served.filter(({ worth }) => worth >= 8);
    expect(best).toHaveLength(2); // the two others are for who waited
  });

  test('an uninterested peer that gives more costs nobody a slot, until it is interested', () => {
    const crowd = new Crowd(3, 2, 4);
    Object.assign(crowd.peer(0), { worth: 9, isInterested: false });
    crowd.decide();
    crowd.pass(10_000);
    expect(crowd.peer(0).isUnchoked).toBe(true);
    expect(crowd.served).toHaveLength(3);
    crowd.peer(0).isInterested = true;
    crowd.decide();
    expect(crowd.peer(0).isUnchoked).toBe(true);
    expect(crowd.served).toHaveLength(3);
  });

  test('a slot that becomes free is given away at once', () => {
    const crowd = new Crowd(4, 2, 6);
    crowd.decide();
    const [first] = crowd.served;
    if (first) first.isInterested = false;
    crowd.decide();
    expect(crowd.served).toHaveLength(3);
  });
});

describe('fair share over time', () => {
  test('nobody that wants something waits for ever, even if others give more', () => {
    const crowd = new Crowd(5, 4, 20);
    for (let i = 0; i < 20; i++) crowd.peer(i).worth = i;
    let longest = 0;
    crowd.pass(600_000, () => {
      longest = Math.max(longest, ...[...crowd.peers.values()].map(({ waitedMs }) => waitedMs));
    });
    // 20 peers, of whom two that waited and one that is tried are served besides the best.
    expect(longest).toBeLessThanOrEqual(100_000);
  });

  test('nobody waits longer than 30 s where a task serves as many as it does by default', () => {
    // 9 slots; a mesh of 20 and the largest degree of random-regular: 20 neighbours at most.
    for (let seed = 0; seed < 20; seed++) {
      const crowd = new Crowd(seed, 9, 20);
      const random = seededRandom(seed);
      let longest = 0;
      crowd.pass(300_000, () => {
        if (crowd.now % 7_000 === 0) crowd.peer(randomInt(random, 20)).worth = uniform(random);
        longest = Math.max(longest, ...[...crowd.peers.values()].map(({ waitedMs }) => waitedMs));
      });
      expect(longest).toBeGreaterThan(0);
      expect(longest).toBeLessThanOrEqual(30_000);
    }
  });

  test('who gives more is served more', () => {
    const crowd = new Crowd(6, 4, 12);
    for (let i = 0; i < 12; i++) crowd.peer(i).worth = i < 2 ? 100 : 1;
    const times = new Map<PeerId, number>();
    crowd.pass(600_000, () => {
      for (const { id } of crowd.served) times.set(id, (times.get(id) ?? 0) + 1);
    });
    const of = (i: number) => times.get(testPeer(i)) ?? 0;
    for (let i = 2; i < 12; i++) expect(of(0)).toBeGreaterThan(1.5 * of(i));
  });

  test('a new peer is tried three times as often', () => {
    const counts = { fresh: 0, old: 0 };
    for (let seed = 0; seed < 400; seed++) {
      const crowd = new Crowd(seed, 1, 9);
      crowd.peer(0).worth = 9;
      for (let i = 1; i < 5; i++) crowd.peer(i).isNew = true;
      crowd.decide();
      const tried = crowd.served.find(({ worth }) => worth === 0);
      counts[tried?.isNew === true ? 'fresh' : 'old']++;
    }
    expect(counts.fresh / counts.old).toBeGreaterThan(2);
    expect(counts.fresh / counts.old).toBeLessThan(4.5);
  });
});
