/**
 * So much at once, and so much again in ten seconds (a token bucket). What it counts is the
 * caller's choice: messages, bytes, ms of work.
 */
export class Budget {
  readonly #perTenSeconds: number;
  #left: number;
  /** ms */
  #asOf: number;

  /** @param now ms, of any clock that does not go back */
  constructor(perTenSeconds: number, now: number) {
    this.#perTenSeconds = perTenSeconds;
    this.#left = perTenSeconds;
    this.#asOf = now;
  }

  /** Takes so much if there is as much; else takes nothing. */
  take(now: number, amount = 1): boolean {
    this.#refill(now);
    if (this.#left + rounding < amount) return false;
    this.#left -= amount;
    return true;
  }

  /**
   * Takes what was spent already, if need be on credit.
   *
   * @returns ms until there is something again; 0 if there is
   */
  spend(now: number, amount: number): number {
    this.#refill(now);
    this.#left -= amount;
    return this.#left > 0 ? 0 : (-this.#left / this.#perTenSeconds) * tenSecondsMs + 1;
  }

  #refill(now: number): void {
    const earned = (Math.max(0, now - this.#asOf) / tenSecondsMs) * this.#perTenSeconds;
    this.#left = Math.min(this.#perTenSeconds, this.#left + earned);
    this.#asOf = Math.max(this.#asOf, now);
  }
}

const tenSecondsMs = 10_000;
/** Many small refills are to come to as much as one. */
const rounding = 1e-9;
