// The package's own bundle: its source needs Node's streams and globals.
import SimplePeer from 'simple-peer/simplepeer.min.js';
import { Budget, hexToBytes, type PeerId } from '../lib/index.ts';
import { decodeSignal, limits, peerCodec, type PeerMessage } from '../protocol/index.ts';
import { Drain, offers, Packer, type ChannelEnds } from '../swarm/index.ts';
import { now } from './clock.ts';

export interface PeerLinksEvents {
  signal(to: PeerId, session: number, data: string): void;
  connected(peer: PeerId, ends: ChannelEnds): void;
  disconnected(peer: PeerId): void;
  /** Those of a frame. */
  messages(peer: PeerId, messages: readonly PeerMessage[]): void;
  malformed(peer: PeerId, reason: string): void;
  /** By which way the connection goes. */
  routed(peer: PeerId, route: Route): void;
  /** What is in the channel's buffer, and how much may be. bytes */
  buffered(peer: PeerId, bytes: number, window: number): void;
}

/** By the worse end of a connection: its own address, one that a NAT gave it, or a TURN server's. */
export type Route = 'host' | 'srflx' | 'relay';

interface Link {
  readonly peer: SimplePeer.Instance;
  readonly session: number;
  channel: RTCDataChannel | null;
  readonly drain: Drain;
  readonly packer: Packer;
}

const firstRetryMs = 500;
const longestRetryMs = 10_000;
/** A connection that is not up by then is torn down and tried again. */
const connectWithinMs = 15_000;
/** A way that carries nothing is given up after so long; browsers wait for up to half a minute. */
const interruptedMs = 4_000;
/** When a better way may have been found. */
const settledMs = 5_000;
/** One that lasts so long was a good one: only then is the next retry a quick one again. */
const lastingMs = 20_000;

/**
 * One WebRTC data channel to each neighbour, by simple-peer. Of a pair the lower id offers, and
 * offers again when the connection fails; the other one answers the newest offer. Sends with
 * back-pressure: it reports what a channel has buffered, the engine holds back what is more.
 */
export class PeerLinks {
  readonly #self: PeerId;
  readonly #events: PeerLinksEvents;
  #iceServers: RTCIceServer[];
  readonly #links = new Map<PeerId, Link>();
  readonly #retries = new Map<
    PeerId,
    { failures: number; timer?: ReturnType<typeof setTimeout> }
  >();
  /** How many connections each neighbour may still offer. */
  readonly #offers = new Map<PeerId, Budget>();
  #neighbours: ReadonlySet<PeerId> = new Set();
  /** Whose messages wait for the next task: its message is one. A timer would be late in hidden tabs. */
  readonly #waiting = new Set<PeerId>();
  readonly #flushSoon = new MessageChannel();
  /**
   * What every message is encoded to: a channel copies what it sends. Measured for pieces of 60 kB:
   * a buffer of its own for each took 0.13 ms of the sender's main thread.
   */
  readonly #room = new Uint8Array(limits.frameBytes);
  #sessions = Math.floor(Math.random() * 0x7fffffff);

  constructor(self: PeerId, iceServers: RTCIceServer[], events: PeerLinksEvents) {
    this.#self = self;
    this.#iceServers = iceServers;
    this.#events = events;
    this.#flushSoon.port1.onmessage = () => {
      const waiting = [...this.#waiting];
      this.#waiting.clear(); // what is said from here on has a task of its own
      for (const peer of waiting) this.#flush(peer);
    };
  }

  /** For connections from now on. */
  setIceServers(servers: RTCIceServer[]): void {
    this.#iceServers = servers;
  }

