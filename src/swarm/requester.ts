import { chunkKey, err, ok, type ChunkKey, type HeaderId, type Random, type Result } from '../lib/index.ts'; // prettier-ignore
import { chunkBytes } from '../vds/index.ts';
import { Download } from './download.ts';
import type { Chunk } from './buckets.ts';
import type { Inventory } from './inventory.ts';
import type { Outbox } from './outbox.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';
import { pickChunk } from './picker.ts';
import { Retractions } from './retractions.ts';
import { latestOf, soonestOf, worthMoving } from './second-choice.ts';
import type { Heard } from './session.ts';

type Piece = Extract<Heard, { type: 'piece' }>;
type Reject = Extract<Heard, { type: 'reject' }>;

/**
 * Asks neighbours for chunks. A chunk comes from one peer, so that who sent a bad one is never in
 * doubt; in the end game, when there is nothing else to ask for, one that is late is asked of a
 * second peer as well, and the loser is told to stop.
 */
export class Requester {
  readonly #inventory: Inventory;
  readonly #outbox: Outbox;
  readonly #random: Random;
  /** Who was asked for each chunk on its way: one peer, or two in the end game. */
  readonly #askers = new Map<ChunkKey, Peer[]>();
  readonly #retractions = new Retractions();

  constructor(inventory: Inventory, outbox: Outbox, random: Random) {
    this.#inventory = inventory;
    this.#outbox = outbox;
    this.#random = random;
  }

