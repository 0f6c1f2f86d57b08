import { sha256, identityOf, type Identity } from '../crypto/index.ts';
import { Bitfield, at, equalBytes, utf8ToBytes } from '../lib/index.ts';
import {
  seededRandom,
  type HeaderId,
  type PeerId,
  type Random,
  type TaskId,
} from '../lib/index.ts';
import { peerCodec, signMembership, type PeerMessage } from '../protocol/index.ts';
import {
  memberCredentials,
  SwarmEngine,
  type SwarmEffect,
  type SwarmEvent,
} from '../swarm/index.ts';
import { verifyChunk, Verifier, type VerifiedHeader } from '../vds/index.ts';
import { admit, crs, scalars, seal, seedOf, type Sealed } from './sealing.ts';

/** ms that a frame takes from one peer to another */
const latencyMs = 20;

type Kind = 'update' | 'model';

/** A batch that is signed, admitted and cut. */
export interface SimulatedBatch {
  readonly header: VerifiedHeader;
  readonly payloads: readonly Uint8Array[];
}

/** Sealing costs milliseconds: batches are made once for all networks of a process. */
const made = new Map<string, SimulatedBatch>();

/** A peer of the simulation: a real engine on a store in memory. */
export interface SimulatedPeer {
  readonly id: PeerId;
  readonly engine: SwarmEngine;
  readonly chunks: Map<HeaderId, Map<number, Uint8Array>>;
  readonly log: string[];
  /** Questions that it is to answer, and answers that it got. */
  readonly questions: Extract<SwarmEffect, { type: 'answer' }>[];
  readonly answers: Extract<SwarmEffect, { type: 'asked' }>[];
  /** Messages it sent, by type. */
  readonly sent: Map<PeerMessage['type'], number>;
  /** When its engine wants to be called again at the latest. ms */
  wake: number;
  /** What it makes of a message before it goes out; null: nothing. */
  tamper: (message: PeerMessage) => PeerMessage | null;
}

interface Scheduled {
  readonly at: number;
  readonly order: number;
  run(): void;
}

/**
 * Engines connected with each other on a virtual clock. Every frame goes through the real codec;
 * deterministic by seed.
 */
