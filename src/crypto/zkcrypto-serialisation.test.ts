// zkcrypto/bls12_381, g1_compressed_valid_test_vectors: the encodings of 0·G, 1·G, 2·G, …, of which
// these are the first. Made by an implementation in Rust that shares nothing with noble.
import { describe, expect, test } from 'vitest';
import { at, bytesToHex, hexToBytes } from '../lib/index.ts';
import { G1, type G1Point } from './groups.ts';
import { decodeG1, decodeUncompressedG1s, encodeG1, encodeUncompressedG1s } from './points.ts';

const compressed = [
  'c00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000',
  '97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb',
  'a572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e',
  '89ece308f9d1f0131765212deca99697b112d61f9be9a5f1f3780a51335b3ff981747a0b2ca2179b96d2c0c9024e5224',
  'ac9b60d5afcbd5663a8a44b7c5a02f19e9a77ab0a35bd65809bb5c67ec582c897feb04decc694b13e08587f3ff9b5b60',
  'b0e7791fb972fe014159aa33a98622da3cdc98ff707965e536d8636b5fcc5ac7a91a8c46e59a00dca575af0f18fb13dc',
  'a6e82f6da4520f85c5d27d8f329eccfa05944fd1096b20734c894966d12a9e2a9a9744529d7212d33883113a0cadb909',
  'b928f3beb93519eecf0145da903b40a4c97dca00b21f12ac0df3be9116ef2ef27b2ae6bcd4c5bc2d54ef5a70627efcb7',
  'a85ae765588126f5e860d019c0e26235f567a9c0c0b2d8ff30f3e8d436b1082596e5e7462d20f5be3764fd473e57f9cf',
  '99cdf3807146e68e041314ca93e1fee0991224ec2a74beb2866816fd0826ce7b6263ee31e953a86d1b72cc2215a57793',
  'af81da25ecf1c84b577fefbedd61077a81dc43b00304015b2b596ab67f00e41c86bb00ebd0f90d4b125eb0539891aeed',
  '80fd75ebcc0a21649e3177bcce15426da0e4f25d6828fbf4038d4d7ed3bd4421de3ef61d70f794687b12b2d571971a55',
  '8345dd80ffef0eaec8920e39ebb7f5e9ae9c1d6179e9129b705923df7830c67f3690cbc48649d4079eadf5397339580c',
  '851f8a0b82a6d86202a61cbc3b0f3db7d19650b914587bde4715ccd372e1e40cab95517779d840416e1679c84a6db24e',
  '99bef05aaba1ea467fcbc9c420f5e3153c9d2b5f9bf2c7e2e7f6946f854043627b45b008607b9a9108bb96f3c1c089d3',
  '8d9e19b3f4c7c233a6112e5397309f9812a4f61f754f11dd3dcb8b07d55a7b1dfea65f19a1488a14fef9a41495083582',
];

describe('the multiples of the generator of G1', () => {
  const multiples: G1Point[] = [G1.ZERO];
  while (multiples.length < compressed.length) {
    multiples.push(at(multiples, multiples.length - 1).add(G1.BASE));
  }

  test.each(compressed.map((hex, k) => [k, hex] as const))('%i', (k, hex) => {
    const point = at(multiples, k);
    expect(bytesToHex(encodeG1(point))).toBe(hex);
    const decoded = decodeG1(hexToBytes(hex), 'identity allowed');
    expect(decoded.ok && decoded.value.equals(point)).toBe(true);
  });

  test('uncompressed, all side by side', () => {
    const points = compressed.map((hex) => {
      const decoded = decodeG1(hexToBytes(hex), 'identity allowed');
      if (!decoded.ok) throw new Error(decoded.error);
      return decoded.value;
    });
    const encoded = points.map((point) => point.toBytes(false));
    const decoded = decodeUncompressedG1s(encoded, 'identity allowed');
    if (!decoded.ok) throw new Error(decoded.error);
    expect(encodeUncompressedG1s(decoded.value).map(bytesToHex)).toEqual(encoded.map(bytesToHex));
  });
});
