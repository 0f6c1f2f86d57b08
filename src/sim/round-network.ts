import { Bitfield, assert, at, bytesToFloat32, bytesToHex, float32ToBytes, seededRandom, uniform } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, PeerId, Result } from '../lib/index.ts';
import { applySum, largestMagnitudes, modelDigest, parameterCount, quantise, sumUpdates, totalOf } from '../learning/index.ts'; // prettier-ignore
import { clientCodec, serverCodec, settingsDigest, type ClientMessage, type Freeze, type RoundRecord, type ServerMessage, type VerifiedManifest } from '../protocol/index.ts'; // prettier-ignore
import { MessageVerifier, RoundCoordinator, RoundMember } from '../rounds/index.ts';
import type { CoordinatorEffect, CoordinatorEvent, MemberEffect, MemberEvent } from '../rounds/index.ts'; // prettier-ignore
import { cutPayloads, headerId, MemoryChunkStore, StorageServer, type SignedHeader, type VerifiedHeader } from '../vds/index.ts'; // prettier-ignore
import type { SealedUpdate } from './averaging.ts';
import type { RoundSettings } from './round-task.ts';
import { scalars, seal, sealCut, seedOf, type Sealed } from './sealing.ts';
import { simulateMember, type SimulatedMember } from './simulated-member.ts';
import { SimulatedOwner } from './simulated-owner.ts';
import { SimulatedVerifier } from './simulated-verifier.ts';
import { cutSum, lanesOf, type SumTerm } from './sums.ts';

export type { SimulatedMember } from './simulated-member.ts';

/** Which sum: of whom, for which manifest. */
type CollectedSum = Parameters<RoundCoordinator['isCollecting']>[0];
type Collect = Extract<CoordinatorEffect, { type: 'collect' }>;
type VerifyHeader = Extract<CoordinatorEffect, { type: 'verify-header' }>;
type Reply = (ms: number, event: () => MemberEvent) => void;

/**
 * A coordinator and its members on a virtual clock, with real commitments and signatures, codecs,
 * quantiser and aggregation; training is a random step, the swarm a table that all share.
 */
export class RoundNetwork {
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
  /** Every update that was sealed. */
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
  now = 1_000_000;
  readonly #seed: number;
  #queue: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  #boots = 0;
  #wake = Infinity;
  #admitting: VerifyHeader[] = [];
  #collecting: Collect | null = null;

  constructor(seed: number, settings: RoundSettings) {
    this.#seed = seed;
    this.owner = new SimulatedOwner(settings);
    this.coordinator = this.#start(this.owner.sign(0, at(this.owner.models, 0)), []);
  }

  #start(model: SignedHeader, history: readonly RoundRecord[]): RoundCoordinator {
    const { description, identity, dataOwner } = this.owner;
    return new RoundCoordinator({
      ...{ description, owner: identity, model, history, lastRound: description.rounds },
      state: dataOwner.state(this.seconds),
      iceServers: [],
      boot: new Uint8Array(16).fill(++this.#boots),
    });
  }

