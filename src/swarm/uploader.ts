import { chunkKey, err, ok, type HeaderId, type PeerId, type Result } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import { chunkBytes } from '../vds/index.ts';
import type { Block, SwarmEvent } from './events.ts';
import type { Coming } from './coming.ts';
import type { Inventory } from './inventory.ts';
import type { Outbox } from './outbox.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';
import type { Heard } from './session.ts';
import { Uplink } from './uplink.ts';

interface Sending {
  readonly to: PeerId;
  /** ms */
  readonly at: number;
}

/** How many neighbours have what others can be asked for, and how many requests may wait all the same. */
const severalHave = 2;
const fewWaiting = 2;
/** Blocks a peer is refused at most as long as it gets none. */
const mostRefusals = 4;

type Request = Extract<Heard, { type: 'request' | 'cancel' }>;

/**
 * Serves neighbours. Requests wait here and not in the channel, so that a choke and a cancel mean
 * something; each gets exactly one piece or one reject, cancelled ones too.
 */
export class Uploader {
  readonly #inventory: Inventory;
  readonly #coming: Coming;
  readonly #outbox: Outbox;

  readonly #uplink = new Uplink();
  /** Blocks that were sent. */
  #served = 0;
  /** To whom each chunk of a batch went last. */
  readonly #sent = new Map<HeaderId, Map<number, Sending>>();

  constructor(inventory: Inventory, coming: Coming, outbox: Outbox) {
    this.#inventory = inventory;
    this.#coming = coming;
    this.#outbox = outbox;
  }

  /**
   * @param peers all of them, this one too
   * @returns an error that says what no peer may ask for
   */
  requested(peer: Peer, { header, asked }: Request, peers: Iterable<Peer>): Result<null> {
    const { index, offset, length } = asked;
    if (length > limits.blockBytes) return err('request out of range');
    const batch = header === null ? undefined : this.#inventory.get(header);
    if (batch === undefined) {
      this.#reject(peer, asked);
      return ok(null);
    }
    const isChunk = index < batch.header.columns.length;
    if (!isChunk || offset + length > chunkBytes(batch.header, index)) {
      return err('request out of range');
    }
    const isFull = peer.queue.length >= limits.queuedRequests;
    const block = { batch: asked.batch, header: batch.header.id, index, offset, length };
    const isThere = batch.held.has(index) || this.#coming.has(batch.header.id, index);
    if (peer.isChoked || isFull || !isThere) {
      this.#reject(peer, asked);
    } else if (this.#isRefused(peer, block, peers)) {
      this.#reject(peer, asked);
    } else peer.queue.push(block);
    return ok(null);
  }

