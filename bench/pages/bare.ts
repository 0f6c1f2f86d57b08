/** What one page tells another to connect with it. */
export interface BareSignal {
  readonly candidate?: RTCIceCandidateInit;
  readonly description?: RTCSessionDescriptionInit;
}

const highBytes = 1_048_576;
const lowBytes = 262_144;

/** Bare data channels between pages: what the browser can do, without anything of ours. */
export class BareChannels {
  readonly #self: number;
  readonly #signal: (to: number, signal: BareSignal) => void;
  readonly #peers = new Map<number, RTCPeerConnection>();
  readonly #channels = new Map<number, RTCDataChannel>();
  readonly #early = new Map<number, RTCIceCandidateInit[]>();
  #opened: () => void = () => undefined;
  /** bytes that came and were not waited for yet */
  #came = 0;
  #received: () => void = () => undefined;

  constructor(self: number, signal: (to: number, signal: BareSignal) => void) {
    this.#self = self;
    this.#signal = signal;
  }

  /** Resolves when there is an open channel with each; the lower number offers. */
  async connect(others: readonly number[]): Promise<void> {
    const all = new Promise<void>((resolve) => {
      this.#opened = () => {
        const open = [...this.#channels.values()].filter(({ readyState }) => readyState === 'open');
        if (open.length === others.length) resolve();
      };
    });
    for (const other of others) {
      if (this.#self > other) continue;
      const peer = this.#peer(other);
      this.#watch(other, peer.createDataChannel('bare'));
      await peer.setLocalDescription();
      this.#signal(other, { description: describe(peer) });
    }
    this.#opened();
    await all;
  }

  async signalled(from: number, { candidate, description }: BareSignal): Promise<void> {
    const peer = this.#peer(from);
    if (candidate) {
      if (peer.remoteDescription) await peer.addIceCandidate(candidate);
      else this.#early.set(from, [...(this.#early.get(from) ?? []), candidate]);
    }
    if (!description) return;
    await peer.setRemoteDescription(description);
    for (const each of this.#early.get(from) ?? []) await peer.addIceCandidate(each);
    this.#early.delete(from);
    if (description.type !== 'offer') return;
    await peer.setLocalDescription();
    this.#signal(from, { description: describe(peer) });
  }

  /** Sends so many bytes to each and gets so many in all; resolves when the last one came. */
  async exchange(
    sends: readonly { readonly to: number; readonly bytes: number }[],
    expected: number,
    messageBytes: number,
  ): Promise<void> {
    const complete = new Promise<void>((resolve) => {
      this.#received = () => {
        if (this.#came >= expected) resolve();
      };
      this.#received();
    });
    for (const { to, bytes } of sends) this.#pump(to, bytes, messageBytes);
    await complete;
    this.#came -= expected;
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
    this.#channels.clear();
    this.#early.clear();
  }

  #pump(to: number, bytes: number, messageBytes: number): void {
    const channel = this.#channels.get(to);
    if (!channel) throw new Error(`no channel to ${to}`);
    const message = new Uint8Array(messageBytes);
    let left = bytes;
    const pump = () => {
      while (left > 0 && channel.bufferedAmount < highBytes) {
        const size = Math.min(left, messageBytes);
        channel.send(size === messageBytes ? message : message.slice(0, size));
        left -= size;
      }
    };
    channel.onbufferedamountlow = pump;
    pump();
  }

  #peer(other: number): RTCPeerConnection {
    const known = this.#peers.get(other);
    if (known) return known;
    const peer = new RTCPeerConnection();
    peer.onicecandidate = ({ candidate }) => {
      if (candidate) this.#signal(other, { candidate: candidate.toJSON() });
    };
    peer.ondatachannel = ({ channel }) => this.#watch(other, channel);
    this.#peers.set(other, peer);
    return peer;
  }

  #watch(other: number, channel: RTCDataChannel): void {
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = lowBytes;
    this.#channels.set(other, channel);
    channel.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      this.#came += data.byteLength;
      this.#received();
    };
    channel.onopen = () => this.#opened();
    if (channel.readyState === 'open') this.#opened();
  }
}

function describe({ localDescription }: RTCPeerConnection): RTCSessionDescriptionInit {
  if (!localDescription) throw new Error('nothing was described');
  return { type: localDescription.type, sdp: localDescription.sdp };
}
