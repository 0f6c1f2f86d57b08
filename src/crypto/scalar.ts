import { bls12_381 } from '@noble/curves/bls12-381.js';
import { expand_message_xmd } from '@noble/curves/abstract/hash-to-curve.js';
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js';
import { invert } from '@noble/curves/abstract/modular.js';
import { concatBytes, err, ok, randomBytes, utf8ToBytes, type Random, type Result } from '../lib/index.ts'; // prettier-ignore
import { sha256 } from './sha256.ts';

/** r: the prime order of G1, G2 and GT. Scalars are bigints in [0, r). */
export const groupOrder = bls12_381.fields.Fr.ORDER;

/** bytes of an encoded scalar. */
export const scalarBytes = 32;

/** `value mod r`, in [0, r) for negative values too. */
export function toScalar(value: bigint): bigint {
  const rest = value % groupOrder;
  return rest < 0n ? rest + groupOrder : rest;
}

/** 1/value in F_r. @throws if value is 0 mod r */
export function invertScalar(value: bigint): bigint {
  return invert(value, groupOrder);
}

/** 32 bytes, big-endian. */
export function encodeScalar(scalar: bigint): Uint8Array {
  return numberToBytesBE(scalar, scalarBytes);
}

/** The strict decoder that noble's `Fr.fromBytes` is not: 32 bytes, below r, never reduced. */
export function decodeScalar(bytes: Uint8Array): Result<bigint> {
  if (bytes.length !== scalarBytes) return err(`a scalar has ${scalarBytes} bytes`);
  const value = bytesToNumberBE(bytes);
  return value < groupOrder ? ok(value) : err('a scalar is not below the group order');
}

/** Uniform in [0, r) up to 2⁻¹²⁸; as secret as the source is. */
export function randomScalar(random: Random): bigint {
  return toScalar(bytesToNumberBE(randomBytes(random, 48)));
}

/** A weight for checking many equations as one: uniform in [1, 2¹²⁸). */
export function randomWeight(random: Random): bigint {
  for (;;) {
    const weight = bytesToNumberBE(randomBytes(random, 16));
    if (weight !== 0n) return weight;
  }
}

/** What a challenge is for; each has a domain of its own. */
export type ScalarUse = 'open-z' | 'open-rho' | 'audit-z' | 'audit-rho' | 'audit-mask' | 'query' | 'query-rho' | 'revoke' | 'accumulator' | 'test-crs'; // prettier-ignore

/**
 * `hash_to_field` (RFC 9380 §5.2: expand_message_xmd with SHA-256, m = 1, k = 128) into F_r, over
 * the parts, each prefixed with its length as a u32, in the domain `MURMURATION-V1/<use>`.
 */
export function hashToScalar(use: ScalarUse, ...parts: readonly Uint8Array[]): bigint {
  return hashToScalars(use, 1, ...parts)[0] ?? 0n;
}

/** As {@link hashToScalar}, `count` of them (at most 170: 8,160 bytes are what XMD yields). */
export function hashToScalars(
  use: ScalarUse,
  count: number,
  ...parts: readonly Uint8Array[]
): bigint[] {
  const message = concatBytes(...parts.flatMap((part) => [lengthOf(part), part]));
  return hashToField(message, `MURMURATION-V1/${use}`, count);
}

/** `hash_to_field` itself: `count` elements of F_r in the domain `tag` (RFC 9380 §5.2). */
export function hashToField(message: Uint8Array, tag: string, count: number): bigint[] {
  const bytesEach = 48; // ⌈(⌈log2 r⌉ + 128) / 8⌉
  const stream = expand_message_xmd(message, utf8ToBytes(tag), count * bytesEach, sha256);
  return Array.from({ length: count }, (_, i) =>
    toScalar(bytesToNumberBE(stream.subarray(i * bytesEach, (i + 1) * bytesEach))),
  );
}

function lengthOf(part: Uint8Array): Uint8Array {
  return numberToBytesBE(part.length, 4);
}
