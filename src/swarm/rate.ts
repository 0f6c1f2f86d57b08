import { patience } from './patience.ts';

const slots = 20;
const slotMs = patience.rateMs / slots;

/** Bytes of the last 20 s, in steps of one. */
export class Rate {
  readonly #bytes = new Float64Array(slots);
  #total = 0;
  /** The step that was counted last. */
  #step = -Infinity;

  add(bytes: number, now: number): void {
    this.#advance(now);
    const place = this.#step % slots;
    this.#bytes[place] = (this.#bytes[place] ?? 0) + bytes;
    this.#total += bytes;
  }

  /** bytes of the last 20 s */
  recent(now: number): number {
    if (this.#total > 0) this.#advance(now);
    return this.#total;
  }

  #advance(now: number): void {
    const step = Math.floor(now / slotMs);
    if (step <= this.#step) return;
    for (let i = Math.max(this.#step + 1, step - slots + 1); i <= step; i++) {
      this.#total -= this.#bytes[i % slots] ?? 0;
      this.#bytes[i % slots] = 0;
    }
    this.#step = step;
  }
}
