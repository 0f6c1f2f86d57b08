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

function codec<T>(schema: v.GenericSchema<unknown, T>, maxBytes: number): Codec<T> {
  return {
    encode: (message) => encodeCanonical(message),
    decode(frame) {
      if (frame.length > maxBytes)
        return err(`frame of ${frame.length} bytes, ${maxBytes} allowed`);
      const decoded = decodeCanonical(frame);
      if (!decoded.ok) return err(`malformed frame: ${decoded.error}`);
      const parsed = v.safeParse(schema, decoded.value);
      if (parsed.success) return ok(parsed.output);
      // The summary quotes what was sent: one line of it is enough.
      const summary = v.summarize(parsed.issues).replace(/\s+/g, ' ').slice(0, 200);
      return err(`bad message: ${summary}`);
    },
  };
}

export const peerCodec: Codec<PeerMessage> = codec(peerMessageSchema, limits.frameBytes);
export const clientCodec: Codec<ClientMessage> = codec(
  clientMessageSchema,
  limits.clientFrameBytes,
);
export const serverCodec: Codec<ServerMessage> = codec(
  serverMessageSchema,
  limits.serverFrameBytes,
);
