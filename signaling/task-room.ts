import type { FastifyBaseLogger } from 'fastify';
import { randomBytes } from 'node:crypto';
import type { Identity, Signed } from '../src/crypto/index.ts';
import {
  Budget,
  bytesToHex,
  equalBytes,
  err,
  float32ToBytes,
  messageOf,
  ok,
  shortId,
} from '../src/lib/index.ts';
import type { HeaderId, PeerId, Result, TaskId } from '../src/lib/index.ts';
import { modelDigest, tensorsOf, type Tensor } from '../src/learning/index.ts';
import { limits } from '../src/protocol/index.ts';
import type { Answer, ClientMessage, Question, RoundRecord, ServerMessage, TaskDescription } from '../src/protocol/index.ts'; // prettier-ignore
import { finishRecord, RoundCoordinator, SumCollection } from '../src/rounds/index.ts';
import type { CoordinatorEffect, CoordinatorEvent, DeliveredSum } from '../src/rounds/index.ts';
import { cutPayloads, headerId, type StateUpdate } from '../src/vds/index.ts';
import { Auditor } from './auditor.ts';
import type { Config } from './config.ts';
import { startingParameters } from './default-task.ts';
import { iceServersFor } from './ice-servers.ts';
import { OwnerDesk, type Revocation } from './owner-desk.ts';
import type { OwnerThread } from './owner-thread.ts';
import { Questioner } from './questioner.ts';
import type { Checkpoint, Store } from './store/store.ts';

/** One member's connection, as a room sees it. */
export interface Seat {
  send(message: ServerMessage): void;
  /** Sends what another member has to say, unless much is waiting already: that is lost. */
  relay(message: ServerMessage): void;
  /** @param again whether the tab is to try again by itself */
  close(reason: string, again: boolean): void;
}

/** Well within the ten minutes that a state is fresh. */
const signStateEveryMs = 120_000;

/** How far a task is; `lastRound` null: it has none. */
export interface Rounds {
  readonly closed: number;
  readonly lastRound: number | null;
}

type Outcome = Extract<CoordinatorEvent, { type: 'collected' }>['outcome'];
type Of<T extends ClientMessage['type']> = Extract<ClientMessage, { type: T }>;

/**
 * One task on the server: carries out what its {@link RoundCoordinator} decides, relays signaling
 * between its members, seeds the newest models and asks members for proofs.
 */
export class TaskRoom {
  readonly id: TaskId;
  readonly description: TaskDescription;
  readonly desk: OwnerDesk;
  readonly #store: Store;
  readonly #log: FastifyBaseLogger;
  readonly #now: () => number;
  readonly #onModel: RoomOptions['onModel'];
  readonly #onStop: RoomOptions['onStop'];
  readonly #rounds: RoundCoordinator;
  readonly #tensors: readonly Tensor[];
  readonly #seats = new Map<PeerId, Seat>();
  /** What members may still say to each other, by sender and addressee. */
  readonly #signals = new Map<PeerId, Map<PeerId, Budget>>();
  readonly #questioner = new Questioner();
  readonly auditor: Auditor;
  readonly #auditsRounds: boolean;
  /** Payloads of the newest two models, for tabs that find them nowhere else. */
  readonly #seeds = new Map<HeaderId, readonly Uint8Array[]>();
  /** Who waits for what to be revoked. */
  readonly #revoking = new Map<HeaderId, ((done: Promise<Result<StateUpdate>>) => void)[]>();
  readonly #signing: NodeJS.Timeout;
  #collection: SumCollection | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #epoch: number;
  /** Of the newest state. */
  #core: Uint8Array;

