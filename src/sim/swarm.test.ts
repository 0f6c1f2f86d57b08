import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { at, Bitfield, concatBytes, type HeaderId } from '../lib/index.ts';
import { limits, peerCodec, type PeerMessage } from '../protocol/index.ts';
import { SwarmNetwork, type SimulatedPeer } from './swarm-network.ts';

/** N peers, each with an update of its own that all are to have. */
function gathering(seed: number, peers: number, chunks: number) {
  const network = new SwarmNetwork(seed);
  const names = Array.from({ length: peers }, (_, i) => `peer ${i}`);
  const members = names.map((name) => network.addPeer(name));
  const batches = network.makeBatches(names, chunks);
  members.forEach((member, i) =>
    batches.forEach((batch, j) => network.give(member, batch, i === j ? undefined : [])),
  );
  const complete = (member: SimulatedPeer) =>
    batches.every((batch) => network.holds(member, batch));
  return { network, members, batches, complete };
}

/** Changes the payload of every piece that it sends. */
const corrupt = (message: PeerMessage): PeerMessage =>
  message.type === 'piece'
    ? { ...message, bytes: message.bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }
    : message;

describe('gossip', () => {
  test('every member ends with every update, and every chunk is sent once per receiver', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 1, max: 9 }),
        (seed, n, m) => {
          const { network, members, complete } = gathering(seed, n, m);
          network.connectAll();
          expect(network.run(() => members.every(complete), 60_000)).toBe(true);
          expect(network.closes).toEqual([]);
          const pieces = members.reduce((sum, { sent }) => sum + (sent.get('piece') ?? 0), 0);
          expect(pieces).toBe(n * (n - 1) * m);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('round after round is exchanged as fast as the first ones', () => {
    const network = new SwarmNetwork(11, { link: { up: 200, down: 10_000, latencyMs: 5 } });
    const names = ['a', 'b', 'c', 'd'];
    const members = names.map((name) => network.addPeer(name));
    network.connectAll();
    const batches = network.makeBatches(names, 14);
    for (let round = 0; round < 12; round++) {
      const started = network.now;
      members.forEach((peer, i) =>
        batches.forEach((batch, j) => network.give(peer, batch, i === j ? undefined : [])),
      );
      const done = () => members.every((peer) => batches.every((batch) => network.holds(peer, batch))); // prettier-ignore
      expect(network.run(done, started + 2_000)).toBe(true);
      const headers = batches.map(({ header }) => header.id);
      for (const peer of members) network.handle(peer, { type: 'forget', headers });
      network.run(() => false, network.now + 500);
    }
  });

  test('chunks cross peers that are not connected with their author', () => {
    const { network, members, complete } = gathering(5, 4, 6);
    for (let i = 0; i + 1 < members.length; i++)
      network.connect(at(members, i), at(members, i + 1));
    expect(network.run(() => members.every(complete), 60_000)).toBe(true);
  });

  test('a member that disconnects half-way does not hold up the others', () => {
    const { network, members, batches } = gathering(11, 4, 8);
    network.connectAll();
    const [gone, others] = [at(members, 0), members.slice(1)];
    network.run(() => network.now >= 65, 65);
    for (const other of others) network.disconnect(gone, other);
    const rest = batches.slice(1);
    const done = () => others.every((peer) => rest.every((batch) => network.holds(peer, batch)));
    expect(network.run(done, 60_000)).toBe(true);
  });

  test('what a member holds already is not fetched again', () => {
    const network = new SwarmNetwork(3);
    const [seed, leecher] = [network.addPeer('seed'), network.addPeer('leecher')];
    const batch = network.makeBatch('seed', 8);
    network.give(seed, batch);
    network.give(leecher, batch, [0, 1, 2, 5]);
    network.connectAll();
    expect(network.run(() => network.holds(leecher, batch), 10_000)).toBe(true);
    expect(seed.sent.get('piece')).toBe(4);
  });

  test('a batch that is added after the connection is announced and fetched', () => {
    const network = new SwarmNetwork(4);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    network.connectAll();
    network.run(() => network.now >= 100, 100);
    const batch = network.makeBatch('a', 3);
    network.give(b, batch, []);
    network.give(a, batch);
    expect(network.run(() => network.holds(b, batch), 10_000)).toBe(true);
  });

  test('an announcement that comes before the receiver knows the batch is not lost', () => {
    const network = new SwarmNetwork(6);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    const batch = network.makeBatch('a', 3);
    network.give(a, batch);
    network.connectAll();
    network.run(() => network.now >= 500, 500);
    network.give(b, batch, []);
    expect(network.run(() => network.holds(b, batch), 10_000)).toBe(true);
  });
});

