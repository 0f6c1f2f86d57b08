import { err, ok, type Result } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import { chunkBytes } from '../vds/index.ts';
import type { Block, SwarmEvent } from './events.ts';
import type { Inventory } from './inventory.ts';
import type { Outbox } from './outbox.ts';
import type { Peer } from './peer.ts';
import type { Heard } from './session.ts';

type Request = Extract<Heard, { type: 'request' | 'cancel' }>;

/**
 * Serves neighbours. Requests wait here and not in the channel, so that a choke and a cancel mean
 * something; each gets exactly one piece or one reject, cancelled ones too.
 */
export class Uploader {
  readonly #inventory: Inventory;
  readonly #outbox: Outbox;

  constructor(inventory: Inventory, outbox: Outbox) {
    this.#inventory = inventory;
    this.#outbox = outbox;
  }

  /** The error says what no peer may ask for. */
  requested(peer: Peer, { header, asked }: Request): Result<null> {
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
    if (peer.isChoked || isFull || !batch.held.has(index)) this.#reject(peer, asked);
    else peer.queue.push({ batch: asked.batch, header: batch.header.id, index, offset, length });
    return ok(null);
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
    for (const block of peer.queue.splice(0)) this.#reject(peer, block);
  }

  unchoke(peer: Peer): void {
    peer.isChoked = false;
    peer.waitingSince = null;
    this.#outbox.send(peer, { type: 'unchoke' });
  }

  /** Reads from the store for a peer only what its channel has room for. */
  serve(peer: Peer): void {
    while (peer.queue.length > 0 && peer.writable) {
      const block = peer.queue.shift();
      if (!block) return;
      peer.reading += block.length;
      this.#outbox.put({ type: 'read', peer: peer.id, block });
    }
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
    const { batch, index, offset } = block;
    this.#outbox.send(peer, { type: 'piece', batch, index, offset, bytes });
  }

  #reject(peer: Peer, { batch, index, offset, length }: Omit<Block, 'header'>): void {
    this.#outbox.send(peer, { type: 'reject', batch, index, offset, length });
  }
}
