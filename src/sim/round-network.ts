import { assert, at, ok, seededRandom, shortId, type HeaderId, type PeerId, type Result } from '../lib/index.ts'; // prettier-ignore
import { clientCodec, peerCodec, serverCodec, settingsDigest, signMembership, type ClientMessage, type Freeze, type PeerMessage, type RoundRecord, type ServerMessage } from '../protocol/index.ts'; // prettier-ignore
import { MessageVerifier, RoundCoordinator, SumCollection, type RoundServerMessage } from '../rounds/index.ts'; // prettier-ignore
import type { Collect, CoordinatorEffect, CoordinatorEvent } from '../rounds/index.ts';
import { memberCredentials } from '../swarm/index.ts';
import { Tab, TabDriver, type TabEvent } from '../tab/index.ts';
import { headerId, MemoryChunkStore, StorageServer, type SignedHeader, type VerifiedHeader } from '../vds/index.ts'; // prettier-ignore
import { Node, type Channel, unbounded } from './access-link.ts';
import type { SealedUpdate } from './averaging.ts';
import type { RoundSettings } from './round-task.ts';
import { scalars, seedOf } from './sealing.ts';
import { SimulatedMember, type Life } from './simulated-member.ts';
import { SimulatedOwner } from './simulated-owner.ts';
import { simulatedPorts, verdictsOn, type World } from './simulated-ports.ts';
import { SimulatedVerifier } from './simulated-verifier.ts';
import { StrictPorts } from './strict-ports.ts';
import { Timeline } from './timeline.ts';
import { Wires } from './wires.ts';

export type { SimulatedMember } from './simulated-member.ts';

/** Which sum: of whom, for which manifest. */
type CollectedSum = Parameters<RoundCoordinator['isCollecting']>[0];
type VerifyHeader = Extract<CoordinatorEffect, { type: 'verify-header' }>;

/** ms from anybody to anybody */
const latencyMs = 10;
/** ms until members that are to be connected are, and are again. */
const connectMs = 20;
const reconnectMs = 1_000;

/**
 * A coordinator and real tabs on a virtual clock, with real commitments and signatures, codecs, swarm,
 * quantiser and aggregation; training is a random step.
 */
export class RoundNetwork implements World {
  readonly owner: SimulatedOwner;
  coordinator: RoundCoordinator;
  readonly members = new Map<PeerId, SimulatedMember>();
  readonly log: string[] = [];
  /** Whom the coordinator struck. */
  readonly struck = new Set<PeerId>();
  /** How often the server's store fails from now on. */
  storeFailures = 0;
  /** Whose updates were asked for, once a round and attempt. */
  readonly asked: { author: PeerId; round: number; attempt: number; samples: number }[] = [];
  readonly updates: SealedUpdate[] = [];
  /** The newest header of every author that was admitted. */
  readonly admitted = new Map<PeerId, VerifiedHeader>();
  /** Headers that the coordinator had verified, sums that it asked for, sums that came. */
  readonly verifications: VerifyHeader[] = [];
  readonly collections: Collect[] = [];
  readonly deliveries: CollectedSum[] = [];
  /** From a sum's delivery to what the shell finds of it. ms */
  judgeMs = 10;
  /** What a coordinator that lies makes of a message before it goes out. */
  tamper: (message: ServerMessage, to: PeerId) => ServerMessage = (message) => message;
  readonly #time = new Timeline(1_000_000);
  readonly #wires = new Wires<SimulatedMember>(this.#time, (member, event) => this.member(member, event)); // prettier-ignore
  /** Batches by the numbers that each side of a connection gave them. */
  readonly #numbers = new Map<string, HeaderId>();
  readonly #forged = new WeakSet<ServerMessage>();
  readonly #seed: number;
  #boots = 0;
  #wake = Infinity;
  #admitting: VerifyHeader[] = [];
  #collection: SumCollection | null = null;

  constructor(seed: number, settings: RoundSettings) {
    this.#seed = seed;
    this.owner = new SimulatedOwner(settings);
    this.coordinator = this.#start(this.owner.sign(0, at(this.owner.models, 0)), []);
  }

  get now(): number {
    return this.#time.now;
  }

  #start(model: SignedHeader, history: readonly RoundRecord[]): RoundCoordinator {
    const { description, identity, dataOwner } = this.owner;
    return new RoundCoordinator({
      ...{ description, owner: identity, model, history, lastRound: description.rounds },
      state: dataOwner.state(this.seconds),
      iceServers: () => [],
      boot: new Uint8Array(16).fill(++this.#boots),
    });
  }

