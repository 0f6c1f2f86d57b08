import * as v from 'valibot';
import { decodeCanonical, encodeCanonical, sign, verifySignature } from '../crypto/index.ts';
import type { Identity, SignatureUse } from '../crypto/index.ts';
import { err, ok, type PeerId, type Result } from '../lib/index.ts';
import { bytesUpTo, signature } from './fields.ts';
import { limits } from './limits.ts';

/** Canonical bytes with a signature over them. */
export const signedSchema = v.strictObject({
  bytes: bytesUpTo(limits.serverFrameBytes),
  signature,
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
