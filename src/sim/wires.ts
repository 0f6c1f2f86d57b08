import { sha256 } from '../crypto/index.ts';
import { utf8ToBytes, type PeerId } from '../lib/index.ts';
import type { SwarmEvent } from '../swarm/index.ts';
import { Channel, type Node } from './access-link.ts';
import type { Timeline } from './timeline.ts';

type LinkEvent = Extract<SwarmEvent, { type: 'connected' | 'disconnected' | 'buffered' }>;

/** Who can be connected with others. */
export interface End {
  readonly id: PeerId;
  readonly node: Node;
}

/** A channel each way, by who is sent to. */
type Connection = ReadonlyMap<PeerId, Channel>;

/** Who is connected with whom: two channels a pair, and what both sides hear of them. */
export class Wires<E extends End> {
  readonly #time: Timeline;
  readonly #hear: (end: E, event: LinkEvent) => void;
  readonly #connections = new Map<string, Connection>();

  /** @param hear what an end is told */
  constructor(time: Timeline, hear: (end: E, event: LinkEvent) => void) {
    this.#time = time;
    this.#hear = hear;
  }

  /** Where there is a connection, the new one takes its place unseen: what was on its way is lost. */
  connect(a: E, b: E): void {
    this.cut(a, b);
    const channelTo = (to: E, from: E) =>
      new Channel(to.node, (bytes, window) => {
        // Never in the middle of a step: what it decided is carried out first.
        this.#time.later(0, () => {
          this.#hear(from, { type: 'buffered', peer: to.id, bytes, window });
        });
      });
    const channels: [PeerId, Channel][] = [[b.id, channelTo(b, a)], [a.id, channelTo(a, b)]]; // prettier-ignore
    this.#connections.set(nameOf(a, b), new Map(channels));
    const [atA, atB] = [certificateOf(a.id), certificateOf(b.id)];
    this.#hear(a, { type: 'connected', peer: b.id, ends: { own: atA, other: atB } });
    this.#hear(b, { type: 'connected', peer: a.id, ends: { own: atB, other: atA } });
  }

  isConnected(a: End, b: End): boolean {
    return this.#connections.has(nameOf(a, b));
  }

  /** The channel from one to another, if they are connected. */
  channel(from: End, to: End): Channel | undefined {
    return this.#connections.get(nameOf(from, to))?.get(to.id);
  }

  /** Both notice, at once. */
  disconnect(a: E, b: E): void {
    if (!this.cut(a, b)) return;
    this.#hear(a, { type: 'disconnected', peer: b.id });
    this.#hear(b, { type: 'disconnected', peer: a.id });
  }

  /** The closing side is done with it at once, the other one notices. */
  close(by: E, other: E): void {
    if (!this.cut(by, other)) return;
    this.#time.later(0, () => {
      if (!this.isConnected(by, other)) this.#hear(other, { type: 'disconnected', peer: by.id });
    });
  }

  /** What is on its way is lost. */
  cut(a: E, b: E): boolean {
    const name = nameOf(a, b);
    const connection = this.#connections.get(name);
    if (connection === undefined) return false;
    this.#connections.delete(name);
    for (const channel of connection.values()) channel.close();
    return true;
  }
}

/** What stands for the DTLS certificate of a peer. */
function certificateOf(peer: PeerId): Uint8Array {
  return sha256(utf8ToBytes(peer));
}

function nameOf({ id: a }: End, { id: b }: End): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
