import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ed25519 } from '@noble/curves/ed25519.js';
import { describe, expect, test } from 'vitest';
import {
  bytesToHex,
  concatBytes,
  hexToBytes,
  randomBytes,
  seededRandom,
  utf8ToBytes,
  type PeerId,
} from '../lib/index.ts';
import { identityOf, sign, verifySignature, type SignatureUse } from './ed25519.ts';

/**
 * Wycheproof's testvectors_v1/ed25519_test.json (C2SP/wycheproof, commit 00de17e3; Apache-2.0):
 * all 151 vectors, groups of one key merged.
 */
const { groups } = JSON.parse(
  readFileSync(new URL('./wycheproof-ed25519.json', import.meta.url), 'utf8'),
) as {
  groups: {
    pk: string;
    tests: [id: number, message: string, signature: string, result: string, comment: string][];
  }[];
};

const vectors = groups.flatMap(
  ({ pk, tests }) =>
  tests.map(([id, message, signature, result, comment]) => ({ id, pk, message, signature, result, comment })), // prettier-ignore
);

/** What `verifySignature` does, without its tag. */
function holds(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

const { Point } = ed25519;
const L = Point.Fn.ORDER;

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes.toReversed())}`);
}

function toLittleEndian(value: bigint): Uint8Array {
  return hexToBytes(value.toString(16).padStart(64, '0')).reverse();
}

describe('Wycheproof', () => {
  test('has its 151 vectors, of which 88 are valid', () => {
    expect(vectors.map(({ id }) => id)).toEqual(Array.from({ length: 151 }, (_, i) => i + 1));
    expect(vectors.filter(({ result }) => result === 'valid').length).toBe(88);
    expect(vectors.filter(({ result }) => result === 'invalid').length).toBe(63);
  });

  test.each(vectors)('$id: $result. $comment', ({ pk, message, signature, result }) => {
    const bytes = [signature, message, pk].map((hex) => hexToBytes(hex)) as [Uint8Array, Uint8Array, Uint8Array]; // prettier-ignore
    expect(holds(...bytes)).toBe(result === 'valid');
  });

  test('agrees with OpenSSL', () => {
    const prefix = hexToBytes('302a300506032b6570032100'); // SubjectPublicKeyInfo
    for (const { pk, message, signature, result, id } of vectors) {
      const key = createPublicKey({
        key: Buffer.from(concatBytes(prefix, hexToBytes(pk))),
        format: 'der',
        type: 'spki',
      });
      const verdict = verify(null, hexToBytes(message), key, hexToBytes(signature));
      expect(verdict, `vector ${id}`).toBe(result === 'valid');
    }
  });

  test('none of its signatures holds for a message of Murmuration: those are tagged', () => {
    for (const { pk, message, signature } of vectors) {
      const bytes = [hexToBytes(message), hexToBytes(signature)] as const;
      expect(verifySignature('header', ...bytes, pk as PeerId)).toBe(false);
    }
  });
});

const use: SignatureUse = 'admission';
const message = utf8ToBytes('a message');
const tagged = concatBytes(utf8ToBytes('MURMURATION-V1/admission\0'), message);

/** H(R ‖ A ‖ M) mod L (RFC 8032 §5.1.7), by Node's SHA-512. */
function challenge(r: Uint8Array, key: Uint8Array): bigint {
  const digest = createHash('sha512')
    .update(concatBytes(r, key, tagged))
    .digest();
  return littleEndian(new Uint8Array(digest)) % L;
}

/** A signature with R as encoded, by whoever knows the logarithm a of the key and r of R. */
function craft(r: Uint8Array, key: Uint8Array, secret: bigint, nonce = 0n): Uint8Array {
  return concatBytes(r, toLittleEndian((nonce + challenge(r, key) * secret) % L));
}

/** [S]B = R + [k]A in the lenient reading: what the crafted signatures are valid by. */
const lenient = (signature: Uint8Array, key: Uint8Array) =>
  ed25519.verify(signature, tagged, key, { zip215: true });

const accepted = (signature: Uint8Array, key: Uint8Array) =>
  verifySignature(use, message, signature, bytesToHex(key) as PeerId);

const alice = identityOf(randomBytes(seededRandom(25519), 32));
const aliceKey = hexToBytes(alice.id);
const secret = ed25519.utils.getExtendedPublicKey(alice.secret).scalar;
const nonce = 987_654_321n;

/** The torsion points, of order 1, 2, 4, 4, 8, 8, 8, 8. */
const torsion = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
];

/** Encodings of torsion points that are not the canonical ones: y ≥ p, or x = −0. */
const notCanonical = [
  '0100000000000000000000000000000000000000000000000000000000000080', // (−0, 1)
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', // (−0, −1)
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // y = p + 1
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', // y = p + 1, −0
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', // y = p
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff', // y = p, negative
];

describe('verifySignature', () => {
  const signature = sign(use, message, alice);

  test('accepts what was crafted with the secret: the tests below can fail', () => {
    const r = Point.BASE.multiply(nonce).toBytes();
    expect(accepted(craft(r, aliceKey, secret, nonce), aliceKey)).toBe(true);
    expect(accepted(signature, aliceKey)).toBe(true);
  });

  test.each([1n, 2n, 4n, 8n, 14n])('refuses S + %i·L', (multiple) => {
    const scalar = littleEndian(signature.subarray(32));
    expect(scalar).toBeLessThan(L);
    const malleated = concatBytes(signature.subarray(0, 32), toLittleEndian(scalar + multiple * L));
    expect(accepted(malleated, aliceKey)).toBe(false);
  });

  test.each(torsion)('refuses the key %s of small order', (hex) => {
    const key = hexToBytes(hex);
    expect(Point.fromBytes(key).isSmallOrder()).toBe(true);
    // R = [r]B, S = r: k·A vanishes when the cofactor is cleared, so this holds for any message.
    const forged = [0n, nonce].map(
      (r) =>
      concatBytes(r === 0n ? hexToBytes(torsion[0] ?? '') : Point.BASE.multiply(r).toBytes(), toLittleEndian(r)), // prettier-ignore
    );
    for (const each of forged) {
      expect(lenient(each, key)).toBe(true);
      expect(accepted(each, key)).toBe(false);
    }
    for (const r of torsion) {
      const each = concatBytes(hexToBytes(r), new Uint8Array(32));
      expect(lenient(each, key)).toBe(true);
      expect(accepted(each, key)).toBe(false);
    }
  });

  test.each(notCanonical)('refuses %s as a key and as R', (hex) => {
    const bytes = hexToBytes(hex);
    const asKey = concatBytes(hexToBytes(torsion[0] ?? ''), new Uint8Array(32));
    expect(lenient(asKey, bytes)).toBe(true);
    expect(accepted(asKey, bytes)).toBe(false);
    const asR = craft(bytes, aliceKey, secret);
    expect(lenient(asR, aliceKey)).toBe(true);
    expect(accepted(asR, aliceKey)).toBe(false);
  });

  test('refuses an R or a key that is no point', () => {
    const none = hexToBytes(`02${'00'.repeat(31)}`);
    expect(() => Point.fromBytes(none, true)).toThrow();
    expect(accepted(concatBytes(none, signature.subarray(32)), aliceKey)).toBe(false);
    expect(accepted(signature, none)).toBe(false);
    const ones = new Uint8Array(32).fill(255);
    expect(accepted(concatBytes(ones, signature.subarray(32)), aliceKey)).toBe(false);
    expect(accepted(signature, ones)).toBe(false);
  });

  test('refuses the opposite key and the opposite R', () => {
    const opposite = (bytes: Uint8Array) => bytes.with(31, (bytes[31] ?? 0) ^ 0x80);
    expect(accepted(signature, opposite(aliceKey))).toBe(false);
    expect(accepted(concatBytes(opposite(signature.subarray(0, 32)), signature.subarray(32)), aliceKey)).toBe(false); // prettier-ignore
  });

  test.each([0, 1, 31, 32, 33, 63, 65, 96, 128])('refuses %i bytes of signature', (length) => {
    const bytes = new Uint8Array(length);
    bytes.set(signature.subarray(0, length));
    expect(accepted(bytes, aliceKey)).toBe(false);
  });

  test.each([0, 1, 31, 33, 64])('refuses a key of %i bytes', (length) => {
    const bytes = new Uint8Array(length);
    bytes.set(aliceKey.subarray(0, length));
    expect(accepted(signature, bytes)).toBe(false);
  });

  test('refuses the signature for another use, and one over the bare message', () => {
    const uses: SignatureUse[] = ['header', 'membership', 'manifest', 'state-core', 'hello'];
    for (const other of uses) expect(verifySignature(other, message, signature, alice.id)).toBe(false); // prettier-ignore
    expect(accepted(ed25519.sign(message, alice.secret), aliceKey)).toBe(false);
    const unclosed = concatBytes(utf8ToBytes('MURMURATION-V1/admission'), message);
    expect(accepted(ed25519.sign(unclosed, alice.secret), aliceKey)).toBe(false);
    expect(accepted(ed25519.sign(tagged, alice.secret), aliceKey)).toBe(true);
  });
});
