import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
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

const uses: SignatureUse[] = ['header', 'admission', 'membership', 'manifest', 'hello'];

/** Order of the base point (RFC 8032, §5.1). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function toLittleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

describe('RFC 8032, §7.1: the vectors for Ed25519', () => {
  test.each([
    {
      name: 'TEST 1',
      secret: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      message: '',
      signature:
        'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    },
    {
      name: 'TEST 2',
      secret: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      message: '72',
      signature:
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    },
    {
      name: 'TEST 3',
      secret: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      message: 'af82',
      signature:
        '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    },
    {
      name: 'TEST SHA(abc)',
      secret: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
      key: 'ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf',
      message:
        'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      signature:
        'dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704',
    },
  ])('$name', ({ secret, key, message, signature }) => {
    expect(identityOf(hexToBytes(secret)).id).toBe(key);
    expect(bytesToHex(ed25519.sign(hexToBytes(message), hexToBytes(secret)))).toBe(signature);
    expect(
      ed25519.verify(hexToBytes(signature), hexToBytes(message), hexToBytes(key), {
        zip215: false,
      }),
    ).toBe(true);
  });
});

describe('signatures of Murmuration', () => {
  const random = seededRandom(8032);
  const alice = identityOf(randomBytes(random, 32));
  const bob = identityOf(randomBytes(random, 32));
  const message = utf8ToBytes('a message');

  test.each(uses)('are Ed25519 over the tag of their use, here %s', (use) => {
    const signature = sign(use, message, alice);
    const tagged = concatBytes(utf8ToBytes(`MURMURATION-V1/${use}`), new Uint8Array(1), message);
    expect(signature).toEqual(ed25519.sign(tagged, alice.secret));
    expect(verifySignature(use, message, signature, alice.id)).toBe(true);
  });

  test('hold for one use, one message and one signer only', () => {
    for (const use of uses) {
      const signature = sign(use, message, alice);
      const others = uses.filter((other) => other !== use);
      expect(others.filter((o) => verifySignature(o, message, signature, alice.id))).toEqual([]);
      expect(verifySignature(use, utf8ToBytes('A message'), signature, alice.id)).toBe(false);
      expect(verifySignature(use, message, signature, bob.id)).toBe(false);
    }
  });

  test('do not survive a flipped bit', () => {
    const signature = sign('header', message, alice);
    for (let bit = 0; bit < 512; bit++) {
      const changed = signature.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
      expect(verifySignature('header', message, changed, alice.id)).toBe(false);
    }
  });

  test('cannot be altered into S + L, which the equation would accept', () => {
    const signature = sign('header', message, alice);
    const scalar = littleEndian(signature.subarray(32));
    expect(scalar).toBeLessThan(L);
    const malleated = concatBytes(signature.subarray(0, 32), toLittleEndian(scalar + L));
    expect(verifySignature('header', message, malleated, alice.id)).toBe(false);
  });

  // All points whose order divides 8: with them one signature holds for every message.
  test.each([
    ['1', '0100000000000000000000000000000000000000000000000000000000000000'],
    ['2', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
    ['4', '0000000000000000000000000000000000000000000000000000000000000000'],
    ['4, negative', '0000000000000000000000000000000000000000000000000000000000000080'],
    ['8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'],
    ['8, negative', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85'],
    ['8, other', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'],
    ['8, other, negative', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa'],
    ['1, not canonical', 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'],
  ])('of a key of small order (%s) never hold', (_, key) => {
    const forged = concatBytes(hexToBytes(`01${'00'.repeat(31)}`), new Uint8Array(32));
    // The lenient rules of ZIP-215 take the forgery: this is what the strict ones are for.
    expect(ed25519.verify(forged, message, hexToBytes(key), { zip215: true })).toBe(true);
    expect(verifySignature('header', message, forged, key as PeerId)).toBe(false);
  });

  test('that are garbage, or of a garbage key, are a verdict and not an exception', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...uses),
        fc.uint8Array({ maxLength: 80 }),
        fc.oneof(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ minLength: 64, maxLength: 64 })),
        fc.oneof(fc.string(), fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)),
        (use, bytes, signature, key) => {
          expect(verifySignature(use, bytes, signature, key as PeerId)).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });
});