  private constructor(
    options: RoomOptions,
    desk: OwnerDesk,
    rounds: RoundCoordinator,
    state: StateUpdate,
  ) {
    this.id = options.id;
    this.description = options.description;
    this.desk = desk;
    this.#store = options.store;
    this.#log = options.log;
    this.#now = options.now;
    this.#onModel = options.onModel;
    this.#rounds = rounds;
    this.auditor = new Auditor({
      ask: (...question) => this.ask(...question),
      judge: (...answer) => desk.judge(...answer),
      now: options.now,
    });
    this.#auditsRounds = options.auditsRounds === true;
    this.#epoch = state.revoked.length;
    this.#core = state.core.bytes;
    this.#onStop = options.onStop;
    this.#tensors = tensorsOf(options.description.data, options.description.model);
    this.#signing = setInterval(() => void this.#signState(), signStateEveryMs);
  }

  static async open(options: RoomOptions): Promise<TaskRoom> {
    const { id, description, store, owner, iceServers } = options;
    const checkpoints = await store.newest(id, 2);
    const [newest] = checkpoints;
    if (newest === undefined) throw new Error(`bug: task ${id} has no model`);
    const desk = new OwnerDesk(options, newest, await store.excluded(id));
    const state = await desk.state();
    const rounds = new RoundCoordinator({
      description,
      owner,
      model: newest.header,
      state,
      history: await store.history(id, (round) => {
        options.log.error(`the record of round ${round} cannot be read: it is left out`);
      }),
      lastRound: (await store.lastRound(id)) ?? description.rounds,
      iceServers: (peer, now) => [...iceServersFor(iceServers, peer, now)],
      boot: new Uint8Array(randomBytes(16)),
    });
    const room = new TaskRoom(options, desk, rounds, state);
    for (const checkpoint of checkpoints.reverse()) room.#seed(checkpoint);
    return room;
  }

