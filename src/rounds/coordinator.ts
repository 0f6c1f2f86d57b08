import { unreachable, type HeaderId, type PeerId, type TaskId } from '../lib/index.ts';
import { limits, signMembership, type RoundRecord } from '../protocol/index.ts';
import { openAttempt } from './attempt.ts';
import { CoordinatorContext } from './coordinator-context.ts';
import type { CollectedSum, CoordinatorEffect, CoordinatorEvent, CoordinatorOptions, RoundMessage, StateChanged } from './coordinator-state.ts'; // prettier-ignore
import { patience } from './patience.ts';
import { Collecting } from './phases/collecting.ts';
import { Exchanging } from './phases/exchanging.ts';
import { Finished } from './phases/finished.ts';
import type { Next, Phase } from './phases/phase.ts';
import { Sealing } from './phases/sealing.ts';
import { Training } from './phases/training.ts';
import { Waiting } from './phases/waiting.ts';

/**
 * The coordinator's side of a task's rounds (DESIGN.md §3): takes events and the time, returns
 * effects, does no I/O. What is decided in a phase stands in `phases/`.
 *
 * Invariants:
 *  1. Every event changes state first; then phases step until nothing is due.
 *  2. Every phase but 'waiting' without members and 'finished' has a deadline, so a round ends;
 *     a sum that was delivered is judged by the shell, which always answers.
 *  3. The model changes in two places only: when a collected sum was proved, and when the Data
 *     Owner replaces it.
 *  4. A message that names another round, attempt or revision than the current one is void.
 */
export class RoundCoordinator {
  readonly #context: CoordinatorContext;
  readonly #iceServers: CoordinatorOptions['iceServers'];
  readonly #boot: Uint8Array;
  #phase: Phase;
  /** What is to be revoked once no open sum depends on it. */
  #toRevoke: HeaderId[] = [];
  /** Attempts in a row that failed. */
  #failures = 0;

  constructor(options: CoordinatorOptions) {
    this.#context = new CoordinatorContext(options);
    this.#iceServers = options.iceServers;
    this.#boot = options.boot;
    this.#phase = this.#context.isFinished
      ? new Finished(this.#context)
      : new Waiting(this.#context, 0);
  }

  get task(): TaskId {
    return this.#context.task;
  }

  handle(event: CoordinatorEvent, now: number): CoordinatorEffect[] {
    const context = this.#context;
    const phase = this.#phase;
    let next: Next | null = null;
    switch (event.type) {
      case 'joined':
        this.#joined(event.peer, now);
        break;
      case 'left':
        this.#lost(event.peer, now, false);
        break;
      case 'message':
        if (this.isMember(event.peer)) this.#message(event.peer, event.message, now);
        break;
      case 'header-verified':
        if (phase instanceof Sealing && this.#isCurrent(event)) phase.verified(event);
        break;
      case 'delivered':
        if (phase instanceof Collecting && this.isCollecting(event)) phase.delivered();
        break;
      case 'collected':
        if (phase instanceof Collecting && this.isCollecting(event))
          next = phase.collected(event, now);
        break;
      case 'state':
        next = this.#stateChanged(event, now);
        break;
      case 'last-round':
        this.#goOn(event.lastRound, now);
        break;
      case 'revoke':
        this.#toRevoke.push(event.header);
        break;
      case 'tick':
        break;
      default:
        unreachable(event);
    }
    for (next ??= this.#phase.step(now); next !== null; next = this.#phase.step(now)) {
      this.#enter(next, now);
    }
    this.#revoke();
    if (context.members.isListDue(now)) {
      context.broadcast({ type: 'members', members: context.members.takeList(now) });
    }
    return context.takeEffects();
  }

  /** When `handle` wants to be called again at the latest, or null. ms */
  nextWake(now: number): number | null {
    const { members } = this.#context;
    const times = [members.nextGraceEnd(now), members.listDue, this.#phase.deadline];
    const future = times.filter((time) => time !== null && time > now) as number[];
    return future.length === 0 ? null : Math.min(...future);
  }

  /** For the log, the metrics page and tests. */
  snapshot() {
    const { members, ledger, attempts } = this.#context;
    return {
      phase: this.#phase.name,
      round: ledger.round,
      attempt: attempts,
      members: members.list(),
      history: ledger.history,
      model: ledger.model,
      /** What headers of the attempt name; null between two. */
      opening: this.#phase.attempt?.opening ?? null,
    };
  }

  /** Whether this sum is still what the round waits for. */
  isCollecting(sum: CollectedSum): boolean {
    const phase = this.#phase;
    return phase instanceof Collecting && this.#isCurrent(sum) && phase.isWaitingFor(sum);
  }

  isMember(peer: PeerId): boolean {
    return this.#context.members.isOnline(peer);
  }

  /** How far the task is. */
  get rounds(): { readonly closed: number; readonly lastRound: number | null } {
    const { ledger, lastRound } = this.#context;
    return { closed: ledger.closedRounds, lastRound };
  }

  /** Whether somebody has its place, connected or for a while not. */
  hasPlace(peer: PeerId): boolean {
    return this.#context.members.has(peer);
  }

  #enter(next: Next, now: number) {
    const context = this.#context;
    switch (next.to) {
      case 'training': {
        const attempt = openAttempt(context, ++context.attempts, next.cohort, now);
        this.#phase = new Training(context, attempt, now);
        break;
      }
      case 'sealing':
        this.#phase = new Sealing(context, next.attempt, next.trained, now);
        break;
      case 'exchanging':
        this.#phase = new Exchanging(context, next.round, now);
        break;
      case 'collecting':
        this.#phase = new Collecting(context, next.issued, next.vouches, now);
        break;
      case 'closed':
        this.#closed(next, now);
        break;
      case 'failed':
        this.#failed(next.reason, now);
        break;
      case 'finished':
        this.#phase = new Finished(context);
        break;
      default:
        unreachable(next);
    }
  }

  #joined(peer: PeerId, now: number) {
    const { members, description, task, owner, ledger } = this.#context;
    const { maximum } = description.members;
    if (!members.has(peer) && members.size >= maximum) {
      const reason = `the task is full: it takes ${maximum} members`;
      this.#context.effect({ type: 'refuse', to: peer, reason });
      return;
    }
    members.join(peer);
    const seconds = Math.floor(now / 1000);
    this.#context.send(peer, {
      type: 'welcome',
      now: seconds,
      boot: this.#boot,
      description,
      membership: signMembership({ task, peer, issuedAt: seconds }, owner),
      model: ledger.model,
      state: ledger.state,
      history: newestWithin(ledger.history, limits.historyBytes),
      lastRound: this.#context.lastRound,
      iceServers: this.#iceServers(peer, seconds),
    });
    if (this.#isCountedOn(peer) || this.#phase instanceof Finished) this.#phase.catchUp(peer, now);
  }

  /** Whether the open attempt counts on a member, online or not. */
  #isCountedOn(peer: PeerId): boolean {
    return this.#phase.attempt?.cohort.includes(peer) === true;
  }

