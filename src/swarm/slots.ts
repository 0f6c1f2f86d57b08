import type { Random } from '../lib/index.ts';
import { Choker, type Contender } from './choker.ts';
import type { Connections } from './connections.ts';
import { patience } from './patience.ts';
import type { Uploader } from './uploader.ts';

/** Gives the upload slots to neighbours as the choker decides, when there is something to decide. */
export class Slots {
  readonly #choker: Choker;
  readonly #connections: Connections;
  readonly #uploader: Uploader;
  /** Somebody came, went, or thought otherwise. */
  #isDue = false;

  /** @param count besides the one of who is tried */
  constructor(count: number, connections: Connections, uploader: Uploader, random: Random) {
    this.#choker = new Choker(count, random);
    this.#connections = connections;
    this.#uploader = uploader;
  }

  /** Whom to serve is to be decided anew. */
  setDue(): void {
    this.#isDue = true;
  }

  get nextWake(): number {
    return this.#choker.nextWake;
  }

  decide(now: number): void {
    if (!this.#isDue && now < this.#choker.nextWake) return;
    this.#isDue = false;
    const { unchoke, choke } = this.#choker.decide(this.#contenders(now), now);
    for (const id of choke) this.#connections.with(id, (peer) => this.#uploader.choke(peer));
    for (const id of unchoke) this.#connections.with(id, (peer) => this.#uploader.unchoke(peer));
  }

  #contenders(now: number): Contender[] {
    const peers = [...this.#connections.all.values()].filter(({ ready }) => ready);
    // Who needs nothing ranks others by what it can push to them.
    const needNothing = !peers.some(({ areWeInterested }) => areWeInterested);
    return peers.map((peer) => {
      const { id, isInterested, isChoked, taken, given, connectedAt } = peer;
      peer.waitingSince = isInterested && isChoked ? (peer.waitingSince ?? now) : null;
      return {
        id,
        isInterested,
        isUnchoked: !isChoked,
        worth: (needNothing ? taken : given).recent(now),
        waitedMs: now - (peer.waitingSince ?? now),
        isNew: now < connectedAt + patience.newMs,
      };
    });
  }
}
