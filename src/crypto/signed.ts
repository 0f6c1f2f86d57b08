import * as v from 'valibot';
import { err, ok, type PeerId, type Result } from '../lib/index.ts';
import { decodeCanonical, encodeCanonical } from './cbor.ts';
import { sign, verifySignature, type Identity, type SignatureUse } from './ed25519.ts';

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');

/** bytes; no signed statement is larger: a frame of the coordinator holds it. */
const maxSignedBytes = 1_048_576;

/** Canonical bytes with a signature over them. */
export const signedSchema = v.strictObject({
  bytes: v.pipe(byteArray, v.maxLength(maxSignedBytes)),
  signature: v.pipe(byteArray, v.length(64)),
});
export type Signed = v.InferOutput<typeof signedSchema>;

/** Encodes `value` canonically and signs the bytes. */
export function signValue(use: SignatureUse, value: unknown, signer: Identity): Signed {
  const bytes = encodeCanonical(value);
  return { bytes, signature: sign(use, bytes, signer) };
}

/** Checks the signature, then decodes and checks against `schema`. */
export function openSigned<const S extends v.GenericSchema>(
  use: SignatureUse,
  signed: Signed,
  signer: PeerId,
  schema: S,
): Result<v.InferOutput<S>> {
  if (!verifySignature(use, signed.bytes, signed.signature, signer)) {
    return err(`${use}: the signature is not by ${signer.slice(0, 8)}`);
  }
  const decoded = decodeCanonical(signed.bytes);
  if (!decoded.ok) return err(`${use}: ${decoded.error}`);
  const parsed = v.safeParse(schema, decoded.value);
  return parsed.success ? ok(parsed.output) : err(`${use}: ${v.summarize(parsed.issues)}`);
}
