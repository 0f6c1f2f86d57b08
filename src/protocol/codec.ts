import * as v from 'valibot';
import { decodeCanonical, encodeCanonical } from '../crypto/index.ts';
import { err, ok, type Result } from '../lib/index.ts';
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

/** How a message becomes the value that is encoded, and back. */
interface Shape<T> {
  flat(message: T): unknown;
  /** What is to be checked against the schema. */
  full(value: unknown): Result<unknown>;
}

/** Maps with the names of their fields. */
const named: Shape<unknown> = { flat: (message) => message, full: (value) => ok(value) };

/** An option of a union of messages. */
interface Option {
  readonly entries: { readonly type: { readonly literal: string } };
}

/**
 * Arrays: the number of the message's type, then its fields, in the order of the schema. Names would
 * be five sixths of a `have`, of which a chunk costs one a neighbour.
 */
function positional<T extends { readonly type: string }>(options: readonly Option[]): Shape<T> {
  const layouts = options.map(({ entries }) => ({
    type: entries.type.literal,
    fields: Object.keys(entries).filter((field) => field !== 'type'),
  }));
  const numbers = new Map(layouts.map(({ type }, number) => [type, number]));
  return {
    flat(message) {
      const number = numbers.get(message.type) ?? -1;
      const values = message as unknown as Readonly<Record<string, unknown>>;
      return [number, ...(layouts[number]?.fields ?? []).map((field) => values[field])];
    },
    full(value) {
      if (!Array.isArray(value)) return err('not an array');
      const [number, ...values] = value as unknown[];
      const layout = typeof number === 'number' ? layouts[number] : undefined;
      if (layout === undefined) return err(`unknown type ${String(number).slice(0, 20)}`);
      const { type, fields } = layout;
      if (values.length !== fields.length) return err(`${type} has ${fields.length} fields`);
      return ok({ type, ...Object.fromEntries(fields.map((field, i) => [field, values[i]])) });
    },
  };
}

function codec<T>(
  schema: v.GenericSchema<unknown, T>,
  maxBytes: number,
  shape: Shape<T> = named,
): Codec<T> {
  return {
    encode: (message) => encodeCanonical(shape.flat(message)),
    decode(frame) {
      if (frame.length > maxBytes)
        return err(`frame of ${frame.length} bytes, ${maxBytes} allowed`);
      const decoded = decodeCanonical(frame);
      if (!decoded.ok) return err(`malformed frame: ${decoded.error}`);
      const full = shape.full(decoded.value);
      if (!full.ok) return err(`bad message: ${full.error}`);
      const parsed = v.safeParse(schema, full.value);
      if (parsed.success) return ok(parsed.output);
      // The summary quotes what was sent: one line of it is enough.
      const summary = v.summarize(parsed.issues).replace(/\s+/g, ' ').slice(0, 200);
      return err(`bad message: ${summary}`);
    },
  };
}

export const peerCodec: Codec<PeerMessage> = codec(
  peerMessageSchema,
  limits.frameBytes,
  positional(peerMessageSchema.options),
);
export const clientCodec: Codec<ClientMessage> = codec(
  clientMessageSchema,
  limits.clientFrameBytes,
);
export const serverCodec: Codec<ServerMessage> = codec(
  serverMessageSchema,
  limits.serverFrameBytes,
);
