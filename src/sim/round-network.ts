import { encodeCanonical, identityOf, sha256, type Identity } from '../crypto/index.ts';
import { Bitfield, assert, bytesToFloat32, bytesToHex, float32ToBytes, seededRandom, utf8ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, PeerId, Random } from '../lib/index.ts';
import { applySum, largestMagnitudes, modelDigest, parameterCount, quantise, sumUpdates, tensorsOf } from '../learning/index.ts'; // prettier-ignore
import { serverCodec, taskIdOf, type ServerMessage, type TaskDescription } from '../protocol/index.ts'; // prettier-ignore
import { RoundCoordinator, RoundMember, verifyServerMessage } from '../rounds/index.ts';
import type { CoordinatorEffect, CoordinatorEvent, MemberEffect, MemberEvent, RoundServerMessage, VerifiedMessage } from '../rounds/index.ts'; // prettier-ignore
import { admitHeader, cutBatch, joinLanes, signHeader, verifyHeader, type VerifiedHeader } from '../vds/index.ts'; // prettier-ignore

/** A small regression: 6 inputs, one output, 7 parameters. */
function describe(owner: PeerId, settings: RoundSettings): TaskDescription {
  const column = (name: string) => ({ kind: 'numeric' as const, name, mean: 0, deviation: 1 });
  return {
    type: 'task',
    version: 1,
    name: 'simulated',
    ownerKey: owner,
    nonce: new Uint8Array(16),
    data: {
      kind: 'table',
      columns: ['a', 'b', 'c', 'd', 'e', 'f'].map(column),
      target: column('y'),
    },
    model: { kind: 'mlp', hidden: [] },
    training: {
      localEpochs: 1,
      batchSize: 8,
      learningRate: 0.1,
      momentum: 0,
      validationShare: 0.1,
    },
    rounds: settings.rounds,
    members: { minimum: settings.minimum, quorum: Math.min(2, settings.minimum), maximum: 20 },
    deadlines: { trainMs: 10_000, admitMs: 5_000, exchangeMs: 8_000 },
    exchange: { mode: 'gossip', topology: 'mesh', scalars: 256 },
    crs: null,
  };
}

interface RoundSettings {
  readonly rounds: number;
  readonly minimum: number;
}

/** A tab of the simulation: a real round machine on simulated training and a shared swarm. */
export interface SimulatedMember {
  readonly identity: Identity;
  machine: RoundMember;
  online: boolean;
  readonly held: Map<HeaderId, Uint8Array>;
  readonly digests: Map<number, string>;
  readonly log: string[];
  delta: Float32Array | null;
  sum: { readonly sum: Uint16Array; readonly model: Float32Array } | null;
  samples: number;
  trainMs: number;
  /** Batches of these authors never arrive. */
  readonly unreachable: Set<PeerId>;
  /** Lies about the model that it arrived at. */
  liesAboutDigest: boolean;
  /** Sends a sum other than the one that led to its digest. */
  liesAboutSum: boolean;
}

/**
 * A coordinator and its members on a virtual clock, with real signatures, codecs, quantiser and
 * aggregation; training is a random step, the swarm a table that all share.
 */
export class RoundNetwork {
  readonly owner = identityOf(sha256(utf8ToBytes('owner')));
  readonly description: TaskDescription;
  readonly coordinator: RoundCoordinator;
  readonly members = new Map<PeerId, SimulatedMember>();
  readonly log: string[] = [];
  /** Models by round, as the coordinator made them. */
  readonly models: Float32Array[] = [];
  now = 1_000_000;
  readonly #batches = new Map<HeaderId, Uint8Array>();
  readonly #random: Random;
  #queue: { readonly at: number; readonly order: number; readonly run: () => void }[] = [];
  #order = 0;
  #collecting: Extract<CoordinatorEffect, { type: 'collect' }> | null = null;

  constructor(seed: number, settings: RoundSettings) {
    this.#random = seededRandom(seed);
    this.description = describe(this.owner.id, settings);
    this.models[0] = new Float32Array(parameterCount(this.tensors)).fill(0.5);
    this.coordinator = new RoundCoordinator({
      description: this.description,
      owner: this.owner,
      model: this.#sign(0, this.models[0]),
      history: [],
      iceServers: [],
    });
  }

