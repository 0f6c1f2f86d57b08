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

/** A frame on its way. */
interface Frame {
  readonly bytes: number;
  /** @param isLost with its connection */
  readonly arrive: (isLost: boolean) => void;
}

/** One direction of one channel: frames in order, as far as the sender's link has not sent them. */
export class Channel {
  readonly drain = new Drain();
  /** What is said in one go, and waits for the end of it. */
  readonly packer = new Packer();
  readonly to: Node;
  /** What who fills the channel is told. */
  readonly onBuffered: (bytes: number, window: number) => void;
  readonly frames: Frame[] = [];
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
    for (const frame of [...this.#flying, ...this.frames]) frame.arrive(true);
    this.#flying.clear();
    this.frames.length = 0;
  }
}

/** One end of the network: sends one frame at a time, the channels that have any take turns. */
export class Node {
  readonly #time: Timeline;
  readonly link: AccessLink;
  readonly #waiting: Channel[] = [];
  #isSending = false;
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
    if (channel.frames.push(frame) === 1) this.#waiting.push(channel);
    if (!this.#isSending) this.#sendNext();
    if (channel.drain.handed(frame.bytes, channel.buffered, now)) {
      channel.onBuffered(channel.buffered, channel.drain.window);
    }
  }

  #sendNext(): void {
    for (;;) {
      const channel = this.#waiting.shift();
      if (channel === undefined) return;
      if (!channel.isOpen) continue;
      const frame = channel.frames.shift();
      if (frame === undefined) continue;
      if (this.link.up === Infinity) {
        this.#sent(channel, frame, this.#time.now);
        continue;
      }
      this.#isSending = true;
      const start = this.#time.now;
      this.#time.later(frame.bytes / this.link.up, () => {
        this.#isSending = false;
        if (channel.isOpen) this.#sent(channel, frame, start);
        this.#sendNext();
      });
      return;
    }
  }

  #sent(channel: Channel, frame: Frame, start: number): void {
    const { lowMark } = channel.drain;
    const wasAbove = channel.buffered > lowMark;
    channel.buffered -= frame.bytes;
    if (channel.frames.length > 0) this.#waiting.push(channel);
    channel.to.#receive(channel, frame, start);
    if (!wasAbove || channel.buffered > lowMark) return;
    channel.drain.drained(channel.buffered, this.#time.now);
    channel.onBuffered(channel.buffered, channel.drain.window);
  }

  /** Bits come in while they are sent: a link that is no slower than the sender's adds nothing. */
  #receive(channel: Channel, frame: Frame, start: number): void {
    this.#busyUntil = Math.max(start, this.#busyUntil) + frame.bytes / this.link.down;
    const time = Math.max(this.#time.now, this.#busyUntil) + this.link.latencyMs;
    channel.fly(frame, this.#time, time);
  }
}