describe('a batch that is not for everybody', () => {
  test('goes to its readers only, and what is asked for all the same is rejected', () => {
    const network = new SwarmNetwork(7);
    const peers = ['author', 'reader', 'latecomer'].map((name) => network.addPeer(name));
    const [author, reader, latecomer] = [at(peers, 0), at(peers, 1), at(peers, 2)];
    const [shared, open] = [network.makeBatch('author', 3), network.makeBatch('author', 2)];
    const readers = new Set([author.id, reader.id]);
    network.give(author, open);
    network.give(author, shared, undefined, readers);
    network.give(reader, shared, [], readers);
    network.give(latecomer, shared, []); // somebody told it of the header
    network.give(latecomer, open, []);
    network.connectAll();
    const done = () => network.holds(reader, shared) && network.holds(latecomer, open);
    expect(network.run(done, 10_000)).toBe(true);
    network.run(() => false, network.now + 30_000);
    expect(latecomer.chunks.get(shared.header.id)?.size).toBe(0);

    // By any number at all, it gets nothing but what was announced to it.
    const pieces = author.sent.get('piece') ?? 0;
    for (const batch of [0, 1, 2]) {
      const request = { type: 'request', batch, index: 0, offset: 0, length: 1 } as const;
      network.handle(author, { type: 'message', peer: latecomer.id, message: request });
    }
    network.run(() => false, network.now + 100);
    expect((author.sent.get('piece') ?? 0) - pieces).toBe(1); // of the open one, number 0
    expect(author.sent.get('reject')).toBe(2);
  });
});

describe('a liar', () => {
  test('that sends bad chunks is named, and the chunks come from elsewhere', () => {
    const { network, members, batches } = gathering(21, 4, 5);
    const liar = at(members, 0);
    liar.tamper = corrupt;
    network.connectAll();
    const honest = members.slice(1);
    const rest = batches.slice(1);
    const done = () => honest.every((peer) => rest.every((batch) => network.holds(peer, batch)));
    expect(network.run(done, 60_000)).toBe(true);
    for (const peer of honest) {
      expect(network.holds(peer, at(batches, 0))).toBe(false);
      const named = peer.log.filter((line) => line.startsWith(liar.id.slice(0, 8)));
      expect(named.some((line) => line.includes('bad chunk') && line.includes('digest'))).toBe(
        true,
      );
    }
    const others = new Set(honest.map((peer) => peer.id));
    expect(network.closes.filter(({ by, peer }) => others.has(by) && others.has(peer))).toEqual([]);
  });

  test('is banned after three strikes, also where it connects anew', () => {
    const { network, members } = gathering(22, 2, 6);
    const [honest, liar] = [at(members, 0), at(members, 1)];
    liar.tamper = corrupt;
    network.connect(honest, liar);
    const banned = () => network.closes.some(({ reason }) => reason.includes('bad chunks'));
    expect(network.run(banned, 60_000)).toBe(true);
    network.run(() => false, network.now + 100);
    network.connect(honest, liar);
    expect(network.closes.at(-1)?.reason).toBe('banned for this round');
  });
});

