import { sha256, type Identity } from '../crypto/index.ts';
import { assert, at, Bitfield, bytesToHex, equalBytes, err, ok, seededRandom, utf8ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import { peerCodec, signMembership, type PeerMessage, type TaskDescription } from '../protocol/index.ts'; // prettier-ignore
import { memberCredentials, type Credentials } from '../swarm/index.ts';
import { Tab, TabDriver, type Ports, type TabEffect, type TabEvent } from '../tab/index.ts';
import { verifyChunk } from '../vds/index.ts';
import { Node, unbounded, type AccessLink } from './access-link.ts';
import { Bookkeeper } from './bookkeeper.ts';
import { makeBatches, named, type Kind, type SimulatedBatch } from './simulated-batches.ts';
import { StrictPorts } from './strict-ports.ts';
import { Timeline } from './timeline.ts';
import { Wires } from './wires.ts';

export type { SimulatedBatch } from './simulated-batches.ts';

type Effect<T extends TabEffect['type']> = Extract<TabEffect, { type: T }>;

/** Payloads of batches whose chunks are counted, all bytes zero: those of one block are known by their identity. */
export const goodChunks = new WeakSet<Uint8Array>();

/** A peer of the simulation: a real tab that no coordinator speaks to, on a store in memory. */
export interface SimulatedPeer {
  readonly id: PeerId;
  readonly driver: TabDriver;
  readonly strict: StrictPorts;
  /** Its connections and what it holds. */
  readonly swarm: () => ReturnType<Tab['snapshot']>['swarm'];
  readonly chunks: Map<HeaderId, Map<number, Uint8Array>>;
  readonly log: string[];
  /** Questions that it is to answer, and answers that it got. */
  readonly questions: Effect<'answer'>[];
  readonly answers: Effect<'asked'>[];
  /** Messages it sent, by type. */
  readonly sent: Map<PeerMessage['type'], number>;
  readonly node: Node;
  /** When it is called again at the latest. ms */
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
 * Tabs connected with each other, and with nobody else, on a virtual clock: access links with rates and latency, every
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
    const { task, owner } = this;
    const { identity, credentials } = this.#options.isLarge === true ? trusting(name) : this.#member(name); // prettier-ignore
    const exchange = { mode: 'gossip', topology: { kind: 'mesh' }, uploadSlots: this.#slots };
    const tab = new Tab({
      ...{ identity, task, credentials, client: 'simulation', random: this.#random, now: this.now },
      description: { ownerKey: owner.id, exchange } as TaskDescription,
    });
    const strict = new StrictPorts(this.#ports(() => peer));
    const wakeAt = (time: number | null) => this.#wakeAt(peer, time ?? Infinity);
    const driver = new TabDriver(tab, strict.ports, { now: () => this.now, wakeAt });
    const node = new Node(this.time, { ...unbounded, ...this.#options.link, ...link });
    const peer: SimulatedPeer = {
      ...{ id: identity.id, driver, strict, swarm: () => tab.snapshot().swarm, node },
      ...{ chunks: new Map(), log: [], sent: new Map(), questions: [], answers: [] },
      ...{ wake: Infinity, tamper: null },
    };
    this.peers.set(peer.id, peer);
    return peer;
  }

  #member(name: string): Introduced {
    const identity = named(name);
    const { task, owner } = this;
    const membership = signMembership({ task, peer: identity.id, issuedAt: 0 }, owner);
    const about = { task, ownerKey: owner.id, identity, membership };
    return { identity, credentials: memberCredentials(about) };
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
    return makeBatches(this, authors, chunks, kind);
  }

  /** Gives a batch to a peer: complete, or with the chunks that it is to have. */
  give(
    peer: SimulatedPeer,
    batch: SimulatedBatch,
    indices?: readonly number[],
    readers: ReadonlySet<PeerId> | null = null,
  ): void {
    const { header, payloads } = batch;
    const chunks = new Map<number, Uint8Array>();
    for (const index of indices ?? payloads.keys()) chunks.set(index, at(payloads, index));
    peer.chunks.set(header.id, chunks);
    this.handle(peer, { type: 'fetch', header, readers });
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

  /** How many chunks of a batch a peer holds. */
  countOf(peer: SimulatedPeer, { header }: SimulatedBatch): number {
    return peer.chunks.get(header.id)?.size ?? 0;
  }

  /** Feeds a tab events that come together. */
  handle(peer: SimulatedPeer, ...events: readonly TabEvent[]): void {
    for (const event of events) {
      if (event.type === 'message') this.books.heard(event.peer, peer.id, event.message);
    }
    peer.driver.handle(...events);
    peer.strict.check();
    if (peer.tamper === null) this.books.settled(peer.id, this.#slots + 1);
  }

  /** The coordinator's list of members: whom the tab may expect to be connected with. */
  tellMembers(peer: SimulatedPeer, others: readonly SimulatedPeer[]): void {
    const ids = new Set([peer, ...others].map(({ id }) => id));
    const members = [...ids].map((id) => ({ peer: id, online: true, ready: true, samples: 0 }));
    this.handle(peer, { type: 'heard', message: { type: 'members', members } });
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

  /** What a tab has of the network. No coordinator tells it to train. */
  #ports(self: () => SimulatedPeer): Ports {
    const nothing = () => undefined;
    return {
      neighbours: nothing,
      signal: nothing,
      send: ({ peer: to, message }) => {
        const peer = self();
        const sent = peer.tamper === null ? message : peer.tamper(message);
        if (sent !== null) this.#send(peer, to, sent);
        else this.#swallow(peer, to);
      },
      close: ({ peer: to, reason }) => this.#close(self(), to, reason),
      add: ({ header, readers }, answer) => {
        const bits = new Bitfield(header.columns.length);
        for (const index of self().chunks.get(header.id)?.keys() ?? []) bits.set(index);
        answer({ type: 'held', header, readers, bits });
      },
      store: (effect) => this.time.later(1, () => this.#store(self(), effect)),
      read: ({ peer: to, block }) => {
        const { header, index, offset, length } = block;
        const payload = self().chunks.get(header)?.get(index);
        const bytes = payload === undefined ? null : blockOf(payload, offset, length);
        this.time.later(1, () => this.handle(self(), { type: 'block', peer: to, block, bytes }));
      },
      seed: ({ header, index }) => {
        const peer = self();
        this.seedRequests++;
        const payload = this.seeds.get(header)?.[index] ?? null;
        const come = () => this.handle(peer, { type: 'seeded', header, index, payload });
        this.time.later(peer.node.link.latencyMs, come);
      },
      keep: (_, answer) => answer({ type: 'dropped' }),
      drop: ({ headers }, answer) => {
        for (const header of headers) self().chunks.delete(header);
        answer({ type: 'dropped' });
      },
      answer: (effect) => void self().questions.push(effect),
      asked: (effect) => void self().answers.push(effect),
      log: ({ peer, text }) =>
        void self().log.push(`${peer?.slice(0, 8) ?? 'coordinator'} ${text}`),
      ...{ verify: nothing, relay: nothing, tell: nothing, reconnect: nothing },
      ...{ train: nothing, 'cancel-training': nothing, seal: nothing, aggregate: nothing },
      ...{ 'prove-sum': nothing, feedback: nothing, install: nothing, evaluate: nothing },
      ...{ followed: nothing, 'not-followed': nothing, 'bad-chunk': nothing, computed: nothing },
      ...{ measured: nothing, timed: nothing, pause: nothing },
    };
  }

  #close(by: SimulatedPeer, to: PeerId, reason: string): void {
    this.closes.push({ by: by.id, peer: to, reason });
    const other = this.peers.get(to);
    if (other === undefined || !this.isConnected(by, other)) return;
    this.#wires.close(by, other);
    this.books.reset(by.id, to);
  }

  #store(peer: SimulatedPeer, effect: Effect<'store'>): void {
    const { index, payload, from } = effect;
    const header = effect.header.id;
    const isLarge = this.#options.isLarge === true;
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
    } else if (message.type === 'soon' && this.#options.isLarge !== true) {
      const header = this.#numbers.get(`${from.id} ${to} ${message.batch}`);
      const batch = from.swarm().batches.find(({ header: { id } }) => id === header);
      const isSo = message.indices.every((index) => batch?.pending.has(index) === true);
      assert(isSo, 'nothing is said to come soon that is not on its way');
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

interface Introduced {
  readonly identity: Identity;
  readonly credentials: Credentials;
}

/** A peer whose introduction everybody believes. */
function trusting(name: string): Introduced {
  const id = bytesToHex(sha256(utf8ToBytes(`simulated ${name}`))) as PeerId;
  const nothing = { bytes: new Uint8Array(0), signature: new Uint8Array(64) };
  const introduction = { membership: nothing, signature: new Uint8Array(64) };
  const credentials = { self: id, introduce: () => introduction, check: () => ok(null) };
  return { identity: { id, secret: new Uint8Array(32) }, credentials };
}

function countedVerdict({ payload }: { readonly payload: Uint8Array }): Result<null> {
  return goodChunks.has(payload) || payload.every((byte) => byte === 0)
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