export class SwarmNetwork {
  readonly owner: Identity = named('owner');
  readonly task = 'ab'.repeat(16) as TaskId;
  readonly peers = new Map<PeerId, SimulatedPeer>();
  /** Closed connections, with the reason that the closing side gave. */
  readonly closes: { readonly by: PeerId; readonly peer: PeerId; readonly reason: string }[] = [];
  /** What the coordinator would seed. */
  readonly seeds = new Map<HeaderId, readonly Uint8Array[]>();
  seedRequests = 0;
  now = 0;
  readonly #random: Random;
  /** By pair: which of the connections that it had is there now. */
  readonly #links = new Map<string, number>();
  #connections = 0;
  #queue: Scheduled[] = [];
  #order = 0;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  addPeer(name: string): SimulatedPeer {
    const identity = named(name);
    const { id } = identity;
    const { task, owner } = this;
    const membership = signMembership({ task, peer: id, issuedAt: 0 }, owner);
    const engine = new SwarmEngine({
      task,
      credentials: memberCredentials({ task, ownerKey: owner.id, identity, membership }),
      client: 'simulation',
      random: this.#random,
      uploadSlots: 4,
    });
    const peer: SimulatedPeer = {
      ...{ id, engine, chunks: new Map(), log: [], sent: new Map(), questions: [], answers: [] },
      wake: Infinity,
      tamper: (message) => message,
    };
    this.peers.set(id, peer);
    return peer;
  }

  /** Where there is a connection, the new one takes its place unseen: what was on its way is lost. */
  connect(a: SimulatedPeer, b: SimulatedPeer): void {
    this.#links.set(linkOf(a.id, b.id), ++this.#connections);
    const [atA, atB] = [certificateOf(a.id), certificateOf(b.id)];
    this.handle(a, { type: 'connected', peer: b.id, ends: { own: atA, other: atB } });
    this.handle(b, { type: 'connected', peer: a.id, ends: { own: atB, other: atA } });
  }

  isConnected(a: SimulatedPeer, b: SimulatedPeer): boolean {
    return this.#links.has(linkOf(a.id, b.id));
  }

  disconnect(a: SimulatedPeer, b: SimulatedPeer): void {
    if (!this.#links.delete(linkOf(a.id, b.id))) return;
    this.handle(a, { type: 'disconnected', peer: b.id });
    this.handle(b, { type: 'disconnected', peer: a.id });
  }

  /** Connects everybody with everybody. */
  connectAll(): void {
    const peers = [...this.peers.values()];
    peers.forEach((a, i) => peers.slice(i + 1).forEach((b) => this.connect(a, b)));
  }

  /** A batch of random lanes by `author`, admitted by the Data Owner. */
  makeBatch(author: string, chunks: number, kind: Kind = 'update'): SimulatedBatch {
    return at(this.makeBatches([author], chunks, kind), 0);
  }

  /** As {@link makeBatch}, one of each author, all verified at once. */
  makeBatches(authors: readonly string[], chunks: number, kind: Kind = 'update'): SimulatedBatch[] {
    const nameOf = (author: string) => `${author} ${chunks} ${kind}`;
    const unmade = authors.filter((author) => !made.has(nameOf(author)));
    const sealed = unmade.map((author) => this.#seal(author, nameOf(author), chunks, kind));
    const { task, owner } = this;
    const verifier = new Verifier({ crs, task, ownerKey: owner.id, random: this.#random, allowTestCrs: true }); // prettier-ignore
    const headers = admit(sealed.map(({ signed }) => signed), owner, verifier); // prettier-ignore
    unmade.forEach((author, i) => {
      made.set(nameOf(author), { header: at(headers, i), payloads: at(sealed, i).payloads });
    });
    return authors.flatMap((author) => made.get(nameOf(author)) ?? []);
  }

  #seal(author: string, name: string, chunks: number, kind: Kind): Sealed {
    const writer = kind === 'model' ? this.owner : named(author);
    const full = scalars * (kind === 'model' ? 30 : 15);
    const lanes = new Uint8Array(full * chunks - 7);
    // The same batch in whatever order networks ask for theirs.
    const seed = seedOf(name);
    const random = seededRandom(seed);
    // The first bytes of each chunk: zeros after them cost nothing to commit to and to open.
    for (let i = 0; i < lanes.length; i++) if (i % full < 32) lanes[i] = random.uint32() & 255;
    return seal({ task: this.task, round: 1, kind }, lanes, writer, seed);
  }

  /** Gives a batch to a peer: complete, or with the chunks that it is to have. */
  give(
    peer: SimulatedPeer,
    batch: SimulatedBatch,
    indices?: readonly number[],
    readers: ReadonlySet<PeerId> | null = null,
  ): void {
    const { header, payloads } = batch;
    const held = new Bitfield(payloads.length);
    const chunks = new Map<number, Uint8Array>();
    for (const index of indices ?? payloads.keys()) {
      held.set(index);
      chunks.set(index, at(payloads, index));
    }
    peer.chunks.set(header.id, chunks);
    this.handle(peer, { type: 'batch', header, held, readers });
  }

  /**
   * Whether a peer holds a batch completely, and the right bytes. Asked after every step: the bytes
   * are compared with the author's, which says more than verifying them and costs a hundredth.
   */
  holds(peer: SimulatedPeer, { header, payloads }: SimulatedBatch): boolean {
    const chunks = peer.chunks.get(header.id);
    if (chunks?.size !== payloads.length) return false;
    return payloads.every((expected, index) => {
      const payload = chunks.get(index);
      return payload !== undefined && equalBytes(payload, expected);
    });
  }

  /** Feeds an event to an engine and carries out what it decides. */
  handle(peer: SimulatedPeer, event: SwarmEvent): void {
    const effects = peer.engine.handle(event, this.now);
    // As it was left: asked later, it would not name what is due at this very moment.
    peer.wake = peer.engine.nextWake(this.now) ?? Infinity;
    for (const effect of effects) this.#carryOut(peer, effect);
  }

  /** Lets time pass until `done`, or until `limitMs` on the virtual clock; whether it came true. */
  run(done: () => boolean, limitMs: number): boolean {
    while (!done()) {
      const next = this.#queue[0];
      const wake = this.#nextWake();
      const time = Math.min(next?.at ?? Infinity, wake);
      if (time > limitMs) return false;
      this.now = Math.max(this.now, time);
      if (next !== undefined && next.at <= wake) {
        this.#queue.shift();
        next.run();
      } else {
        for (const peer of this.peers.values()) this.handle(peer, { type: 'tick' });
      }
    }
    return true;
  }

  #nextWake(): number {
    return Math.min(...[...this.peers.values()].map(({ wake }) => wake));
  }

  #later(ms: number, run: () => void): void {
    const entry = { at: this.now + ms, order: this.#order++, run };
    const place = this.#queue.findIndex((each) => each.at > entry.at);
    if (place < 0) this.#queue.push(entry);
    else this.#queue.splice(place, 0, entry);
  }

  #carryOut(peer: SimulatedPeer, effect: SwarmEffect): void {
    switch (effect.type) {
      case 'send': {
        const sent = peer.tamper(effect.message);
        if (sent !== null) this.#send(peer, effect.peer, sent);
        break;
      }
      case 'close': {
        this.closes.push({ by: peer.id, peer: effect.peer, reason: effect.reason });
        const other = this.peers.get(effect.peer);
        if (other) this.#later(0, () => this.disconnect(peer, other));
        break;
      }
      case 'store':
        this.#later(1, () => this.#store(peer, effect));
        break;
      case 'read': {
        const { header, index, offset, length } = effect.block;
        const payload = peer.chunks.get(header)?.get(index);
        const bytes = payload?.slice(offset, offset + length) ?? null;
        this.#later(1, () =>
          this.handle(peer, { type: 'block', peer: effect.peer, block: effect.block, bytes }),
        );
        break;
      }
      case 'seed': {
        const { header, index } = effect;
        this.seedRequests++;
        const payload = this.seeds.get(header)?.[index] ?? null;
        this.#later(latencyMs, () => this.handle(peer, { type: 'seeded', header, index, payload }));
        break;
      }
      case 'answer':
        peer.questions.push(effect);
        break;
      case 'asked':
        peer.answers.push(effect);
        break;
      case 'log':
        peer.log.push(`${effect.peer?.slice(0, 8) ?? 'coordinator'} ${effect.text}`);
        break;
    }
  }

  #store(peer: SimulatedPeer, effect: Extract<SwarmEffect, { type: 'store' }>): void {
    const { index, payload, from } = effect;
    const header = effect.header.id;
    const verified = verifyChunk(effect.header, index, payload);
    if (!verified.ok) {
      this.handle(peer, { type: 'refused', header, index, from, reason: verified.error });
      return;
    }
    peer.chunks.get(header)?.set(index, payload);
    this.handle(peer, { type: 'stored', header, index, from });
  }

  #send(from: SimulatedPeer, to: PeerId, message: PeerMessage): void {
    from.sent.set(message.type, (from.sent.get(message.type) ?? 0) + 1);
    const frame = peerCodec.encode(message);
    const link = this.#links.get(linkOf(from.id, to));
    if (link === undefined) return;
    this.#later(latencyMs, () => {
      const receiver = this.peers.get(to);
      if (!receiver || this.#links.get(linkOf(from.id, to)) !== link) return;
      this.handle(from, { type: 'buffered', peer: to, bytes: 0 });
      this.receive(receiver, from, frame);
    });
  }

  /** A frame comes over a connection that there is. */
  receive(receiver: SimulatedPeer, from: SimulatedPeer, frame: Uint8Array): void {
    const decoded = peerCodec.decode(frame);
    if (decoded.ok) {
      this.handle(receiver, { type: 'message', peer: from.id, message: decoded.value });
    } else this.handle(receiver, { type: 'malformed', peer: from.id, reason: decoded.error });
  }
}

function named(name: string): Identity {
  return identityOf(sha256(utf8ToBytes(`simulated ${name}`)));
}

/** What stands for the DTLS certificate of a peer. */
function certificateOf(peer: PeerId): Uint8Array {
  return sha256(utf8ToBytes(peer));
}

function linkOf(a: PeerId, b: PeerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
