import { firstRate, firstWindow, sampleBytes, Throughput } from './drain.ts';

/** ms; what is sent in so long may be in all channels together. */
const windowMs = 30;
/** So many neighbours are sent what their channels may hold before anything is measured. */
const few = 7;
/** bytes; as good as one block */
const aBlock = 8_192;
/** How much more it may be where it takes long to be told, and how fast that grows and shrinks. */
const most = 64;
const growth = 4;
const shrinkage = 0.7;

/**
 * What all channels together send. A slow one is shared by those that are served: a block in each
 * channel would be on its way for as long as all of them take, and nobody could cancel it or get it
 * elsewhere meanwhile. So there is one block at a time on its way, and the others are in the queues: one
 * seed's 64 chunks took a hundred peers 1.16 times as long as their links need, and 1.55–1.60 times
 * where every channel is filled, two simulations each; with links of 4 Mbit/s 1.28 and 1.79.
 */
export class Uplink {
  readonly #throughput = new Throughput();
  /** How many times as much is handed over as is sent in `windowMs`. */
  #ahead = 1;

  /**
   * How much may be in the channels of so many neighbours. At first one block, where they are many: they
   * can pass on what one of them got, and of several that go out at once none is there before the last. One
   * seed's 64 chunks took a thousand peers with eight neighbours each 1.19 times as long as their links need,
   * and 1.22 times where four or five went out at first; eight tabs of Chromium were no faster. Bytes of blocks.
   */
  windowFor(peers: number): number {
    const { rate } = this.#throughput;
    const first = peers > few ? aBlock : firstWindow;
    return (rate === null ? first : rate * windowMs) * this.#ahead;
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
