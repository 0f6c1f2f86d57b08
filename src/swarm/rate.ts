import { patience } from './patience.ts';

const slots = 20;
const slotMs = patience.rateMs / slots;

/** Bytes of the last 20 s, in steps of one. */
export class Rate {
  readonly #bytes = new Float64Array(slots);
  /** The step that was counted last. */
  #step = -Infinity;

  add(bytes: number, now: number): void {
    this.#advance(now);
    this.#bytes[this.#step % slots] = (this.#bytes[this.#step % slots] ?? 0) + bytes;
  }

  /** bytes of the last 20 s */
  recent(now: number): number {
    this.#advance(now);
    return this.#bytes.reduce((sum, bytes) => sum + bytes, 0);
  }

  #advance(now: number): void {
    const step = Math.floor(now / slotMs);
    if (step <= this.#step) return;
    for (let i = Math.max(this.#step + 1, step - slots + 1); i <= step; i++) {
      this.#bytes[i % slots] = 0;
    }
    this.#step = step;
  }
}
