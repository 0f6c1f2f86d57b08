import { messageOf } from '../lib/index.ts';
import { clientCodec, serverCodec } from '../protocol/index.ts';
import type { ClientMessage, ServerMessage } from '../protocol/index.ts';

export interface CoordinatorLinkEvents {
  message(message: ServerMessage): void;
  /** The connection is gone and comes back by itself in `retryMs`. */
  lost(retryMs: number): void;
  /** The coordinator sent something that we cannot read. */
  malformed(reason: string): void;
}

const firstRetryMs = 500;
const longestRetryMs = 15_000;

/** The WebSocket to the coordinator; reconnects by itself, slower each time, with jitter. */
export class CoordinatorLink {
  readonly #url: string;
  readonly #events: CoordinatorLinkEvents;
  #socket: WebSocket | null = null;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  bytesIn = 0;
  bytesOut = 0;

  constructor(url: string, events: CoordinatorLinkEvents) {
    this.#url = url;
    this.#events = events;
    addEventListener('online', () => this.#retryNow());
    this.#connect();
  }

  /** False if there is no connection: the round machine sends anew once there is one. */
  send(message: ClientMessage): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    const frame = clientCodec.encode(message);
    this.bytesOut += frame.length;
    this.#socket.send(frame);
    return true;
  }

  /** Ends this connection, and tries another. */
  again(): void {
    this.#socket?.close();
  }

  /** Ends it for good. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.close();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data);
    socket.onclose = () => this.#lost(socket);
  }

  #receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) return this.#events.malformed('not a binary message');
    this.bytesIn += data.byteLength;
    const decoded = serverCodec.decode(new Uint8Array(data));
    if (!decoded.ok) return this.#events.malformed(decoded.error);
    if (decoded.value.type === 'welcome') this.#failures = 0;
    try {
      this.#events.message(decoded.value);
    } catch (thrown) {
      this.#events.malformed(`a ${decoded.value.type} could not be handled: ${messageOf(thrown)}`);
    }
  }

  #lost(socket: WebSocket): void {
    if (this.#closed || socket !== this.#socket) return;
    const backoff = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures++);
    const retryMs = backoff * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => this.#connect(), retryMs);
    this.#events.lost(retryMs);
  }

  #retryNow(): void {
    if (this.#closed || this.#socket?.readyState !== WebSocket.CLOSED) return;
    clearTimeout(this.#retry);
    this.#connect();
  }
}
