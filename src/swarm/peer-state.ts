import type { Bitfield, ChunkKey, HeaderId, PeerId } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import type { Download } from './download.ts';
import type { Block } from './events.ts';

/** What went between us and a peer: payload bytes, and chunks that it sent. */
export interface PeerTotals {
  uploaded: number;
  downloaded: number;
  verified: number;
  rejected: number;
}

/** A batch as the other side announced it. */
interface Announced {
  readonly header: HeaderId;
  readonly columns: number;
  /** What it holds; null until its bitfield has come. */
  bits: Bitfield | null;
}

/** One connection: both sides' numbering of batches, what is asked and what is owed. */
export class PeerState {
  readonly id: PeerId;
  handshaken = false;
  /** bytes; the largest block it is asked for. */
  blockBytes = 1024;
  /** Requests it queues. */
  requestQueue = 1;
  /** Batches it announced, by its numbers. Forgotten ones leave a gap. */
  readonly announced = new Map<number, Announced>();
  /** The next number that it has to use. */
  nextAnnounced = 0;
  /** Our numbers of the batches announced to it. */
  readonly numbers = new Map<HeaderId, number>();
  readonly byNumber = new Map<number, HeaderId>();
  /** Our next number. */
  nextNumber = 0;
  readonly downloads = new Map<ChunkKey, Download>();
  /** Chunks that were given up on and may still arrive. */
  readonly expired = new Set<ChunkKey>();
  /** Blocks it asked for, in order. */
  readonly queue: Block[] = [];
  /** Questions of its that are being answered, and when the newest ones came. ms */
  openQuestions = 0;
  questionTimes: number[] = [];
  /** bytes being read for it from the store. */
  reading = 0;
  /** bytes in its channel's buffer. */
  buffered = 0;
  /** Over all connections with it. */
  readonly totals: PeerTotals;

  constructor(id: PeerId, totals: PeerTotals) {
    this.id = id;
    this.totals = totals;
  }

  /** What it holds of a batch, as far as it said so. */
  bitsOf(header: HeaderId): Bitfield | null {
    for (const each of this.announced.values()) if (each.header === header) return each.bits;
    return null;
  }

  /** Its number of a batch, if it announced it. */
  numberOf(header: HeaderId): number | undefined {
    for (const [number, each] of this.announced) if (each.header === header) return number;
    return undefined;
  }

  /** Blocks asked for that have not come. */
  get outstanding(): number {
    let blocks = 0;
    for (const download of this.downloads.values()) blocks += download.outstanding;
    return blocks;
  }

  /** How many more blocks it may be asked for. */
  get room(): number {
    return Math.min(limits.pipeline, this.requestQueue) - this.outstanding;
  }

  /** Room in the channel for another block. */
  get writable(): boolean {
    return this.buffered + this.reading < limits.bufferedBytes;
  }

  /** Forgets batches that were dropped. */
  forget(headers: ReadonlySet<HeaderId>) {
    for (const [number, { header }] of this.announced) {
      if (headers.has(header)) this.announced.delete(number);
    }
    for (const header of headers) {
      const number = this.numbers.get(header);
      if (number !== undefined) this.byNumber.delete(number);
      this.numbers.delete(header);
    }
  }
}
