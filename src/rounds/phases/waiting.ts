import type { CoordinatorContext } from '../coordinator-context.ts';
import type { Next, Phase } from './phase.ts';

/** Between two attempts: until enough members are ready. */
export class Waiting implements Phase {
  readonly name = 'waiting';
  readonly attempt = null;
  /** Not before this time, after an attempt that failed. ms */
  readonly deadline: number;
  readonly #context: CoordinatorContext;

  constructor(context: CoordinatorContext, notBefore: number) {
    this.#context = context;
    this.deadline = notBefore;
  }

  hear() {
    // Nothing is open that a message could be about.
  }

  step(now: number): Next | null {
    const { ledger, members, description, quorum, attempts } = this.#context;
    if (this.#context.isFinished) return { to: 'finished' };
    const cohort = members.ready();
    const isFirst = ledger.closedRounds === 0 && attempts === 0;
    const least = isFirst ? description.members.minimum : quorum;
    if (now < this.deadline || cohort.length < least) return null;
    return { to: 'training', cohort };
  }

  catchUp() {
    // The next `open` tells all there is.
  }

  revoked() {
    return null;
  }
}
