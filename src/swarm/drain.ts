import { limits } from '../protocol/index.ts';

/** ms; what a channel sends in so long may wait in it: enough to keep it busy, little to regret. */
export const windowMs = 400;
/** bytes; one block at a time, on the slowest channel too. */
const leastWindow = 8_192;
/** bytes that may wait in a channel that was not measured yet */
export const firstWindow = 8 * limits.leastFrameBytes;

/**
 * How fast a channel sends what it was handed, and how much that should be: a choke or a cancel
 * means nothing for what is in the channel already.
 */
export class Drain {
  /** bytes a ms; null: not measured yet. */
  #rate: number | null = null;
  /** bytes handed over since `#since`, and what was in the channel then. */
  #handed = 0;
  #left = 0;
  /** ms */
  #since = 0;
  /** bytes handed over since who fills the channel was told what is in it. */
  #untold = 0;

  /** bytes that may wait in the channel */
  get window(): number {
    if (this.#rate === null) return firstWindow;
    return Math.min(limits.bufferedBytes, Math.max(leastWindow, this.#rate * windowMs));
  }

  /** bytes; more is handed over once the channel has no more than this left. */
  get lowMark(): number {
    // Until it was measured, what is sent first is.
    return this.#rate === null ? 1_024 : this.window / 4;
  }

  /**
   * @param left bytes in the channel now
   * @returns whether who fills it is to be told: it may think that all is still there
   */
  handed(bytes: number, left: number, now: number): boolean {
    if (this.#handed + this.#left === 0) this.#since = now;
    this.#handed += bytes;
    this.#untold += bytes;
    if (this.#untold < this.lowMark || left > this.lowMark) return false;
    this.#untold = 0;
    return true;
  }

  /** The channel had more than its low mark, and has so many bytes left: who fills it is to be told. */
  drained(left: number, now: number): void {
    const sent = this.#left + this.#handed - left;
    const rate = sent / Math.max(1, now - this.#since);
    // A little that is sent says how little there was to send, unless it went faster than ever.
    const isMuch = sent >= Math.min(limits.leastFrameBytes, this.window / 2);
    if (this.#rate === null) this.#rate = isMuch ? rate : null;
    else if (isMuch || rate > this.#rate) this.#rate += (rate - this.#rate) / 4;
    this.#left = left;
    this.#handed = 0;
    this.#untold = 0;
    this.#since = now;
  }
}
