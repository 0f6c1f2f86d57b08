import { Drain, Packer } from '../swarm/index.ts';
import type { Timeline } from './timeline.ts';

/** How a node is connected to the rest of the world. */
export interface AccessLink {
  /** bytes a ms */
  readonly up: number;
  readonly down: number;
  /** ms from any node to this one, besides what sending takes */
  readonly latencyMs: number;
}

/** As fast as anything, as the tests of behaviour have it. */
export const unbounded: AccessLink = { up: Infinity, down: Infinity, latencyMs: 20 };

/**
 * bytes; of a frame so many are sent before others have their turn. Measured with two connections of
 * Chromium over one link (tbf, first in first out): a message of 40 bytes that was sent 5 ms after a frame of
 * another connection came 60 to 62 ms later at 1 Mbit/s, 11 to 12 ms at 4 Mbit/s, whether the frame had
 * 15 kB or 64 kB; two frames of 15 kB at once came after 239 and 252 ms.
 */
const turnBytes = 8_192;

/** A frame on its way. */
interface Frame {
  readonly bytes: number;
  /** @param isLost with its connection */
  readonly arrive: (isLost: boolean) => void;
}

/** A frame that waits, or a part of it. */
interface Waiting {
  readonly frame: Frame;
  /** bytes that were not sent yet */
  left: number;
  /** When the first of them was sent. ms; null: not yet */
  since: number | null;
}

/** What a node is sending of a channel, from when to when. ms */
interface Sending {
  readonly channel: Channel;
  readonly start: number;
  readonly end: number;
}

/** One direction of one channel: frames in order, as far as the sender's link has not sent them. */
export class Channel {
  readonly drain = new Drain();
  /** What is said in one go, and waits for the end of it. */
  readonly packer = new Packer();
  readonly to: Node;
  /** What who fills the channel is told. */
  readonly onBuffered: (bytes: number, window: number) => void;
  readonly frames: Waiting[] = [];
  /** bytes that were not sent yet */
  buffered = 0;
  isOpen = true;
  readonly #flying = new Set<Frame>();

  constructor(to: Node, onBuffered: (bytes: number, window: number) => void) {
    this.to = to;
    this.onBuffered = onBuffered;
  }

  /** A frame is on its way until it arrives, at the time given, or is lost. */
  fly(frame: Frame, time: Timeline, at: number): void {
    this.#flying.add(frame);
    time.when(at, () => {
      if (this.#flying.delete(frame)) frame.arrive(false);
    });
  }

  /** What is on its way is lost. */
  close(): void {
    this.isOpen = false;
    for (const frame of [...this.#flying, ...this.frames.map(({ frame }) => frame)]) frame.arrive(true); // prettier-ignore
    this.#flying.clear();
    this.frames.length = 0;
  }
}

/** One end of the network: the channels that have something to send take turns. */
export class Node {
  readonly #time: Timeline;
  readonly link: AccessLink;
  readonly #waiting: Channel[] = [];
  #sending: Sending | null = null;
  /** When the last frame that comes here is here. ms */
  #busyUntil = 0;

  constructor(time: Timeline, link: AccessLink) {
    this.#time = time;
    this.link = link;
  }

  send(channel: Channel, frame: Frame): void {
    if (!channel.isOpen) return;
    const { now } = this.#time;
    channel.buffered += frame.bytes;
    if (channel.frames.push({ frame, left: frame.bytes, since: null }) === 1) this.#waiting.push(channel); // prettier-ignore
    if (this.#sending === null) this.#sendNext();
    const left = this.#left(channel);
    if (channel.drain.handed(frame.bytes, left, now))
      channel.onBuffered(left, channel.drain.window);
    this.#watch(channel);
  }

  #sendNext(): void {
    for (;;) {
      const channel = this.#waiting.shift();
      if (channel === undefined) return;
      if (!channel.isOpen) continue;
      const [first] = channel.frames;
      if (first === undefined) continue;
      const start = this.#time.now;
      first.since ??= start;
      if (this.link.up === Infinity) {
        this.#sent(channel, first, first.left);
        continue;
      }
      const bytes = Math.min(first.left, turnBytes);
      const end = start + bytes / this.link.up;
      this.#sending = { channel, start, end };
      this.#watch(channel);
      this.#time.when(end, () => {
        this.#sending = null;
        if (channel.isOpen) this.#sent(channel, first, bytes);
        this.#sendNext();
      });
      return;
    }
  }

  #sent(channel: Channel, first: Waiting, bytes: number): void {
    const { lowMark } = channel.drain;
    const wasAbove = channel.buffered > lowMark;
    channel.buffered -= bytes;
    first.left -= bytes;
    if (first.left === 0) {
      channel.frames.shift();
      channel.to.#receive(channel, first.frame, first.since ?? this.#time.now);
    }
    if (channel.frames.length > 0) this.#waiting.push(channel);
    if (!wasAbove || channel.buffered > lowMark) return;
    this.#tell(channel, channel.buffered);
  }

  /** bytes in a channel now: of what is being sent a part is gone */
  #left(channel: Channel): number {
    const { buffered } = channel;
    const sending = this.#sending;
    return sending?.channel === channel
      ? buffered - (this.#time.now - sending.start) * this.link.up
      : buffered;
  }

  /** The channel that is being sent from tells in the middle of a frame, too. */
  #watch(channel: Channel): void {
    const { drain } = channel;
    const sending = this.#sending;
    if (sending?.channel !== channel) return;
    const { lowMark } = drain;
    const until = (this.#left(channel) - lowMark) / this.link.up;
    if (until <= 0 || this.#time.now + until >= sending.end) return;
    this.#time.later(until, () => {
      if (channel.isOpen && drain.lowMark === lowMark && this.#sending === sending)
        this.#tell(channel, lowMark);
    });
  }

  #tell(channel: Channel, left: number): void {
    channel.drain.drained(left, this.#time.now);
    channel.onBuffered(left, channel.drain.window);
  }

  /** Bits come in while they are sent: a link that is no slower than the sender's adds nothing. */
  #receive(channel: Channel, frame: Frame, start: number): void {
    this.#busyUntil = Math.max(start, this.#busyUntil) + frame.bytes / this.link.down;
    const time = Math.max(this.#time.now, this.#busyUntil) + this.link.latencyMs;
    channel.fly(frame, this.#time, time);
  }
}
