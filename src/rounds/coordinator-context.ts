import type { Identity } from '../crypto/index.ts';
import { bytesToHex, shortId, type PeerId, type TaskId } from '../lib/index.ts';
import { parameterCount, tensorsOf } from '../learning/index.ts';
import { limits, settingsDigest, taskIdOf } from '../protocol/index.ts';
import type { ServerMessage, TaskDescription } from '../protocol/index.ts';
import type { CoordinatorEffect, CoordinatorOptions } from './coordinator-state.ts';
import { Ledger } from './ledger.ts';
import { Members } from './members.ts';
import { patience } from './patience.ts';

type Caught = Extract<ServerMessage, { type: 'caught' }>;

/** What all phases of a coordinator's rounds share, and how they speak. */
export class CoordinatorContext {
  readonly description: TaskDescription;
  readonly owner: Identity;
  readonly task: TaskId;
  /** SHA-256 of the description. */
  readonly settings: Uint8Array;
  readonly tensors: number;
  readonly parameters: number;
  readonly members = new Members(patience.graceMs);
  readonly ledger: Ledger;
  /** The round after which the Data Owner is asked how to go on; null: it goes on by itself. */
  lastRound: number | null;
  /** How often the round that is open or opens next was opened. */
  attempts = 0;
  #effects: CoordinatorEffect[] = [];

  constructor({ description, owner, history, model, state, lastRound }: CoordinatorOptions) {
    this.description = description;
    this.owner = owner;
    this.task = taskIdOf(description);
    this.settings = settingsDigest(description);
    const tensors = tensorsOf(description.data, description.model);
    this.tensors = tensors.length;
    this.parameters = parameterCount(tensors);
    this.lastRound = lastRound;
    this.ledger = new Ledger(history, model, state);
  }

  get isFinished(): boolean {
    return this.lastRound !== null && this.ledger.closedRounds >= this.lastRound;
  }

  get quorum(): number {
    return this.description.members.quorum;
  }

  effect(effect: CoordinatorEffect) {
    this.#effects.push(effect);
  }

  /** The effects since this was last asked. */
  takeEffects(): CoordinatorEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** To members that are offline nothing is sent: they are told on their return. */
  send(to: PeerId, message: ServerMessage) {
    if (this.members.isOnline(to)) this.effect({ type: 'send', to, message });
  }

  broadcast(message: ServerMessage) {
    for (const peer of this.members.online()) this.send(peer, message);
  }

  /** Names a member to everybody, and strikes it: what it sent does not hold. */
  caught(peer: PeerId, what: Caught['what'], reason: string) {
    this.members.strike(peer);
    if (this.members.strikes(peer) > limits.timesNamed) return;
    this.warn(`${shortId(peer)}: ${what} refused: ${reason}`);
    this.broadcast({ type: 'caught', peer, what, reason: reason.slice(0, limits.reasonLength) });
  }

  /** A member did not deliver the sum that it was asked for: no lie, but others are asked before it. */
  late(peer: PeerId, what: string) {
    this.members.late(peer);
    this.warn(`${shortId(peer)}: ${what}`);
  }

  /** A member reported another model than the one that opened. */
  caughtOtherModel(peer: PeerId, digest: Uint8Array) {
    const arrived = bytesToHex(digest).slice(0, 16);
    this.caught(peer, 'digest', `arrived at ${arrived}, which is not the sum that opened`);
  }

  log(text: string) {
    this.effect({ type: 'log', level: 'info', text });
  }

  warn(text: string) {
    this.effect({ type: 'log', level: 'warn', text });
  }
}
