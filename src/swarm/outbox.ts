import type { PeerId } from '../lib/index.ts';
import type { PeerMessage } from '../protocol/index.ts';
import type { SwarmEffect } from './events.ts';
import type { Peer } from './peer.ts';

/** Where the parts of the engine put what is to be done. */
export class Outbox {
  #effects: SwarmEffect[] = [];
  #now = 0;

  /** What was put here since, and an empty box. */
  empty(): SwarmEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** @param now ms */
  setTime(now: number): void {
    this.#now = now;
  }

  put(effect: SwarmEffect): void {
    this.#effects.push(effect);
  }

  /** Whatever is sent counts towards the channel's buffer, until it says what is in it. */
  send(peer: Peer, message: PeerMessage): void {
    peer.sentAt = this.#now;
    peer.buffered += weightOf(message);
    this.#effects.push({ type: 'send', peer: peer.id, message });
  }

  log(level: 'info' | 'warn', peer: PeerId | null, text: string): void {
    this.#effects.push({ type: 'log', level, peer, text });
  }
}

/** bytes of a message's frame, some more or less */
function weightOf(message: PeerMessage): number {
  switch (message.type) {
    case 'piece':
      return 16 + message.bytes.length;
    case 'have':
    case 'soon':
    case 'dont-have':
      return 16 + 3 * (message.indices?.length ?? 0);
    default:
      return 64;
  }
}
