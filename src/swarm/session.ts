import { Bitfield, err, ok, unreachable } from '../lib/index.ts';
import type { HeaderId, PeerId, Result, TaskId } from '../lib/index.ts';
import { limits, protocolVersion, type PeerMessage } from '../protocol/index.ts';
import type { ChannelEnds, Credentials } from './credentials.ts';

type Message<T extends PeerMessage['type']> = Extract<PeerMessage, { type: T }>;

/** bytes of a piece's frame besides its payload, at most */
const envelopeBytes = 128;
/** Name of what both sides have to know for one of them to use `sending` and `soon`. */
const soonFeature = 'soon';

/** What a message means; batches by their header, null if that was dropped meanwhile. */
export type Heard =
  | { readonly type: 'ready' }
  | { readonly type: 'bits'; readonly header: HeaderId; readonly bits: Bitfield }
  | { readonly type: 'have'; readonly header: HeaderId; readonly indices: readonly number[] }
  | { readonly type: 'sending'; readonly header: HeaderId; readonly index: number }
  | { readonly type: 'dont-have'; readonly header: HeaderId; readonly indices: readonly number[] | null } // prettier-ignore
  /** Announcements of batches that are not ours, of which there are too many. */
  | { readonly type: 'forgotten'; readonly headers: readonly HeaderId[] }
  | { readonly type: 'interest'; readonly isInterested: boolean }
  | { readonly type: 'choking'; readonly isChoking: boolean }
  | { readonly type: 'request' | 'cancel'; readonly header: HeaderId | null; readonly asked: Message<'request' | 'cancel'> } // prettier-ignore
  | { readonly type: 'piece'; readonly header: HeaderId; readonly piece: Message<'piece'> }
  | { readonly type: 'reject'; readonly header: HeaderId; readonly rejected: Message<'reject'> }
  | { readonly type: 'ask'; readonly header: HeaderId | null; readonly asked: Message<'ask'> }
  | { readonly type: 'answer'; readonly answer: Message<'answer'> }
  | { readonly type: 'bye'; readonly reason: string }
  /** Nothing follows from it. */
  | { readonly type: 'nothing' };

/** A batch as the other side announced it. */
interface Announced {
  readonly header: HeaderId;
  readonly columns: number;
  /** Whether its bitfield has come. */
  hasBits: boolean;
}

export interface SessionOptions {
  readonly task: TaskId;
  readonly credentials: Credentials;
  readonly peer: PeerId;
  readonly ends: ChannelEnds;
  /** Columns of a batch of ours; undefined for any other. */
  readonly columnsOf: (header: HeaderId) => number | undefined;
}

const nothing = ok({ type: 'nothing' } as const);

/**
 * The order of things on one connection: handshake, both sides' numbering of batches, bitfields.
 * Answers with what was heard, or with how the peer broke the protocol.
 */
export class Session {
  /** Whether the other side has introduced itself. */
  ready = false;
  /** bytes; the largest block it is asked for. */
  blockBytes = 1024;
  /** Requests it queues. */
  requestQueue = 1;
  /** Whether it knows `sending` and `soon`. */
  knowsSoon = false;
  readonly #options: SessionOptions;
  /** Batches it announced, by its numbers. Forgotten ones leave a gap. */
  readonly #announced = new Map<number, Announced>();
  readonly #theirs = new Map<HeaderId, number>();
  /** The next number that it has to use. */
  #nextAnnounced = 0;
  /** Our numbers of the batches announced to it. */
  readonly #ours = new Map<HeaderId, number>();
  readonly #byNumber = new Map<number, HeaderId>();
  #nextNumber = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** What we say first. */
  handshake(client: string): PeerMessage {
    const { task, credentials, peer, ends } = this.#options;
    return {
      type: 'handshake',
      version: protocolVersion,
      task,
      peer: credentials.self,
      ...credentials.introduce(peer, ends),
      client,
      maxFrame: limits.frameBytes,
      requestQueue: limits.queuedRequests,
      features: [soonFeature],
    };
  }

  /** Gives a batch of ours a number. */
  number(header: HeaderId): number {
    const number = this.#nextNumber++;
    this.#ours.set(header, number);
    this.#byNumber.set(number, header);
    return number;
  }

  /** Our number of a batch, if it was announced to them. */
  ourNumber(header: HeaderId): number | undefined {
    return this.#ours.get(header);
  }

  /** Their number of a batch, if they announced it. */
  theirNumber(header: HeaderId): number | undefined {
    return this.#theirs.get(header);
  }

  /** Forgets our number of a batch that was dropped. What they have of it is as it was. */
  forget(header: HeaderId): void {
    const ours = this.#ours.get(header);
    this.#ours.delete(header);
    if (ours !== undefined) this.#byNumber.delete(ours);
  }

