import { limits } from '../protocol/index.ts';

/** ms; what a channel sends in so long may wait in it: enough to keep it busy, little to regret. */
const windowMs = 400;
/** bytes; one block at a time, on the slowest channel too. */
const leastWindow = 8_192;
/** bytes; what is sent in one go below that says little of how fast it went. */
export const sampleBytes = 16_384;
/** bytes that may wait in a channel that was not measured yet */
export const firstWindow = 8 * sampleBytes;
/** bytes a ms; what is thought of what was not measured yet */
export const firstRate = firstWindow / windowMs;

/** ms; what was not heard of for so long, and was little, has been sent. */
const idleMs = 50;
/** ms; what is measured counts for as long as it took, and less and less after so long. */
const memoryMs = 500;
/** bytes; with so few left who fills a channel hears of it once more. */
export const leastMark = 1_024;

/** How fast something sends what it is handed, measured while it has something to send. */
export class Throughput {
  /** bytes a ms; null: not measured yet. */
  rate: number | null = null;
  /** bytes handed over since `#since`, and what was left then. */
  #handed = 0;
  #left = 0;
  /** ms */
  #since = 0;

  handed(bytes: number, now: number): void {
    if (this.#handed + this.#left === 0) this.#since = now;
    this.#handed += bytes;
  }

  /** There was nothing to send for a while: what was left went, nobody knows when. */
  idle(now: number): void {
    if (now <= this.#since + idleMs) return;
    this.#left = 0;
    this.#handed = 0;
  }

  /**
   * So much is left of what was handed over.
   *
   * @param much bytes; less says how little there was to send, unless it went faster than ever. Infinity:
   *   it may have been idle, so that it is faster if anything
   */
  drained(left: number, much: number, now: number): void {
    const sent = this.#left + this.#handed - left;
    const took = now - this.#since;
    if (this.rate === null) this.rate = sent >= much ? sent / Math.max(1, took) : null;
    else if (sent >= much || sent > this.rate * took) {
      // By time: several channels may tell at once of what all of them took long to send.
      const kept = Math.exp(-took / memoryMs);
      this.rate = kept * this.rate + (took > 0 ? ((1 - kept) / took) * sent : sent / memoryMs);
    }
    this.#left = left;
    this.#handed = 0;
    this.#since = now;
  }
}

/**
 * How much one channel should be handed: a choke or a cancel means nothing for what is in the
 * channel already.
 */
export class Drain {
  readonly #throughput = new Throughput();
  /** bytes that who fills the channel thinks are in it: it is not told of every one that is sent. */
  #believed = 0;
  #lowMark = leastMark;

  /** bytes that may wait in the channel */
  get window(): number {
    const { rate } = this.#throughput;
    if (rate === null) return firstWindow;
    return Math.min(limits.bufferedBytes, Math.max(leastWindow, rate * windowMs));
  }

  /** bytes; more is handed over once the channel has no more than this left. */
  get lowMark(): number {
    return this.#lowMark;
  }

  /**
   * @param left bytes in the channel now
   * @returns whether who fills it is to be told: it thinks that more is left than the low mark, and
   *   less is, so that no draining below it is going to tell
   */
  handed(bytes: number, left: number, now: number): boolean {
    this.#throughput.handed(bytes, now);
    this.#believed += bytes;
    this.#mark(left, left / 2);
    if (this.#believed <= this.lowMark || left > this.lowMark) return false;
    this.#believed = left;
    return true;
  }

  /** The channel had more than its low mark, and has so many bytes left: who fills it is to be told. */
  drained(left: number, now: number): void {
    this.#throughput.drained(left, Math.min(sampleBytes, this.window / 2), now);
    this.#believed = left;
    this.#mark(left, 0);
  }

  /**
   * A channel that has much is filled again before it is empty. Of any other one it is told when half of
   * what it was handed is sent, and when all is: who finds it empty the first time was told late.
   */
  #mark(left: number, otherwise: number): void {
    const { window } = this;
    const hasMuch = window !== firstWindow && left > window / 4;
    this.#lowMark = hasMuch ? window / 4 : Math.max(leastMark, otherwise);
  }
}
