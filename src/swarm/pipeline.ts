import type { ChunkKey } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import type { Download } from './download.ts';
import { firstWindow } from './drain.ts';
import { patience } from './patience.ts';

/** bytes a ms; what is hoped of a peer that was never asked, so that it will be. */
const hopedRate = 1_000;
/** How much the newest measurement counts (RFC 6298 takes the same). */
const ofMean = 1 / 8;
const ofDeviation = 1 / 4;
/** Rates forget what they measured this much with each block. */
const keptShare = 0.9;

/** What one peer was asked for, and how well it delivers. */
export class Pipeline {
  /** In the order in which they were asked for. */
  readonly downloads = new Map<ChunkKey, Download>();
  /** Requests that are not wanted any more, and whose one answer is still to come: how many of each. */
  readonly cancelled = new Map<string, number>();
  /** Blocks asked for at once; null, as nothing has come yet: two, and what {@link firstWindow} has room for of what it alone has. */
  #depth: number | null = null;
  #bytes = 0;
  #ms = 0;
  /** ms from a request to its piece, and how much that varies; null: none has come yet. */
  #mean: number | null = null;
  #deviation = 0;
  /** Of the last chunks, what share failed. */
  #failures = 0;
  #heardAt = -Infinity;
  #isSnubbed = false;

  /** Blocks asked for that have not come. */
  get outstanding(): number {
    let blocks = 0;
    for (const download of this.downloads.values()) blocks += download.outstanding;
    return blocks;
  }

  /** How many more blocks it may be asked for. */
  room(requestQueue: number, now: number): number {
    const outstanding = this.outstanding;
    if (this.isSnubbed(now)) return 1 - outstanding;
    const most = Math.min(limits.pipeline, requestQueue);
    if (this.#depth !== null) return Math.min(this.#depth, most) - outstanding;
    return outstanding < 2 || (this.#owed < firstWindow && outstanding < most) ? 1 : 0;
  }

  /** What was asked for first of what has not come. */
  get oldest(): Download | undefined {
    return this.downloads.values().next().value;
  }

  /** Since when it owes and gives nothing, or null. ms */
  get silentSince(): number | null {
    const { oldest } = this;
    return oldest === undefined ? null : Math.max(oldest.startedAt, this.#heardAt);
  }

  /** Whether it owed and gave nothing for too long, and has given nothing since. */
  isSnubbed(now: number): boolean {
    const since = this.silentSince;
    this.#isSnubbed ||= since !== null && now - since >= patience.snubMs;
    return this.#isSnubbed;
  }

  /** How long a request may take. ms */
  get timeoutMs(): number {
    if (this.#mean === null) return patience.unmeasuredMs;
    const measured = this.#mean + 4 * this.#deviation;
    return Math.min(patience.mostServiceMs, Math.max(patience.leastServiceMs, measured));
  }

  /** After how long a request is late: another peer is asked too, if there is nothing else to ask. ms */
  get lateMs(): number {
    return this.#mean === null
      ? 4 * patience.lateMs
      : Math.max(patience.lateMs, this.#mean + 2 * this.#deviation);
  }

  /** When another so many bytes would be here, failures counted in. ms from now */
  expectedMs(bytes: number): number {
    const owed = bytes + this.#owed;
    const rate = this.#ms > 0 ? this.#bytes / this.#ms : hopedRate;
    return owed / rate / Math.max(0.05, 1 - this.#failures);
  }

  /** How long what it owes will take; of who gave nothing yet, as long again as it has taken so far. ms */
  waitMs(now: number): number {
    const since = this.#mean === null ? this.silentSince : null;
    return since === null ? this.expectedMs(0) : now - since;
  }

  /** Whether nothing has come of the little that it is asked for at first. */
  get isProbed(): boolean {
    return this.#depth === null && this.outstanding >= 2;
  }

  /** bytes asked for that have not come */
  get #owed(): number {
    let owed = 0;
    for (const download of this.downloads.values()) owed += download.owed;
    return owed;
  }

  /** A block has come. @param startedAt when its chunk was asked for, ms */
  delivered(bytes: number, startedAt: number, now: number): void {
    const took = Math.max(0.1, now - Math.max(startedAt, this.#heardAt));
    this.#heardAt = now;
    this.#isSnubbed = false;
    this.#bytes = keptShare * this.#bytes + bytes;
    this.#ms = keptShare * this.#ms + took;
    const age = now - startedAt;
    if (this.#mean === null) {
      this.#mean = age;
      this.#deviation = age / 2;
    } else {
      this.#deviation += ofDeviation * (Math.abs(age - this.#mean) - this.#deviation);
      this.#mean += ofMean * (age - this.#mean);
    }
    // One block more with each that comes, as long as its rate carries that many.
    const carried = (patience.pipelineMs * this.#bytes) / this.#ms / bytes;
    const before = this.#depth ?? this.outstanding + 1;
    this.#depth = Math.max(2, Math.min(before + 1, Math.floor(carried), limits.pipeline));
  }

  /** A chunk of its was verified, or did not come or hold. */
  ended(hasFailed: boolean): void {
    this.#failures += (Number(hasFailed) - this.#failures) / 8;
  }
}
