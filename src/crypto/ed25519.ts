import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes, type PeerId } from '../lib/index.ts';

/** A key pair: who holds `secret` is `id`. */
export interface Identity {
  readonly id: PeerId;
  /** Ed25519 seed, 32 bytes; secret. */
  readonly secret: Uint8Array;
}

/** What is being signed: a signature for one use is worth nothing in another. */
export type SignatureUse =
  | 'header'
  | 'admission'
  | 'membership'
  | 'manifest'
  | 'vouch'
  | 'complaint'
  | 'freeze'
  | 'round-open'
  | 'state-core'
  | 'state-freshness'
  | 'hello'
  | 'handshake';

/** The identity that belongs to a 32-byte secret. */
export function identityOf(secret: Uint8Array): Identity {
  return { id: bytesToHex(ed25519.getPublicKey(secret)) as PeerId, secret };
}

function tagged(use: SignatureUse, message: Uint8Array): Uint8Array {
  return concatBytes(utf8ToBytes(`MURMURATION-V1/${use}\0`), message);
}

/** Ed25519 (RFC 8032) over `MURMURATION-V1/<use> ‖ 0 ‖ message`; 64 bytes. */
export function sign(use: SignatureUse, message: Uint8Array, identity: Identity): Uint8Array {
  return ed25519.sign(tagged(use, message), identity.secret);
}

/**
 * Whether `signature` over `message` is `signer`'s. ZIP-215 is off: only canonical encodings and
 * points outside the small subgroup, so that a signature cannot be altered and still hold.
 */
export function verifySignature(
  use: SignatureUse,
  message: Uint8Array,
  signature: Uint8Array,
  signer: PeerId,
): boolean {
  try {
    return ed25519.verify(signature, tagged(use, message), hexToBytes(signer), { zip215: false });
  } catch {
    return false; // a length or an encoding is wrong: noble throws where we want a verdict
  }
}
