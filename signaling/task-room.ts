import type { FastifyBaseLogger } from 'fastify';
import type { Identity } from '../src/crypto/index.ts';
import { bytesToHex, err, messageOf, shortId } from '../src/lib/index.ts';
import type { HeaderId, PeerId, Result, TaskId } from '../src/lib/index.ts';
import { tensorsOf, type Tensor } from '../src/learning/index.ts';
import type { ClientMessage, RoundRecord, ServerMessage, TaskDescription } from '../src/protocol/index.ts'; // prettier-ignore
import { RoundCoordinator } from '../src/rounds/index.ts';
import type { CoordinatorEffect, CoordinatorEvent } from '../src/rounds/index.ts';
import { admitHeader, headerId, verifyHeader, type SignedHeader } from '../src/vds/index.ts';
import { signModel } from './default-task.ts';
import { SumCollector } from './sum-collector.ts';
import type { Checkpoint, Store } from './store/store.ts';

/** One member's connection, as a room sees it. */
export interface Seat {
  send(message: ServerMessage): void;
  /** @param again whether the tab is to try again by itself */
  close(reason: string, again: boolean): void;
}

/**
 * One task on the server: carries out what its {@link RoundCoordinator} decides, relays signaling
 * between its members, seeds the newest models and keeps the checkpoints.
 */
export class TaskRoom {
  readonly id: TaskId;
  readonly description: TaskDescription;
  readonly #owner: Identity;
  readonly #store: Store;
  readonly #log: FastifyBaseLogger;
  readonly #now: () => number;
  readonly #onModel: RoomOptions['onModel'];
  readonly #rounds: RoundCoordinator;
  readonly #tensors: readonly Tensor[];
  readonly #seats = new Map<PeerId, Seat>();
  /** Payloads of the newest two models, for tabs that find them nowhere else. */
  readonly #seeds = new Map<HeaderId, readonly Uint8Array[]>();
  #parameters: Float32Array;
  #collector: SumCollector | null = null;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: RoomOptions, newest: Checkpoint, rounds: RoundCoordinator) {
    this.id = options.id;
    this.description = options.description;
    this.#owner = options.owner;
    this.#store = options.store;
    this.#log = options.log;
    this.#now = options.now;
    this.#onModel = options.onModel;
    this.#rounds = rounds;
    this.#parameters = newest.parameters;
    this.#tensors = tensorsOf(options.description.data, options.description.model);
  }

  static async open(options: RoomOptions): Promise<TaskRoom> {
    const { id, description, store, owner, iceServers } = options;
    const checkpoints = await store.newest(id, 2);
    const [newest] = checkpoints;
    if (newest === undefined) throw new Error(`bug: task ${id} has no model`);
    const history = await store.history(id);
    const model = newest.header;
    const rounds = new RoundCoordinator({ description, owner, model, history, iceServers });
    const room = new TaskRoom(options, newest, rounds);
    for (const { round, parameters } of checkpoints.reverse()) {
      const { header, payloads } = signModel(description, round, parameters, owner);
      room.#seed(header, payloads);
    }
    return room;
  }

  /** Takes in a member whose key has been checked. An older connection of it is closed. */
  join(peer: PeerId, seat: Seat): void {
    this.#seats.get(peer)?.close('the same identity connected again', false);
    this.#seats.set(peer, seat);
    this.#handle({ type: 'joined', peer });
  }

  /** The connection is gone; not if another one of the same member has taken its place. */
  leave(peer: PeerId, seat: Seat): void {
    if (this.#seats.get(peer) !== seat) return;
    this.#seats.delete(peer);
    this.#handle({ type: 'left', peer });
  }

  receive(peer: PeerId, message: Exclude<ClientMessage, { type: 'hello' }>): void {
    if (message.type === 'signal') {
      if (!this.#rounds.isMember(message.to)) return; // it has just left
      const { session, data } = message;
      this.#seats.get(message.to)?.send({ type: 'signal', from: peer, session, data });
    } else if (message.type === 'sum') {
      void this.#sum(peer, message);
    } else {
      this.#handle({ type: 'message', peer, message });
    }
  }

  /** A chunk of one of the newest models, or null. */
  chunk(header: HeaderId, index: number): Uint8Array | null {
    return this.#seeds.get(header)?.[index] ?? null;
  }

  get parameters(): Float32Array {
    return this.#parameters;
  }

  snapshot() {
    return this.#rounds.snapshot();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const seat of this.#seats.values()) seat.close('the server is shutting down', true);
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
      case 'verify-header': {
        const { peer, round, attempt, signed } = effect;
        setImmediate(() => {
          const result = this.#admit(signed);
          this.#handle({ type: 'header-verified', peer, round, attempt, result });
        });
        break;
      }
      case 'collect':
        this.#collector = new SumCollector(
          effect,
          this.#tensors,
          this.description.exchange.scalars,
        );
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

  /** Verifies an author's header and countersigns it. */
  #admit(signed: SignedHeader) {
    const expected = { task: this.id, ownerKey: this.#owner.id, admitted: false };
    const verified = verifyHeader(signed, expected);
    if (!verified.ok) return verified;
    return verifyHeader(admitHeader(signed, this.#owner), { ...expected, admitted: true });
  }

  async #sum(from: PeerId, message: Extract<ClientMessage, { type: 'sum' }>): Promise<void> {
    const collector = this.#collector;
    if (!collector) return;
    const { round, attempt, revision } = collector.asked;
    if (message.round !== round || message.attempt !== attempt) return;
    if (message.revision !== revision) return;
    const added = collector.add(from, message.index, message.payload);
    if (!added.ok) {
      this.#log.warn(`${shortId(from)}: ${added.error}`);
      return;
    }
    if (!added.value) return;
    this.#collector = null;
    const result = await this.#close(collector).catch((thrown: unknown) => {
      this.#log.error(`the model could not be stored: ${messageOf(thrown)}`);
      return err('it could not be stored');
    });
    this.#handle({ type: 'collected', from, round, attempt, revision, result });
  }

  /** Makes, signs and stores the next model. */
  async #close(collector: SumCollector): Promise<Result<SignedHeader>> {
    const next = collector.apply(this.#parameters);
    if (!next.ok) return next;
    const { record } = collector.asked;
    const parameters = next.value;
    const { header, payloads } = signModel(this.description, record.round, parameters, this.#owner);
    await this.#store.closeRound(this.id, { round: record.round, header, parameters }, record);
    this.#parameters = parameters;
    this.#seed(header, payloads);
    this.#onModel?.(record, parameters);
    this.#log.info(`model ${record.round}: ${bytesToHex(record.digest).slice(0, 16)}`);
    return { ok: true, value: header };
  }

  #seed(header: SignedHeader, payloads: readonly Uint8Array[]): void {
    this.#seeds.set(headerId(header.header), payloads);
    const [oldest] = this.#seeds.keys();
    if (this.#seeds.size > 2 && oldest !== undefined) this.#seeds.delete(oldest);
  }
}

interface RoomOptions {
  readonly id: TaskId;
  readonly description: TaskDescription;
  readonly owner: Identity;
  readonly store: Store;
  readonly iceServers: Extract<ServerMessage, { type: 'welcome' }>['iceServers'];
  readonly log: FastifyBaseLogger;
  /** ms, never going back */
  readonly now: () => number;
  /** Told of every model that a round made. */
  readonly onModel?: (record: RoundRecord, parameters: Float32Array) => void;
}
