import * as v from 'valibot';
import { decodeCanonical, decodeFirstCanonical, encodeCanonical, encodeCanonicalInto } from '../crypto/index.ts'; // prettier-ignore
import { err, ok, ownBytes, type Result } from '../lib/index.ts';
import { limits } from './limits.ts';
import { peerMessageSchema, type PeerMessage } from './peer-messages.ts';
import { clientMessageSchema, serverMessageSchema } from './server-messages.ts';
import type { ClientMessage, ServerMessage } from './server-messages.ts';

/** One codec for both ends of a wire: canonical CBOR, a size bound, a schema. */
interface Codec<T> {
  encode(message: T): Uint8Array<ArrayBuffer>;
  /** Never throws; the error says what is wrong with the frame. */
  decode(frame: Uint8Array): Result<T>;
}

/** How messages of one type stand on the wire. */
interface Layout {
  readonly schema: v.GenericSchema<unknown, PeerMessage>;
  readonly type: PeerMessage['type'];
  readonly fields: readonly string[];
}

/**
 * Arrays: the number of the message's type, then its fields, in the order of the schema. Names would
 * be five sixths of a `have`, of which a chunk costs one a neighbour. A message is checked against the
 * schema of its type at once: found by trying one after the other, a request took 2.8 µs instead of 1.3.
 */
function positional(options: (typeof peerMessageSchema)['options']) {
  const layouts = options.map((schema): Layout => ({
    schema,
    type: schema.entries.type.literal,
    fields: Object.keys(schema.entries).filter((field) => field !== 'type'),
  }));
  const numbers = new Map(layouts.map(({ type }, number) => [type, number]));
  return {
    flat(message: PeerMessage): unknown {
      const number = numbers.get(message.type) ?? -1;
      const values = message as unknown as Readonly<Record<string, unknown>>;
      return [number, ...(layouts[number]?.fields ?? []).map((field) => values[field])];
    },
    parse(value: unknown): Result<PeerMessage> {
      if (!Array.isArray(value)) return err('bad message: not an array');
      const [number, ...values] = value as unknown[];
      const layout = typeof number === 'number' ? layouts[number] : undefined;
      if (layout === undefined)
        return err(`bad message: unknown type ${String(number).slice(0, 20)}`);
      const { schema, type, fields } = layout;
      if (values.length !== fields.length) {
        return err(`bad message: ${type} has ${fields.length} fields`);
      }
      const message: Record<string, unknown> = { type };
      fields.forEach((field, i) => (message[field] = values[i]));
      return parse(schema, message);
    },
  };
}

/** Checks what was decoded. */
function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown): Result<T> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return ok(parsed.output);
  // The summary quotes what was sent: one line of it is enough.
  const summary = v.summarize(parsed.issues).replace(/\s+/g, ' ').slice(0, 200);
  return err(`bad message: ${summary}`);
}

function codec<T>(schema: v.GenericSchema<unknown, T>, maxBytes: number): Codec<T> {
  return {
    encode: encodeCanonical,
    decode(frame) {
      if (frame.length > maxBytes) return tooLong(frame, maxBytes);
      const decoded = decodeCanonical(frame);
      return decoded.ok ? parse(schema, decoded.value) : err(`malformed frame: ${decoded.error}`);
    },
  };
}

function tooLong(frame: Uint8Array, maxBytes: number): Result<never> {
  return err(`frame of ${frame.length} bytes, ${maxBytes} allowed`);
}

const positions = positional(peerMessageSchema.options);

/**
 * Between tabs. A frame is one message or several, one after the other: what a data channel costs it
 * costs by the frame.
 */
export const peerCodec = {
  encode: (message: PeerMessage) => encodeCanonical(positions.flat(message)),

  /** To where there is room for any frame. @returns the part of it that the message takes */
  encodeInto: (message: PeerMessage, room: Uint8Array<ArrayBuffer>) =>
    encodeCanonicalInto(positions.flat(message), room),

  /** All of a frame's messages, or none. Never throws; the error says what is wrong. */
  decode(frame: Uint8Array): Result<PeerMessage[]> {
    const { frameBytes, messagesPerFrame } = limits;
    if (frame.length > frameBytes) return tooLong(frame, frameBytes);
    const messages: PeerMessage[] = [];
    let rest = frame;
    do {
      if (messages.length === messagesPerFrame)
        return err(`more than ${messagesPerFrame} messages in a frame`);
      const decoded = decodeFirstCanonical(rest);
      if (!decoded.ok) return err(`malformed frame: ${decoded.error}`);
      rest = decoded.value.rest;
      const isAlone = messages.length === 0 && rest.length === 0;
      const message = positions.parse(isAlone ? decoded.value.value : owning(decoded.value.value));
      if (!message.ok) return message;
      messages.push(message.value);
    } while (rest.length > 0);
    return ok(messages);
  },
};

/** With bytes of its own: whoever moves those of a piece elsewhere takes nothing from others. */
function owning(value: unknown): unknown {
  if (!Array.isArray(value)) return value;
  return value.map((each: unknown) => (each instanceof Uint8Array ? ownBytes(each) : each));
}

export const clientCodec: Codec<ClientMessage> = codec(
  clientMessageSchema,
  limits.clientFrameBytes,
);
export const serverCodec: Codec<ServerMessage> = codec(
  serverMessageSchema,
  limits.serverFrameBytes,
);
