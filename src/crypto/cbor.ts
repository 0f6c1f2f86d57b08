import { decodeFirst, encode, encodeInto, rfc8949EncodeOptions } from 'cborg';
import { equalBytes, err, messageOf, ok, type Result } from '../lib/index.ts';

/**
 * Deterministic CBOR (RFC 8949 §4.2.1): shortest integers and floats, definite lengths, map keys
 * sorted bytewise. Equal values have equal bytes, so that they can be signed and hashed.
 *
 * @throws on values that CBOR cannot carry: that is a bug of ours.
 */
export function encodeCanonical(value: unknown): Uint8Array<ArrayBuffer> {
  return encode(value, rfc8949EncodeOptions);
}

/**
 * As {@link encodeCanonical}, to where there is room.
 *
 * @returns the part of the room that it takes
 * @throws if the room is too small
 */
export function encodeCanonicalInto(
  value: unknown,
  room: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  return room.subarray(0, encodeInto(value, room, rfc8949EncodeOptions).written);
}

const strictly = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowInfinity: false,
  allowNaN: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
};

/** bytes; a shorter byte string is encoded again sooner than it is left out. */
const longBytes = 1024;

/**
 * Whether these are the bytes of a value that was decoded strictly. A long byte string at the end of an
 * array, as pieces have it, is not encoded again: its head was found to be the shortest, and its bytes
 * are themselves.
 */
function isCanonical(value: unknown, bytes: Uint8Array): boolean {
  const last: unknown = Array.isArray(value) ? value.at(-1) : undefined;
  if (!(last instanceof Uint8Array) || last.length < longBytes) {
    return equalBytes(encodeCanonical(value), bytes);
  }
  const front = (value as unknown[]).slice(0, -1);
  // The last byte is the head of the empty byte string.
  const head = encodeCanonical([...front, new Uint8Array(0)]).subarray(0, -1);
  return equalBytes(head, bytes.subarray(0, head.length));
}

/**
 * Decodes remote bytes, strictly: no indefinite lengths, no duplicate keys, no undefined, NaN,
 * infinities or tags, no trailing bytes, and nothing but the one canonical encoding.
 */
export function decodeCanonical(bytes: Uint8Array): Result<unknown> {
  const first = decodeFirstCanonical(bytes);
  if (!first.ok) return first;
  return first.value.rest.length === 0 ? ok(first.value.value) : err('bytes after its end');
}

/** The first of a sequence of values (RFC 8742), as strictly, and the bytes after it. */
export function decodeFirstCanonical(
  bytes: Uint8Array,
): Result<{ readonly value: unknown; readonly rest: Uint8Array }> {
  try {
    const [value, rest] = decodeFirst(bytes, strictly) as [unknown, Uint8Array];
    const own = bytes.subarray(0, bytes.length - rest.length);
    return isCanonical(value, own) ? ok({ value, rest }) : err('not canonical CBOR');
  } catch (thrown) {
    return err(messageOf(thrown));
  }
}