  /** The coordinator is killed; a second later another one has what was stored, and tabs come back. */
  restart(): void {
    const { model, history } = this.coordinator.snapshot();
    const members = [...this.members.values()].filter(({ online }) => online);
    // Their links stay.
    for (const member of members) member.online = false;
    this.coordinator = this.#start(model, history);
    this.#wake = Infinity;
    this.#collection = null;
    this.#admitting = [];
    // Attempts are counted anew.
    this.updates.length = 0;
    this.asked.length = 0;
    members.forEach((member, k) => this.after(1_000 + 50 * k, () => this.connect(member)));
  }

  after(ms: number, run: () => void): void {
    this.#time.later(ms, run);
  }

  later(member: SimulatedMember, ms: number, run: () => void): void {
    const { life } = member;
    this.after(ms, () => {
      if (member.life === life) run();
    });
  }

  get seconds(): number {
    return Math.floor(this.now / 1000);
  }

  /** Adds a tab that joins at once. */
  join(name: string, samples: number): SimulatedMember {
    const random = seededRandom(seedOf(`${this.#seed} ${name}`));
    const node = new Node(this.#time, { ...unbounded, latencyMs });
    const member = new SimulatedMember(name, samples, random, node);
    this.members.set(member.id, member);
    member.load(this.#load(member));
    this.connect(member);
    return member;
  }

  /** A page of a member's, as it is when it has been loaded. */
  #load(member: SimulatedMember): Life {
    const { task, description, identity: owner } = this.owner;
    const { identity, random } = member;
    const membership = signMembership({ task, peer: identity.id, issuedAt: 0 }, owner);
    const credentials = memberCredentials({ task, ownerKey: owner.id, identity, membership });
    const about = { identity, task, description, credentials, random, client: 'simulation' };
    const machine = new Tab({ ...about, now: this.now });
    let wake = Infinity;
    const wakeAt = (time: number | null) => {
      if (time === wake) return;
      wake = time ?? Infinity;
      if (time === null) return;
      this.#time.when(time, () => {
        if (wake !== time || member.life.driver !== driver) return;
        wake = Infinity;
        this.member(member, { type: 'tick' });
      });
    };
    const strict = new StrictPorts(simulatedPorts(this, member));
    const driver = new TabDriver(machine, strict.ports, { now: () => this.now, wakeAt });
    const server = this.#server();
    return { machine, driver, strict, server, messages: this.#messages(server, member.frozen) };
  }

  connect(member: SimulatedMember): void {
    member.online = true;
    this.coordinate({ type: 'joined', peer: member.id });
    this.member(member, { type: 'crs-ready' });
    this.member(member, { type: 'data', samples: member.samples });
  }

  /** From everything: the coordinator and the other members. */
  disconnect(member: SimulatedMember): void {
    member.online = false;
    for (const other of this.members.values()) this.#wires.disconnect(member, other);
    this.coordinate({ type: 'left', peer: member.id });
  }

  /** The page is loaded anew: what was in memory is gone, what was stored is not. */
  reload(member: SimulatedMember): void {
    this.disconnect(member);
    member.load(this.#load(member));
    this.after(1_000, () => this.connect(member));
  }

  /** Lets time pass until `done`, or for `limitMs`; whether it came true. */
  run(done: () => boolean, limitMs: number): boolean {
    const end = this.now + limitMs;
    this.#time.when(end, () => undefined); // time passes even if nothing happens
    return this.#time.run(done, end);
  }

  coordinate(event: CoordinatorEvent): void {
    const effects = this.coordinator.handle(event, this.now);
    // As it was left: asked later, it would not name what is due at this very moment.
    this.#wakeAt(this.coordinator.nextWake(this.now) ?? Infinity);
    for (const effect of effects) this.#coordinatorEffect(effect);
  }

  /** The clock goes on by itself: what was due meanwhile comes late. */
  jump(ms: number): void {
    this.#time.now += ms;
  }

  #wakeAt(wake: number): void {
    if (wake === this.#wake) return;
    this.#wake = wake;
    if (wake === Infinity) return;
    this.#time.when(wake, () => {
      if (this.#wake !== wake) return; // it was called meanwhile, and thought otherwise
      this.#wake = Infinity;
      this.coordinate({ type: 'tick' });
    });
  }

  /** @param events that come together */
  member(member: SimulatedMember, ...events: readonly TabEvent[]): void {
    const { driver, strict } = member.life;
    driver.handle(...events);
    strict.check();
  }

