import { shortId, type HeaderId } from '../lib/index.ts';
import type { Announcer } from './announcer.ts';
import type { SwarmEvent } from './events.ts';
import type { Batch } from './batch.ts';
import type { Coming } from './coming.ts';
import type { Inventory } from './inventory.ts';
import type { LastResort } from './last-resort.ts';
import type { Connections } from './connections.ts';
import type { Outbox } from './outbox.ts';
import type { Reputation } from './reputation.ts';
import type { Requester } from './requester.ts';
import type { Uploader } from './uploader.ts';

type Event<T extends SwarmEvent['type']> = Extract<SwarmEvent, { type: T }>;

interface Parts {
  readonly inventory: Inventory;
  readonly outbox: Outbox;
  readonly reputation: Reputation;
  readonly coming: Coming;
  readonly announcer: Announcer;
  readonly requester: Requester;
  readonly uploader: Uploader;
  readonly lastResort: LastResort;
  readonly connections: Connections;
}

/** What this tab has: which batches come and go, what became of chunks, and who is told. */
export class Shelf {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  add(batch: Batch): void {
    const { inventory, announcer, connections } = this.#parts;
    if (!inventory.add(batch)) return;
    for (const peer of connections.all.values()) announcer.introduce(peer, batch);
  }

  /** A new round: what does not matter any more is dropped, and who was struck has another chance. */
  keep(headers: readonly HeaderId[]): void {
    const kept = new Set(headers);
    for (const { header } of this.#parts.inventory.batches)
      if (!kept.has(header.id)) this.drop(header.id);
    this.#parts.reputation.forgive();
  }

  drop(header: HeaderId): void {
    const { inventory, uploader, announcer, requester, connections } = this.#parts;
    if (!inventory.get(header)) return;
    const peers = [...connections.all.values()];
    uploader.dropped(header, peers);
    announcer.dropped(header, peers);
    requester.dropped(header, peers);
    inventory.drop(header);
    for (const peer of peers) peer.session.forget(header);
  }

  /** A chunk was verified and is kept: it is offered to others from now on. */
  stored(event: Event<'stored'>, now: number): void {
    const { inventory, reputation, announcer, requester, lastResort, connections } = this.#parts;
    const { header, index, from } = event;
    lastResort.stored(event);
    if (from !== null) {
      reputation.totalsOf(from).verified++;
      const peer = connections.get(from);
      requester.judged(peer, true);
      if (peer) peer.keepsWord = true;
    }
    if (inventory.setHeld(header, index)) announcer.stored(header, index, now);
  }

  /** What was to be here soon and does not come: whoever asked for it gets it elsewhere. */
  expire(now: number): void {
    const { coming, uploader, announcer, connections } = this.#parts;
    for (const { header, index } of coming.broken(now)) {
      uploader.withdraw(header, index, connections.all.values());
      announcer.withdraw(header, index, connections.all.values());
    }
  }

  /** It is asked for again; who asks us for it meanwhile is told that it is not here. */
  lost({ header, index }: Event<'lost'>): void {
    const { inventory, announcer, outbox, connections } = this.#parts;
    if (!inventory.setLost(header, index)) return;
    announcer.lost(header, index, connections.all.values());
    outbox.log('warn', null, `chunk ${index} of ${shortId(header)} cannot be read: fetching it`);
  }

  /** A chunk did not hold: who sent it is struck and not asked for it again. */
  refused(event: Event<'refused'>, now: number): void {
    const { inventory, reputation, outbox, requester, lastResort, connections } = this.#parts;
    const { header, index, from, reason } = event;
    inventory.setNeeded(header, index);
    lastResort.refused(event, now);
    if (from === null) return;
    inventory.get(header)?.exclude(index, from, Infinity);
    requester.judged(connections.get(from), false);
    reputation.totalsOf(from).rejected++;
    const strikes = reputation.strike(from);
    const what = `chunk ${index} of ${shortId(header)}`;
    outbox.log('warn', from, `sent a bad ${what}: ${reason} (strike ${strikes})`);
    if (reputation.isBanned(from) && connections.get(from)) {
      connections.close(from, `${strikes} bad chunks`);
    }
  }
}