  get tensors() {
    return tensorsOf(this.description.data, this.description.model);
  }

  /** Adds a tab that joins at once. */
  join(name: string, samples: number): SimulatedMember {
    const identity = identityOf(sha256(utf8ToBytes(name)));
    const member: SimulatedMember = {
      identity,
      machine: new RoundMember(identity.id),
      online: false,
      held: new Map(),
      digests: new Map(),
      log: [],
      delta: null,
      sum: null,
      samples,
      trainMs: 500,
      unreachable: new Set(),
      liesAboutDigest: false,
      liesAboutSum: false,
    };
    this.members.set(identity.id, member);
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
    member.machine = new RoundMember(member.identity.id);
    member.delta = null;
    this.#later(1_000, () => this.connect(member));
  }

  /** Lets time pass until `done`, or for `limitMs`; whether it came true. */
  run(done: () => boolean, limitMs: number): boolean {
    const end = this.now + limitMs;
    while (!done()) {
      const wake = this.coordinator.nextWake(this.now) ?? Infinity;
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
    for (const effect of this.coordinator.handle(event, this.now)) this.#coordinatorEffect(effect);
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
      case 'verify-header': {
        const { peer, round, attempt, signed } = effect;
        const admitted = admitHeader(signed, this.owner);
        const result = verifyHeader(admitted, this.#expected(true));
        this.#later(5, () =>
          this.coordinate({ type: 'header-verified', peer, round, attempt, result }),
        );
        break;
      }
      case 'collect':
        this.#collecting = effect;
        break;
      case 'log':
        this.log.push(effect.text);
        break;
      case 'refuse':
      case 'save-record':
        break;
    }
  }

