import { identityOf, sha256, type Identity } from '../crypto/index.ts';
import {
  assert,
  at,
  Bitfield,
  bytesToHex,
  equalBytes,
  err,
  ok,
  utf8ToBytes,
} from '../lib/index.ts';
import {
  seededRandom,
  type HeaderId,
  type PeerId,
  type Random,
  type Result,
  type TaskId,
} from '../lib/index.ts';
import { peerCodec, signMembership, type PeerMessage } from '../protocol/index.ts';
import {
  memberCredentials,
  SwarmEngine,
  type Credentials,
  type SwarmEffect,
  type SwarmEvent,
} from '../swarm/index.ts';
import { verifyChunk, Verifier, type VerifiedHeader } from '../vds/index.ts';
import { Node, unbounded, type AccessLink } from './access-link.ts';
import { Bookkeeper } from './bookkeeper.ts';
import { admit, crs, scalars, seal, seedOf, type Sealed } from './sealing.ts';
import { Timeline } from './timeline.ts';
import { Wires } from './wires.ts';

type Kind = 'update' | 'model';

/** A batch that is signed, admitted and cut. */
export interface SimulatedBatch {
  readonly header: VerifiedHeader;
  readonly payloads: readonly Uint8Array[];
}

/** Payloads of batches whose chunks are counted: they are known by their identity. */
export const goodChunks = new WeakSet<Uint8Array>();

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
  readonly node: Node;
  /** When its engine is called again at the latest. ms */
  wake: number;
  /** What a liar makes of a message before it goes out; null: nothing. An honest peer has none. */
  tamper: ((message: PeerMessage) => PeerMessage | null) | null;
}

export interface NetworkOptions {
  readonly link?: AccessLink;
  /** Neighbours that a peer serves at once, besides one that it tries. */
  readonly uploadSlots?: number;
  /**
   * Signatures, the decoding of frames and the verification of chunks are left out: for thousands of
   * peers, whose behaviour is looked at and not their arithmetic.
   */
  readonly isLarge?: boolean;
}

/**
 * Engines connected with each other on a virtual clock: access links with rates and latency, every
 * frame through the real codec, every step checked; see {@link Bookkeeper}. Deterministic by seed.
 */
export class SwarmNetwork {
  readonly owner: Identity = named('owner');
  readonly task = 'ab'.repeat(16) as TaskId;
  readonly peers = new Map<PeerId, SimulatedPeer>();
  /** Closed connections, with the reason that the closing side gave. */
  readonly closes: { readonly by: PeerId; readonly peer: PeerId; readonly reason: string }[] = [];
  /** What the coordinator would seed. */
  readonly seeds = new Map<HeaderId, readonly Uint8Array[]>();
  readonly books = new Bookkeeper();
  readonly time = new Timeline();
  seedRequests = 0;
  /** Chunks that were verified and stored. */
  stored = 0;
  readonly #random: Random;
  readonly #options: NetworkOptions;
  readonly #wires = new Wires<SimulatedPeer>(this.time, (peer, event) => this.handle(peer, event));
  /** Batches by the numbers that each side of a connection gave them. */
  readonly #numbers = new Map<string, HeaderId>();

  constructor(seed: number, options: NetworkOptions = {}) {
    this.#random = seededRandom(seed);
    this.#options = options;
  }

  get now(): number {
    return this.time.now;
  }

