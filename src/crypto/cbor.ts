import { decode, encode, rfc8949EncodeOptions } from 'cborg';
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
 * Decodes remote bytes, strictly: no indefinite lengths, no duplicate keys, no undefined, NaN,
 * infinities or tags, no trailing bytes, and nothing but the one canonical encoding.
 */
export function decodeCanonical(bytes: Uint8Array): Result<unknown> {
  let value: unknown;
  try {
    value = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    });
    if (!equalBytes(encodeCanonical(value), bytes)) return err('not canonical CBOR');
  } catch (thrown) {
    return err(messageOf(thrown));
  }
  return ok(value);
}