describe('a breach of the protocol closes the peer that committed it', () => {
  const header = (network: SwarmNetwork, batch: number): PeerMessage => ({
    type: 'header',
    batch,
    header: network.makeBatch('x', 2).header.id,
    columns: 2,
  });
  const breaches: readonly (readonly [string, (network: SwarmNetwork) => PeerMessage[], RegExp])[] =
    [
      ['a piece that was not asked for', (n) => [header(n, 0), { type: 'bitfield', batch: 0, bits: Uint8Array.of(0xc0) }, { type: 'piece', batch: 0, index: 0, offset: 0, bytes: new Uint8Array(9) }], /not asked for/], // prettier-ignore
      ['a batch that was never announced', () => [{ type: 'have', batch: 7, indices: [0] }], /never announced/], // prettier-ignore
      ['headers out of order', (n) => [header(n, 3)], /out of order/],
      ['a second bitfield', (n) => [header(n, 0), { type: 'bitfield', batch: 0, bits: Uint8Array.of(0) }, { type: 'bitfield', batch: 0, bits: Uint8Array.of(0) }], /second bitfield/], // prettier-ignore
      ['spare bits in a bitfield', (n) => [header(n, 0), { type: 'bitfield', batch: 0, bits: Uint8Array.of(0x20) }], /spare bits/], // prettier-ignore
      ['a bitfield of a wrong length', (n) => [header(n, 0), { type: 'bitfield', batch: 0, bits: new Uint8Array(2) }], /wrong length/], // prettier-ignore
      ['a have before the bitfield', (n) => [header(n, 0), { type: 'have', batch: 0, indices: [0] }], /before the bitfield/], // prettier-ignore
      ['a have out of range', (n) => [header(n, 0), { type: 'bitfield', batch: 0, bits: Uint8Array.of(0) }, { type: 'have', batch: 0, indices: [2] }], /out of range/], // prettier-ignore
      ['a soon out of range', (n) => [header(n, 0), { type: 'have-none', batch: 0 }, { type: 'soon', batch: 0, indices: [2] }], /out of range/], // prettier-ignore
      ['a sending of a batch that was never announced', () => [{ type: 'sending', batch: 0, index: 0 }], /never announced/], // prettier-ignore
      ['a sending out of range', (n) => [header(n, 0), { type: 'have-all', batch: 0 }, { type: 'sending', batch: 0, index: 2 }], /out of range/], // prettier-ignore
      ['a header twice', (n) => [header(n, 0), header(n, 1)], /announced twice/],
    ];
  test.each(breaches)('%s', (_, messages, reason) => {
    const fresh = new SwarmNetwork(32);
    const peer = fresh.addPeer('victim');
    const attacker = fresh.addPeer('attacker');
    attacker.tamper = (message) => message;
    fresh.connect(peer, attacker);
    fresh.run(() => false, 50);
    for (const message of messages(fresh)) {
      fresh.handle(peer, { type: 'message', peer: attacker.id, message });
    }
    const close = fresh.closes.find(({ by }) => by === peer.id);
    expect(close?.peer).toBe(attacker.id);
    expect(close?.reason).toMatch(reason);
  });

  test('anything before the handshake', () => {
    const network = new SwarmNetwork(41);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    network.connect(a, b);
    network.handle(a, { type: 'message', peer: b.id, message: { type: 'have', batch: 0, indices: [0] } }); // prettier-ignore
    expect(network.closes.at(-1)?.reason).toMatch(/before the handshake/);
  });

  test('a second handshake', () => {
    const network = new SwarmNetwork(42);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    const handshakes: PeerMessage[] = [];
    b.tamper = (message) => {
      if (message.type === 'handshake') handshakes.push(message);
      return message;
    };
    network.connect(a, b);
    network.run(() => false, 50);
    network.handle(a, { type: 'message', peer: b.id, message: at(handshakes, 0) });
    expect(network.closes).toEqual([{ by: a.id, peer: b.id, reason: 'second handshake' }]);
  });

  test.each([
    ['another task', { task: 'cd'.repeat(16) }, /another task/],
    ['another version', { version: 999 }, /version 999/],
    ['somebody else’s id', { peer: 'ee'.repeat(32) }, /another id/],
  ] as const)('a handshake with %s', (_, change, reason) => {
    const network = new SwarmNetwork(43);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    b.tamper = (message) =>
      message.type === 'handshake' ? ({ ...message, ...change } as PeerMessage) : message;
    network.connect(a, b);
    network.run(() => network.closes.length > 0, 1000);
    expect(network.closes.find(({ by }) => by === a.id)?.reason).toMatch(reason);
  });

  test('a membership that the Data Owner did not sign', () => {
    const network = new SwarmNetwork(44);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    b.tamper = (message) =>
      message.type === 'handshake'
        ? { ...message, membership: { ...message.membership, signature: new Uint8Array(64) } }
        : message;
    network.connect(a, b);
    network.run(() => network.closes.length > 0, 1000);
    expect(network.closes.find(({ by }) => by === a.id)?.reason).toMatch(/membership/);
  });
});

