import { Bitfield, chunkKey, shortId, shuffle, unreachable } from '../lib/index.ts';
import type { ChunkKey, HeaderId, PeerId, Random, TaskId } from '../lib/index.ts';
import { limits, protocolVersion, verifyMembership } from '../protocol/index.ts';
import type { PeerMessage, Signed } from '../protocol/index.ts';
import { chunkBytes, decodeHeader, headerId } from '../vds/index.ts';
import { BatchState } from './batch-state.ts';
import { Download } from './download.ts';
import type { SwarmEffect, SwarmEvent } from './events.ts';
import { PeerState, type PeerTotals } from './peer-state.ts';
import { pickChunk } from './picker.ts';
import { Questions } from './questions.ts';

/** How patient the engine is, in ms. */
const patience = {
  /** Haves are gathered so long before they are sent. */
  haveMs: 100,
  /** A chunk whose blocks stop coming is asked for elsewhere. */
  requestMs: 12_000,
  /** And so is one that comes drop by drop. */
  chunkMs: 24_000,
  /** Neighbours have so long to connect before the coordinator is asked for a chunk. */
  seedMs: 3_000,
  /** A coordinator that could not deliver is left alone so long. */
  seedRetryMs: 2_000,
} as const;

/** Chunks asked of the coordinator at once. */
const seedsAtOnce = 2;

/** bytes of a piece's frame besides its payload, at most */
const envelopeBytes = 128;

export interface EngineOptions {
  readonly self: PeerId;
  readonly task: TaskId;
  readonly ownerKey: PeerId;
  /** The Data Owner's word that we are a member. */
  readonly membership: Signed;
  readonly client: string;
  readonly random: Random;
}

/**
 * The tab's side of the swarm (SWARM.md): takes events and the time, returns effects, does no
 * I/O, and holds no payload but of chunks on their way.
 *
 * Invariants:
 *  1. A chunk is offered to others only after `stored` said that it was verified and kept.
 *  2. Every request gets exactly one piece or one reject.
 *  3. A chunk is on its way from one peer at a time.
 *  4. Whatever a peer sends, only that peer is closed for it.
 *  5. Chunks of a batch go to its readers only.
 */
