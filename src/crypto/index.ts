export { pointAt, toAffinePoints, type AffinePoints } from './affine.ts';
export { decodeCanonical, decodeFirstCanonical, encodeCanonical, encodeCanonicalInto } from './cbor.ts'; // prettier-ignore
export { identityOf, sign, verifySignature, type Identity } from './ed25519.ts';
export { G1, G2, type G1Point, type G2Point } from './groups.ts';
export type { ByteTable } from './arithmetic.ts';
export { bigIntArithmetic } from './bigint-arithmetic.ts';
export { arithmetic, multiplyG2 } from './msm.ts';
export { pairingProductIsOne } from './pairing.ts';
export {
  decodeG1,
  decodeG2,
  decodeUncompressedG1s,
  decodeUncompressedG2,
  encodeG1,
  encodeG2,
  encodeUncompressedG1s,
  encodeUncompressedG2,
  pointBytes,
  trustedG1s,
  trustedG2,
} from './points.ts';
export {
  decodeScalar,
  encodeScalar,
  groupOrder,
  hashToScalar,
  hashToScalars,
  invertScalar,
  randomScalar,
  randomWeight,
  scalarBytes,
  toScalar,
} from './scalar.ts';
export { sha256 } from './sha256.ts';
export { openSigned, signedSchema, signValue, type Signed } from './signed.ts';