  #deliver(to: PeerId, message: ServerMessage): void {
    const frame = serverCodec.encode(message);
    this.#later(10, () => {
      const member = this.members.get(to);
      const decoded = serverCodec.decode(frame);
      assert(decoded.ok, 'what the coordinator sends can be read');
      if (!member?.online) return;
      const { value } = decoded;
      if (value.type === 'challenge' || value.type === 'signal' || value.type === 'refused') return;
      this.member(member, { type: 'message', message: this.#verified(value) });
    });
  }

  #verified(message: RoundServerMessage): VerifiedMessage {
    const verified = verifyServerMessage(message, this.#expected(true));
    assert(verified.ok, 'what the coordinator signs holds');
    return verified.value;
  }

  #memberEffect(member: SimulatedMember, effect: MemberEffect): void {
    const { id } = member.identity;
    const machine = member.machine;
    const reply = (ms: number, event: () => MemberEvent) =>
      this.#later(ms, () => {
        if (member.machine === machine) this.member(member, event());
      });
    switch (effect.type) {
      case 'send': {
        const { message } = effect;
        if (!member.online || message.type === 'hello' || message.type === 'signal') break;
        if (message.type === 'sum') break;
        const sent = message.type === 'done' && member.liesAboutDigest ? { ...message, digest: new Uint8Array(32) } : message; // prettier-ignore
        this.#later(10, () => this.coordinate({ type: 'message', peer: id, message: sent }));
        break;
      }
      case 'fetch':
        this.#fetch(member, effect.header, reply);
        break;
      case 'train': {
        const { round, attempt } = effect;
        reply(member.trainMs, () => {
          const step = () => (this.#random.uint32() / 2 ** 32 - 0.5) * 0.2;
          member.delta = Float32Array.from({ length: parameterCount(this.tensors) }, step);
          const magnitudes = largestMagnitudes(member.delta, this.tensors);
          const metrics = { samples: member.samples, loss: 1, accuracy: 0.5 };
          return { type: 'trained', round, attempt, metrics, magnitudes };
        });
        break;
      }
      case 'seal': {
        const { round, attempt, scales } = effect;
        assert(member.delta !== null, 'sealing what was trained');
        const { codes } = quantise(member.delta, scales, this.tensors, this.#random);
        const about = {
          task: taskIdOf(this.description),
          round,
          scalars: 256,
          author: id,
        } as const;
        const { header, payloads } = cutBatch({ ...about, kind: 'update', lanes: 'update' }, codes, this.#random); // prettier-ignore
        const signed = signHeader(header, member.identity);
        const verified = verifyHeader(signed, this.#expected(false));
        assert(verified.ok, 'what a member signs holds');
        this.#batches.set(verified.value.id, joinLanes(header, payloads));
        member.held.set(verified.value.id, joinLanes(header, payloads));
        reply(20, () => ({ type: 'sealed', round, attempt, signed }));
        break;
      }
      case 'aggregate':
        reply(20, () => this.#aggregate(member, effect));
        break;
      case 'upload':
        this.#later(10, () => this.#collect(member));
        break;
      case 'install':
        if (member.sum) member.held.set(effect.model.id, float32ToBytes(member.sum.model));
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
      case 'feedback':
      case 'cancel-training':
        break;
    }
  }

  #fetch(
    member: SimulatedMember,
    header: VerifiedHeader,
    reply: (ms: number, event: () => MemberEvent) => void,
  ): void {
    const chunks = header.columns.length;
    const has = member.held.has(header.id);
    reply(1, () => ({
      type: 'held',
      header: header.id,
      bits: has ? Bitfield.full(chunks) : new Bitfield(chunks),
    }));
    if (has || member.unreachable.has(header.author)) return;
    const machine = member.machine;
    const retry = () => {
      if (member.machine !== machine) return;
      const holder = [...this.members.values()].some((m) => m.online && m.held.has(header.id));
      const lanes = this.#batches.get(header.id);
      if ((header.kind !== 'model' && !holder) || lanes === undefined) {
        this.#later(300, retry);
        return;
      }
      member.held.set(header.id, lanes);
      this.member(member, { type: 'held', header: header.id, bits: Bitfield.full(chunks) });
    };
    this.#later(100, retry);
  }

  #aggregate(member: SimulatedMember, effect: Extract<MemberEffect, { type: 'aggregate' }>) {
    const { manifest, model } = effect;
    const lanes = (header: HeaderId) => member.held.get(header) ?? new Uint8Array();
    const updates = manifest.entries.map((entry) => lanes(entry.header));
    const sum = sumUpdates(updates, manifest.entries.map((entry) => entry.weight)); // prettier-ignore
    const next = applySum(bytesToFloat32(lanes(model.id)), sum, manifest.scales, this.tensors);
    member.sum = { sum, model: next };
    const digest = modelDigest(next);
    const { round, attempt, revision } = manifest;
    member.digests.set(round, bytesToHex(digest));
    return { type: 'aggregated', round, attempt, revision, digest } as const;
  }

  /** What the server's shell does with an uploaded sum. */
  #collect(member: SimulatedMember): void {
    const asked = this.#collecting;
    const { sum } = member;
    if (!asked || asked.from !== member.identity.id || !sum) return;
    this.#collecting = null;
    const { from, round, attempt, revision, scales, digest } = asked;
    const lanes = member.liesAboutSum ? sum.sum.map((lane) => lane ^ 1) : sum.sum;
    const base = this.models[round - 1];
    assert(base !== undefined, 'the model before is known');
    const next = applySum(base, lanes, scales, this.tensors);
    const good = bytesToHex(modelDigest(next)) === digest;
    if (good) this.models[round] = next;
    const result = good
      ? ({ ok: true, value: this.#sign(round, next) } as const)
      : ({ ok: false, error: 'another model' } as const);
    this.coordinate({ type: 'collected', from, round, attempt, revision, result });
  }

  #sign(round: number, parameters: Float32Array) {
    const task = taskIdOf(this.description);
    const about = { task, round, scalars: 256, author: this.owner.id } as const;
    const lanes = float32ToBytes(parameters);
    const { header } = cutBatch({ ...about, kind: 'model', lanes: 'bytes' }, lanes, null);
    const signed = admitHeader(signHeader(header, this.owner), this.owner);
    this.#batches.set(bytesToHex(sha256(encodeCanonical(header))) as HeaderId, lanes);
    return signed;
  }

  #expected(admitted: boolean) {
    return { task: taskIdOf(this.description), ownerKey: this.owner.id, admitted };
  }

  #later(ms: number, run: () => void): void {
    this.#queue.push({ at: this.now + ms, order: this.#order++, run });
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
  }
}