  /** Asks for what can be asked for. */
  ask(peers: Iterable<Peer>, now: number): void {
    const able = [...peers].filter((peer) => canBeAsked(peer) && peer.holdings.wanted > 0);
    let asked = able.filter((peer) => peer.holdings.pickable > 0 && this.#room(peer, now) > 0);
    while (asked.length > 0) {
      const soonest = soonestOf(asked);
      const chunk = pickChunk(this.#inventory, soonest.holdings, this.#random, now);
      // How much it delivers is not known: it is asked for more than a little only of what it alone has.
      if (chunk === null || (soonest.pipeline.isProbed && chunk.availability > 1)) {
        asked = asked.filter((peer) => peer !== soonest);
        continue;
      }
      this.#request(soonest, chunk, now);
      asked = asked.filter((peer) => peer.holdings.pickable > 0 && this.#room(peer, now) > 0);
    }
    for (const peer of able)
      if (peer.pipeline.downloads.size === 0) this.#takeBackFor(peer, able, now);
    this.#endGame(able, now);
  }

  /** A block; the error says that nobody asked for it. */
  piece(peer: Peer, { header, piece }: Piece, now: number): Result<null> {
    const { index, offset, bytes } = piece;
    const key = chunkKey(header, index);
    const download = peer.pipeline.downloads.get(key);
    if (!download?.expects(offset, bytes.length)) {
      if (this.#settleCancelled(peer, key, offset, bytes.length)) return ok(null);
      return err('piece that was not asked for');
    }
    peer.totals.downloaded += bytes.length;
    peer.given.add(bytes.length, now);
    peer.pipeline.delivered(bytes.length, download.startedAt, now);
    const payload = download.receive(offset, bytes);
    if (payload === null) return ok(null);
    this.#ended(peer, key);
    for (const other of [...(this.#askers.get(key) ?? [])]) this.#cancel(other, key);
    this.#outbox.put({ type: 'store', header: download.header, index, payload, from: peer.id });
    return ok(null);
  }

  /** A block that does not come; the error says that nobody asked for it. */
  rejected(peer: Peer, { header, rejected }: Reject, now: number): Result<null> {
    const { index, offset, length } = rejected;
    const key = chunkKey(header, index);
    // What was cancelled was asked for before, and is answered before.
    if (this.#settleCancelled(peer, key, offset, length)) return ok(null);
    const download = peer.pipeline.downloads.get(key);
    if (!download?.expects(offset, length)) return err('reject of what was not asked for');
    download.reject(offset);
    // Who chokes us refuses everything: that says nothing of this chunk.
    if (!peer.isChokingUs) this.#exclude(peer, header, index, now + patience.refusedMs);
    this.#giveUp(peer, key);
    return ok(null);
  }

  /** What became of a chunk of the peer's. */
  judged(peer: Peer | undefined, isGood: boolean): void {
    peer?.pipeline.ended(!isGood);
  }

  /** A peer is gone: what it was asked for is needed again. */
  gone(peer: Peer): void {
    for (const [key, { header, index }] of peer.pipeline.downloads) {
      this.#ended(peer, key);
      if (!this.#askers.has(key)) this.#inventory.setNeeded(header.id, index);
    }
  }

  /** A peer does not have these any more; null: nothing of the batch, and its answers mean nothing. */
  withdrawn(peer: Peer, header: HeaderId, indices: readonly number[] | null): void {
    for (const [key, download] of peer.pipeline.downloads) {
      const { index } = download;
      if (download.header.id !== header || indices?.includes(index) === false) continue;
      this.#giveUp(peer, key);
    }
    if (indices === null) forgetCancelled(peer, header);
  }

  /** A batch was dropped: nothing of it is wanted any more. */
  dropped(header: HeaderId, peers: Iterable<Peer>): void {
    for (const peer of peers) {
      for (const [key, download] of peer.pipeline.downloads) {
        if (download.header.id === header) this.#cancel(peer, key);
      }
    }
  }

  /** Gives up on what does not come. */
  expire(peers: ReadonlyMap<unknown, Peer>, now: number): void {
    for (const { peer, download } of this.#retractions.due(now)) this.#fail(peer, download, now);
    for (const peer of peers.values()) {
      const { pipeline } = peer;
      const since = pipeline.silentSince;
      if (since === null) continue;
      const isSilent = now >= since + patience.snubMs && pipeline.isSnubbed(now);
      for (const download of pipeline.downloads.values()) {
        const { header, index, startedAt } = download;
        if (!isSilent && now < startedAt + Math.min(patience.chunkMs, pipeline.timeoutMs)) break;
        const isDripping = now >= startedAt + patience.chunkMs;
        const isLate = now >= startedAt + pipeline.timeoutMs;
        if (!isDripping && !isLate && !isSilent) continue;
        // Who alone has it is waited for a little longer: asking it again brings nothing sooner.
        if (!isDripping && !isSilent && !hasOther(peers, peer, header.id, index)) continue;
        this.#fail(peer, download, now);
      }
    }
  }

  /** A chunk did not come in time: it is needed again, and not from this peer for a while. */
  #fail(peer: Peer, { header, index }: Download, now: number): void {
    peer.pipeline.ended(true);
    this.#exclude(peer, header.id, index, now + patience.excludeMs);
    this.#giveUp(peer, chunkKey(header.id, index));
  }

  /** When something is given up on, or late. ms */
  nextWake(peers: Iterable<Peer>, now: number): number {
    let next = Infinity;
    const consider = (time: number) => {
      if (time > now && time < next) next = time;
    };
    for (const { pipeline } of peers) {
      const since = pipeline.silentSince;
      if (since === null) continue;
      consider(since + pipeline.timeoutMs);
      consider(since + patience.snubMs);
      consider(since + pipeline.lateMs);
      for (const { startedAt } of pipeline.downloads.values()) {
        consider(startedAt + patience.chunkMs);
        if (startedAt + patience.chunkMs > now) break;
      }
    }
    consider(this.#retractions.nextWake);
    // Who alone has a chunk is asked again.
    for (const batch of this.#inventory.batches) {
      if (!batch.held.complete) consider(batch.nextExclusionEnd(now));
    }
    return next;
  }

  #room({ pipeline, session }: Peer, now: number): number {
    return pipeline.room(session.requestQueue, now);
  }

  #request(peer: Peer, { batch, index }: Chunk, now: number): void {
    const { header } = batch;
    const number = peer.session.theirNumber(header.id);
    if (number === undefined) return;
    const chunk = this.#inventory.chunk(header.id, index);
    if (chunk) this.#inventory.setPending(chunk);
    const about = { header, index, peer: peer.id };
    const download = new Download(about, chunkBytes(header, index), peer.session.blockBytes, now);
    const key = chunkKey(header.id, index);
    peer.pipeline.downloads.set(key, download);
    this.#askers.set(key, [...(this.#askers.get(key) ?? []), peer]);
    for (const block of download.blocks()) {
      this.#outbox.send(peer, { type: 'request', batch: number, index, ...block });
    }
  }

  /**
   * What waits with a busy peer is taken back, and asked of an idle one when the busy one says that it
   * does not send it. It may be sending it already: where the idle one was asked at once, every eighth
   * chunk came twice.
   */
  #takeBackFor(idle: Peer, peers: readonly Peer[], now: number): void {
    const moved = worthMoving(idle, peers, this.#askers, this.#inventory, now);
    if (moved === null) return;
    const { from, download } = moved;
    this.#retractions.add(from, download, now);
    this.#sendCancel(from, download);
  }

  /** Every missing block is asked for already: idle peers are asked for what is late. */
  #endGame(able: readonly Peer[], now: number): void {
    if (this.#inventory.needed > 0) return;
    for (const peer of able) {
      if (peer.pipeline.downloads.size > 0) continue;
      const late = latestOf(peer, this.#askers, this.#inventory, now);
      if (late !== null) this.#request(peer, late, now);
    }
  }

  /** @param until ms */
  #exclude(peer: Peer, header: HeaderId, index: number, until: number): void {
    this.#inventory.get(header)?.exclude(index, peer.id, until);
  }

  /** Stops waiting for a chunk from a peer; unless another one was asked too it is needed again. */
  #giveUp(peer: Peer, key: ChunkKey): void {
    const download = peer.pipeline.downloads.get(key);
    if (download === undefined) return;
    this.#cancel(peer, key);
    if (!this.#askers.has(key)) this.#inventory.setNeeded(download.header.id, download.index);
  }

  #cancel(peer: Peer, key: ChunkKey): void {
    const download = peer.pipeline.downloads.get(key);
    if (download === undefined) return;
    this.#ended(peer, key);
    for (const { offset, length } of download.blocks()) {
      const block = blockKey(key, offset, length);
      peer.pipeline.cancelled.set(block, (peer.pipeline.cancelled.get(block) ?? 0) + 1);
    }
    if (!download.isRetracted) this.#sendCancel(peer, download);
  }

  #sendCancel(peer: Peer, download: Download): void {
    const { header, index } = download;
    const batch = peer.session.theirNumber(header.id);
    if (batch === undefined || peer.isChokingUs) return; // it rejects all by itself
    for (const block of download.blocks()) {
      this.#outbox.send(peer, { type: 'cancel', batch, index, ...block });
    }
  }

  #ended(peer: Peer, key: ChunkKey): void {
    peer.pipeline.downloads.delete(key);
    const others = (this.#askers.get(key) ?? []).filter((asker) => asker !== peer);
    if (others.length > 0) this.#askers.set(key, others);
    else this.#askers.delete(key);
  }

  /** The one answer to a request that was cancelled. */
  #settleCancelled({ pipeline }: Peer, key: ChunkKey, offset: number, length: number): boolean {
    const block = blockKey(key, offset, length);
    const count = pipeline.cancelled.get(block);
    if (count === undefined) return false;
    if (count > 1) pipeline.cancelled.set(block, count - 1);
    else pipeline.cancelled.delete(block);
    return true;
  }
}

/** What comes of a batch that the other side dropped is passed over. */
function forgetCancelled({ pipeline }: Peer, header: HeaderId): void {
  for (const block of pipeline.cancelled.keys()) {
    if (block.startsWith(header)) pipeline.cancelled.delete(block);
  }
}

function canBeAsked(peer: Peer): boolean {
  return peer.ready && !peer.isChokingUs;
}

/** Whether somebody else could be asked. */
function hasOther(peers: ReadonlyMap<unknown, Peer>, than: Peer, header: HeaderId, index: number) {
  for (const peer of peers.values()) {
    if (peer !== than && canBeAsked(peer) && peer.holdings.has(header, index)) return true;
  }
  return false;
}

function blockKey(chunk: ChunkKey, offset: number, length: number): string {
  return `${chunk}:${offset}:${length}`;
}