export class SwarmEngine {
  readonly #options: EngineOptions;
  readonly #batches = new Map<HeaderId, BatchState>();
  readonly #peers = new Map<PeerId, PeerState>();
  readonly #strikes = new Map<PeerId, number>();
  readonly #totals = new Map<PeerId, PeerTotals>();
  /** Chunks asked of the coordinator. */
  readonly #seeding = new Set<ChunkKey>();
  #seedNotBefore = -Infinity;
  #neighbours: readonly PeerId[] = [];
  #announceAt = Infinity;
  #effects: SwarmEffect[] = [];
  readonly #questions = new Questions((effect) => this.#effects.push(effect));

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  handle(event: SwarmEvent, now: number): SwarmEffect[] {
    switch (event.type) {
      case 'neighbours':
        this.#neighbours = event.peers;
        break;
      case 'connected':
        this.#connected(event.peer);
        break;
      case 'disconnected':
        this.#gone(event.peer);
        break;
      case 'message':
        this.#message(event.peer, event.message, now);
        break;
      case 'malformed':
        if (this.#peers.has(event.peer)) this.#malformed(event.peer, event.reason);
        break;
      case 'buffered':
        this.#buffered(event.peer, event.bytes);
        break;
      case 'batch':
        this.#addBatch(new BatchState(event.header, event.held, event.readers, now));
        break;
      case 'keep':
        this.#keep(new Set(event.headers));
        break;
      case 'drop':
        this.#drop(new Set(event.headers));
        break;
      case 'ask':
        this.#questions.ask(event, this.#peers.get(event.peer), now);
        break;
      case 'answered': {
        const peer = this.#peers.get(event.peer);
        if (peer) this.#questions.answered(peer, event);
        break;
      }
      case 'stored':
        this.#stored(event, now);
        break;
      case 'lost':
        this.#lost(event);
        break;
      case 'refused':
        this.#refused(event, now);
        break;
      case 'block':
        this.#blockRead(event);
        break;
      case 'seeded':
        this.#seeded(event, now);
        break;
      case 'tick':
        break;
      default:
        unreachable(event);
    }
    this.#evaluate(now);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `handle` wants to be called again at the latest, or null. ms */
  nextWake(now: number): number | null {
    const times = [this.#announceAt, this.#seedNotBefore, ...this.#questions.deadlines];
    for (const peer of this.#peers.values()) {
      for (const download of peer.downloads.values()) times.push(deadlineOf(download));
    }
    for (const batch of this.#batches.values()) {
      if (batch.held.complete) continue;
      const { addedAt } = batch;
      times.push(addedAt + patience.seedMs, addedAt + 2 * patience.seedMs);
      // Who alone has a chunk is asked again.
      times.push(...batch.exclusionEnds());
    }
    const next = Math.min(...times.filter((time) => time > now));
    return Number.isFinite(next) ? next : null;
  }

  /** Connections and holdings, for the dashboard. */
  snapshot() {
    return {
      peers: [...this.#peers.values()].map((peer) => ({
        id: peer.id,
        handshaken: peer.handshaken,
        requests: peer.outstanding,
        queued: peer.queue.length,
        holds: (header: HeaderId) => peer.bitsOf(header),
      })),
      totals: this.#totals as ReadonlyMap<PeerId, Readonly<PeerTotals>>,
      strikes: this.#strikes as ReadonlyMap<PeerId, number>,
      batches: [...this.#batches.values()].map(({ header, held, pending }) => ({
        header,
        held,
        pending: pending,
      })),
    };
  }

  #connected(id: PeerId) {
    this.#gone(id); // a link that took the place of another one
    if ((this.#strikes.get(id) ?? 0) >= limits.strikes) {
      this.#effects.push({ type: 'close', peer: id, reason: 'banned for this round' });
      return;
    }
    this.#peers.set(id, new PeerState(id, this.#totalsOf(id)));
    const { task, self, membership, client } = this.#options;
    this.#send(id, {
      type: 'handshake',
      version: protocolVersion,
      task,
      peer: self,
      membership,
      client,
      maxFrame: limits.frameBytes,
      requestQueue: limits.queuedRequests,
    });
  }

  #gone(id: PeerId) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    for (const { header, index } of peer.downloads.values()) {
      this.#batches.get(header.id)?.pending.delete(index);
    }
    this.#peers.delete(id);
  }

  /** Kept over reconnections, for as many peers as a few fillings of the task. */
  #totalsOf(id: PeerId): PeerTotals {
    const known = this.#totals.get(id);
    if (known) return known;
    const [oldest] = this.#totals.keys();
    if (this.#totals.size >= 4 * limits.members && oldest) this.#totals.delete(oldest);
    const totals = { uploaded: 0, downloaded: 0, verified: 0, rejected: 0 };
    this.#totals.set(id, totals);
    return totals;
  }

  #close(id: PeerId, reason: string) {
    this.#log('warn', id, `closed: ${reason}`);
    this.#effects.push({ type: 'close', peer: id, reason });
    this.#gone(id);
  }

  #message(id: PeerId, message: PeerMessage, now: number) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    if (message.type === 'handshake') {
      this.#handshake(peer, message);
      return;
    }
    if (!peer.handshaken) {
      this.#close(id, `${message.type} before the handshake`);
      return;
    }
    switch (message.type) {
      case 'header':
        this.#announced(peer, message);
        break;
      case 'bitfield':
        this.#bitfield(peer, message);
        break;
      case 'have':
        this.#have(peer, message);
        break;
      case 'request':
        this.#requested(peer, message);
        break;
      case 'piece':
        this.#piece(peer, message, now);
        break;
      case 'reject':
        this.#rejected(peer, message, now);
        break;
      case 'ask':
        this.#questions.asked(peer, message, (header) => this.#batches.has(header), now);
        break;
      case 'answer':
        if (!this.#questions.take(id, message)) this.#close(id, 'answer that was not asked for');
        break;
      case 'bye':
        this.#effects.push({ type: 'close', peer: id, reason: `left: ${message.reason}` });
        this.#gone(id);
        break;
      default:
        unreachable(message);
    }
  }

  #handshake(peer: PeerState, message: Extract<PeerMessage, { type: 'handshake' }>) {
    const { self, task, ownerKey } = this.#options;
    if (peer.handshaken) {
      this.#close(peer.id, 'second handshake');
      return;
    }
    if (message.version !== protocolVersion) {
      this.#close(peer.id, `protocol version ${message.version}, ours is ${protocolVersion}`);
      return;
    }
    if (message.task !== task) {
      this.#close(peer.id, 'another task');
      return;
    }
    if (message.peer === self) {
      this.#close(peer.id, 'our own id');
      return;
    }
    if (message.peer !== peer.id) {
      this.#close(peer.id, 'another id than introduced');
      return;
    }
    const membership = verifyMembership(message.membership, { task, peer: peer.id, ownerKey });
    if (!membership.ok) {
      this.#close(peer.id, membership.error);
      return;
    }
    peer.handshaken = true;
    peer.blockBytes = Math.min(limits.blockBytes, message.maxFrame - envelopeBytes);
    peer.requestQueue = message.requestQueue;
    for (const batch of this.#batches.values()) this.#announce(peer, batch);
  }

  /** Tells a peer of a batch that it may have: what was not announced to it cannot be asked for. */
  #announce(peer: PeerState, { header, held, readers }: BatchState) {
    if (readers?.has(peer.id) === false) return;
    const number = peer.nextNumber++;
    peer.numbers.set(header.id, number);
    peer.byNumber.set(number, header.id);
    this.#send(peer.id, { type: 'header', batch: number, signed: header.signed });
    this.#send(peer.id, { type: 'bitfield', batch: number, bits: held.toBytes() });
  }

  #announced(peer: PeerState, message: Extract<PeerMessage, { type: 'header' }>) {
    if (message.batch !== peer.nextAnnounced) {
      this.#close(peer.id, 'header out of order');
      return;
    }
    const id = headerId(message.signed.header);
    let columns = this.#batches.get(id)?.header.columns.length;
    if (columns === undefined) {
      // Not (yet) a batch of ours: the coordinator's manifest will bring it verified, or never.
      const decoded = decodeHeader(message.signed.header);
      if (!decoded.ok) {
        this.#close(peer.id, decoded.error);
        return;
      }
      if (decoded.value.task !== this.#options.task) {
        this.#close(peer.id, 'another task');
        return;
      }
      columns = decoded.value.columns.length;
    }
    if (peer.numberOf(id) !== undefined) {
      this.#close(peer.id, 'header announced twice');
      return;
    }
    peer.nextAnnounced++;
    peer.announced.set(message.batch, { header: id, columns, bits: null });
    const unknown = [...peer.announced].filter(([, { header }]) => !this.#batches.has(header));
    for (const [number] of unknown.slice(0, -limits.headersPerRound)) peer.announced.delete(number);
  }

  #bitfield(peer: PeerState, message: Extract<PeerMessage, { type: 'bitfield' }>) {
    const batch = this.#theirs(peer, message.batch);
    if (!batch) return;
    if (batch.bits !== null) {
      this.#close(peer.id, 'second bitfield');
      return;
    }
    batch.bits = Bitfield.fromBytes(message.bits, batch.columns);
    if (batch.bits === null) this.#close(peer.id, 'bitfield of a wrong length or with spare bits');
  }

  #have(peer: PeerState, message: Extract<PeerMessage, { type: 'have' }>) {
    const batch = this.#theirs(peer, message.batch);
    if (!batch) return;
    if (batch.bits === null) {
      this.#close(peer.id, 'have before the bitfield');
      return;
    }
    for (const index of message.indices) {
      if (index >= batch.columns) {
        this.#close(peer.id, `have of chunk ${index}: out of range`);
        return;
      }
      batch.bits.set(index);
    }
  }

  /** The batch behind a number of theirs; null if it was dropped. A number never used closes. */
  #theirs(peer: PeerState, number: number) {
    if (number >= peer.nextAnnounced) this.#close(peer.id, `batch ${number} was never announced`);
    return peer.announced.get(number) ?? null;
  }

  #requested(peer: PeerState, message: Extract<PeerMessage, { type: 'request' }>) {
    const { index, offset, length } = message;
    const id = peer.byNumber.get(message.batch);
    const batch = id && this.#batches.get(id);
    if (!batch || !batch.held.has(index)) {
      this.#send(peer.id, { ...message, type: 'reject' });
      return;
    }
    if (length > limits.blockBytes || offset + length > chunkBytes(batch.header, index)) {
      this.#close(peer.id, 'request out of range');
      return;
    }
    if (peer.queue.length >= limits.queuedRequests) {
      this.#send(peer.id, { ...message, type: 'reject' });
      return;
    }
    peer.queue.push({ batch: message.batch, header: batch.header.id, index, offset, length });
  }

  /** Reads from the store for a peer only what its channel has room for. */
  #serve(peer: PeerState) {
    while (peer.writable) {
      const block = peer.queue.shift();
      if (!block) return;
      peer.reading += block.length;
      this.#effects.push({ type: 'read', peer: peer.id, block });
    }
  }

  #blockRead({ peer: id, block, bytes }: Extract<SwarmEvent, { type: 'block' }>) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    peer.reading = Math.max(0, peer.reading - block.length);
    const { batch, index, offset, length } = block;
    const isDropped = peer.numbers.get(block.header) === undefined;
    if (bytes === null || isDropped) {
      this.#send(id, { type: 'reject', batch, index, offset, length });
      return;
    }
    peer.buffered += bytes.length;
    peer.totals.uploaded += bytes.length;
    this.#send(id, { type: 'piece', batch, index, offset, bytes });
  }

  #buffered(id: PeerId, bytes: number) {
    const peer = this.#peers.get(id);
    if (peer) peer.buffered = bytes;
  }

  #piece(peer: PeerState, message: Extract<PeerMessage, { type: 'piece' }>, now: number) {
    const announced = this.#theirs(peer, message.batch);
    if (!announced) return;
    const key = chunkKey(announced.header, message.index);
    const download = peer.downloads.get(key);
    if (!download?.expects(message.offset, message.bytes.length)) {
      if (!peer.expired.has(key)) this.#close(peer.id, 'piece that was not asked for');
      return;
    }
    peer.totals.downloaded += message.bytes.length;
    const payload = download.receive(message.offset, message.bytes, now);
    if (payload === null) return;
    peer.downloads.delete(key);
    const { header, index } = download;
    this.#effects.push({ type: 'store', header, index, payload, from: peer.id });
  }

  #rejected(peer: PeerState, message: Extract<PeerMessage, { type: 'reject' }>, now: number) {
    const announced = this.#theirs(peer, message.batch);
    if (!announced) return;
    const key = chunkKey(announced.header, message.index);
    const download = peer.downloads.get(key);
    if (!download?.expects(message.offset, message.length)) {
      if (!peer.expired.has(key)) this.#close(peer.id, 'reject of what was not asked for');
      return;
    }
    this.#giveUp(peer, key, download, now);
  }

  /** Stops waiting for a chunk from a peer; what still comes of it is passed over. */
  #giveUp(peer: PeerState, key: ChunkKey, { header, index }: Download, now: number) {
    peer.downloads.delete(key);
    peer.expired.add(key);
    const batch = this.#batches.get(header.id);
    batch?.pending.delete(index);
    batch?.exclude(index, peer.id, now + patience.requestMs);
  }

  #addBatch(batch: BatchState) {
    if (this.#batches.has(batch.header.id)) return;
    this.#batches.set(batch.header.id, batch);
    for (const peer of this.#peers.values()) if (peer.handshaken) this.#announce(peer, batch);
  }

  #keep(kept: ReadonlySet<HeaderId>) {
    this.#drop(new Set([...this.#batches.keys()].filter((header) => !kept.has(header))));
    for (const peer of this.#peers.values()) peer.expired.clear();
    this.#strikes.clear();
  }

  #drop(headers: ReadonlySet<HeaderId>) {
    for (const header of headers) this.#batches.delete(header);
    for (const peer of this.#peers.values()) peer.forget(headers);
  }

  #stored({ header, index, from }: Extract<SwarmEvent, { type: 'stored' }>, now: number) {
    this.#seeding.delete(chunkKey(header, index));
    if (from !== null) this.#totalsOf(from).verified++;
    const batch = this.#batches.get(header);
    if (!batch) return;
    batch.pending.delete(index);
    batch.excluded.delete(index);
    if (!batch.held.set(index)) return;
    batch.unannounced.push(index);
    this.#announceAt = Math.min(this.#announceAt, now + patience.haveMs);
    if (batch.unannounced.length >= 64) this.#announceAt = now;
  }

  /** It is asked for again; who asks us for it meanwhile is told that it is not here. */
  #lost({ header, index }: Extract<SwarmEvent, { type: 'lost' }>) {
    const batch = this.#batches.get(header);
    if (batch?.held.clear(index) !== true) return;
    const place = batch.unannounced.indexOf(index);
    if (place >= 0) batch.unannounced.splice(place, 1);
    this.#log('warn', null, `chunk ${index} of ${shortId(header)} cannot be read: fetching it`);
  }

  #refused(event: Extract<SwarmEvent, { type: 'refused' }>, now: number) {
    const { header, index, from, reason } = event;
    const batch = this.#batches.get(header);
    batch?.pending.delete(index);
    this.#seeding.delete(chunkKey(header, index));
    if (from === null) {
      this.#seedNotBefore = now + patience.seedRetryMs;
      this.#log('warn', null, `the coordinator sent a bad chunk ${index}: ${reason}`);
      return;
    }
    batch?.exclude(index, from, Infinity);
    const strikes = this.#strike(from);
    const what = `chunk ${index} of ${shortId(header)}`;
    this.#log('warn', from, `sent a bad ${what}: ${reason} (strike ${strikes})`);
    this.#totalsOf(from).rejected++;
    if (strikes >= limits.strikes && this.#peers.has(from)) {
      this.#close(from, `${strikes} bad chunks`);
    }
  }

  /** What cannot be read earns a strike, and is the end of the connection. */
  #malformed(peer: PeerId, reason: string) {
    this.#strike(peer);
    this.#close(peer, reason);
  }

  #strike(peer: PeerId): number {
    const strikes = (this.#strikes.get(peer) ?? 0) + 1;
    this.#strikes.delete(peer);
    const [oldest] = this.#strikes.keys();
    if (this.#strikes.size >= 4 * limits.members && oldest) this.#strikes.delete(oldest);
    this.#strikes.set(peer, strikes);
    return strikes;
  }

  #seeded({ header, index, payload }: Extract<SwarmEvent, { type: 'seeded' }>, now: number) {
    const batch = this.#batches.get(header);
    if (payload !== null && batch && !batch.held.has(index)) {
      this.#effects.push({ type: 'store', header: batch.header, index, payload, from: null });
      return;
    }
    if (payload === null) this.#seedNotBefore = now + patience.seedRetryMs;
    this.#seeding.delete(chunkKey(header, index));
    batch?.pending.delete(index);
  }

  /** Decides what follows from the state. */
  #evaluate(now: number) {
    this.#giveUpOnSilent(now);
    this.#questions.expire(now, (peer) => this.#peers.has(peer));
    for (const peer of this.#peers.values()) {
      this.#request(peer, now);
      this.#serve(peer);
    }
    this.#seed(now);
    if (now >= this.#announceAt) this.#sendHaves();
  }

  #giveUpOnSilent(now: number) {
    for (const peer of this.#peers.values()) {
      for (const [key, download] of peer.downloads) {
        if (now >= deadlineOf(download)) this.#giveUp(peer, key, download, now);
      }
    }
  }

  #request(peer: PeerState, now: number) {
    const neighbours = [...this.#peers.values()];
    while (peer.handshaken && peer.room > 0) {
      const pick = pickChunk(this.#batches.values(), peer, neighbours, this.#options.random, now);
      if (pick === null) return;
      const { batch, index } = pick;
      const { header } = batch;
      const number = peer.numberOf(header.id);
      if (number === undefined) return;
      const about = { header, index, peer: peer.id };
      const download = new Download(about, chunkBytes(header, index), peer.blockBytes, now);
      const key = chunkKey(header.id, index);
      peer.downloads.set(key, download);
      peer.expired.delete(key);
      batch.pending.add(index);
      for (const block of download.blocks()) {
        this.#send(peer.id, { type: 'request', batch: number, index, ...block });
      }
    }
  }

  /** Asks the coordinator for model chunks that no neighbour has, once these had time to connect. */
  #seed(now: number) {
    if (this.#seeding.size >= seedsAtOnce || now < this.#seedNotBefore) return;
    const handshaken = [...this.#peers.values()].filter((peer) => peer.handshaken);
    const allHere = this.#neighbours.every((id) => handshaken.some((peer) => peer.id === id));
    for (const batch of this.#batches.values()) {
      const { header, held, addedAt } = batch;
      if (header.kind !== 'model' || held.complete) continue;
      if (!allHere && now < addedAt + patience.seedMs) continue;
      const hasIt = (index: number) =>
        handshaken.some(
          (peer) =>
            peer.bitsOf(header.id)?.has(index) === true && !batch.isExcluded(index, peer.id, now),
        );
      // Those who all lack a chunk share the asking out, and give each other the rest.
      const ids = [this.#options.self, ...handshaken.map((peer) => peer.id)].sort();
      const rank = ids.indexOf(this.#options.self);
      const shareOut = now < addedAt + 2 * patience.seedMs;
      const wanted = Array.from({ length: held.length }, (_, index) => index).filter(
        (index) =>
          batch.needs(index) && (!shareOut || index % ids.length === rank) && !hasIt(index),
      );
      for (const index of shuffle(wanted, this.#options.random)) {
        if (this.#seeding.size >= seedsAtOnce) return;
        batch.pending.add(index);
        this.#seeding.add(chunkKey(header.id, index));
        this.#effects.push({ type: 'seed', header: header.id, index });
      }
    }
  }

  #sendHaves() {
    this.#announceAt = Infinity;
    for (const { header, unannounced } of this.#batches.values()) {
      const indices = unannounced.splice(0);
      for (const peer of this.#peers.values()) {
        const batch = peer.numbers.get(header.id);
        const theirs = peer.bitsOf(header.id);
        const news = indices.filter((index) => theirs?.has(index) !== true);
        if (batch === undefined || news.length === 0) continue;
        for (let i = 0; i < news.length; i += 64) {
          this.#send(peer.id, { type: 'have', batch, indices: news.slice(i, i + 64) });
        }
      }
    }
  }

  #send(peer: PeerId, message: PeerMessage) {
    this.#effects.push({ type: 'send', peer, message });
  }

  #log(level: 'info' | 'warn', peer: PeerId | null, text: string) {
    this.#effects.push({ type: 'log', level, peer, text });
  }
}

/** When a chunk is not waited for any longer. ms */
function deadlineOf({ activeAt, startedAt }: Download): number {
  return Math.min(activeAt + patience.requestMs, startedAt + patience.chunkMs);
}