  get #slots(): number {
    return this.#options.uploadSlots ?? 4;
  }

  addPeer(name: string, link: Partial<AccessLink> = {}): SimulatedPeer {
    const { task } = this;
    const { id, credentials } =
      this.#options.isLarge === true ? trusting(name) : this.#member(name);
    const engine = new SwarmEngine({
      task,
      credentials,
      client: 'simulation',
      random: this.#random,
      uploadSlots: this.#slots,
    });
    const node = new Node(this.time, { ...unbounded, ...this.#options.link, ...link });
    const peer: SimulatedPeer = {
      ...{ id, engine, node, chunks: new Map(), log: [], sent: new Map(), questions: [] },
      ...{ answers: [], wake: Infinity, tamper: null },
    };
    this.peers.set(id, peer);
    return peer;
  }

  #member(name: string): { readonly id: PeerId; readonly credentials: Credentials } {
    const identity = named(name);
    const { task, owner } = this;
    const membership = signMembership({ task, peer: identity.id, issuedAt: 0 }, owner);
    const about = { task, ownerKey: owner.id, identity, membership };
    return { id: identity.id, credentials: memberCredentials(about) };
  }

  /** Where there is a connection, the new one takes its place unseen: what was on its way is lost. */
  connect(a: SimulatedPeer, b: SimulatedPeer): void {
    if (this.isConnected(a, b)) this.#cut(a, b);
    this.#wires.connect(a, b);
  }

  isConnected(a: SimulatedPeer, b: SimulatedPeer): boolean {
    return this.#wires.isConnected(a, b);
  }

  disconnect(a: SimulatedPeer, b: SimulatedPeer): void {
    if (!this.isConnected(a, b)) return;
    this.books.reset(a.id, b.id);
    this.#wires.disconnect(a, b);
  }

  #cut(a: SimulatedPeer, b: SimulatedPeer): void {
    this.#wires.cut(a, b);
    this.books.reset(a.id, b.id);
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
      return payload === expected || (payload !== undefined && equalBytes(payload, expected));
    });
  }

  /** Feeds events that come together to an engine and carries out what it decides. */
  handle(peer: SimulatedPeer, ...events: readonly SwarmEvent[]): void {
    for (const event of events) {
      if (event.type === 'message') this.books.heard(event.peer, peer.id, event.message);
    }
    const effects = peer.engine.handle(events, this.now);
    this.#wakeAt(peer, peer.engine.nextWake(this.now) ?? Infinity);
    for (const effect of effects) this.#carryOut(peer, effect);
    if (peer.tamper === null) this.books.settled(peer.id, this.#slots + 1);
  }

  /** Lets time pass until `done`, or until `limitMs` on the virtual clock; whether it came true. */
  run(done: () => boolean, limitMs: number): boolean {
    return this.time.run(done, limitMs);
  }

  #wakeAt(peer: SimulatedPeer, wake: number): void {
    if (wake === peer.wake) return;
    peer.wake = wake;
    if (wake === Infinity) return;
    this.time.when(wake, () => {
      if (peer.wake !== wake) return; // it was called meanwhile, and thought otherwise
      peer.wake = Infinity;
      this.handle(peer, { type: 'tick' });
    });
  }

  #carryOut(peer: SimulatedPeer, effect: SwarmEffect): void {
    switch (effect.type) {
      case 'send': {
        const { tamper } = peer;
        const sent = tamper === null ? effect.message : tamper(effect.message);
        if (sent !== null) this.#send(peer, effect.peer, sent);
        else this.#swallow(peer, effect.peer);
        break;
      }
      case 'close': {
        this.closes.push({ by: peer.id, peer: effect.peer, reason: effect.reason });
        const other = this.peers.get(effect.peer);
        if (other === undefined || !this.isConnected(peer, other)) break;
        this.#wires.close(peer, other);
        this.books.reset(peer.id, other.id);
        break;
      }
      case 'store':
        this.time.later(1, () => this.#store(peer, effect));
        break;
      case 'read': {
        const { header, index, offset, length } = effect.block;
        const payload = peer.chunks.get(header)?.get(index);
        const bytes = payload === undefined ? null : blockOf(payload, offset, length);
        this.time.later(1, () =>
          this.handle(peer, { type: 'block', peer: effect.peer, block: effect.block, bytes }),
        );
        break;
      }
      case 'seed': {
        const { header, index } = effect;
        this.seedRequests++;
        const payload = this.seeds.get(header)?.[index] ?? null;
        this.time.later(peer.node.link.latencyMs, () =>
          this.handle(peer, { type: 'seeded', header, index, payload }),
        );
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
    const isLarge = this.#options.isLarge === true;
    // Of counted chunks all good ones are one and the same array.
    const verified = isLarge ? countedVerdict(effect) : verifyChunk(effect.header, index, payload);
    if (!verified.ok) {
      this.handle(peer, { type: 'refused', header, index, from, reason: verified.error });
      return;
    }
    peer.chunks.get(header)?.set(index, payload);
    this.stored++;
    this.handle(peer, { type: 'stored', header, index, from });
  }

  #send(from: SimulatedPeer, to: PeerId, message: PeerMessage): void {
    from.sent.set(message.type, (from.sent.get(message.type) ?? 0) + 1);
    const receiver = this.peers.get(to);
    const channel = receiver && this.#wires.channel(from, receiver);
    if (channel === undefined || receiver === undefined) return;
    if (from.tamper === null) this.#check(from, to, message);
    const isLarge = this.#options.isLarge === true;
    const frame = isLarge && message.type === 'piece' ? null : peerCodec.encode(message);
    const bytes = frame?.length ?? pieceBytes(message);
    this.books.frame(bytes, message);
    from.node.send(channel, {
      bytes,
      arrive: (isLost) => {
        this.books.frameEnds(bytes, isLost ? 'dropped' : 'received');
        if (isLost) return;
        if (isLarge) this.handle(receiver, { type: 'message', peer: from.id, message });
        else if (frame !== null) this.receive(receiver, from, frame);
      },
    });
  }

  /** What a liar keeps to itself does not stay in its channel. */
  #swallow(peer: SimulatedPeer, to: PeerId): void {
    const other = this.peers.get(to);
    const channel = other && this.#wires.channel(peer, other);
    if (channel)
      this.time.later(0, () => channel.onBuffered(channel.buffered, channel.drain.window));
  }

  /** What an honest peer says is so. */
  #check(from: SimulatedPeer, to: PeerId, message: PeerMessage): void {
    this.books.left(from.id, to, message);
    if (message.type === 'header') {
      this.#numbers.set(`${from.id} ${to} ${message.batch}`, message.header);
    } else if (message.type === 'have') {
      const header = this.#numbers.get(`${from.id} ${to} ${message.batch}`);
      const chunks = header === undefined ? undefined : from.chunks.get(header);
      const isSo = message.indices.every((index) => chunks?.has(index) === true);
      assert(isSo, 'no chunk is announced before it is verified and stored');
    } else if (message.type === 'handshake') {
      const prefix = `${from.id} ${to} `;
      for (const key of this.#numbers.keys()) if (key.startsWith(prefix)) this.#numbers.delete(key);
    }
  }

  /** A frame comes over a connection that there is. */
  receive(receiver: SimulatedPeer, from: SimulatedPeer, frame: Uint8Array): void {
    const decoded = peerCodec.decode(frame);
    if (!decoded.ok) {
      this.handle(receiver, { type: 'malformed', peer: from.id, reason: decoded.error });
      return;
    }
    const events = decoded.value.map((message) => ({ type: 'message' as const, peer: from.id, message })); // prettier-ignore
    this.handle(receiver, ...events);
  }
}

function named(name: string): Identity {
  return identityOf(sha256(utf8ToBytes(`simulated ${name}`)));
}

/** A peer whose introduction everybody believes. */
function trusting(name: string): { readonly id: PeerId; readonly credentials: Credentials } {
  const id = bytesToHex(sha256(utf8ToBytes(`simulated ${name}`))) as PeerId;
  const nothing = { bytes: new Uint8Array(0), signature: new Uint8Array(64) };
  const introduction = { membership: nothing, signature: new Uint8Array(64) };
  return { id, credentials: { self: id, introduce: () => introduction, check: () => ok(null) } };
}

function countedVerdict({ payload }: { readonly payload: Uint8Array }): Result<null> {
  return payload.byteOffset === 0 && goodChunks.has(payload)
    ? ok(null)
    : err('digest of a counted chunk');
}

/** The payload itself where that is all of it. */
function blockOf(payload: Uint8Array, offset: number, length: number): Uint8Array {
  return length === payload.length ? payload : payload.slice(offset, offset + length);
}

/** bytes of a piece's frame */
function pieceBytes(message: PeerMessage): number {
  return 12 + (message.type === 'piece' ? message.bytes.length : 0);
}
