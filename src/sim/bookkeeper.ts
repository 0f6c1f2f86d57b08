import { assert, type PeerId } from '../lib/index.ts';
import type { PeerMessage } from '../protocol/index.ts';

/** What one side of a connection asked for and how the other one served it. */
interface Direction {
  /** Requests that were not answered yet: how many of each. */
  readonly asked: Map<string, number>;
  isUnchoked: boolean;
  isInterested: boolean;
}

/**
 * Checks at every step what must hold whatever happens: what is sent arrives, is on its way or was
 * dropped with its connection; a request gets one answer; nobody is served outside the slots.
 */
export class Bookkeeper {
  sent = 0;
  received = 0;
  dropped = 0;
  onTheWay = 0;
  /** bytes of chunks, and of all else */
  payloadBytes = 0;
  controlBytes = 0;
  readonly #directions = new Map<string, Direction>();
  /** Interested peers that each peer has unchoked. */
  readonly #served = new Map<PeerId, number>();

  /** A frame goes onto a connection. */
  frame(bytes: number, message: PeerMessage): void {
    this.sent += bytes;
    this.onTheWay += bytes;
    const payload = message.type === 'piece' ? message.bytes.length : 0;
    this.payloadBytes += payload;
    this.controlBytes += bytes - payload;
  }

  /** It comes to its end, or is lost with its connection. */
  frameEnds(bytes: number, how: 'received' | 'dropped'): void {
    this[how] += bytes;
    this.onTheWay -= bytes;
    assert(this.sent === this.received + this.dropped + this.onTheWay, 'bytes are conserved');
  }

  /** A message leaves its sender. */
  left(from: PeerId, to: PeerId, message: PeerMessage): void {
    switch (message.type) {
      case 'choke':
      case 'unchoke':
        this.#serve(from, to, { isUnchoked: message.type === 'unchoke' });
        break;
      case 'piece': {
        const { batch, index, offset, bytes } = message;
        this.#answered(to, from, `${batch} ${index} ${offset} ${bytes.length}`);
        break;
      }
      case 'reject': {
        const { batch, index, offset, length } = message;
        this.#answered(to, from, `${batch} ${index} ${offset} ${length}`);
        break;
      }
      case 'sending': {
        const prefix = `${message.batch} ${message.index} `;
        const asked = [...this.#direction(to, from).asked.keys()];
        assert(asked.some((key) => key.startsWith(prefix)), 'nothing is being sent unasked'); // prettier-ignore
        break;
      }
      default:
        break;
    }
  }

  /** A message is about to be heard by its receiver. */
  heard(from: PeerId, to: PeerId, message: PeerMessage): void {
    if (message.type === 'request') {
      const { batch, index, offset, length } = message;
      const { asked } = this.#direction(from, to);
      const key = `${batch} ${index} ${offset} ${length}`;
      asked.set(key, (asked.get(key) ?? 0) + 1);
    } else if (message.type === 'interested' || message.type === 'not-interested') {
      // Who is served decides the receiver, in the step that hears of it.
      this.#serve(to, from, { isInterested: message.type === 'interested' });
    }
  }

  /** After a step of a peer. */
  settled(peer: PeerId, slots: number): void {
    assert((this.#served.get(peer) ?? 0) <= slots, 'nobody is served outside the slots');
  }

  /** A connection ends or begins: nothing is owed. */
  reset(a: PeerId, b: PeerId): void {
    for (const [server, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#serve(server, peer, { isInterested: false, isUnchoked: false });
      this.#directions.delete(`${peer} ${server}`);
    }
  }

  /** Requests that wait for an answer. */
  get unanswered(): number {
    let count = 0;
    for (const { asked } of this.#directions.values()) count += asked.size;
    return count;
  }

  #answered(asker: PeerId, holder: PeerId, key: string): void {
    const { asked } = this.#direction(asker, holder);
    const left = (asked.get(key) ?? 0) - 1;
    assert(left >= 0, 'a request is answered once');
    if (left > 0) asked.set(key, left);
    else asked.delete(key);
  }

  /** How `server` serves `peer`, from the server's point of view. */
  #serve(
    server: PeerId,
    peer: PeerId,
    change: Partial<Pick<Direction, 'isUnchoked' | 'isInterested'>>,
  ): void {
    const direction = this.#direction(peer, server);
    const was = Number(direction.isUnchoked && direction.isInterested);
    Object.assign(direction, change);
    const is = Number(direction.isUnchoked && direction.isInterested);
    const served = (this.#served.get(server) ?? 0) + is - was;
    this.#served.set(server, served);
  }

  #direction(asker: PeerId, holder: PeerId): Direction {
    const key = `${asker} ${holder}`;
    const known = this.#directions.get(key);
    if (known) return known;
    const fresh = { asked: new Map<string, number>(), isUnchoked: false, isInterested: false };
    this.#directions.set(key, fresh);
    return fresh;
  }
}
