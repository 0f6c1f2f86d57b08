import { shortId, type PeerId } from '../../lib/index.ts';
import { openMessage, type Attempt } from '../attempt.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { Trained } from '../coordinator-state.ts';
import type { Next, Phase, PhaseMessage } from './phase.ts';

/** The cohort trains, each on its own data. */
export class Training implements Phase {
  readonly name = 'training';
  readonly attempt: Attempt;
  readonly deadline: number;
  readonly #context: CoordinatorContext;
  readonly #trained = new Map<PeerId, Trained>();

  constructor(context: CoordinatorContext, attempt: Attempt, now: number) {
    this.#context = context;
    this.attempt = attempt;
    this.deadline = now + context.description.deadlines.trainMs;
    for (const peer of attempt.cohort) this.catchUp(peer, now);
    context.log(`round ${attempt.round} open: ${attempt.cohort.length} members`);
  }

  hear(peer: PeerId, message: PhaseMessage) {
    if (message.type !== 'trained' || !this.attempt.cohort.includes(peer)) return;
    const { tensors } = this.#context;
    if (message.magnitudes.length === tensors) this.#trained.set(peer, message);
    else this.#context.warn(`${shortId(peer)}: ${message.magnitudes.length} magnitudes, not ${tensors}`); // prettier-ignore
  }

  step(now: number): Next | null {
    const { members, quorum } = this.#context;
    const { attempt } = this;
    const awaited = attempt.cohort.some(
      (p) => !this.#trained.has(p) && members.isReady(p) && members.mayStillCome(p, now),
    );
    if (awaited && now < this.deadline) return null;
    if (this.#trained.size < quorum) return { to: 'failed', reason: 'too few members trained' };
    return { to: 'sealing', attempt, trained: this.#trained };
  }

  catchUp(peer: PeerId, now: number) {
    const { ledger } = this.#context;
    this.#context.send(peer, openMessage(this.attempt, ledger.model, this.deadline - now));
  }

  revoked() {
    return null;
  }
}
