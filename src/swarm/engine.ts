import { shortId, unreachable, type HeaderId, type PeerId, type Random, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { limits, type PeerMessage } from '../protocol/index.ts';
import { Announcer } from './announcer.ts';
import { Choker, type Contender } from './choker.ts';
import type { Credentials } from './credentials.ts';
import type { SwarmEffect, SwarmEvent } from './events.ts';
import { Batch, Inventory } from './inventory.ts';
import { LastResort } from './last-resort.ts';
import { Outbox } from './outbox.ts';
import { patience } from './patience.ts';
import { Peer } from './peer.ts';
import { Questions } from './questions.ts';
import { Reputation } from './reputation.ts';
import { Requester } from './requester.ts';
import { Session, type Heard } from './session.ts';
import { Uploader } from './uploader.ts';

type Event<T extends SwarmEvent['type']> = Extract<SwarmEvent, { type: T }>;

export interface EngineOptions {
  readonly task: TaskId;
  readonly credentials: Credentials;
  readonly client: string;
  readonly random: Random;
  /** Neighbours served at once, besides one that is tried. */
  readonly uploadSlots: number;
}

/**
 * The tab's side of the swarm (SWARM.md): takes events and the time, returns effects, does no
 * I/O, and holds no payload but of chunks on their way.
 *
 * Invariants:
 *  1. A chunk is offered to others only after `stored` said that it was verified and kept.
 *  2. Every request gets exactly one piece or one reject, one that was cancelled too.
 *  3. A chunk is on its way from one peer; in the end game from two.
 *  4. Whatever a peer sends, only that peer is closed for it.
 *  5. Chunks of a batch go to its readers only.
 *  6. No more interested peers are unchoked than there are slots.
 */
export class SwarmEngine {
  readonly #options: EngineOptions;
  readonly #outbox = new Outbox();
  readonly #inventory = new Inventory();
  readonly #reputation = new Reputation();
  readonly #announcer = new Announcer(this.#outbox);
  readonly #uploader = new Uploader(this.#inventory, this.#outbox);
  readonly #questions = new Questions(this.#outbox);
  readonly #requester: Requester;
  readonly #choker: Choker;
  readonly #lastResort: LastResort;
  readonly #peers = new Map<PeerId, Peer>();
  /** Somebody came, went, or thought otherwise: whom to serve is to be decided. */
  #isServingDue = false;

  constructor(options: EngineOptions) {
    const { credentials, random, uploadSlots } = options;
    this.#options = options;
    this.#requester = new Requester(this.#inventory, this.#outbox, random);
    this.#choker = new Choker(uploadSlots, random);
    this.#lastResort = new LastResort(credentials.self, this.#inventory, this.#outbox, random);
  }

  handle(event: SwarmEvent, now: number): SwarmEffect[] {
    this.#outbox.setTime(now);
    switch (event.type) {
      case 'neighbours':
        this.#lastResort.setNeighbours(event.peers);
        break;
      case 'connected':
        this.#connected(event, now);
        break;
      case 'disconnected':
        this.#gone(event.peer);
        break;
      case 'message':
        this.#message(event.peer, event.message, now);
        break;
      case 'malformed':
        this.#malformed(event);
        break;
      case 'buffered':
        this.#with(event.peer, (peer) => {
          peer.drained(event.bytes, event.window);
          this.#uploader.drained(this.#peers.values(), now);
        });
        break;
      case 'batch':
        this.#add(new Batch(event.header, event.held, event.readers, now));
        break;
      case 'keep':
        this.#keep(event.headers);
        break;
      case 'drop':
        for (const header of event.headers) this.#drop(header);
        break;
      case 'ask':
        this.#questions.ask(event, this.#peers.get(event.peer), now);
        break;
      case 'answered':
        this.#with(event.peer, (peer) => this.#questions.answered(peer, event));
        break;
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
        this.#with(event.peer, (peer) => this.#uploader.blockRead(peer, event, now));
        break;
      case 'seeded':
        this.#lastResort.seeded(event, now);
        break;
      case 'leave':
        for (const peer of [...this.#peers.values()]) this.#leave(peer, event.reason);
        break;
      case 'tick':
        break;
      default:
        unreachable(event);
    }
    this.#evaluate(now);
    return this.#outbox.empty();
  }

  /** When `handle` wants to be called again at the latest, or null. ms */
  nextWake(now: number): number | null {
    let next = Math.min(
      this.#announcer.nextWake,
      this.#questions.nextWake,
      this.#choker.nextWake,
      this.#requester.nextWake(this.#peers.values(), now),
      this.#lastResort.nextWake(now),
    );
    for (const { ready, connectedAt, sentAt, heardAt } of this.#peers.values()) {
      const end = ready ? heardAt + patience.silentMs : connectedAt + patience.handshakeMs;
      next = Math.min(next, end, sentAt + patience.keepAliveMs);
    }
    return Number.isFinite(next) ? Math.max(next, now + leastWakeMs) : null;
  }

  /** Connections and holdings, for the dashboard. */
  snapshot() {
    return {
      peers: [...this.#peers.values()].map(({ id, ready, pipeline, queue, holdings }) => ({
        id,
        handshaken: ready,
        requests: pipeline.outstanding,
        queued: queue.length,
        holds: (header: HeaderId) => holdings.bits.get(header) ?? null,
      })),
      totals: this.#reputation.totals,
      strikes: this.#reputation.strikes,
      batches: [...this.#inventory.batches].map(({ header, held, pending }) => ({ header, held, pending })), // prettier-ignore
    };
  }

  #connected({ peer: id, ends }: Event<'connected'>, now: number) {
    this.#gone(id); // a link that took the place of another one
    if (this.#reputation.isBanned(id) || this.#peers.size >= limits.links) {
      const reason = this.#reputation.isBanned(id) ? 'banned for this round' : 'too many links';
      this.#outbox.put({ type: 'close', peer: id, reason });
      return;
    }
    const { task, credentials, client } = this.#options;
    const columnsOf = (header: HeaderId) => this.#inventory.get(header)?.header.columns.length;
    const session = new Session({ task, credentials, peer: id, ends, columnsOf });
    const peer = new Peer(session, this.#inventory.join(id), this.#reputation.totalsOf(id), now);
    this.#peers.set(id, peer);
    this.#outbox.send(peer, session.handshake(client));
  }

  #gone(id: PeerId) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#requester.gone(peer);
    this.#inventory.leave(peer.holdings);
    this.#peers.delete(id);
    this.#isServingDue = true;
  }

  #close(id: PeerId, reason: string) {
    this.#outbox.log('warn', id, `closed: ${reason}`);
    this.#outbox.put({ type: 'close', peer: id, reason });
    this.#gone(id);
  }

  #leave(peer: Peer, reason: string) {
    this.#outbox.send(peer, { type: 'bye', reason });
    this.#outbox.put({ type: 'close', peer: peer.id, reason });
    this.#gone(peer.id);
  }

  #message(id: PeerId, message: PeerMessage, now: number) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    peer.heardAt = now;
    const heard = peer.session.hear(message);
    const breach = heard.ok ? this.#heard(peer, heard.value, now) : heard.error;
    if (breach !== null) this.#close(id, breach);
  }

  /** @returns how the peer broke the protocol, or null */
  #heard(peer: Peer, heard: Heard, now: number): string | null {
    switch (heard.type) {
      case 'ready':
        this.#isServingDue = true;
        for (const batch of this.#inventory.batches) this.#announcer.introduce(peer, batch);
        return null;
      case 'bits':
        this.#inventory.claimed(peer.holdings, heard.header, heard.bits);
        return null;
      case 'have':
        this.#inventory.claimedMore(peer.holdings, heard.header, heard.indices);
        return null;
      case 'dont-have':
        this.#inventory.withdrawn(peer.holdings, heard.header, heard.indices);
        this.#requester.withdrawn(peer, heard.header, heard.indices);
        return null;
      case 'forgotten':
        for (const header of heard.headers) {
          this.#inventory.withdrawn(peer.holdings, header, null);
          this.#requester.withdrawn(peer, header, null);
        }
        return null;
      case 'interest':
        peer.isInterested = heard.isInterested;
        this.#isServingDue = true;
        return null;
      case 'choking':
        peer.isChokingUs = heard.isChoking;
        return null;
      case 'request':
        return breachOf(this.#uploader.requested(peer, heard));
      case 'cancel':
        this.#uploader.cancelled(peer, heard);
        return null;
      case 'piece':
        return breachOf(this.#requester.piece(peer, heard, now));
      case 'reject':
        return breachOf(this.#requester.rejected(peer, heard, now));
      case 'ask':
        this.#questions.asked(peer, heard, now);
        return null;
      case 'answer':
        return breachOf(this.#questions.take(peer.id, heard.answer));
      case 'bye':
        this.#outbox.put({ type: 'close', peer: peer.id, reason: `left: ${heard.reason}` });
        this.#gone(peer.id);
        return null;
      case 'nothing':
        return null;
      default:
        return unreachable(heard);
    }
  }

  #add(batch: Batch) {
    if (!this.#inventory.add(batch)) return;
    for (const peer of this.#peers.values()) this.#announcer.introduce(peer, batch);
  }

  /** A new round: what does not matter any more is dropped, and who was struck has another chance. */
  #keep(headers: readonly HeaderId[]) {
    const kept = new Set(headers);
    for (const { header } of this.#inventory.batches)
      if (!kept.has(header.id)) this.#drop(header.id);
    this.#reputation.forgive();
  }

  #drop(header: HeaderId) {
    if (!this.#inventory.get(header)) return;
    this.#uploader.dropped(header, this.#peers.values());
    this.#announcer.dropped(header, this.#peers.values());
    this.#requester.dropped(header, this.#peers.values());
    this.#inventory.drop(header);
    for (const peer of this.#peers.values()) peer.session.forget(header);
  }

  #stored(event: Event<'stored'>, now: number) {
    const { header, index, from } = event;
    this.#lastResort.stored(event);
    if (from !== null) {
      this.#reputation.totalsOf(from).verified++;
      this.#requester.judged(this.#peers.get(from), true);
    }
    if (this.#inventory.setHeld(header, index)) this.#announcer.stored(header, index, now);
  }

  /** It is asked for again; who asks us for it meanwhile is told that it is not here. */
  #lost({ header, index }: Event<'lost'>) {
    if (!this.#inventory.setLost(header, index)) return;
    this.#announcer.lost(header, index, this.#peers.values());
    this.#outbox.log('warn', null, `chunk ${index} of ${shortId(header)} cannot be read: fetching it`); // prettier-ignore
  }

  #refused(event: Event<'refused'>, now: number) {
    const { header, index, from, reason } = event;
    this.#inventory.setNeeded(header, index);
    this.#lastResort.refused(event, now);
    if (from === null) return;
    this.#inventory.get(header)?.exclude(index, from, Infinity);
    this.#requester.judged(this.#peers.get(from), false);
    this.#reputation.totalsOf(from).rejected++;
    const strikes = this.#reputation.strike(from);
    const what = `chunk ${index} of ${shortId(header)}`;
    this.#outbox.log('warn', from, `sent a bad ${what}: ${reason} (strike ${strikes})`);
    if (this.#reputation.isBanned(from) && this.#peers.has(from)) {
      this.#close(from, `${strikes} bad chunks`);
    }
  }

  /** What cannot be read earns a strike, and is the end of the connection. */
  #malformed({ peer, reason }: Event<'malformed'>) {
    if (!this.#peers.has(peer)) return;
    this.#reputation.strike(peer);
    this.#close(peer, reason);
  }

  /** Decides what follows from the state. */
  #evaluate(now: number) {
    this.#questions.expire(now, (peer) => this.#peers.has(peer));
    this.#requester.expire(this.#peers, now);
    for (const peer of this.#peers.values()) this.#stayInTouch(peer, now);
    if (this.#isServingDue || now >= this.#choker.nextWake) this.#decideWhomToServe(now);
    this.#requester.ask(this.#peers.values(), now);
    this.#uploader.serve(this.#peers.values(), now);
    this.#lastResort.ask(this.#peers, now);
    this.#announcer.announce(this.#peers.values(), now);
  }

  /** Interest is exact at all times, a connection is not silent for too long. */
  #stayInTouch(peer: Peer, now: number) {
    const { id, ready, holdings, heardAt, sentAt, connectedAt } = peer;
    if (!ready) {
      if (now >= connectedAt + patience.handshakeMs) this.#close(id, 'no handshake came');
      return;
    }
    const areInterested = holdings.wanted > 0;
    if (areInterested !== peer.areWeInterested) {
      peer.areWeInterested = areInterested;
      this.#outbox.send(peer, { type: areInterested ? 'interested' : 'not-interested' });
    }
    if (now >= sentAt + patience.keepAliveMs) this.#outbox.send(peer, { type: 'keep-alive' });
    if (now >= heardAt + patience.silentMs) this.#close(id, 'nothing was heard for four minutes');
  }

  #decideWhomToServe(now: number) {
    this.#isServingDue = false;
    const needNothing = ![...this.#peers.values()].some(({ areWeInterested }) => areWeInterested);
    const contenders: Contender[] = [];
    for (const peer of this.#peers.values()) {
      if (!peer.ready) continue;
      const isWaiting = peer.isInterested && peer.isChoked;
      peer.waitingSince = isWaiting ? (peer.waitingSince ?? now) : null;
      contenders.push({
        id: peer.id,
        isInterested: peer.isInterested,
        isUnchoked: !peer.isChoked,
        worth: (needNothing ? peer.taken : peer.given).recent(now),
        waitedMs: now - (peer.waitingSince ?? now),
        isNew: now < peer.connectedAt + patience.newMs,
      });
    }
    const { unchoke, choke } = this.#choker.decide(contenders, now);
    for (const id of choke) this.#with(id, (peer) => this.#uploader.choke(peer));
    for (const id of unchoke) this.#with(id, (peer) => this.#uploader.unchoke(peer));
  }

  #with(id: PeerId, use: (peer: Peer) => void) {
    const peer = this.#peers.get(id);
    if (peer) use(peer);
  }
}

/** ms; what is due at this very moment was done. */
const leastWakeMs = 1;

function breachOf(result: { readonly ok: true } | { readonly ok: false; readonly error: string }) {
  return result.ok ? null : result.error;
}
