import { chunkKey, type HeaderId } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import type { Batch } from './batch.ts';
import type { Coming } from './coming.ts';
import type { Outbox } from './outbox.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';

/**
 * Tells neighbours what is held. Haves are gathered, and not sent to who has the chunk; the first
 * one after a while goes at once, so that a chunk that many wait for does not wait itself.
 */
export class Announcer {
  readonly #outbox: Outbox;
  readonly #coming: Coming;
  readonly #news = new Map<HeaderId, number[]>();
  #count = 0;
  #announceAt = Infinity;
  #announcedAt = -Infinity;

  constructor(outbox: Outbox, coming: Coming) {
    this.#outbox = outbox;
    this.#coming = coming;
  }

  /** Tells a peer of a batch that it may have: what was not announced to it cannot be asked for. */
  introduce(peer: Peer, { header, held, readers }: Batch): void {
    if (!peer.ready || readers?.has(peer.id) === false) return;
    const batch = peer.session.number(header.id);
    this.#outbox.send(peer, {
      type: 'header',
      batch,
      header: header.id,
      columns: header.columns.length,
    });
    if (held.complete) this.#outbox.send(peer, { type: 'have-all', batch });
    else if (held.count === 0) this.#outbox.send(peer, { type: 'have-none', batch });
    else this.#outbox.send(peer, { type: 'bitfield', batch, bits: held.toBytes() });
  }

  stored(header: HeaderId, index: number, now: number): void {
    const news = this.#news.get(header) ?? [];
    this.#news.set(header, news);
    news.push(index);
    this.#count++;
    this.foretell(now);
    if (this.#count >= limits.indicesPerMessage) this.#announceAt = now;
  }

  /** A chunk is on its way. */
  foretell(now: number): void {
    const next = Math.max(now, this.#announcedAt + patience.haveMs);
    this.#announceAt = Math.min(this.#announceAt, next);
  }

  /** A chunk does not come, of which neighbours were told. */
  withdraw(header: HeaderId, index: number, peers: Iterable<Peer>): void {
    for (const peer of peers) {
      const batch = peer.session.ourNumber(header);
      if (!peer.foretold.delete(chunkKey(header, index)) || batch === undefined) continue;
      this.#outbox.send(peer, { type: 'dont-have', batch, indices: [index] });
    }
  }

  /** A chunk that was held is not there any more. */
  lost(header: HeaderId, index: number, peers: Iterable<Peer>): void {
    const news = this.#news.get(header);
    const place = news?.indexOf(index) ?? -1;
    if (place >= 0) {
      news?.splice(place, 1);
      this.#count--;
      return; // nobody was told that it is here
    }
    for (const peer of peers) {
      peer.untold.get(header)?.delete(index);
      const batch = peer.session.ourNumber(header);
      if (batch !== undefined) this.#outbox.send(peer, { type: 'dont-have', batch, indices: [index] }); // prettier-ignore
    }
  }

  /** A peer may lack what it had, of which it was not told that it is here. */
  remind(peer: Peer, header: HeaderId): void {
    const untold = peer.untold.get(header) ?? [];
    peer.untold.delete(header);
    this.#have(peer, header, [...untold]);
  }

  /** A batch of ours is dropped. */
  dropped(header: HeaderId, peers: Iterable<Peer>): void {
    this.#count -= this.#news.get(header)?.length ?? 0;
    this.#news.delete(header);
    for (const peer of peers) {
      peer.untold.delete(header);
      for (const key of peer.foretold) if (key.startsWith(header)) peer.foretold.delete(key);
      const batch = peer.session.ourNumber(header);
      if (batch !== undefined) this.#outbox.send(peer, { type: 'dont-have', batch, indices: null });
    }
  }

  /** Sends what is due. */
  announce(peers: Iterable<Peer>, now: number): void {
    if (now < this.#announceAt) return;
    this.#announceAt = Infinity;
    this.#announcedAt = now;
    this.#count = 0;
    const coming = this.#coming.tell(now);
    for (const peer of peers) {
      for (const [header, indices] of coming) this.#soon(peer, header, indices);
      for (const [header, news] of this.#news) this.#have(peer, header, unforetold(peer, header, news)); // prettier-ignore
    }
    for (const [header, news] of this.#news) news.forEach((index) => this.#coming.settled(header, index)); // prettier-ignore
    this.#news.clear();
  }

  get nextWake(): number {
    return this.#announceAt;
  }

  #soon(peer: Peer, header: HeaderId, indices: readonly number[]): void {
    const batch = peer.session.ourNumber(header);
    if (batch === undefined || !peer.session.knowsSoon) return;
    const lacking = indices.filter((index) => !peer.holdings.has(header, index));
    for (const index of lacking) peer.foretold.add(chunkKey(header, index));
    this.#send(peer, 'soon', batch, lacking);
  }

  #have(peer: Peer, header: HeaderId, news: readonly number[]): void {
    const batch = peer.session.ourNumber(header);
    if (batch === undefined) return;
    const indices = news.filter((index) => !peer.holdings.has(header, index));
    if (indices.length < news.length) {
      const untold = peer.untold.get(header) ?? new Set();
      peer.untold.set(header, untold);
      for (const index of news) if (peer.holdings.has(header, index)) untold.add(index);
    }
    this.#send(peer, 'have', batch, indices);
  }

  #send(peer: Peer, type: 'have' | 'soon', batch: number, indices: readonly number[]): void {
    for (let i = 0; i < indices.length; i += limits.indicesPerMessage) {
      const some = indices.slice(i, i + limits.indicesPerMessage);
      this.#outbox.send(peer, { type, batch, indices: some });
    }
  }
}

/** Those that are news to a peer: who was told that a chunk comes soon needs not hear that it is here. */
function unforetold({ foretold }: Peer, header: HeaderId, news: readonly number[]): number[] {
  return news.filter((index) => !foretold.delete(chunkKey(header, index)));
}
