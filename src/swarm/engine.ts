import { unreachable, type HeaderId, type Random } from '../lib/index.ts';
import { Announcer } from './announcer.ts';
import { Coming } from './coming.ts';
import type { SwarmEffect, SwarmEvent } from './events.ts';
import { Hearing } from './hearing.ts';
import { Batch } from './batch.ts';
import { Inventory } from './inventory.ts';
import { LastResort } from './last-resort.ts';
import { Connections, type Introduction } from './connections.ts';
import { Outbox } from './outbox.ts';
import { Questions } from './questions.ts';
import { Reputation } from './reputation.ts';
import { Requester } from './requester.ts';
import { Shelf } from './shelf.ts';
import { Slots } from './slots.ts';
import { Uploader } from './uploader.ts';

/** ms; what is due at this very moment was done. */
const leastWakeMs = 1;

export interface EngineOptions extends Introduction {
  readonly random: Random;
  /** Neighbours served at once, besides one that is tried. */
  readonly uploadSlots: number;
}

/**
 * The tab's side of the swarm (SWARM.md): takes events and the time, returns effects, does no
 * I/O, and holds no payload but of chunks on their way.
 *
 * Invariants:
 *  1. A chunk is sent to others only after `stored` said that it was verified and kept.
 *  2. Every request gets exactly one piece or one reject, one that was cancelled too.
 *  3. A chunk is on its way from one peer; in the end game from two.
 *  4. Whatever a peer sends, only that peer is closed for it.
 *  5. Chunks of a batch go to its readers only.
 *  6. No more interested peers are unchoked than there are slots.
 */
export class SwarmEngine {
  readonly #outbox = new Outbox();
  readonly #inventory = new Inventory();
  readonly #reputation = new Reputation();
  readonly #coming = new Coming(this.#inventory);
  readonly #announcer = new Announcer(this.#outbox, this.#coming);
  readonly #uploader = new Uploader(this.#inventory, this.#coming, this.#outbox);
  readonly #questions = new Questions(this.#outbox);
  readonly #requester: Requester;
  readonly #lastResort: LastResort;
  readonly #connections: Connections;
  readonly #slots: Slots;
  readonly #shelf: Shelf;
  readonly #hearing: Hearing;

  constructor(options: EngineOptions) {
    const { credentials, random, uploadSlots } = options;
    const [inventory, coming, outbox, reputation] = [this.#inventory, this.#coming, this.#outbox, this.#reputation]; // prettier-ignore
    const [announcer, uploader, questions] = [this.#announcer, this.#uploader, this.#questions];
    const requester = new Requester(inventory, outbox, random);
    const lastResort = new LastResort(credentials.self, inventory, outbox, random);
    const parts = { inventory, coming, outbox, reputation, announcer, uploader, questions, requester, lastResort }; // prettier-ignore
    const connections = new Connections(options, parts, () => slots.setDue());
    const slots = new Slots(uploadSlots, connections, uploader, random);
    this.#requester = requester;
    this.#lastResort = lastResort;
    this.#connections = connections;
    this.#slots = slots;
    this.#shelf = new Shelf({ ...parts, connections });
    this.#hearing = new Hearing({ ...parts, connections, slots });
  }

  /** @param events that came together: what follows from them is decided once */
  handle(events: readonly SwarmEvent[], now: number): SwarmEffect[] {
    this.#outbox.setTime(now);
    for (const event of events) this.#take(event, now);
    this.#decide(now);
    return this.#outbox.empty();
  }

  #take(event: SwarmEvent, now: number): void {
    const connections = this.#connections;
    switch (event.type) {
      case 'neighbours':
        return this.#lastResort.setNeighbours(event.peers);
      case 'connected':
        return connections.connected(event, now);
      case 'disconnected':
        return connections.gone(event.peer);
      case 'message':
        return this.#hearing.message(event.peer, event.message, now);
      case 'malformed':
        return connections.malformed(event.peer, event.reason);
      case 'buffered':
        return connections.with(event.peer, (peer) => {
          const isLate = peer.drained(event.bytes, event.window);
          this.#uploader.drained(connections.all.values(), isLate, now);
        });
      case 'batch':
        return this.#shelf.add(new Batch(event.header, event.held, event.readers, now));
      case 'keep':
        return this.#shelf.keep(event.headers);
      case 'drop':
        return event.headers.forEach((header) => this.#shelf.drop(header));
      case 'ask':
        return this.#questions.ask(event, connections.get(event.peer), now);
      case 'answered':
        return connections.with(event.peer, (peer) => this.#questions.answered(peer, event));
      case 'stored':
        return this.#shelf.stored(event, now);
      case 'lost':
        return this.#shelf.lost(event);
      case 'refused':
        return this.#shelf.refused(event, now);
      case 'block':
        return connections.with(event.peer, (peer) => this.#uploader.blockRead(peer, event, now));
      case 'seeded':
        return this.#lastResort.seeded(event, now);
      case 'leave':
        return connections.leave(event.reason);
      case 'tick':
        return;
      default:
        unreachable(event);
    }
  }

  /** What follows from the state. */
  #decide(now: number): void {
    const { all } = this.#connections;
    this.#questions.expire(now, (peer) => all.has(peer));
    this.#requester.expire(all, now);
    this.#connections.stayInTouch(now);
    this.#slots.decide(now);
    this.#shelf.expire(now);
    this.#requester.ask(all.values(), now);
    this.#uploader.serve(all.values(), now);
    this.#lastResort.ask(all, now);
    this.#announcer.announce(all.values(), now);
  }

  /** When `handle` wants to be called again at the latest, or null. ms */
  nextWake(now: number): number | null {
    const next = Math.min(
      this.#announcer.nextWake,
      this.#coming.nextWake,
      this.#questions.nextWake,
      this.#slots.nextWake,
      this.#requester.nextWake(this.#connections.all.values(), now),
      this.#lastResort.nextWake(now),
      this.#connections.nextWake,
    );
    return Number.isFinite(next) ? Math.max(next, now + leastWakeMs) : null;
  }

  /** Connections and holdings, for the dashboard. */
  snapshot() {
    const peers = [...this.#connections.all.values()];
    return {
      peers: peers.map(({ id, ready, pipeline, queue, holdings }) => ({
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
}