  /**
   * What the newest core that a tab knows means here: 'newer' asks for the state, which
   * {@link takeOver} takes.
   */
  async recognise(core: Signed): Promise<Result<'known' | 'newer'>> {
    if (equalBytes(core.bytes, this.#core)) return ok('known');
    const recognised = await this.desk.recognise(core);
    if (!recognised.ok) return recognised;
    return recognised.value === 'forked' ? err(this.#stop('forked')) : ok(recognised.value);
  }

  /** Takes over what this server revoked before its database was restored from a backup. */
  async takeOver(shown: StateUpdate): Promise<Result<null>> {
    const taken = await this.desk.takeOver(shown, (...revoked) => this.#revoked(...revoked));
    if (!taken.ok) return taken;
    return taken.value === 'taken' ? ok(null) : err(this.#stop(taken.value));
  }

  /** Nothing more is signed: two histories under one key could not be told apart. */
  #stop(why: keyof typeof stops): string {
    const reason = `${stops[why]}: restore a newer backup of the data folder`;
    if (this.#closed) return reason;
    this.#log.error(reason);
    this.close(reason);
    this.#onStop?.(reason);
    return reason;
  }

  /**
   * Takes in a member whose key has been checked, unless it is excluded. An older connection of it
   * is closed.
   */
  join(peer: PeerId, seat: Seat): boolean {
    if (this.#closed) {
      seat.close(shuttingDown, true);
      return false;
    }
    if (this.desk.excluded.has(peer)) {
      seat.close(excludedReason, false);
      return false;
    }
    this.#seats.get(peer)?.close('the same identity connected again', false);
    this.#seats.set(peer, seat);
    this.#handle({ type: 'joined', peer });
    return this.#seats.get(peer) === seat; // not if it was refused
  }

  /** The connection is gone; not if another one of the same member has taken its place. */
  leave(peer: PeerId, seat: Seat): void {
    if (this.#seats.get(peer) !== seat) return;
    this.#seats.delete(peer);
    this.#signals.delete(peer);
    for (const budgets of this.#signals.values()) budgets.delete(peer);
    this.#questioner.left(peer);
    this.#handle({ type: 'left', peer });
  }

  receive(peer: PeerId, message: Exclude<ClientMessage, { type: 'hello' }>): void {
    switch (message.type) {
      case 'signal':
        this.#signal(peer, message);
        break;
      case 'sum-header':
      case 'sum':
        this.#sum(peer, message);
        break;
      case 'answer':
        this.#questioner.answered(peer, message.id, message.answer);
        break;
      case 'shown-state':
        break; // not asked for
      default:
        this.#handle({ type: 'message', peer, message });
    }
  }

  /** A chunk of one of the newest models or of a file, or null. */
  async chunk(header: HeaderId, index: number): Promise<Uint8Array | null> {
    return this.#seeds.get(header)?.[index] ?? (await this.desk.fileChunk(header, index));
  }

  /** Of the newest model, float32[P]. */
  get parameters(): Float32Array {
    return this.desk.model.parameters;
  }

  /** Of the newest state. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Nobody is let in any more: the server ends, or must not go on. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Whether somebody has a place here, connected or for a while not. */
  has(peer: PeerId): boolean {
    return this.#rounds.hasPlace(peer);
  }

  /** Members that are connected. */
  get connected(): PeerId[] {
    return [...this.#seats.keys()];
  }

  snapshot() {
    return this.#rounds.snapshot();
  }

  /** Revokes a batch and tells every member; what an open sum depends on, once that has ended. */
  revoke(header: HeaderId): Promise<Result<StateUpdate>> {
    if (this.#closed) return Promise.resolve(err(shuttingDown));
    return new Promise((resolve) => {
      const waiting = this.#revoking.get(header) ?? [];
      this.#revoking.set(header, [...waiting, resolve]);
      this.#handle({ type: 'revoke', header });
    });
  }

  /** Admits nothing of a member from now on, and sends it away. */
  async exclude(peer: PeerId): Promise<Result<null>> {
    const excluded = await this.desk.exclude(peer);
    if (!excluded.ok) return excluded;
    this.#log.info(`excluded: ${shortId(peer)}`);
    const seat = this.#seats.get(peer);
    if (seat === undefined) return excluded;
    seat.close(excludedReason, false);
    // Nobody waits for it to come back.
    this.#handle({ type: 'message', peer, message: { type: 'bye' } });
    this.leave(peer, seat);
    return excluded;
  }

  /** Lets the task go on for so many rounds after its last one. */
  goOn(rounds: number): Promise<Result<Rounds>> {
    const { lastRound } = this.rounds;
    if (lastRound === null) return Promise.resolve(err('the task goes on by itself: it has no last round')); // prettier-ignore
    return this.#goOnUntil(lastRound + rounds);
  }

  /** Begins to learn anew, from another starting model, with as many rounds as at first. */
  async restart(): Promise<Result<Rounds>> {
    const fresh = float32ToBytes(startingParameters(this.description));
    const replaced = await this.replace(headerId(this.desk.model.header.header), fresh);
    if (!replaced.ok) return replaced;
    const { rounds } = this.description;
    return rounds === null ? ok(this.rounds) : this.#goOnUntil(this.rounds.closed + rounds);
  }

  /** How far the task is. */
  get rounds(): Rounds {
    return this.#rounds.rounds;
  }

  async #goOnUntil(lastRound: number): Promise<Result<Rounds>> {
    if (this.#closed) return err(shuttingDown);
    if (lastRound > limits.rounds) return err(`a task has at most ${limits.rounds} rounds`);
    await this.#store.setLastRound(this.id, lastRound);
    this.#log.info(`the task goes on until round ${lastRound}`);
    this.#handle({ type: 'last-round', lastRound });
    return ok(this.rounds);
  }

  /** Replaces the current model or a file and tells every member. */
  replace(header: HeaderId, content: Uint8Array): Promise<Result<StateUpdate>> {
    if (this.#closed) return Promise.resolve(err(shuttingDown));
    return this.desk.replace(header, content, (revocation) => this.#revoked(header, revocation));
  }

  /** Asks a member to prove something of a batch that it holds. */
  ask(peer: PeerId, header: HeaderId, question: Question): Promise<Result<Answer>> {
    const seat = this.#seats.get(peer);
    if (seat === undefined) return Promise.resolve(err('the member is not connected'));
    return this.#questioner.ask(peer, header, question, (message) => seat.send(message));
  }

  close(reason = shuttingDown): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#signing);
    for (const seat of this.#seats.values()) seat.close(reason, true);
    const down = Promise.resolve(err(reason));
    for (const waiting of this.#revoking.values()) for (const settle of waiting) settle(down);
    this.#revoking.clear();
  }

  #handle(event: CoordinatorEvent): void {
    if (this.#closed) return;
    const now = this.#now();
    for (const effect of this.#rounds.handle(event, now)) this.#carryOut(effect);
    clearTimeout(this.#timer);
    const wake = this.#rounds.nextWake(now);
    if (wake === null) return;
    this.#timer = setTimeout(() => this.#handle({ type: 'tick' }), wake - now);
  }

  #carryOut(effect: CoordinatorEffect): void {
    switch (effect.type) {
      case 'send':
        this.#seats.get(effect.to)?.send(effect.message);
        break;
      case 'refuse': {
        const seat = this.#seats.get(effect.to);
        this.#seats.delete(effect.to);
        seat?.close(effect.reason, false);
        break;
      }
      case 'verify-header':
        void this.#admit(effect);
        break;
      case 'collect':
        this.#collection = new SumCollection(
          effect,
          this.#tensors,
          this.description.exchange.scalars,
        );
        break;
      case 'revoke':
        this.#revoke(effect.header);
        break;
      case 'save-record':
        this.#store.updateRecord(this.id, effect.record).catch((thrown: unknown) => {
          this.#log.error(`the metrics of a round could not be saved: ${messageOf(thrown)}`);
        });
        break;
      case 'log':
        this.#log[effect.level](effect.text);
        break;
    }
  }

  async #admit(effect: Extract<CoordinatorEffect, { type: 'verify-header' }>): Promise<void> {
    const { peer, round, attempt, signed } = effect;
    const result = await this.desk.admit(signed).catch((thrown: unknown) => {
      this.#log.error(`a header could not be admitted: ${messageOf(thrown)}`);
      return null;
    });
    this.#handle({ type: 'header-verified', peer, round, attempt, result });
  }

  #signal(from: PeerId, { to, session, data }: Of<'signal'>): void {
    if (!this.#rounds.isMember(from) || !this.#rounds.isMember(to)) return; // it has just left
    const now = this.#now();
    const budgets = this.#signals.get(from) ?? new Map<PeerId, Budget>();
    this.#signals.set(from, budgets);
    const budget = budgets.get(to) ?? new Budget(limits.signalsPerTenSeconds, now);
    budgets.set(to, budget);
    if (budget.take(now)) this.#seats.get(to)?.relay({ type: 'signal', from, session, data });
  }

  #sum(from: PeerId, message: Of<'sum-header'> | Of<'sum'>): void {
    const collection = this.#collection;
    if (!collection) return;
    const taken = collection.take(from, message);
    if (!taken.ok) {
      this.#log.warn(`${shortId(from)}: ${taken.error}`);
      return;
    }
    const delivered = taken.value;
    if (delivered === null) return;
    this.#collection = null;
    const { about } = collection;
    this.#handle({ type: 'delivered', ...about });
    void this.desk.exclusive(async () => {
      // Meanwhile something may have been revoked, and the manifest issued anew.
      if (!this.#rounds.isCollecting(about)) return;
      const outcome = await this.#close(collection, delivered).catch((thrown: unknown) => {
        this.#log.error(`the model could not be stored: ${messageOf(thrown)}`);
        return { type: 'failed', reason: 'the model could not be stored' } as const;
      });
      this.#handle({ type: 'collected', ...about, outcome });
      if (outcome.type === 'closed' && this.#auditsRounds) void this.#auditRound(collection);
    });
  }

  /** Whether one of those who vouched for the round's chunks has them still. */
  async #auditRound({ asked }: SumCollection): Promise<void> {
    const { record, order } = asked;
    const batches = order.summands.map(({ header: { id, author, columns } }) => ({ id, author, columns: columns.length })); // prettier-ignore
    const holders = record.authors.filter((author) => this.#seats.has(author));
    try {
      const audited = await this.auditor.auditSomebody(holders, batches, this.#epoch);
      if (audited === null) return;
      const { holder, header, verdict } = audited;
      const about = `audit of ${shortId(header)} at ${shortId(holder)}`;
      if (verdict.ok) this.#log.info(`${about}: holds`);
      else this.#log.warn(`${about}: ${verdict.error}`);
    } catch (thrown) {
      this.#log.error(`an audit could not be judged: ${messageOf(thrown)}`);
    }
  }

  /** Verifies the sum; makes, signs and stores the next model. */
  async #close(collection: SumCollection, delivered: DeliveredSum): Promise<Outcome> {
    const { record: unfinished, order, manifest } = collection.asked;
    const sum = await this.desk.admitSum(delivered, order);
    if (!sum.ok) return { type: 'refused', reason: sum.error };
    const next = collection.apply(delivered, this.desk.model.parameters);
    if (!next.ok) return { type: 'failed', reason: next.error };
    const record = finishRecord(unfinished, modelDigest(next.value), this.#now());
    const closed = await this.desk.closeRound(sum.value, next.value, record, manifest);
    this.#seed(this.desk.model);
    this.#onModel?.(record, next.value);
    this.#log.info(`model ${record.round}: ${bytesToHex(record.digest).slice(0, 16)}`);
    return { type: 'closed', record, ...closed };
  }

  #revoke(header: HeaderId): void {
    const waiting = this.#revoking.get(header) ?? [];
    this.#revoking.delete(header);
    const done = this.desk
      .revoke(header, (revocation) => this.#revoked(header, revocation))
      .catch((thrown: unknown) => {
        this.#log.error(`a batch could not be revoked: ${messageOf(thrown)}`);
        return err('it could not be stored');
      });
    for (const settle of waiting) settle(done);
  }

  #revoked(header: HeaderId, { update, replacement, marked }: Revocation): void {
    this.#epoch = update.revoked.length;
    this.#core = update.core.bytes;
    this.#seeds.delete(header);
    if (replacement !== null) this.#seed(this.desk.model);
    this.#log.info(`revoked: ${shortId(header)}, epoch ${update.revoked.length}`);
    for (const { round } of marked) this.#log.warn(`model ${round} was made with what is revoked`);
    this.#handle({ type: 'state', update, replacement, marked });
  }

  async #signState(): Promise<void> {
    try {
      await this.desk.exclusive(async () => {
        const update = await this.desk.state();
        this.#handle({ type: 'state', update, replacement: null, marked: [] });
      });
    } catch (thrown) {
      this.#log.error(`the state could not be signed anew: ${messageOf(thrown)}`);
    }
  }

  #seed({ header, parameters }: Checkpoint): void {
    const { scalars } = this.description.exchange;
    const payloads = cutPayloads(float32ToBytes(parameters), scalars, 'bytes', null);
    this.#seeds.set(headerId(header.header), payloads);
    const [oldest] = this.#seeds.keys();
    if (this.#seeds.size > 2 && oldest !== undefined) this.#seeds.delete(oldest);
  }
}

const shuttingDown = 'the server is shutting down';
const stops = {
  forked: 'this server has signed revocations that its database does not have, and others since',
  replaced: 'the current model of this database was replaced since',
};
const excludedReason = 'the Data Owner has excluded this member';

interface RoomOptions {
  /** Audits one member, at random, after each round. */
  readonly auditsRounds?: boolean;
  readonly id: TaskId;
  readonly description: TaskDescription;
  readonly owner: Identity;
  readonly store: Store;
  /** Opened for this task. */
  readonly thread: OwnerThread;
  readonly iceServers: Config['iceServers'];
  readonly log: FastifyBaseLogger;
  /** ms since 1970, never going back */
  readonly now: () => number;
  /** Told of every model that a round made. */
  readonly onModel?: (record: RoundRecord, parameters: Float32Array) => void;
  /** Told why the room closed by itself: it must not go on with the database that it has. */
  readonly onStop?: (reason: string) => void;
}
