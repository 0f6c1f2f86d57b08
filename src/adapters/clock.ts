/** ms since 1970, never going back, whatever happens to the machine's clock. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * One pending wake-up; setting it again replaces it. Late in a hidden tab, so never to be counted on, and
 * early where a sooner one was asked for before: with every message a later one is, and timers cost more
 * than being asked once too often.
 */
export class Alarm {
  readonly #ring: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #at = Infinity;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** @param at ms as of {@link now}; null for no wake-up */
  set(at: number | null): void {
    if (at !== null && this.#at <= at) return;
    clearTimeout(this.#timer);
    this.#at = at ?? Infinity;
    if (at === null) return;
    this.#timer = setTimeout(
      () => {
        this.#at = Infinity;
        this.#ring();
      },
      Math.max(0, at - now()),
    );
  }
}
