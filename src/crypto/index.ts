export { decodeCanonical, encodeCanonical } from './cbor.ts';
export { identityOf, sign, verifySignature, type Identity, type SignatureUse } from './ed25519.ts';
export { sha256 } from './sha256.ts';
