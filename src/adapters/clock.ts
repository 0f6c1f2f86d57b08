/** ms since 1970, never going back, whatever happens to the machine's clock. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** One pending wake-up; setting it again replaces it. Late in a hidden tab, so never to be counted on. */
export class Alarm {
  readonly #ring: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** @param at ms as of {@link now}; null for no wake-up */
  set(at: number | null): void {
    clearTimeout(this.#timer);
    if (at !== null) this.#timer = setTimeout(this.#ring, Math.max(0, at - now()));
  }
}