  /** The coordinator is killed; a second later another one has what was stored, and tabs come back. */
  restart(): void {
    const { model, history } = this.coordinator.snapshot();
    const members = [...this.members.values()].filter(({ online }) => online);
    for (const member of members) member.online = false;
    this.coordinator = this.#start(model, history);
    this.#wake = Infinity;
    this.#collecting = null;
    this.#admitting = [];
    // Attempts are counted anew.
    this.updates.length = 0;
    this.asked.length = 0;
    members.forEach((member, k) => this.#later(1_000 + 50 * k, () => this.connect(member)));
  }

  after(ms: number, run: () => void): void {
    this.#later(ms, run);
  }

  /** Since 1970. */
  get seconds(): number {
    return Math.floor(this.now / 1000);
  }

  /** Adds a tab that joins at once. */
  join(name: string, samples: number): SimulatedMember {
    const random = seededRandom(seedOf(`${this.#seed} ${name}`));
    const server = this.#server();
    const member = simulateMember(name, samples, random, server, this.#messages(server));
    this.members.set(member.identity.id, member);
    this.connect(member);
    this.#tick(member);
    return member;
  }

  /** What the shell's interval does. */
  #tick(member: SimulatedMember): void {
    this.member(member, { type: 'tick' });
    this.#later(500, () => this.#tick(member));
  }

  connect(member: SimulatedMember): void {
    member.online = true;
    this.coordinate({ type: 'joined', peer: member.identity.id });
    this.member(member, { type: 'data', samples: member.samples });
  }

  disconnect(member: SimulatedMember): void {
    member.online = false;
    this.coordinate({ type: 'left', peer: member.identity.id });
  }

  /** The page is loaded anew: what was in memory is gone, what was stored is not. */
  reload(member: SimulatedMember): void {
    this.disconnect(member);
    member.machine = new RoundMember(member.identity);
    member.server = this.#server();
    member.messages = this.#messages(member.server, member.frozen);
    member.delta = null;
    this.#later(1_000, () => this.connect(member));
  }

  /** Lets time pass until `done`, or for `limitMs`; whether it came true. */
  run(done: () => boolean, limitMs: number): boolean {
    const end = this.now + limitMs;
    while (!done()) {
      const wake = this.#wake;
      const next = this.#queue[0];
      const time = Math.min(next?.at ?? Infinity, wake);
      if (time > end) return false;
      this.now = Math.max(this.now, time);
      if (next !== undefined && next.at <= wake) {
        this.#queue.shift();
        next.run();
      } else this.coordinate({ type: 'tick' });
    }
    return true;
  }

  coordinate(event: CoordinatorEvent): void {
    const effects = this.coordinator.handle(event, this.now);
    // As it was left: asked later, it would not name what is due at this very moment.
    this.#wake = this.coordinator.nextWake(this.now) ?? Infinity;
    for (const effect of effects) this.#coordinatorEffect(effect);
  }

  member(member: SimulatedMember, event: MemberEvent): void {
    const { machine } = member;
    for (const effect of machine.handle(event, this.now)) this.#memberEffect(member, effect);
  }

  #coordinatorEffect(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'send':
        this.#deliver(effect.to, effect.message);
        break;
      case 'verify-header':
        this.verifications.push(effect);
        // Those that arrive meanwhile go as one batch.
        if (this.#admitting.push(effect) === 1) this.#later(5, () => this.#admit());
        break;
      case 'collect':
        this.collections.push(effect);
        this.#collecting = effect;
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
    this.#later(10, () => {
      const member = this.members.get(to);
      assert(serverCodec.decode(frame).ok, 'what the coordinator sends can be read');
      if (member?.online !== true) return;
      const problem = this.#hear(member, frame);
      // A tab does not follow what does not hold, and of an honest coordinator everything holds.
      assert(isForged || problem === null, `what the coordinator signs holds: ${problem}`);
    });
  }

  /** A frame comes to a tab that the coordinator never sent: it is followed if it holds. */
  receiveAtTab(member: SimulatedMember, frame: Uint8Array): void {
    this.#later(10, () => {
      if (member.online) this.#hear(member, frame);
    });
  }

  /** What is wrong with a frame, or null. */
  #hear(member: SimulatedMember, frame: Uint8Array): string | null {
    const decoded = serverCodec.decode(frame);
    if (!decoded.ok) return decoded.error;
    const { value } = decoded;
    if (value.type === 'challenge' || value.type === 'signal' || value.type === 'refused') return null; // prettier-ignore
    if (value.type === 'ask' || value.type === 'show-state') return null;
    const verified = member.messages.verify(value, this.seconds);
    if (!verified.ok) {
      const problem = `${value.type}: ${verified.error}`;
      member.refused.push(problem);
      return problem;
    }
    if (verified.value.type === 'frozen') member.frozen = verified.value.freeze;
    this.member(member, { type: 'message', message: verified.value });
    return null;
  }

  #note(author: PeerId, { round, attempt }: { readonly round: number; readonly attempt: number }) {
    const isKnown = this.asked.some(
      (each) => each.author === author && each.round === round && each.attempt === attempt,
    );
    const samples = this.members.get(author)?.samples ?? 0;
    if (!isKnown) this.asked.push({ author, round, attempt, samples });
  }

  #memberEffect(member: SimulatedMember, effect: MemberEffect): void {
    const { machine } = member;
    const reply = this.#replies(member);
    switch (effect.type) {
      case 'send':
        if (member.online) this.#send(member, effect.message);
        break;
      case 'fetch':
        this.#fetch(member, effect.header, reply);
        break;
      case 'train': {
        const { round, attempt } = effect;
        const training = ++member.trainings;
        this.#later(member.trainMs, () => {
          if (member.machine !== machine || member.trainings !== training) return;
          const step = () => (uniform(member.random) - 0.5) * 0.2;
          member.delta = Float32Array.from({ length: parameterCount(this.owner.tensors) }, step);
          const magnitudes = largestMagnitudes(member.delta, this.owner.tensors);
          const metrics = { samples: member.samples, loss: 1, accuracy: 0.5 };
          this.member(member, { type: 'trained', round, attempt, metrics, magnitudes });
        });
        break;
      }
      case 'seal':
        reply(member.sealMs, () => this.#seal(member, effect));
        break;
      case 'aggregate':
        reply(20, () => this.#aggregate(member, effect));
        break;
      case 'relay':
        this.#later(10, () => this.#relay(member, effect));
        break;
      case 'take':
        this.#take(member, effect.header, effect.index, effect.payload);
        break;
      case 'upload':
        this.#later(member.uploadMs, () => this.#upload(member, effect.manifest));
        break;
      case 'install':
        if (member.sum) this.#install(member, effect.model, member.sum.model);
        break;
      case 'evaluate': {
        const { round } = effect.model;
        const metrics = { samples: 10, loss: 0.5, accuracy: 0.75 };
        reply(20, () => ({ type: 'evaluated', round, metrics }));
        break;
      }
      case 'log':
        member.log.push(effect.text);
        break;
      case 'keep':
        for (const header of member.held.keys()) {
          if (!effect.headers.includes(header)) member.held.delete(header);
        }
        break;
      case 'drop':
        for (const header of effect.headers) member.held.delete(header);
        break;
      case 'cancel-training':
        member.trainings++;
        break;
      case 'pause':
      case 'feedback':
        break;
    }
  }

  /** Answers to a machine that a reload may have thrown away. */
  #replies(member: SimulatedMember): Reply {
    const { machine } = member;
    return (ms, event) =>
      this.#later(ms, () => {
        if (member.machine === machine) this.member(member, event());
      });
  }

  #send(member: SimulatedMember, message: ClientMessage): void {
    const sent = member.tamper(
      message.type === 'done' && member.liesAboutDigest
        ? { ...message, digest: new Uint8Array(32) }
        : message,
    );
    if (sent !== null) this.receive(member, clientCodec.encode(sent));
  }

  /** A frame of a member's comes to the coordinator: who sends what cannot be read loses its connection. */
  receive(member: SimulatedMember, frame: Uint8Array): void {
    const { id } = member.identity;
    const decoded = clientCodec.decode(frame);
    this.#later(10, () => {
      if (!member.online) return;
      if (!decoded.ok || decoded.value.type === 'hello') {
        this.log.push(`${id} is refused: ${decoded.ok ? 'a second hello' : decoded.error}`);
        this.disconnect(member);
        return;
      }
      const { type } = decoded.value;
      if (type === 'signal' || type === 'answer' || type === 'shown-state') return;
      if (type === 'sum' || type === 'sum-header') return; // see #upload
      this.coordinate({ type: 'message', peer: id, message: decoded.value });
    });
  }

  #fetch(member: SimulatedMember, header: VerifiedHeader, reply: Reply): void {
    const { id, author } = header;
    const chunks = header.columns.length;
    const has = member.held.has(id);
    const bits = () => (member.held.has(id) ? Bitfield.full(chunks) : new Bitfield(chunks));
    reply(1, () => ({ type: 'held', header: id, bits: bits() }));
    if (has || member.unreachable.has(author)) return;
    const machine = member.machine;
    /** Who sent chunks that do not hold. */
    const avoided = new Set<PeerId>();
    const retry = () => {
      if (member.machine !== machine || !machine.snapshot().held.has(id)) return;
      if (member.held.has(id)) return;
      const holders = [...this.members.values()].filter((each) => each.online && each.held.has(id));
      const holder = holders.find(({ identity }) => !avoided.has(identity.id));
      const held = holder?.serve(holder.held.get(id) ?? [], member.identity.id);
      const payloads = held ?? this.owner.payloads.get(id);
      if (payloads === undefined) {
        this.#later(300, retry);
        return;
      }
      for (const [index, verdict] of this.accept(member, header, payloads).entries()) {
        if (verdict.ok || !holder) continue;
        const from = holder.identity.id;
        avoided.add(from);
        member.refused.push(`chunk: ${verdict.error}`);
        this.member(member, { type: 'refused', header: id, index, from, reason: verdict.error });
      }
      if (member.held.has(id)) {
        this.member(member, { type: 'held', header: id, bits: Bitfield.full(chunks) });
      } else this.#later(300, retry);
    };
    this.#later(100, retry);
  }

  /** Gives the coordinator a chunk that it asks for. */
  #relay(
    member: SimulatedMember,
    { round, attempt, header, index }: Extract<MemberEffect, { type: 'relay' }>,
  ) {
    const held = member.held.get(header);
    const payload = (held && member.serve(held, null)[index]) ?? null;
    this.#send(member, { type: 'relayed', round, attempt, header, index, payload });
  }

  /** A chunk that came through the coordinator. */
  #take(member: SimulatedMember, id: HeaderId, index: number, payload: Uint8Array) {
    const header = [...this.admitted.values()].find((each) => each.id === id);
    if (!header || member.held.has(id)) return;
    const verdict = member.server.verifier.verifyChunk(header, index, payload);
    assert(verdict.ok, 'what the coordinator passes on holds');
    const partial = member.partial.get(id) ?? new Map<number, Uint8Array>();
    member.partial.set(id, partial.set(index, payload));
    if (partial.size === header.columns.length) {
      member.held.set(
        id,
        header.columns.map((_, i) => partial.get(i) ?? new Uint8Array()),
      );
    }
    this.member(member, { type: 'stored', header: id, index });
  }

  /** A member's store loses a batch; what it is fetched again with is the swarm's business. */
  lose(member: SimulatedMember, header: VerifiedHeader): void {
    member.held.delete(header.id);
    for (const index of header.columns.keys()) {
      this.member(member, { type: 'lost', header: header.id, index });
    }
    this.#fetch(member, header, this.#replies(member));
  }

  /** Verifies chunks as a tab does, and keeps them if all hold. */
  accept(
    { server, held }: SimulatedMember,
    header: VerifiedHeader,
    payloads: readonly Uint8Array[],
  ): Result<null>[] {
    const verdicts = payloads.map((each, i) => server.verifier.verifyChunk(header, i, each));
    if (verdicts.every(({ ok }) => ok)) held.set(header.id, payloads);
    return verdicts;
  }

  #seal(
    member: SimulatedMember,
    { round, attempt, opening, scales }: Extract<MemberEffect, { type: 'seal' }>,
  ): MemberEvent {
    assert(member.delta !== null, 'sealing what was trained');
    const { task, tensors } = this.owner;
    const { codes } = quantise(member.delta, scales, tensors, member.random);
    const about = { task, opening, round, kind: 'update' } as const;
    const { signed, payloads } = seal(about, codes, member.identity, member.random.uint32());
    const header = headerId(signed.header);
    const [author, { samples }] = [member.identity.id, member];
    this.updates.push({ author, round, attempt, header, codes, scales, samples });
    member.held.set(header, payloads);
    return { type: 'sealed', round, attempt, signed };
  }

  #aggregate(
    member: SimulatedMember,
    { manifest, model }: Extract<MemberEffect, { type: 'aggregate' }>,
  ): MemberEvent {
    const { round, attempt, revision, scales, entries } = manifest;
    const lanes = (header: HeaderId) => lanesOf(member.held.get(header) ?? []);
    const weights = entries.map(({ weight }) => weight);
    const updates = entries.map(({ header }) => lanes(header));
    const base = lanes(model.id);
    // Revoked or lost meanwhile.
    if ([base, ...updates].some(({ length }) => length === 0)) {
      return { type: 'sum-failed', round, attempt, revision };
    }
    const sum = sumUpdates(updates, weights);
    const next = applySum(bytesToFloat32(base), sum, totalOf(weights), scales, this.owner.tensors);
    member.sum = { sum, model: next };
    const digest = modelDigest(next);
    member.digests.set(round, bytesToHex(digest));
    return { type: 'aggregated', round, attempt, revision, digest };
  }

  /** The chunks of a model that a member computed, if they are those of its header. */
  #install(member: SimulatedMember, model: VerifiedHeader, parameters: Float32Array): void {
    const payloads = cutPayloads(float32ToBytes(parameters), scalars, 'bytes', null);
    const verdicts = this.accept(member, model, payloads);
    assert(verdicts.every(({ ok }) => ok), 'the same model'); // prettier-ignore
  }

  /** A member delivers its sum, and the server's shell judges it. */
  #upload(member: SimulatedMember, manifest: VerifiedManifest): void {
    const asked = this.#collecting;
    const { id } = member.identity;
    if (!asked || asked.from !== id || !member.online) return;
    const { from, round, attempt, revision } = asked;
    if (attempt !== manifest.attempt || revision !== manifest.revision) return;
    const terms = manifest.entries.map(({ header, weight }): SumTerm => ({
      payloads: member.held.get(header) ?? [],
      weight,
    }));
    if (terms.some(({ payloads }) => payloads.length === 0)) {
      this.member(member, { type: 'sum-failed', round, attempt, revision });
      return;
    }
    this.#collecting = null;
    const { opening, digest } = manifest;
    const about = { task: this.owner.task, opening, kind: 'sum', manifest: digest } as const;
    const sealed = member.makeSum(terms, (parts, of = round) =>
      sealCut({ ...about, round: of }, cutSum(parts), member.identity, 0),
    );
    const delivery = { from, round, attempt, revision };
    this.deliveries.push(delivery);
    this.coordinate({ type: 'delivered', ...delivery });
    this.#later(this.judgeMs, () => this.#judge(asked, sealed, delivery));
  }

  #judge(asked: Collect, sealed: Sealed, delivery: CollectedSum): void {
    // Meanwhile something may have been revoked, and the manifest issued anew.
    if (!this.coordinator.isCollecting(delivery)) return;
    const outcome = this.#storeFails()
      ? ({ type: 'failed', reason: 'the model could not be stored' } as const)
      : this.owner.close(asked, sealed, this.now);
    this.coordinate({ type: 'collected', ...delivery, outcome });
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

  #later(ms: number, run: () => void): void {
    const entry = { at: this.now + ms, order: this.#order++, run };
    const place = this.#queue.findIndex((each) => each.at > entry.at);
    if (place < 0) this.#queue.push(entry);
    else this.#queue.splice(place, 0, entry);
  }
}