describe('a batch that is said to have other columns than it has', () => {
  test('closes who says so, and counts for nothing where it was not known yet', () => {
    const network = new SwarmNetwork(49);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => network.addPeer(name));
    if (!a || !b || !c) throw new Error('three peers');
    const batch = network.makeBatch('x', 2);
    const { id } = batch.header;
    const say = (to: SimulatedPeer, message: PeerMessage) =>
      network.handle(to, { type: 'message', peer: c.id, message });
    network.connectAll();
    network.run(() => false, 100);
    network.give(a, batch, []);
    say(a, { type: 'header', batch: 0, header: id, columns: 3 });
    expect(network.closes.at(-1)?.reason).toMatch(/columns, which it has not/);
    say(b, { type: 'header', batch: 0, header: id, columns: 900 });
    say(b, { type: 'have-all', batch: 0 });
    network.give(b, batch, []);
    network.run(() => false, 1_000);
    expect(
      b
        .swarm()
        .peers.find((peer) => peer.id === c.id)
        ?.holds(id),
    ).toBeNull();
    expect(b.sent.get('request')).toBeUndefined();
  });
});

describe('announcements of batches that are not ours', () => {
  test('are remembered up to a bound, their bitfields too', () => {
    const network = new SwarmNetwork(50);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    network.connect(a, b);
    network.run(() => false, 100);
    const headers = Array.from({ length: limits.headersPerRound + 50 }, (_, i) => i.toString(16).padStart(64, '0') as HeaderId); // prettier-ignore
    headers.forEach((header, batch) => {
      network.handle(a, { type: 'message', peer: b.id, message: { type: 'header', batch, header, columns: 9 } }); // prettier-ignore
      network.handle(a, { type: 'message', peer: b.id, message: { type: 'have-all', batch } });
    });
    const holds = a.swarm().peers[0]?.holds;
    const known = headers.filter((header) => holds?.(header) instanceof Bitfield);
    expect(known).toEqual(headers.slice(-limits.headersPerRound));
    expect(network.closes).toEqual([]);
  });
});

