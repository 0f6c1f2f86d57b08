import { at, randomInt, seededRandom, uniform, type HeaderId, type PeerId, type Random } from '../lib/index.ts'; // prettier-ignore
import { neighbours, type Placed } from '../swarm/index.ts';
import { chunkBytes, type VerifiedHeader } from '../vds/index.ts';
import type { AccessLink } from './access-link.ts';
import {
  goodChunks,
  SwarmNetwork,
  type SimulatedBatch,
  type SimulatedPeer,
} from './swarm-network.ts';

/** 1 Mbit/s up, four times as much down, 20 ms away: a chunk takes an eighth of a second. */
export const home: AccessLink = { up: 125, down: 500, latencyMs: 20 };

/**
 * A batch whose chunks are counted and not verified: they are all the same.
 *
 * @param scalars of a chunk: 15,456 bytes, unless given
 */
function countedBatch(name: number, chunks: number, scalars = 1_024): SimulatedBatch {
  const about = {
    id: name.toString(16).padStart(64, '0') as HeaderId,
    kind: 'update',
    columns: Array.from({ length: chunks }, () => ({})),
    ...{ byteLength: chunks * 15 * scalars, scalars, lanes: 'update', sum: null },
  };
  const header = about as unknown as VerifiedHeader;
  const payload = new Uint8Array(chunkBytes(header, 0));
  goodChunks.add(payload);
  return { header, payloads: Array.from({ length: chunks }, () => payload) };
}

export interface SwarmSettings {
  readonly seed: number;
  readonly peers: number;
  /** Chunks of each batch. */
  readonly chunks: number;
  /** Of each chunk; see {@link countedBatch}. */
  readonly scalars?: number;
  /** Neighbours of each peer. */
  readonly degree?: number;
  /** Of an all-gather: how many have a batch; all, unless given. */
  readonly authors?: number;
  readonly link?: AccessLink;
  /** Neighbours that each serves at once, besides one that it tries. */
  readonly uploadSlots?: number;
  /** Share of the peers that leave for good, at some moment of the time that the swarm needs at least. */
  readonly leaving?: number;
  /** Share of the peers that lie; see {@link lies}. */
  readonly lying?: number;
}

export interface SwarmOutcome {
  /** Whether every honest peer that stayed has everything. */
  readonly finished: boolean;
  /** ms of the virtual clock; what the swarm needs at least */
  readonly ms: number;
  readonly boundMs: number;
  /** bytes that are no chunks ÷ bytes of chunks */
  readonly controlShare: number;
  /** Of the honest peers that stayed, what share has everything. */
  readonly finishedShare: number;
}

/** One peer has a batch that all others are to have. */
export function oneSeed(settings: SwarmSettings): SwarmOutcome {
  const swarm = new Swarm(settings, settings.peers + 1);
  const batch = countedBatch(1, settings.chunks, settings.scalars);
  swarm.members.forEach((peer, i) => swarm.network.give(peer, batch, i === 0 ? undefined : []));
  const { up } = swarm.link;
  const [file, chunk] = [bytesOf(batch), bytesOf(batch) / settings.chunks];
  // SWARM.md: whole chunks are passed on, so the last one has ⌊log₂N⌋ steps to go.
  const boundMs = (file + chunk * Math.floor(Math.log2(settings.peers))) / up;
  return swarm.run([batch], boundMs);
}

/** Everybody, or the first so many, have a batch that all others are to have. */
export function allGather(settings: SwarmSettings): SwarmOutcome {
  const { peers, chunks, scalars, authors = peers } = settings;
  const swarm = new Swarm(settings, peers);
  const batches = Array.from({ length: authors }, (_, i) => countedBatch(i + 1, chunks, scalars));
  swarm.members.forEach((peer, i) =>
    batches.forEach((batch, j) => swarm.network.give(peer, batch, i === j ? undefined : [])),
  );
  const chunkMs = bytesOf(at(batches, 0)) / chunks / swarm.link.up;
  return swarm.run(batches, chunkMs * sendingTime(peers, authors, (peers - 1) * authors * chunks));
}

/**
 * What all receive is what all send, but who has no whole chunk yet: for as long as one chunk takes, no
 * more than `authors` send, then twice as many, and so on. In times that a chunk takes.
 */
function sendingTime(peers: number, authors: number, deliveries: number): number {
  let [time, left, senders] = [0, deliveries, authors];
  for (; senders < peers && left > senders; senders *= 2) {
    left -= senders;
    time++;
  }
  return time + left / Math.min(senders, peers);
}

