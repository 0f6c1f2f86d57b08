import type { ChunkKey, HeaderId, PeerId } from '../lib/index.ts';
import { firstWindow, leastMark } from './drain.ts';
import type { Block } from './events.ts';
import type { Holdings } from './batch.ts';
import { Pipeline } from './pipeline.ts';
import { Rate } from './rate.ts';
import type { PeerTotals } from './reputation.ts';
import type { Session } from './session.ts';

/** One neighbour: the connection with it, what it has, what we asked of it and it of us. */
export class Peer {
  readonly id: PeerId;
  readonly session: Session;
  readonly holdings: Holdings;
  /** Over all connections with it. */
  readonly totals: PeerTotals;
  readonly pipeline = new Pipeline();

  /** What we said, and what it said. */
  areWeInterested = false;
  isChokingUs = true;
  isInterested = false;
  isChoked = true;

  /** Chunks that are held here and that it was not told of, as it had them. */
  readonly untold = new Map<HeaderId, Set<number>>();

  /** Chunks that it was told are coming here soon. */
  readonly foretold = new Set<ChunkKey>();
  /** Whether what it last said to be sending came in time. */
  keepsWord = true;

  /** Blocks it asked for, in order. */
  readonly queue: Block[] = [];
  /** bytes being read for it from the store. */
  reading = 0;
  /** bytes in its channel's buffer, and how many may be. */
  buffered = 0;
  window = firstWindow;
  /** bytes of blocks among them, at most */
  blocksBuffered = 0;
  /** Whether it was handed a block since it said what is in it. */
  wasHanded = false;
  /** Which of the blocks that were sent to anybody was its last; 0: none. */
  servedAs = 0;
  /** What follows the block that was sent to it last, where the chunk has more. */
  next: Pick<Block, 'header' | 'index' | 'offset'> | null = null;
  /** The chunk whose first block was refused to it last. */
  refused: ChunkKey | null = null;
  /** Blocks that may be refused to it because much waits, though they are here. */
  refusals = 2;
  /** bytes that it gave and took lately. */
  readonly given = new Rate();
  readonly taken = new Rate();
  /** Since when it is interested and choked, or null. ms */
  waitingSince: number | null = null;

  /** Questions of its that are being answered, and when the newest ones came. ms */
  openQuestions = 0;
  questionTimes: number[] = [];

  readonly connectedAt: number;
  heardAt: number;
  sentAt: number;

  constructor(session: Session, holdings: Holdings, totals: PeerTotals, now: number) {
    this.id = holdings.peer;
    this.session = session;
    this.holdings = holdings;
    this.totals = totals;
    this.connectedAt = now;
    this.heardAt = now;
    this.sentAt = now;
  }

  get ready(): boolean {
    return this.session.ready;
  }

  /** bytes of blocks that its channel is to send: of the last few nobody hears when they are sent. */
  get sending(): number {
    return this.blocksBuffered > leastMark ? this.blocksBuffered : 0;
  }

  /**
   * The channel says what is in it. Bytes.
   *
   * @returns whether it says so late: all that it was handed is gone
   */
  drained(left: number, window: number): boolean {
    const isLate = this.wasHanded && left <= leastMark;
    this.wasHanded = false;
    this.buffered = left;
    this.blocksBuffered = Math.min(this.blocksBuffered, left);
    this.window = window;
    return isLate;
  }

  /** Whether a block is the rest, or a part of it, of the chunk that was sent to it last. */
  isNext({ header, index, offset }: Block): boolean {
    const { next } = this;
    return next?.offset === offset && next.index === index && next.header === header;
  }

  /** Room in the channel for another block. */
  get writable(): boolean {
    return this.buffered + this.reading < this.window;
  }
}