  #lost(peer: PeerId, now: number, left: boolean) {
    this.#context.members.lose(peer, { left, kept: this.#isCountedOn(peer) }, now);
  }

  #message(peer: PeerId, message: RoundMessage, now: number) {
    const { members, ledger } = this.#context;
    switch (message.type) {
      case 'ready':
        members.setReady(peer, true, message.samples);
        break;
      case 'rest':
        members.setReady(peer, false, 0);
        break;
      case 'bye':
        this.#lost(peer, now, true);
        break;
      case 'metrics': {
        const record = ledger.measured(peer, message.round, message.metrics);
        if (!record) break;
        this.#context.effect({ type: 'save-record', record });
        const { round, metrics } = record;
        this.#context.broadcast({ type: 'metrics', round, metrics });
        break;
      }
      default:
        if (this.#isCurrent(message)) this.#phase.hear(peer, message, now);
        else if (message.type === 'done' && ledger.isOtherModel(peer, message)) {
          this.#context.caughtOtherModel(peer, message.digest);
        }
    }
  }

  /** After the freeze, what is revoked takes effect when the attempt ends (VDS.md, “Sums” 5). */
  #revoke() {
    const phase = this.#phase;
    const isOpen = (header: HeaderId) => phase instanceof Collecting && phase.lists(header);
    for (const header of this.#toRevoke.filter((each) => !isOpen(each))) {
      this.#context.effect({ type: 'revoke', header });
    }
    this.#toRevoke = this.#toRevoke.filter(isOpen);
  }

  /** A revoked update is taken out of the open round; with a revoked model the round starts over. */
  #stateChanged({ update, replacement, marked }: StateChanged, now: number): Next | null {
    const context = this.#context;
    context.ledger.state = update;
    context.broadcast({ type: 'state', update });
    for (const { round, revokedUpdates } of marked) {
      const isKnown = context.ledger.mark(round, revokedUpdates);
      if (isKnown) context.broadcast({ type: 'marked', round, revokedUpdates });
    }
    if (replacement === null) return this.#phase.revoked(update.revoked, now);
    if (this.#phase.attempt !== null) this.#failed('the model was replaced', now);
    context.ledger.replace(replacement);
    context.broadcast({ type: 'replaced', model: replacement });
    return null;
  }

  #closed({ record, model, sum }: Extract<Next, { to: 'closed' }>, now: number) {
    const context = this.#context;
    context.ledger.close(record, model);
    context.attempts = 0;
    this.#failures = 0;
    const { round, authors, ms } = record;
    context.log(`round ${round} closed: ${authors.length} updates, ${ms} ms`);
    context.broadcast({ type: 'closed', record, model, sum });
    this.#phase = new Waiting(context, now);
    context.members.forgetGone();
  }

  #failed(reason: string, now: number) {
    const context = this.#context;
    const { attempts, ledger } = context;
    this.#failures++;
    context.warn(`round ${ledger.round}, attempt ${attempts} failed: ${reason}`);
    context.broadcast({ type: 'failed', round: ledger.round, attempt: attempts, reason });
    const pause = patience.retryMs * Math.min(10, this.#failures);
    this.#phase = new Waiting(context, now + pause);
    context.members.forgetGone();
  }

  #goOn(lastRound: number | null, now: number) {
    const context = this.#context;
    context.lastRound = lastRound;
    context.broadcast({ type: 'last-round', lastRound });
    if (this.#phase instanceof Finished && !context.isFinished) {
      this.#phase = new Waiting(context, now);
    }
  }

  #isCurrent(message: { readonly round: number; readonly attempt: number }): boolean {
    const { ledger, attempts } = this.#context;
    return message.round === ledger.round && message.attempt === attempts;
  }
}

/** The newest records that take so many bytes at most. */
function newestWithin(history: readonly RoundRecord[], bytes: number): RoundRecord[] {
  let left = bytes;
  const older = history.toReversed().findIndex((record) => {
    // An author's id is 64 digits; the rest of a record some 200 bytes.
    left -= 200 + 70 * record.authors.length;
    return left < 0;
  });
  return older < 0 ? [...history] : history.slice(history.length - older);
}
