import type { RoundTiming, StepName, WorkTotals } from './state.ts';

/** Measures where the rounds' time goes. Times in ms, of one clock. */
export class RoundClock {
  #step: StepName = 'idle';
  #since: number;
  #steps: Partial<Record<StepName, number>> = {};
  #work: WorkTotals = { commit: 0, verify: 0, evaluate: 0 };

  constructor(now: number) {
    this.#since = now;
  }

  /** The tab does this from now on. */
  enter(step: StepName, now: number): void {
    this.#steps[this.#step] = (this.#steps[this.#step] ?? 0) + now - this.#since;
    this.#step = step;
    this.#since = now;
  }

  /** A round is closed: where its time went. */
  close(now: number): RoundTiming['steps'] {
    this.enter(this.#step, now);
    const steps = this.#steps;
    this.#steps = {};
    return steps;
  }

  /** What was computed since this was last asked. */
  workSince(totals: WorkTotals): WorkTotals {
    const before = this.#work;
    this.#work = totals;
    return {
      commit: totals.commit - before.commit,
      verify: totals.verify - before.verify,
      evaluate: totals.evaluate - before.evaluate,
    };
  }
}
