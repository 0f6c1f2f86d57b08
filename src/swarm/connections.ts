import type { PeerId, TaskId } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import type { Credentials } from './credentials.ts';
import type { SwarmEvent } from './events.ts';
import type { Inventory } from './inventory.ts';
import type { Outbox } from './outbox.ts';
import { patience } from './patience.ts';
import { Peer } from './peer.ts';
import type { Reputation } from './reputation.ts';
import type { Requester } from './requester.ts';
import { Session } from './session.ts';

/** As who a tab meets its neighbours. */
export interface Introduction {
  readonly task: TaskId;
  readonly credentials: Credentials;
  /** Its name and version. */
  readonly client: string;
}

/** The connections: how they begin, are kept and end. Nothing stays pending on one that is gone. */
export class Connections {
  readonly #introduction: Introduction;
  readonly #inventory: Inventory;
  readonly #outbox: Outbox;
  readonly #reputation: Reputation;
  readonly #requester: Requester;
  readonly #peers = new Map<PeerId, Peer>();
  /** Told when a peer is gone. */
  readonly #onGone: () => void;

  constructor(
    introduction: Introduction,
    parts: {
      readonly inventory: Inventory;
      readonly outbox: Outbox;
      readonly reputation: Reputation;
      readonly requester: Requester;
    },
    onGone: () => void,
  ) {
    this.#introduction = introduction;
    this.#inventory = parts.inventory;
    this.#outbox = parts.outbox;
    this.#reputation = parts.reputation;
    this.#requester = parts.requester;
    this.#onGone = onGone;
  }

  get all(): ReadonlyMap<PeerId, Peer> {
    return this.#peers;
  }

  get(id: PeerId): Peer | undefined {
    return this.#peers.get(id);
  }

  with(id: PeerId, use: (peer: Peer) => void): void {
    const peer = this.#peers.get(id);
    if (peer) use(peer);
  }

  connected({ peer: id, ends }: Extract<SwarmEvent, { type: 'connected' }>, now: number): void {
    this.gone(id); // a link that took the place of another one
    const isBanned = this.#reputation.isBanned(id);
    if (isBanned || this.#peers.size >= limits.links) {
      const reason = isBanned ? 'banned for this round' : 'too many links';
      this.#outbox.put({ type: 'close', peer: id, reason });
      return;
    }
    const { task, credentials, client } = this.#introduction;
    const columnsOf = this.#inventory.columnsOf.bind(this.#inventory);
    const session = new Session({ task, credentials, peer: id, ends, columnsOf });
    const peer = new Peer(session, this.#inventory.join(id), this.#reputation.totalsOf(id), now);
    this.#peers.set(id, peer);
    this.#outbox.send(peer, session.handshake(client));
  }

  gone(id: PeerId): void {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#requester.gone(peer);
    this.#inventory.leave(peer.holdings);
    this.#peers.delete(id);
    this.#onGone();
  }

  /** For what a peer did, or did not do. */
  close(id: PeerId, reason: string): void {
    this.#outbox.log('warn', id, `closed: ${reason}`);
    this.#outbox.put({ type: 'close', peer: id, reason });
    this.gone(id);
  }

  /** What cannot be read earns a strike, and is the end of the connection. */
  malformed(id: PeerId, reason: string): void {
    if (!this.#peers.has(id)) return;
    this.#reputation.strike(id);
    this.close(id, reason);
  }

  /** A peer said that it goes. */
  left(id: PeerId, reason: string): void {
    this.#outbox.put({ type: 'close', peer: id, reason: `left: ${reason}` });
    this.gone(id);
  }

  /** The tab goes: all are told, so that they need not wait. */
  leave(reason: string): void {
    for (const peer of [...this.#peers.values()]) {
      this.#outbox.send(peer, { type: 'bye', reason });
      this.#outbox.put({ type: 'close', peer: peer.id, reason });
      this.gone(peer.id);
    }
  }

  /** Interest is exact at all times, and no connection is silent for too long. */
  stayInTouch(now: number): void {
    for (const peer of this.#peers.values()) {
      const { id, ready, holdings, heardAt, sentAt, connectedAt } = peer;
      if (!ready) {
        if (now >= connectedAt + patience.handshakeMs) this.close(id, 'no handshake came');
        continue;
      }
      const areInterested = holdings.wanted > 0;
      if (areInterested !== peer.areWeInterested) {
        peer.areWeInterested = areInterested;
        this.#outbox.send(peer, { type: areInterested ? 'interested' : 'not-interested' });
      }
      if (now >= sentAt + patience.keepAliveMs) this.#outbox.send(peer, { type: 'keep-alive' });
      if (now >= heardAt + patience.silentMs) this.close(id, 'nothing was heard for four minutes');
    }
  }

  /** When the next one is silent for too long, or Infinity. ms */
  get nextWake(): number {
    let next = Infinity;
    for (const { ready, connectedAt, sentAt, heardAt } of this.#peers.values()) {
      const end = ready ? heardAt + patience.silentMs : connectedAt + patience.handshakeMs;
      next = Math.min(next, end, sentAt + patience.keepAliveMs);
    }
    return next;
  }
}