  /** With the first block of a chunk the others are refused, too: half a chunk is nothing. */
  #isRefused(peer: Peer, block: Block, peers: Iterable<Peer>): boolean {
    const chunk = chunkKey(block.header, block.index);
    if (block.offset > 0) return peer.refused === chunk;
    const isRefused = peer.refusals > 0 && this.#isBusy(block, peers);
    peer.refused = isRefused ? chunk : null;
    if (isRefused) peer.refusals--;
    return isRefused;
  }

  /**
   * Whether others should be asked instead: several have it, and much waits here already, which who asks
   * cannot see. One seed's 64 chunks took a hundred peers 1.16 times as long as their links need with
   * this rule and 1.17–1.19 times without it, two simulations each; 1.22 and 1.26 times on links of a
   * quarter Mbit/s. Where all are busy this refuses everything for ever, if it is not bounded.
   */
  #isBusy({ header, index }: Block, peers: Iterable<Peer>): boolean {
    const availability = this.#inventory.chunk(header, index)?.availability ?? 0;
    if (availability < severalHave) return false;
    let [waiting, bytes] = [0, 0];
    for (const { queue } of peers) {
      waiting += queue.length;
      bytes += bytesOf(queue);
    }
    return waiting >= fewWaiting && this.#uplink.msFor(bytes) > patience.spreadAfterMs;
  }

  /** A request that has been answered already is nobody's fault. */
  cancelled(peer: Peer, { asked }: Request): void {
    const isIt = ({ batch, index, offset, length }: Block) =>
      batch === asked.batch && index === asked.index && offset === asked.offset && length === asked.length; // prettier-ignore
    const place = peer.queue.findIndex(isIt);
    const [block] = place < 0 ? [] : peer.queue.splice(place, 1);
    if (block) this.#reject(peer, block);
  }

  choke(peer: Peer): void {
    peer.isChoked = true;
    this.#outbox.send(peer, { type: 'choke' });
    this.#rejectSome(peer, () => true);
  }

  unchoke(peer: Peer): void {
    peer.isChoked = false;
    peer.waitingSince = null;
    this.#outbox.send(peer, { type: 'unchoke' });
  }

  /** Reads from the store only what channels have room for, in turns. */
  serve(peers: Iterable<Peer>, now: number): void {
    const all = [...peers];
    if (!all.some(({ queue }) => queue.length > 0)) return;
    this.#spread(all, now);
    const sending = all.reduce((sum, peer) => sum + peer.sending, 0);
    if (sending === 0) this.#uplink.idle(now);
    let underWay = all.reduce((sum, peer) => sum + peer.reading, sending);
    const window = this.#uplink.windowFor(all.filter(({ ready }) => ready).length);
    while (underWay < window) {
      const next = this.#next(all);
      if (next === null) break;
      underWay += this.#serveOne(next.peer, next.block, now);
    }
    // The first of them may have taken what another one asks for.
    this.#spread(all, now);
  }

  /** Channels say what is in them; whether one says so late. */
  drained(peers: Iterable<Peer>, isLate: boolean, now: number): void {
    let left = 0;
    for (const { blocksBuffered } of peers) left += blocksBuffered;
    this.#uplink.drained(left, isLate, now);
  }

  /**
   * What is sent next, of what is here and asked for by those whose channels have room: the rest of a
   * chunk, as nobody can pass on half of one; else what who waited longest asked for first.
   */
  #next(peers: readonly Peer[]): { readonly peer: Peer; readonly block: Block } | null {
    let next = null;
    for (const peer of peers) {
      if (!peer.writable) continue;
      const rest = peer.queue.find((block) => peer.isNext(block));
      if (rest !== undefined) return { peer, block: rest };
      if (next !== null && next.peer.servedAs <= peer.servedAs) continue;
      const block = peer.queue.find(({ header, index }) => this.#holds(header, index));
      if (block !== undefined) next = { peer, block };
    }
    return next;
  }

  #holds(header: HeaderId, index: number): boolean {
    return this.#inventory.get(header)?.held.has(index) === true;
  }

  /** @returns bytes */
  #serveOne(peer: Peer, block: Block, now: number): number {
    peer.queue.splice(peer.queue.indexOf(block), 1);
    const { header, index, offset, length } = block;
    this.#foretell(peer, block);
    if (offset === 0) {
      const sent = this.#sent.get(header) ?? new Map<number, Sending>();
      this.#sent.set(header, sent.set(index, { to: peer.id, at: now }));
    }
    peer.next = { header, index, offset: offset + length };
    peer.reading += length;
    peer.servedAs = ++this.#served;
    this.#outbox.put({ type: 'read', peer: peer.id, block });
    return length;
  }

  /** Before the last block of a chunk goes out who gets it is told, if it takes a while: it may offer it to others. */
  #foretell(peer: Peer, { batch, header, index, offset, length }: Block): void {
    const about = this.#inventory.get(header)?.header;
    if (!peer.session.knowsSoon || about === undefined) return;
    if (offset + length < chunkBytes(about, index)) return;
    if (this.#uplink.msFor(length) < patience.sendingMs) return;
    this.#outbox.send(peer, { type: 'sending', batch, index });
  }

  /**
   * Who alone has a batch sends each chunk once before it sends any twice (as in BEP 16): where
   * sending is what takes time, a chunk that just went to somebody is refused to others, who get it
   * from there. One seed's 64 chunks took a hundred peers 1.16 times as long as their links need with
   * this rule and 1.25–1.30 times without it, two simulations each.
   */
  #spread(peers: readonly Peer[], now: number): void {
    // Of whom there is one alone cannot get it from another.
    if (peers.length < 2 || !this.#takesLong(peers)) return;
    for (const peer of peers) {
      const spreading = peer.queue.filter((block) => this.#isSpreading(block, peer, now));
      if (spreading.length === 0) continue;
      const chunks = new Set(spreading.map(({ header, index }) => chunkKey(header, index)));
      this.#rejectSome(peer, ({ header, index }) => chunks.has(chunkKey(header, index)));
    }
  }

  /** Whether sending is what takes time: longer than it takes others to pass it on. */
  #takesLong(peers: readonly Peer[]): boolean {
    const owedTo = ({ buffered, reading, queue }: Peer) =>
      queue.length === 0 ? 0 : buffered + reading + bytesOf(queue);
    const owed = peers.reduce((sum, peer) => sum + owedTo(peer), 0);
    return this.#uplink.msFor(owed) > patience.spreadAfterMs;
  }

  /** Whether a chunk went to somebody else a moment ago, and others, that nobody else has, went to nobody. */
  #isSpreading({ header, index, offset }: Block, peer: Peer, now: number): boolean {
    if (offset > 0) return false; // the first block went to it already
    const sent = this.#sent.get(header);
    const sending = sent?.get(index);
    if (sent === undefined || sending === undefined || sending.to === peer.id) return false;
    return now < sending.at + patience.spreadMs && this.#hasUnsent(header, sent);
  }

  #hasUnsent(header: HeaderId, sent: ReadonlyMap<number, unknown>): boolean {
    const held = this.#inventory.get(header)?.held;
    if (held === undefined || sent.size >= held.count) return false;
    for (let index = 0; index < held.length; index++) {
      if (!held.has(index) || sent.has(index)) continue;
      if (this.#inventory.chunk(header, index)?.availability === 0) return true;
    }
    return false;
  }

  /** A chunk does not come that was to be here soon. */
  withdraw(header: HeaderId, index: number, peers: Iterable<Peer>): void {
    for (const peer of peers) {
      this.#rejectSome(peer, (block) => block.header === header && block.index === index);
    }
  }

  /** A batch of ours is dropped: what was asked for of it is rejected while its number still means something. */
  dropped(header: HeaderId, peers: Iterable<Peer>): void {
    this.#sent.delete(header);
    for (const peer of peers) this.#rejectSome(peer, (block) => block.header === header);
  }

  blockRead(peer: Peer, event: Extract<SwarmEvent, { type: 'block' }>, now: number): void {
    const { block, bytes } = event;
    peer.reading = Math.max(0, peer.reading - block.length);
    const isDropped = peer.session.ourNumber(block.header) === undefined;
    if (bytes === null || isDropped) {
      this.#reject(peer, block);
      return;
    }
    peer.totals.uploaded += bytes.length;
    peer.taken.add(bytes.length, now);
    peer.blocksBuffered += bytes.length;
    peer.wasHanded = true;
    peer.refusals = Math.min(mostRefusals, peer.refusals + 1);
    this.#uplink.handed(bytes.length, now);
    const { batch, index, offset } = block;
    this.#outbox.send(peer, { type: 'piece', batch, index, offset, bytes });
  }

  #rejectSome(peer: Peer, isRejected: (block: Block) => boolean): void {
    for (const block of peer.queue.splice(0)) {
      if (isRejected(block)) this.#reject(peer, block);
      else peer.queue.push(block);
    }
  }

  #reject(peer: Peer, { batch, index, offset, length }: Omit<Block, 'header'>): void {
    this.#outbox.send(peer, { type: 'reject', batch, index, offset, length });
  }
}

/** bytes */
function bytesOf(queue: readonly Block[]): number {
  return queue.reduce((sum, { length }) => sum + length, 0);
}
