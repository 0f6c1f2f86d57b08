import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '../lib/index.ts';
import { groupOrder, hashToField, hashToScalar, hashToScalars, type ScalarUse } from './scalar.ts';

const uses: ScalarUse[] = ['open-z', 'open-rho', 'audit-z', 'audit-rho', 'audit-mask', 'query', 'query-rho', 'revoke', 'accumulator', 'test-crs']; // prettier-ignore

const sha256 = (...parts: readonly Uint8Array[]) =>
  new Uint8Array(
    createHash('sha256')
      .update(concatBytes(...parts))
      .digest(),
  );

/** I2OSP (RFC 8017 §4.1). */
function bigEndian(value: number, length: number): Uint8Array {
  return hexToBytes(value.toString(16).padStart(2 * length, '0'));
}

/** expand_message_xmd (RFC 9380 §5.3.1), on Node's SHA-256 and nothing of noble's. */
function expandMessage(message: Uint8Array, tag: string, length: number): Uint8Array {
  const dst = concatBytes(utf8ToBytes(tag), bigEndian(tag.length, 1));
  const b0 = sha256(new Uint8Array(64), message, bigEndian(length, 2), bigEndian(0, 1), dst);
  let block = sha256(b0, bigEndian(1, 1), dst);
  let stream = block;
  for (let i = 2; stream.length < length; i++) {
    block = sha256(block.map((byte, k) => byte ^ (b0[k] ?? 0)), bigEndian(i, 1), dst); // prettier-ignore
    stream = concatBytes(stream, block);
  }
  return stream.subarray(0, length);
}

/** hash_to_field (RFC 9380 §5.2) with m = 1 and L = 48 into F_r. */
function expectedField(message: Uint8Array, tag: string, count: number): bigint[] {
  const hex = bytesToHex(expandMessage(message, tag, 48 * count));
  return Array.from(
    { length: count },
    (_, i) => BigInt(`0x${hex.slice(96 * i, 96 * (i + 1))}`) % groupOrder,
  );
}

/** What `hashToScalar` is said to hash: each part after its length as a u32. */
function framed(parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...parts.flatMap((part) => [bigEndian(part.length, 4), part]));
}

describe('the oracle of these tests is expand_message_xmd with SHA-256', () => {
  const tag = 'QUUX-V01-CS02-with-expander-SHA256-128';
  const q128 = `q128_${'q'.repeat(128)}`;
  const a512 = `a512_${'a'.repeat(512)}`;
  // RFC 9380, Appendix K.1
  test.each([
    ['', '68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235'],
    ['abc', 'd8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615'],
    ['abcdef0123456789', 'eff31487c770a893cfb36f912fbfcbff40d5661771ca4b2cb4eafe524333f5c1'],
    [q128, 'b23a1d2b4d97b2ef7785562a7e8bac7eed54ed6e97e29aa51bfe3f12ddad1ff9'],
    [a512, '4623227bcc01293b8c130bf771da8c298dede7383243dc0993d2d94823958c4c'],
    [
      '',
      'af84c27ccfd45d41914fdff5df25293e221afc53d8ad2ac06d5e3e29485dadbee0d121587713a3e0dd4d5e69e93eb7cd4f5df4cd103e188cf60cb02edc3edf18eda8576c412b18ffb658e3dd6ec849469b979d444cf7b26911a08e63cf31f9dcc541708d3491184472c2c29bb749d4286b004ceb5ee6b9a7fa5b646c993f0ced',
    ],
    [
      'abc',
      'abba86a6129e366fc877aab32fc4ffc70120d8996c88aee2fe4b32d6c7b6437a647e6c3163d40b76a73cf6a5674ef1d890f95b664ee0afa5359a5c4e07985635bbecbac65d747d3d2da7ec2b8221b17b0ca9dc8a1ac1c07ea6a1e60583e2cb00058e77b7b72a298425cd1b941ad4ec65e8afc50303a22c0f99b0509b4c895f40',
    ],
    [
      'abcdef0123456789',
      'ef904a29bffc4cf9ee82832451c946ac3c8f8058ae97d8d629831a74c6572bd9ebd0df635cd1f208e2038e760c4994984ce73f0d55ea9f22af83ba4734569d4bc95e18350f740c07eef653cbb9f87910d833751825f0ebefa1abe5420bb52be14cf489b37fe1a72f7de2d10be453b2c9d9eb20c7e3f6edc5a60629178d9478df',
    ],
    [
      q128,
      '80be107d0884f0d881bb460322f0443d38bd222db8bd0b0a5312a6fedb49c1bbd88fd75d8b9a09486c60123dfa1d73c1cc3169761b17476d3c6b7cbbd727acd0e2c942f4dd96ae3da5de368d26b32286e32de7e5a8cb2949f866a0b80c58116b29fa7fabb3ea7d520ee603e0c25bcaf0b9a5e92ec6a1fe4e0391d1cdbce8c68a',
    ],
    [
      a512,
      '546aff5444b5b79aa6148bd81728704c32decb73a3ba76e9e75885cad9def1d06d6792f8a7d12794e90efed817d96920d728896a4510864370c207f99bd4a608ea121700ef01ed879745ee3e4ceef777eda6d9e5e38b90c86ea6fb0b36504ba4a45d22e86f6db5dd43d98a294bebb9125d5b794e9d2a81181066eb954966a487',
    ],
  ])('%.20j expands to %.16s…', (message, hex) => {
    expect(bytesToHex(expandMessage(utf8ToBytes(message), tag, hex.length / 2))).toBe(hex);
  });
});