function bytesOf({ payloads }: SimulatedBatch): number {
  return payloads.reduce((sum, { length }) => sum + length, 0);
}

class Swarm {
  readonly network: SwarmNetwork;
  readonly members: SimulatedPeer[];
  readonly link: AccessLink;
  readonly #settings: SwarmSettings;
  readonly #random: Random;

  constructor(settings: SwarmSettings, peers: number) {
    const { seed, link = home, uploadSlots = 9 } = settings;
    this.#settings = settings;
    this.link = link;
    this.#random = seededRandom(seed ^ 0x5eed);
    this.network = new SwarmNetwork(seed, { isLarge: true, link, uploadSlots });
    this.members = Array.from({ length: peers }, (_, i) => this.network.addPeer(`peer ${i}`));
  }

  run(batches: readonly SimulatedBatch[], boundMs: number): SwarmOutcome {
    const { network, members } = this;
    const { leaving = 0, lying = 0 } = this.#settings;
    // The first one is the seed, where there is one.
    const others = members.slice(1);
    const liars = new Set(others.filter(() => uniform(this.#random) < lying));
    for (const liar of liars) lie(liar, this.#random);
    const leavers = new Set(
      others.filter((peer) => !liars.has(peer) && uniform(this.#random) < leaving),
    );
    this.#connect();
    for (const peer of leavers) {
      network.time.later(uniform(this.#random) * boundMs, () => this.#leave(peer));
    }
    const staying = members.filter((peer) => !liars.has(peer) && !leavers.has(peer));
    // What a leaver alone had, nobody can have: a batch of its own is not asked for.
    const wanted = batches.filter((_, i) => batches.length === 1 || !leavers.has(at(members, i)));
    const isDone = (peer: SimulatedPeer) => wanted.every((batch) => network.holds(peer, batch));
    const lacks = (peer: SimulatedPeer) =>
      wanted.reduce((sum, batch) => sum + batch.payloads.length - network.countOf(peer, batch), 0);
    const left = new Set(staying.filter((peer) => !isDone(peer)));
    let lookAt = 0;
    const done = () => {
      if (network.stored < lookAt) return false;
      for (const peer of left) if (isDone(peer)) left.delete(peer);
      // They are not all done before as many chunks came as they lack together.
      lookAt = network.stored;
      for (const peer of left) lookAt += lacks(peer);
      return left.size === 0;
    };
    const finished = network.run(done, 20 * boundMs);
    const { controlBytes, payloadBytes } = network.books;
    return {
      finished,
      ms: network.now,
      boundMs,
      controlShare: controlBytes / payloadBytes,
      finishedShare: 1 - left.size / staying.length,
    };
  }

  #connect(): void {
    const placed = this.members.map(({ id }): Placed => ({ peer: id, ready: true }));
    const topology = { kind: 'random-regular', degree: this.#settings.degree ?? 12 } as const;
    for (const peer of this.members) {
      for (const other of neighbours(topology, placed, peer.id)) {
        if (peer.id < other) this.network.connect(peer, this.#peer(other));
      }
    }
  }

  #leave(peer: SimulatedPeer): void {
    for (const other of this.members) this.network.disconnect(peer, other);
  }

  #peer(id: PeerId): SimulatedPeer {
    const peer = this.network.peers.get(id);
    if (!peer) throw new Error('bug: a neighbour that is no peer');
    return peer;
  }
}

/** What a liar does, one of these each. */
const lies = ['bad chunks', 'silence', 'slow', 'empty claims', 'unsolicited pieces', 'garbage'] as const; // prettier-ignore

function lie(peer: SimulatedPeer, random: Random): void {
  const lie = at(lies, randomInt(random, lies.length));
  peer.tamper = (message) => {
    if (message.type !== 'piece') {
      return lie === 'empty claims' && message.type === 'have-none'
        ? { type: 'have-all', batch: message.batch }
        : message;
    }
    switch (lie) {
      case 'bad chunks':
        return { ...message, bytes: message.bytes.slice().fill(1, 0, 1) };
      case 'unsolicited pieces':
        return { ...message, index: message.index === 0 ? 1 : 0 };
      case 'garbage':
        return { ...message, bytes: message.bytes.subarray(1) };
      case 'slow':
        return uniform(random) < 0.1 ? message : null;
      case 'silence':
      case 'empty claims':
        return null;
    }
  };
}
