import { firstRate, firstWindow, sampleBytes, Throughput } from './drain.ts';

/** ms; what is sent in so long may be in all channels together. */
const windowMs = 60;
/** Who asks first gets what this many could have of what is sent before anything is measured. */
const firstSharers = 4;
/** How much more it may be where it takes long to be told, and how fast that grows and shrinks. */
const most = 64;
const growth = 4;
const shrinkage = 0.7;

/**
 * What all channels together send. A slow one is shared by those that are served: a block in each
 * channel would be on its way for as long as all of them take, and nobody could cancel it or get it
 * elsewhere meanwhile. So there is one block at a time on its way, and the others are in the queues: one
 * seed's 64 chunks took a hundred peers 1.21–1.23 times as long as their links need, and 2.0–2.1 times
 * where every channel is filled, three simulations each; with links of 4 Mbit/s 1.44–1.47 and 2.1.
 */
export class Uplink {
  readonly #throughput = new Throughput();
  /** How many times as much is handed over as is sent in `windowMs`. */
  #ahead = 1;

  /** bytes of blocks that may be in channels; much at first: small rounds are over before it is measured */
  get window(): number {
    const { rate } = this.#throughput;
    return (rate === null ? firstWindow : rate * windowMs) * this.#ahead;
  }

  /**
   * How much of it one of so many peers gets: a part, until something is known of the channels. Who asks
   * first would have all that is sent in the first second, and nobody else anything to pass on. Bytes.
   */
  shareOf(peers: number): number {
    const isKnown = this.#throughput.rate !== null || this.#ahead > 1;
    return isKnown ? Infinity : (firstSharers * firstWindow) / Math.max(1, peers);
  }

  /** How long it takes to send so many bytes. ms */
  msFor(bytes: number): number {
    return bytes / (this.#throughput.rate ?? firstRate);
  }

  /** bytes of a block that goes into a channel */
  handed(bytes: number, now: number): void {
    this.#throughput.handed(bytes, now);
  }

  /** No channel has as much that it would tell when that is sent. */
  idle(now: number): void {
    this.#throughput.idle(now);
  }

  /**
   * @param left bytes of blocks that are in channels yet, as far as they say
   * @param isLate whether one was empty before it said so, as where tabs share a processor: it could have
   *   sent more, nobody knows how much. Sixteen tabs with 100 kB each took 4.2 s instead of 6 where that
   *   is taken for all that it can send.
   */
  drained(left: number, isLate: boolean, now: number): void {
    this.#throughput.drained(left, isLate ? Infinity : sampleBytes / 4, now);
    this.#ahead = isLate
      ? Math.min(most, this.#ahead * growth)
      : Math.max(1, this.#ahead * shrinkage);
  }
}