  hear(message: PeerMessage): Result<Heard> {
    if (message.type === 'handshake') return this.#introduced(message);
    if (!this.ready) return err(`${message.type} before the handshake`);
    switch (message.type) {
      case 'header':
        return this.#announcement(message);
      case 'bitfield':
        return this.#bits(message.batch, ({ columns }) =>
          Bitfield.fromBytes(message.bits, columns),
        );
      case 'have-all':
        return this.#bits(message.batch, ({ columns }) => Bitfield.full(columns));
      case 'have-none':
        return this.#bits(message.batch, ({ columns }) => new Bitfield(columns));
      case 'have':
      case 'soon': // it may be asked for as if it were there
        return this.#indices(message, (header) => ({ ...message, type: 'have', header }));
      case 'sending': {
        const { type, index } = message;
        return this.#indices({ ...message, indices: [index] }, (header) => ({ type, header, index })); // prettier-ignore
      }
      case 'dont-have':
        return this.#dontHave(message);
      case 'interested':
      case 'not-interested':
        return ok({ type: 'interest', isInterested: message.type === 'interested' });
      case 'choke':
      case 'unchoke':
        return ok({ type: 'choking', isChoking: message.type === 'choke' });
      case 'request':
      case 'cancel': {
        const header = this.#byNumber.get(message.batch) ?? null;
        return ok({ type: message.type, header, asked: message });
      }
      case 'piece':
        return this.#about(message.batch, ({ header }) => ({ type: 'piece', header, piece: message })); // prettier-ignore
      case 'reject':
        return this.#about(message.batch, ({ header }) => ({ type: 'reject', header, rejected: message })); // prettier-ignore
      case 'ask':
        return ok({ type: 'ask', header: this.#byNumber.get(message.batch) ?? null, asked: message }); // prettier-ignore
      case 'answer':
        return ok({ type: 'answer', answer: message });
      case 'bye':
        return ok({ type: 'bye', reason: message.reason });
      case 'keep-alive':
        return nothing;
      default:
        return unreachable(message);
    }
  }

  #introduced(message: Message<'handshake'>): Result<Heard> {
    const { task, credentials, peer, ends } = this.#options;
    if (this.ready) return err('second handshake');
    if (message.version !== protocolVersion) {
      return err(`protocol version ${message.version}, ours is ${protocolVersion}`);
    }
    if (message.task !== task) return err('another task');
    if (message.peer === credentials.self) return err('our own id');
    if (message.peer !== peer) return err('another id than introduced');
    const checked = credentials.check(peer, ends, message);
    if (!checked.ok) return checked;
    this.ready = true;
    this.blockBytes = Math.min(limits.blockBytes, message.maxFrame - envelopeBytes);
    this.requestQueue = message.requestQueue;
    this.knowsSoon = message.features.includes(soonFeature);
    return ok({ type: 'ready' });
  }

  /** A batch that is not (yet) ours is remembered: the coordinator's manifest will bring it verified, or never. */
  #announcement({ batch, header, columns }: Message<'header'>): Result<Heard> {
    if (batch !== this.#nextAnnounced) return err('header out of order');
    if (this.#theirs.has(header)) return err('header announced twice');
    if (columns !== (this.#options.columnsOf(header) ?? columns)) {
      return err(`header with ${columns} columns, which it has not`);
    }
    this.#nextAnnounced++;
    this.#announced.set(batch, { header, columns, hasBits: false });
    this.#theirs.set(header, batch);
    const headers = this.#forgetUnknown();
    return headers.length === 0 ? nothing : ok({ type: 'forgotten', headers });
  }

  /** Of batches that are not ours only the newest are remembered. */
  #forgetUnknown(): HeaderId[] {
    if (this.#announced.size <= limits.headersPerRound) return [];
    const unknown = [...this.#announced].filter(
      ([, { header }]) => this.#options.columnsOf(header) === undefined,
    );
    return unknown.slice(0, -limits.headersPerRound).map(([number, { header }]) => {
      this.#forgetTheirs(number, header);
      return header;
    });
  }

  #forgetTheirs(number: number, header: HeaderId): void {
    this.#announced.delete(number);
    this.#theirs.delete(header);
  }

  #bits(number: number, decode: (announced: Announced) => Bitfield | null): Result<Heard> {
    const announced = this.#announced.get(number);
    if (announced === undefined) return this.#unknown(number);
    if (announced.hasBits) return err('second bitfield');
    const bits = decode(announced);
    if (bits === null) return err('bitfield of a wrong length or with spare bits');
    announced.hasBits = true;
    return ok({ type: 'bits', header: announced.header, bits });
  }

  #indices(
    { type, batch, indices }: { type: string; batch: number; indices: readonly number[] },
    heard: (header: HeaderId) => Heard,
  ): Result<Heard> {
    const announced = this.#announced.get(batch);
    if (announced === undefined) return this.#unknown(batch);
    if (!announced.hasBits) return err(`${type} before the bitfield`);
    const wrong = indices.find((index) => index >= announced.columns);
    if (wrong !== undefined) return err(`${type} of chunk ${wrong}: out of range`);
    return ok(heard(announced.header));
  }

  #dontHave(message: Message<'dont-have'>): Result<Heard> {
    const { batch, indices } = message;
    if (indices !== null) return this.#indices({ ...message, indices }, (header) => ({ ...message, header })); // prettier-ignore
    return this.#about(batch, ({ header }) => {
      this.#forgetTheirs(batch, header);
      return { type: 'dont-have', header, indices: null };
    });
  }

  #about(number: number, heard: (announced: Announced) => Heard): Result<Heard> {
    const announced = this.#announced.get(number);
    return announced === undefined ? this.#unknown(number) : ok(heard(announced));
  }

  /** A number that was forgotten is nobody's fault, one never used is. */
  #unknown(number: number): Result<Heard> {
    return number < this.#nextAnnounced ? nothing : err(`batch ${number} was never announced`);
  }
}