  /** Connects with these and no others. */
  setNeighbours(neighbours: readonly PeerId[]): void {
    this.#neighbours = new Set(neighbours);
    for (const peer of this.#links.keys()) if (!this.#neighbours.has(peer)) this.close(peer);
    for (const peer of this.#offers.keys()) {
      if (!this.#neighbours.has(peer)) this.#offers.delete(peer);
    }
    for (const [peer, { timer }] of this.#retries) {
      if (this.#neighbours.has(peer)) continue;
      clearTimeout(timer);
      this.#retries.delete(peer);
    }
    for (const peer of this.#neighbours) {
      if (offers(this.#self, peer) && !this.#links.has(peer) && !this.#retries.has(peer)) {
        this.#offer(peer);
      }
    }
  }

  /** A signaling message from `peer`, relayed by the coordinator. */
  signal(peer: PeerId, session: number, data: string): void {
    if (!this.#neighbours.has(peer)) return;
    const signal = decodeSignal(data);
    if (!signal.ok) return;
    let link = this.#links.get(peer);
    if (link?.session !== session) {
      // Else an answer to an offer of ours that is no more, or a candidate for one of theirs.
      if (signal.value.type !== 'offer' || offers(this.#self, peer)) return;
      if (!this.#mayOffer(peer)) return;
      if (link) this.#replace(peer, link);
      link = this.#open(peer, session, false);
    }
    try {
      link.peer.signal(data);
    } catch {
      this.close(peer); // not a session description: the offerer tries again
    }
  }

  /** What is said before the page's next task goes in one frame; a long message goes at once. */
  send(peer: PeerId, message: PeerMessage): void {
    const link = this.#links.get(peer);
    if (link?.channel?.readyState !== 'open') return; // its close is under way
    const frames = link.packer.add(peerCodec.encodeInto(message, this.#room));
    for (const frame of frames) this.#sendFrame(peer, link, frame);
    if (link.packer.bytes === 0) return;
    if (this.#waiting.size === 0) this.#flushSoon.port2.postMessage(null);
    this.#waiting.add(peer);
  }

  #flush(peer: PeerId): void {
    const link = this.#links.get(peer);
    const frame = link?.packer.take();
    if (link && frame) this.#sendFrame(peer, link, frame);
  }

  #sendFrame(peer: PeerId, link: Link, frame: Uint8Array<ArrayBuffer>): void {
    const { channel, drain } = link;
    if (channel?.readyState !== 'open') return;
    try {
      channel.send(frame);
    } catch {
      link.peer.destroy();
      return;
    }
    const left = channel.bufferedAmount;
    // Whoever reads nothing must not fill our memory, nor hold up what is for others.
    if (left > limits.bufferedMostBytes) link.peer.destroy();
    else {
      const isLow = drain.handed(frame.length, left, now());
      channel.bufferedAmountLowThreshold = drain.lowMark;
      if (isLow) this.#events.buffered(peer, left, drain.window);
    }
  }

  /** Ends the connection; the offering side makes a new one while it is a neighbour. */
  close(peer: PeerId): void {
    this.#flush(peer);
    this.#links.get(peer)?.peer.destroy();
  }

  /** The other side offers anew: what was asked over the old connection will not come. */
  #replace(peer: PeerId, link: Link): void {
    this.#links.delete(peer);
    if (link.channel !== null) this.#events.disconnected(peer);
    link.peer.destroy();
  }

  closeAll(): void {
    this.#neighbours = new Set();
    this.setNeighbours([]);
    this.#flushSoon.port1.close();
  }

  /** A connection costs the browser much: a neighbour has a budget of them. */
  #mayOffer(peer: PeerId): boolean {
    const budget = this.#offers.get(peer) ?? new Budget(limits.offersPerTenSeconds, now());
    this.#offers.set(peer, budget);
    return budget.take(now());
  }

  #offer(peer: PeerId): void {
    this.#open(peer, ++this.#sessions, true);
  }

  #open(id: PeerId, session: number, initiator: boolean): Link {
    const peer = new SimplePeer({
      initiator,
      trickle: true,
      config: { iceServers: this.#iceServers },
    });
    const link: Link = { peer, session, channel: null, drain: new Drain(), packer: new Packer() };
    this.#links.set(id, link);
    const deadline = setTimeout(() => void peer.destroy(), connectWithinMs);
    peer.on('signal', (data) => this.#events.signal(id, session, JSON.stringify(data)));
    let lasting: ReturnType<typeof setTimeout> | undefined;
    let settled: ReturnType<typeof setTimeout> | undefined;
    let interrupted: ReturnType<typeof setTimeout> | undefined;
    peer.on('iceStateChange', (state) => {
      clearTimeout(interrupted);
      // A new pair is up sooner than a restart of this one, which may have no way left.
      if (state === 'disconnected') interrupted = setTimeout(() => void peer.destroy(), interruptedMs); // prettier-ignore
    });
    const up = () => {
      if (link.channel !== null || peer.destroyed) return;
      clearTimeout(deadline);
      const ends = endsOf(peer);
      if (ends === null) {
        peer.destroy(); // who answers with several certificates hides which one it is
        return;
      }
      lasting = setTimeout(() => this.#retries.delete(id), lastingMs);
      link.channel = this.#watch(id, link);
      this.#events.connected(id, ends);
      const tellRoute = () => void this.#tellRoute(id, link);
      tellRoute();
      settled = setTimeout(tellRoute, settledMs);
    };
    peer.on('connect', up);
    peer.on('data', (data: Uint8Array) => {
      up(); // simple-peer gathers statistics before it says 'connect'; the other side may be faster
      if (link.channel === null) return;
      const decoded = peerCodec.decode(data);
      if (decoded.ok) this.#events.messages(id, decoded.value);
      else this.#events.malformed(id, decoded.error);
    });
    peer.on('error', () => undefined); // 'close' follows
    peer.on('close', () => {
      clearTimeout(deadline);
      clearTimeout(lasting);
      clearTimeout(settled);
      clearTimeout(interrupted);
      if (this.#links.get(id) !== link) return;
      this.#links.delete(id);
      if (link.channel !== null) this.#events.disconnected(id);
      this.#retryLater(id);
    });
    return link;
  }

  /** simple-peer keeps its channel to itself, and reports no drain below its own 64 KiB mark. */
  #watch(id: PeerId, { peer, drain, packer }: Link): RTCDataChannel {
    const { _channel: channel } = peer as unknown as { _channel: RTCDataChannel };
    channel.bufferedAmountLowThreshold = drain.lowMark;
    channel.addEventListener('bufferedamountlow', () => {
      drain.drained(channel.bufferedAmount, now());
      channel.bufferedAmountLowThreshold = drain.lowMark;
      this.#events.buffered(id, channel.bufferedAmount + packer.bytes, drain.window);
    });
    return channel;
  }

  async #tellRoute(id: PeerId, link: Link): Promise<void> {
    const { _pc: connection } = link.peer as unknown as { _pc: RTCPeerConnection | null };
    const route = routeOf((await connection?.getStats().catch(() => undefined)) ?? new Map());
    if (route !== null && this.#links.get(id) === link) this.#events.routed(id, route);
  }

  #retryLater(peer: PeerId): void {
    if (!this.#neighbours.has(peer) || !offers(this.#self, peer)) return;
    const failures = this.#retries.get(peer)?.failures ?? 0;
    const wait = Math.min(longestRetryMs, firstRetryMs * 2 ** failures);
    const timer = setTimeout(() => {
      this.#retries.set(peer, { failures: failures + 1 });
      if (this.#neighbours.has(peer) && !this.#links.has(peer)) this.#offer(peer);
    }, wait);
    this.#retries.set(peer, { failures, timer });
  }
}

/** Of the candidates that were chosen; null if none was. */
function routeOf(report: ReadonlyMap<string, unknown>): Route | null {
  const stats = new Map([...report].map(([id, each]) => [id, each as Partial<Record<string, unknown>>])); // prettier-ignore
  const all = [...stats.values()];
  const chosen = all.find(({ type }) => type === 'transport')?.['selectedCandidatePairId'];
  const pair =
    stats.get(String(chosen)) ??
    all.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated === true && state === 'succeeded'); // prettier-ignore
  const ends = [pair?.['localCandidateId'], pair?.['remoteCandidateId']];
  const types = ends.map((id) => stats.get(String(id))?.['candidateType']);
  if (types.includes(undefined)) return null;
  if (types.includes('relay')) return 'relay';
  return types.every((type) => type === 'host') ? 'host' : 'srflx';
}

/** The certificates that a connection was made with; null unless each side names exactly one. */
function endsOf(peer: SimplePeer.Instance): ChannelEnds | null {
  const { _pc: connection } = peer as unknown as { _pc: RTCPeerConnection };
  const own = fingerprintOf(connection.localDescription);
  const other = fingerprintOf(connection.remoteDescription);
  return own && other && { own, other };
}

/** SHA-256 of a DTLS certificate, from a session description (RFC 8122). */
function fingerprintOf(description: RTCSessionDescription | null): Uint8Array | null {
  const lines = (description?.sdp ?? '').matchAll(/^a=fingerprint:(\S+) (\S+)\s*$/gm);
  const named = new Set([...lines].map(([, hash, value]) => `${hash} ${value}`.toLowerCase()));
  const [only] = named;
  const hex = /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/.exec(only ?? '')?.[1];
  return named.size === 1 && hex !== undefined ? hexToBytes(hex.replaceAll(':', '')) : null;
}