describe('hash_to_field into F_r', () => {
  // Vectors of another implementation (ic-vetkeys of DFINITY, its test "hash to scalar").
  test.each([
    ['', '3b3fdf74b194c0a0f683d67a312a4e72d663d74b8478dc7b56be41e0ce11caa1'],
    ['abc', '47e7a8839695a3df27f202cf71e295a8554b47cef75c1e316b1865317720e188'],
  ])('of %j is what others have', (message, hex) => {
    const tag = 'QUUX-V01-CS02-with-BLS12381SCALAR_XMD:SHA-256_SSWU_RO_';
    expect(hashToField(utf8ToBytes(message), tag, 1)).toEqual([BigInt(`0x${hex}`)]);
  });

  test('agrees with the oracle on any message, tag and count', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.stringMatching(/^[\x20-\x7e]{1,255}$/),
        fc.integer({ min: 1, max: 20 }),
        (message, tag, count) => {
          expect(hashToField(message, tag, count)).toEqual(expectedField(message, tag, count));
        },
      ),
      { numRuns: 100 },
    );
  });

  test('yields up to 170 elements and no more', () => {
    const message = utf8ToBytes('many');
    expect(hashToField(message, 'tag', 170)).toEqual(expectedField(message, 'tag', 170));
    expect(() => hashToField(message, 'tag', 171)).toThrow();
  });

  test('depends on the count: a longer list does not begin with the shorter one', () => {
    const message = utf8ToBytes('count');
    expect(hashToField(message, 'tag', 2)[0]).not.toBe(hashToField(message, 'tag', 1)[0]);
  });
});

describe('challenges', () => {
  test.each(uses)('for %s hash the framed parts in the domain of their use', (use) => {
    const parts = [utf8ToBytes('a'), new Uint8Array(0), utf8ToBytes('bc')];
    expect(hashToScalars(use, 3, ...parts)).toEqual(
      expectedField(framed(parts), `MURMURATION-V1/${use}`, 3),
    );
    expect(hashToScalar(use, ...parts)).toBe(hashToScalars(use, 1, ...parts)[0]);
  });

  test('of no parts hash the empty message', () => {
    expect(hashToScalar('query')).toBe(
      expectedField(new Uint8Array(0), 'MURMURATION-V1/query', 1)[0],
    );
  });

  test('for different uses of the same parts are different', () => {
    const parts = [utf8ToBytes('the same'), utf8ToBytes('parts')];
    expect(new Set(uses.map((use) => hashToScalar(use, ...parts))).size).toBe(uses.length);
  });

  test('of the same bytes split into other parts are different', () => {
    const bytes = utf8ToBytes('abcd');
    const splits = [
      [bytes],
      [bytes, new Uint8Array(0)],
      [new Uint8Array(0), bytes],
      ...[1, 2, 3].map((at) => [bytes.subarray(0, at), bytes.subarray(at)]),
      [bytes.subarray(0, 1), bytes.subarray(1, 2), bytes.subarray(2)],
      // The framing of two parts, passed off as one.
      [framed([bytes.subarray(0, 2), bytes.subarray(2)])],
    ];
    expect(new Set(splits.map((parts) => hashToScalar('audit-z', ...parts))).size).toBe(8);
  });

  test('are the same for the same parts only', () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const same = JSON.stringify(a.map(bytesToHex)) === JSON.stringify(b.map(bytesToHex));
        expect(hashToScalar('revoke', ...a) === hashToScalar('revoke', ...b)).toBe(same);
        expect(hashToScalar('revoke', ...a.map((part) => part.slice()))).toBe(
          hashToScalar('revoke', ...a),
        );
      }),
      { numRuns: 200 },
    );
  });
});