  #coordinatorEffect(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'send':
        this.#deliver(effect.to, effect.message);
        break;
      case 'verify-header':
        this.verifications.push(effect);
        // Those that arrive meanwhile go as one batch.
        if (this.#admitting.push(effect) === 1) this.after(5, () => this.#admit());
        break;
      case 'collect':
        this.collections.push(effect);
        this.#collection = new SumCollection(effect, this.owner.tensors, scalars);
        break;
      case 'revoke':
        assert(this.owner.dataOwner.revoke(effect.header).ok, 'what is revoked was not before');
        this.signState();
        break;
      case 'log':
        this.log.push(effect.text);
        break;
      case 'refuse':
      case 'save-record':
        break;
    }
  }

  #admit(): void {
    const waiting = this.#admitting.splice(0);
    const results = this.owner.admit(waiting.map(({ signed }) => signed));
    const hasFailed = this.#storeFails();
    waiting.forEach(({ peer, round, attempt }, k) => {
      const result = hasFailed ? null : at(results, k);
      if (result?.ok) this.admitted.set(peer, result.value);
      this.coordinate({ type: 'header-verified', peer, round, attempt, result });
    });
  }

  #deliver(to: PeerId, message: ServerMessage): void {
    if (message.type === 'caught') this.struck.add(message.peer);
    if (message.type === 'quantise') this.#note(to, message);
    const sent = this.tamper(message, to);
    const frame = serverCodec.encode(sent);
    const isForged = sent !== message;
    this.after(latencyMs, () => {
      const member = this.members.get(to);
      assert(serverCodec.decode(frame).ok, 'what the coordinator sends can be read');
      if (member?.online === true) this.#hear(member, frame, isForged);
    });
  }

  /** A frame comes to a tab that the coordinator never sent: it is followed if it holds. */
  receiveAtTab(member: SimulatedMember, frame: Uint8Array): void {
    this.after(latencyMs, () => {
      if (member.online) this.#hear(member, frame, true);
    });
  }

  #hear(member: SimulatedMember, frame: Uint8Array, isForged: boolean): void {
    const decoded = serverCodec.decode(frame);
    if (!decoded.ok) return; // such a frame is dropped
    if (isForged) this.#forged.add(decoded.value);
    this.member(member, { type: 'heard', message: decoded.value });
  }

  isForged(message: RoundServerMessage): boolean {
    return this.#forged.has(message);
  }

  #note(author: PeerId, { round, attempt }: { readonly round: number; readonly attempt: number }) {
    const isKnown = this.asked.some(
      (each) => each.author === author && each.round === round && each.attempt === attempt,
    );
    const samples = this.members.get(author)?.samples ?? 0;
    if (!isKnown) this.asked.push({ author, round, attempt, samples });
  }

  setNeighbours(member: SimulatedMember, peers: readonly PeerId[]): void {
    member.neighbours = new Set(peers);
    for (const other of this.members.values()) {
      if (member.neighbours.has(other.id)) this.#connectLater(member, other, connectMs);
      else this.#wires.close(member, other);
    }
  }

  #connectLater(a: SimulatedMember, b: SimulatedMember, ms: number): void {
    this.after(ms, () => {
      if (!a.online || !b.online || this.#wires.isConnected(a, b)) return;
      if (a.neighbours.has(b.id) && b.neighbours.has(a.id)) this.#wires.connect(a, b);
    });
  }

  close(member: SimulatedMember, to: PeerId): void {
    const other = this.members.get(to);
    if (!other) return;
    this.#wires.close(member, other);
    this.#connectLater(member, other, reconnectMs);
  }

  send(member: SimulatedMember, to: PeerId, message: PeerMessage): void {
    const other = this.members.get(to);
    const channel = other && this.#wires.channel(member, other);
    if (!other || !channel) return;
    // As in a page: what is said in one go goes in one frame.
    const isFirst = channel.packer.bytes === 0;
    const frames = channel.packer.add(peerCodec.encode(message));
    for (const frame of frames) this.#sendFrame(member, other, channel, frame);
    if (!isFirst) return;
    this.after(0, () => {
      const frame = channel.packer.take();
      if (frame !== null) this.#sendFrame(member, other, channel, frame);
    });
  }

  #sendFrame(
    from: SimulatedMember,
    to: SimulatedMember,
    channel: Channel,
    frame: Uint8Array,
  ): void {
    from.node.send(channel, {
      bytes: frame.length,
      arrive: (isLost) => {
        const decoded = peerCodec.decode(frame);
        assert(decoded.ok, 'what a tab sends can be read');
        const messages = isLost ? [] : decoded.value;
        const arriving = messages.flatMap((each) => this.#arriving(from, to, each) ?? []);
        const events = arriving.map((each) => ({ type: 'message' as const, peer: from.id, message: each })); // prettier-ignore
        if (events.length > 0) this.member(to, ...events);
      },
    });
  }

  /** What arrives of a message: nobody there has anything of a batch that is not to arrive. */
  #arriving(from: SimulatedMember, to: SimulatedMember, message: PeerMessage): PeerMessage | null {
    if (!('batch' in message)) return message;
    const { type, batch } = message;
    const name = `${from.id} ${to.id} ${batch}`;
    if (type === 'header') this.#numbers.set(name, message.header);
    const header = this.#numbers.get(name);
    const author = [...this.admitted.values()].find(({ id }) => id === header)?.author;
    if (author === undefined || !to.unreachable.has(author)) return message;
    if (type === 'bitfield' || type === 'have-all') return { type: 'have-none', batch };
    return type === 'have' || type === 'piece' ? null : message;
  }

  tell(member: SimulatedMember, message: ClientMessage): void {
    if (!member.online) return;
    const sent = member.tamper(
      message.type === 'done' && member.liesAboutDigest
        ? { ...message, digest: new Uint8Array(32) }
        : message,
    );
    if (sent === null) return;
    this.receive(member, clientCodec.encode(sent));
  }

  /** A frame of a member's comes to the coordinator: who sends what cannot be read loses its connection. */
  receive(member: SimulatedMember, frame: Uint8Array): void {
    const { id } = member;
    const decoded = clientCodec.decode(frame);
    this.after(latencyMs, () => {
      if (!member.online) return;
      if (!decoded.ok || decoded.value.type === 'hello') {
        this.log.push(`${id} is refused: ${decoded.ok ? 'a second hello' : decoded.error}`);
        this.disconnect(member);
        return;
      }
      const message = decoded.value;
      const { type } = message;
      if (type === 'signal' || type === 'answer' || type === 'shown-state') return;
      if (type === 'sum' || type === 'sum-header') this.#collect(id, message);
      else this.coordinate({ type: 'message', peer: id, message });
    });
  }

  /** A member's store loses a batch; it is fetched again. */
  lose(member: SimulatedMember, header: VerifiedHeader): void {
    member.store.drop([header.id]);
    for (const index of header.columns.keys()) {
      this.member(member, { type: 'lost', header: header.id, index });
    }
  }

  /** What a tab finds of chunks. */
  accept(
    member: SimulatedMember,
    header: VerifiedHeader,
    payloads: readonly Uint8Array[],
  ): Result<null>[] {
    return verdictsOn(member, header, payloads);
  }

  /** A part of a sum; once all of it is there, the Data Owner judges it. */
  #collect(from: PeerId, part: Extract<ClientMessage, { type: 'sum-header' | 'sum' }>): void {
    const collection = this.#collection;
    const taken = collection?.take(from, part) ?? ok(null);
    if (!taken.ok) this.log.push(`${shortId(from)}: ${taken.error}`);
    if (collection === null || !taken.ok || taken.value === null) return;
    const sum = taken.value;
    this.#collection = null;
    const { about } = collection;
    this.deliveries.push(about);
    this.coordinate({ type: 'delivered', ...about });
    this.after(this.judgeMs, () => {
      // Meanwhile something may have been revoked, and the manifest issued anew.
      if (!this.coordinator.isCollecting(about)) return;
      const outcome = this.#storeFails()
        ? ({ type: 'failed', reason: 'the model could not be stored' } as const)
        : this.owner.close(collection, sum, this.now);
      this.coordinate({ type: 'collected', ...about, outcome });
    });
  }

  #storeFails(): boolean {
    if (this.storeFailures === 0) return false;
    this.storeFailures--;
    return true;
  }

  /** Revokes a batch, as the admin API does. */
  revoke(header: HeaderId): void {
    this.coordinate({ type: 'revoke', header });
  }

  /** Signs the state anew and tells everybody. */
  signState(): void {
    const update = this.owner.dataOwner.state(this.seconds);
    this.coordinate({ type: 'state', update, replacement: null, marked: [] });
  }

  /** Puts another model in the place of the current one, as the admin API does. */
  replaceModel(parameters: Float32Array): VerifiedHeader {
    const { model, round } = this.coordinator.snapshot();
    const replaced = this.owner.replace(headerId(model.header), round - 1, parameters);
    const update = this.owner.dataOwner.state(this.seconds);
    this.coordinate({ type: 'state', update, replacement: replaced.signed, marked: [] });
    return replaced;
  }

  #server(): StorageServer {
    const { task, identity } = this.owner;
    const verifier = new SimulatedVerifier({ task, ownerKey: identity.id });
    return new StorageServer(verifier, new MemoryChunkStore(), seededRandom(3));
  }

  #messages(server: StorageServer, frozen: Freeze | null = null): MessageVerifier {
    const { task, identity, description } = this.owner;
    const settings = settingsDigest(description);
    return new MessageVerifier(server, { task, ownerKey: identity.id, settings }, frozen);
  }
}
