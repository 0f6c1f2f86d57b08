import type { StepName, StepTimes } from './events.ts';

/** Measures where the rounds' time goes. Times in ms, of one clock. */
export class RoundClock {
  #step: StepName = 'idle';
  #since: number;
  #steps: Partial<Record<StepName, number>> = {};

  /** @param now the first step, being idle, begins */
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
  close(now: number): StepTimes {
    this.enter(this.#step, now);
    const steps = this.#steps;
    this.#steps = {};
    return steps;
  }
}
