import { firstRate, firstWindow, leastMark, sampleBytes, Throughput } from './drain.ts';

/** ms; what is sent in so long may be in all channels together, and in so long where it takes long to be told. */
const leastWindowMs = 100;
const mostWindowMs = 400;

/**
 * What all channels together send. A slow one is shared by those that are served: a block in each
 * channel would be on its way for as long as all of them take, and nobody could cancel it or get it
 * elsewhere meanwhile. So there is one block at a time on its way, and the others are in the queues: one
 * seed's 64 chunks took a hundred peers 1.23–1.27 times as long as their links need, and 1.58–1.63 times
 * where every channel is filled, three simulations each; 1.6 instead of 2.4 times on links of 4 Mbit/s.
 */
export class Uplink {
  readonly #throughput = new Throughput();
  #windowMs = leastWindowMs;
  /** Blocks handed over since channels told what was in them. */
  #blocks = 0;

  /** bytes a ms */
  get #rate(): number {
    return this.#throughput.rate ?? firstRate;
  }

  /** bytes of blocks that may be in channels; much at first: small rounds are over before it is measured */
  get window(): number {
    const { rate } = this.#throughput;
    return rate === null ? firstWindow : rate * this.#windowMs;
  }

  /** How long it takes to send so many bytes. ms */
  msFor(bytes: number): number {
    return bytes / this.#rate;
  }

  /** bytes of a block that goes into a channel */
  handed(bytes: number, now: number): void {
    this.#throughput.handed(bytes, now);
    this.#blocks++;
  }

  /** No channel has as much that it would tell when that is sent. */
  idle(now: number): void {
    this.#throughput.idle(now);
  }

  /** @param left bytes of blocks that are in channels yet, as far as they say */
  drained(left: number, now: number): void {
    this.#throughput.drained(left, sampleBytes / 4, now);
    // Several blocks went before anybody was told, as where many tabs share a processor: sixteen tabs
    // with 100 kB each took 4.3 to 4.7 s instead of 3.9 where no more is handed over for it.
    if (left > leastMark) this.#windowMs = Math.max(leastWindowMs, this.#windowMs * 0.95);
    else if (this.#blocks > 1) this.#windowMs = Math.min(mostWindowMs, this.#windowMs * 1.5);
    this.#blocks = 0;
  }
}