describe('a handshake over another channel', () => {
  test('is refused: who sits in between shows each side another certificate', () => {
    const network = new SwarmNetwork(45);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    const [own, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    network.connect(a, b);
    network.handle(a, { type: 'connected', peer: b.id, ends: { own, other } });
    network.run(() => network.closes.length > 0, 1000);
    expect(network.closes.find(({ by }) => by === a.id)?.reason).toMatch(/not signed for this channel/); // prettier-ignore
  });

  test('that never comes is not waited for', () => {
    const network = new SwarmNetwork(46);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    b.tamper = () => null;
    network.connect(a, b);
    network.run(() => network.closes.length > 0, 60_000);
    expect(network.closes[0]).toMatchObject({ by: a.id, reason: 'no handshake came' });
  });
});

describe('a connection without anything to say', () => {
  test('is kept alive, and ended where nothing is heard for four minutes', () => {
    const network = new SwarmNetwork(47);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    network.connect(a, b);
    network.run(() => false, 1_000_000);
    expect(network.closes).toEqual([]);
    expect(a.sent.get('keep-alive')).toBe(8);
    b.tamper = () => null;
    network.run(() => network.closes.length > 0, 2_000_000);
    expect(network.closes[0]).toMatchObject({ by: a.id, reason: /nothing was heard/ });
    expect(network.now).toBeLessThan(1_000_000 + 245_000);
  });

  test('ends with a word when a tab goes', () => {
    const network = new SwarmNetwork(48);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    network.connect(a, b);
    network.run(() => false, 100);
    network.handle(a, { type: 'leave', reason: 'the tab was closed' });
    expect(a.sent.get('bye')).toBe(1);
    expect(a.swarm().peers).toEqual([]);
  });
});

describe('serving', () => {
  /** A victim that holds a batch, and a peer whose requests are made by hand. */
  function served() {
    const network = new SwarmNetwork(51);
    const [holder, asker] = [network.addPeer('holder'), network.addPeer('asker')];
    const batch = network.makeBatch('holder', 2);
    network.give(holder, batch, [0]);
    network.connect(holder, asker);
    network.run(() => false, 50);
    const say = (message: PeerMessage) =>
      network.handle(holder, { type: 'message', peer: asker.id, message });
    const ask = (index: number, offset: number, length: number) =>
      say({ type: 'request', batch: 0, index, offset, length });
    return { network, holder, asker, ask, say };
  }

  test('one answer a request: a piece for what is held, a reject for what is not (bep6)', () => {
    const { network, holder, ask } = served();
    ask(0, 0, 100);
    ask(1, 0, 100);
    network.run(() => false, 100);
    expect(holder.sent.get('piece')).toBe(1);
    expect(holder.sent.get('reject')).toBe(1);
  });

  test('a batch that is dropped while a block of it is read: the request is rejected (bep6)', () => {
    const { network, holder, ask } = served();
    ask(0, 0, 100);
    const [header] = holder.chunks.keys();
    if (header === undefined) throw new Error('it holds a batch');
    network.handle(holder, { type: 'forget', headers: [header] });
    network.run(() => false, network.now + 100);
    expect([holder.sent.get('piece'), holder.sent.get('reject')]).toEqual([undefined, 1]);
  });

  test('what is cancelled gets its one answer too, and only that (bep6)', () => {
    const { network, holder, ask, say } = served();
    for (let i = 0; i < 600; i++) ask(0, 0, 3872); // more than the channel takes at once
    const queued = holder.swarm().peers[0]?.queued ?? 0;
    expect(queued).toBeGreaterThan(100);
    const before = holder.sent.get('reject') ?? 0;
    const cancel = { type: 'cancel', batch: 0, index: 0, offset: 0, length: 3872 } as const;
    for (let i = 0; i < queued + 50; i++) say(cancel);
    expect(holder.sent.get('reject')).toBe(before + queued);
    network.run(() => false, network.now + 10_000);
    expect((holder.sent.get('piece') ?? 0) + (holder.sent.get('reject') ?? 0)).toBe(600);
    expect(network.closes.filter(({ by }) => by === holder.id)).toEqual([]);
  });

  test('a request beyond the chunk closes', () => {
    const { network, ask } = served();
    ask(0, 3800, 200);
    expect(network.closes.at(-1)?.reason).toMatch(/out of range/);
  });

  test('no more requests are queued than the handshake allows; the rest is rejected', () => {
    const { holder, ask } = served();
    const requests = limits.queuedRequests + 600;
    for (let i = 0; i < requests; i++) ask(0, 0, 3872);
    const inChannel = Math.ceil(131_072 / 3872);
    expect(holder.sent.get('reject')).toBe(requests - limits.queuedRequests - inChannel);
  });
});

describe('a peer that does not keep its word', () => {
  /** A holder and who wants its batch. */
  function pair(seed: number, chunks = 8) {
    const network = new SwarmNetwork(seed);
    const [holder, other] = [network.addPeer('holder'), network.addPeer('other')];
    const batch = network.makeBatch('holder', chunks);
    network.give(holder, batch);
    network.give(other, batch, []);
    return { network, holder, other, batch };
  }

  test('whose connection is replaced by another one owes nothing: chunks are asked for again', () => {
    const { network, holder, other, batch } = pair(71);
    network.connect(holder, other);
    network.run(() => (other.sent.get('request') ?? 0) > 0, 1_000);
    network.connect(holder, other);
    expect(network.run(() => network.holds(other, batch), 60_000)).toBe(true);
    expect(network.closes).toEqual([]);
  });

  test('and is the only one that has a chunk is asked again after a while', () => {
    const { network, holder, other, batch } = pair(72, 1);
    holder.tamper = (message) => (message.type === 'piece' && network.now < 5_000 ? null : message);
    network.connect(holder, other);
    expect(network.run(() => network.holds(other, batch), 60_000)).toBe(true);
  });

  test('but claims chunks does not keep the coordinator from giving them', () => {
    const network = new SwarmNetwork(73);
    const [claimer, other] = [network.addPeer('claimer'), network.addPeer('other')];
    const model = network.makeBatch('owner', 4, 'model');
    network.seeds.set(model.header.id, model.payloads);
    network.tellMembers(other, [claimer]);
    network.give(claimer, model);
    claimer.tamper = (message) => (message.type === 'piece' ? null : message);
    network.give(other, model, []);
    network.connect(claimer, other);
    expect(network.run(() => network.holds(other, model), 60_000)).toBe(true);
  });

  test('and sends what cannot be read is banned after three times', () => {
    const { network, holder, other } = pair(74);
    for (let i = 0; i < limits.strikes; i++) {
      network.connect(holder, other);
      network.handle(other, { type: 'malformed', peer: holder.id, reason: 'no CBOR' });
      network.run(() => false, network.now + 100);
    }
    network.connect(holder, other);
    expect(network.closes.at(-1)).toEqual({ by: other.id, peer: holder.id, reason: 'banned for this round' }); // prettier-ignore
  });

  test('announces a batch once, with or without its bitfield', () => {
    const { network, holder, other } = pair(75);
    network.connect(holder, other);
    network.run(() => false, 100);
    const { id: header } = network.makeBatch('x', 2).header;
    for (const batch of [1, 2]) {
      network.handle(other, { type: 'message', peer: holder.id, message: { type: 'header', batch, header, columns: 2 } }); // prettier-ignore
    }
    expect(network.closes.at(-1)).toMatchObject({ peer: holder.id, reason: 'header announced twice' }); // prettier-ignore
  });
});

test('what a frame says is thought about once, when all of it was heard', () => {
  const chunk = { batch: 0, indices: [0] };
  const said: PeerMessage[] = [
    { type: 'have', ...chunk },
    { type: 'dont-have', ...chunk },
  ];
  const frames = said.map((message) => peerCodec.encode(message));
  const interests = (of: readonly Uint8Array[]) => {
    const network = new SwarmNetwork(76);
    const [holder, other] = [network.addPeer('holder'), network.addPeer('other')];
    const batch = network.makeBatch('x', 2);
    network.give(other, batch, []);
    network.give(holder, batch, []);
    network.connect(holder, other);
    network.run(() => false, 100);
    for (const frame of of) network.receive(other, holder, frame);
    return other.sent.get('interested') ?? 0;
  };
  expect(interests(frames)).toBe(1);
  expect(interests([concatBytes(...frames)])).toBe(0);
});

describe('the seed of last resort', () => {
  test('delivers a model that no neighbour has, in part', () => {
    const network = new SwarmNetwork(61);
    const [a, b] = [network.addPeer('a'), network.addPeer('b')];
    const model = network.makeBatch('owner', 10, 'model');
    network.seeds.set(model.header.id, model.payloads);
    for (const peer of [a, b]) {
      network.tellMembers(peer, [a, b]);
      network.give(peer, model, []);
    }
    network.connectAll();
    const done = () => network.holds(a, model) && network.holds(b, model);
    expect(network.run(done, 30_000)).toBe(true);
    expect((a.sent.get('piece') ?? 0) + (b.sent.get('piece') ?? 0)).toBe(10);
  });

  test('is not asked while neighbours may still connect', () => {
    const network = new SwarmNetwork(62);
    const peer = network.addPeer('a');
    const model = network.makeBatch('owner', 4, 'model');
    network.seeds.set(model.header.id, model.payloads);
    network.tellMembers(peer, [network.addPeer('b')]);
    network.give(peer, model, []);
    network.run(() => network.holds(peer, model), 60_000);
    expect(network.holds(peer, model)).toBe(true);
    expect(network.now).toBeGreaterThanOrEqual(3000);
  });

  test('that cannot deliver is not hammered', () => {
    const network = new SwarmNetwork(64);
    const peer = network.addPeer('a');
    const model = network.makeBatch('owner', 4, 'model');
    network.give(peer, model, []);
    network.run(() => false, 60_000);
    expect(network.seedRequests).toBeGreaterThan(10);
    expect(network.seedRequests).toBeLessThan(100);
  });

  test('never delivers updates', () => {
    const network = new SwarmNetwork(63);
    const peer = network.addPeer('a');
    const update = network.makeBatch('b', 2);
    network.seeds.set(update.header.id, update.payloads);
    network.give(peer, update, []);
    expect(network.run(() => network.holds(peer, update), 120_000)).toBe(false);
  });
});
