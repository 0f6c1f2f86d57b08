import { bls12_381 } from '@noble/curves/bls12-381.js';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { encodeCanonical, encodeScalar, G1, G2, groupOrder, sha256, sign } from '../crypto/index.ts'; // prettier-ignore
import { at, bytesToHex, concatBytes, type HeaderId } from '../lib/index.ts';
import { admitHeader, decodeHeader, headerId, maxBatchBytes, maxColumns, openingClaims, signedHeaderSchema, signHeader, unopenedBytes, verifySignatures } from './header.ts'; // prettier-ignore
import type { Header, SignedHeader } from './header.ts';
import { author, crs, errorOf, flipBit, makeBatch, makeTask, makeVerifier, numberOf, ofOrder3, owner, scalars, signAnything, stranger, task, valueOf, withColumn } from './testing.ts'; // prettier-ignore

const expected = { task, ownerKey: owner.id, crs: crs.digest, scalars, admitted: true };
const { header, signed, verified } = makeBatch(4000, { round: 3 });
const commitmentsOf = ({ columns }: Header) =>
  columns.flatMap(({ commitment }) => commitment ?? []);
const commitmentOf = (index: number) => at(verified.commitments, index);

const refusal = (tried: SignedHeader) => errorOf(verifySignatures(tried, expected));
/** What is said of any value that its author signed and the Data Owner admitted. */
const refusalOf = (value: unknown) => refusal(signAnything(value));

const identity = G1.ZERO.toBytes(false);

/** A point of the curve y² = x³ + 4(1 + u) over F_p²: nearly all of them are outside of G2. */
function outsideG2(): Uint8Array {
  const { Fp, Fp2 } = bls12_381.fields;
  for (let c0 = 1n; ; c0++) {
    const square = Fp2.fromBigTuple([c0 ** 3n + 4n, 4n]);
    if (!Fp2.eql(Fp2.pow(square, (Fp2.ORDER - 1n) / 2n), Fp2.ONE)) continue;
    const y = Fp2.sqrt(square);
    return concatBytes(...[0n, c0, y.c1, y.c0].map((each) => Fp.toBytes(each)));
  }
}

describe('a header', () => {
  test('that its author signed and the Data Owner admitted is accepted, with its id', () => {
    const id = bytesToHex(sha256(signed.header));
    expect(headerId(signed.header)).toBe(id);
    expect(verifySignatures(signed, expected)).toEqual({ ok: true, value: header });
    expect(verified.id).toBe(id);
  });

  test('needs no admission where the Data Owner itself asks, and does everywhere else', () => {
    const unadmitted = signHeader(header, author);
    expect(unadmitted.admission).toBe(null);
    const verdict = verifySignatures(unadmitted, { ...expected, admitted: false });
    expect(errorOf(verdict)).toBe('accepted');
    expect(refusal(unadmitted)).toBe('header is not admitted by the Data Owner');
  });

  test('decodes to what was encoded, whatever the order of its keys was', () => {
    const reversed = Object.fromEntries(Object.entries(header).reverse());
    expect(encodeCanonical(reversed)).toEqual(signed.header);
    expect(decodeHeader(signed.header)).toEqual({ ok: true, value: header });
  });

  test('names the batch that it replaces', () => {
    const replacing = makeBatch(10, { replaces: verified.id });
    const { replaces } = valueOf(verifySignatures(replacing.signed, expected));
    expect(replaces).toBe(verified.id satisfies HeaderId);
  });

  test('is opened at a point that depends on all of it but its opening', () => {
    const seen = [bytesToHex(unopenedBytes(header))];
    const columns = header.columns.slice().reverse();
    const changes: Partial<Header>[] = [
      ...[
        { task: makeTask() },
        { opening: sha256(identity) },
        { round: 4 },
        { author: stranger.id },
        { byteLength: 4001 },
      ],
      ...([{ kind: 'file' }, { scalars: 512 }, { lanes: 'bytes' }] as const),
      ...[{ crs: new Uint8Array(32) }, { columns }, { time: null }, { replaces: verified.id }],
      { sum: { manifest: sha256(identity), chunks: [0] } },
    ];
    for (const change of changes) seen.push(bytesToHex(unopenedBytes({ ...header, ...change })));
    expect(new Set(seen).size).toBe(changes.length + 1);
    const reopened = { ...header, y: [], pi: identity };
    expect(bytesToHex(unopenedBytes(reopened))).toBe(seen[0]);
  });
});

describe('one bit flipped is refused', () => {
  test('anywhere in the header: by encoding, schema, task, CRS or signature', () => {
    const seen = new Set<string>();
    for (let byte = 0; byte < signed.header.length; byte++) {
      const flipped = flipBit(signed.header, byte * 8 + (byte % 8));
      const error = refusal({ ...signed, header: flipped });
      expect(error).toMatch(/^header (encoding: |schema: |of another task$|with another CRS|signature)/); // prettier-ignore
      seen.add(error.slice(0, 'header encoding'.length));
    }
    expect(seen.size).toBe(5);
  });

  test('in the signature or the admission: by that one', () => {
    const admission = signed.admission ?? new Uint8Array(64);
    fc.assert(
      fc.property(fc.nat(511), (bit) => {
        const signature = flipBit(signed.signature, bit);
        expect(refusal({ ...signed, signature })).toBe("header signature is not the author's");
        expect(refusal({ ...signed, admission: flipBit(admission, bit) })).toBe(
          "header admission is not the Data Owner's signature",
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('a header is refused', () => {
  test('of another task', () => {
    expect(refusalOf({ ...header, task: makeTask() })).toBe('header of another task');
  });

  test('of another CRS, or of another n than the CRS has', () => {
    const error = 'header with another CRS than the task pins';
    expect(refusalOf({ ...header, crs: sha256(crs.digest) })).toBe(error);
    // 4,000 lanes are two columns at n = 256, one at n = 512.
    const [column, value] = [at(header.columns, 0), at(header.y, 0)];
    expect(refusalOf({ ...header, scalars: 512, columns: [column], y: [value] })).toBe(error);
  });

  test('signed by somebody else than the author it names', () => {
    const forged = admitHeader(signHeader(header, stranger), owner);
    expect(refusal(forged)).toBe("header signature is not the author's");
    const renamed = admitHeader(signHeader({ ...header, author: stranger.id }, author), owner);
    expect(refusal(renamed)).toBe("header signature is not the author's");
  });

  test('admitted by somebody else than the Data Owner', () => {
    for (const other of [author, stranger]) {
      expect(refusal(admitHeader(signHeader(header, author), other))).toBe(
        "header admission is not the Data Owner's signature",
      );
    }
  });

  test('with an admission that is of another header, or a signature for another use', () => {
    const other = makeBatch(4000).signed.admission;
    const asHeader = sign('header', signed.header, owner);
    const asState = sign('state-core', sha256(signed.header), owner);
    for (const admission of [other, signed.signature, asHeader, asState]) {
      expect(refusal({ ...signed, admission })).toBe(
        "header admission is not the Data Owner's signature",
      );
    }
  });

  test('of a model that is not by the Data Owner', () => {
    const foreign = makeBatch(10, { kind: 'model', author });
    expect(refusal(foreign.signed)).toBe('header of a model that is not by the Data Owner');
    expect(refusal(makeBatch(10, { kind: 'model', author: owner }).signed)).toBe('accepted');
  });

  test.each([
    ['trailing bytes', (bytes: Uint8Array) => concatBytes(bytes, new Uint8Array(1))],
    ['a byte missing', (bytes: Uint8Array) => bytes.subarray(0, -1)],
    ['a longer head than needed', (bytes: Uint8Array) => concatBytes(new Uint8Array([0xb8, at(bytes, 0) & 31]), bytes.subarray(1))], // prettier-ignore
    ['an indefinite length', (bytes: Uint8Array) => concatBytes(new Uint8Array([0xbf]), bytes.subarray(1), new Uint8Array([0xff]))], // prettier-ignore
    ['no bytes at all', () => new Uint8Array()],
  ])('with %s, by the encoding, though its signatures hold', (_, change) => {
    const bytes = change(signed.header);
    const resigned = { header: bytes, signature: sign('header', bytes, author), admission: null };
    expect(refusal(admitHeader(resigned, owner))).toMatch(/^header encoding: /);
  });

  const column = at(header.columns, 0);
  const { y, pi } = header;
  /** What is wrong, with what, and where the schema finds it. */
  const wrong: [string, Record<string, unknown>, string][] = [
    ['more columns than its bytes need', { columns: [...header.columns, column] }, 'number of columns'], // prettier-ignore
    ['fewer columns than its bytes need', { byteLength: 2 * 3840 + 1 }, 'number of columns'],
    ['no columns', { columns: [] }, 'at columns'],
    ['too many columns', { columns: new Array(maxColumns + 1).fill(column) }, 'at columns'],
    ['a value too few', { y: y.slice(1) }, 'one value per column'],
    ['a value too many', { y: [...y, ...y] }, 'one value per column'], // prettier-ignore
    ['a value of 31 bytes', { y: [y[0]?.subarray(1), y[1]] }, 'at y.0'], // prettier-ignore
    ['a compressed proof', { pi: G1.BASE.toBytes(true) }, 'at pi'], // prettier-ignore
    ['no proof', { pi: null }, 'at pi'],
    ['no opening', { opening: null }, 'at opening'],
    ['an opening of 31 bytes', { opening: pi.subarray(0, 31) }, 'at opening'],
    ['lanes of another kind', { kind: 'file', time: null }, 'do not fit each other'],
    ['a sum that is no sum', { sum: { manifest: crs.digest, chunks: [0, 1] } }, 'do not fit'],
    ['no commitment', withColumn(header, 1, { commitment: null }), 'has no commitments'],
    ['no bytes', { byteLength: 0 }, 'at byteLength'],
    ['half a byte', { byteLength: 3999.5 }, 'at byteLength'],
    ['more bytes than a tab takes', { byteLength: maxBatchBytes + 1 }, 'at byteLength'],
    ['an n that is not offered', { scalars: 300 }, 'at scalars'],
    ['an unknown lane format', { lanes: 'words' }, 'at lanes'],
    ['an unknown kind', { kind: 'gossip' }, 'at kind'],
    ['no time on an update', { time: null }, 'an update has a time'],
    ['a time on what is not an update', { kind: 'file' }, 'an update has a time'],
    ['a time of 96 bytes', { time: header.time?.subarray(96) }, 'at time'],
    ['another suite', { suite: 'bn254' }, 'at suite'],
    ['another version', { version: 1 }, 'at version'],
    ['another type', { type: 'manifest' }, 'at type'],
    ['a negative round', { round: -1 }, 'at round'],
    ['a round beyond 32 bits', { round: 2 ** 32 }, 'at round'],
    ['a digest of 31 bytes', withColumn(header, 1, { digest: new Uint8Array(31) }), 'at columns.1.digest'], // prettier-ignore
    ['a digest that is no bytes', { columns: [{ ...column, digest: 'abc' }, column] }, 'at columns.0.digest'], // prettier-ignore
    ['a compressed commitment', withColumn(header, 0, { commitment: G1.BASE.toBytes(true) }), 'at columns.0.commitment'], // prettier-ignore
    ['a field more in a column', { columns: [{ ...column, y: 1 }, column] }, 'at columns.0.y'],
    ['a CRS digest of 33 bytes', { crs: new Uint8Array(33) }, 'at crs'],
    ['a task that is no id', { task: 'A'.repeat(32) }, 'at task'],
    ['a replaced batch that is no id', { replaces: 'abc' }, 'at replaces'],
    ['an author that is no key', { author: 'A'.repeat(64) }, 'at author'],
    ['a field that is not known', { extra: 1 }, 'at extra'],
  ];
  test.each(wrong)('with %s, by the schema', (_, change, place) => {
    const error = refusalOf({ ...header, ...change });
    expect(error).toMatch(/^header schema: /);
    expect(error).toContain(place);
  });

  test('with any field missing, or that is no map, by the schema', () => {
    for (const missing of Object.keys(header)) {
      const rest = Object.fromEntries(Object.entries(header).filter(([key]) => key !== missing));
      expect(refusalOf(rest)).toMatch(new RegExp(`^header schema: .*at ${missing}`, 's'));
    }
    for (const value of [null, 1, 'header', [header], signed.header]) {
      expect(refusalOf(value)).toMatch(/^header schema: /);
    }
  });

  test('as it travels: without signature, with a short one, or with a field more', () => {
    const { admission, signature } = signed;
    expect(v.safeParse(signedHeaderSchema, signed).success).toBe(true);
    const whole = new Uint8Array(262_145);
    for (const wrong of [
      { header: signed.header, admission },
      { ...signed, signature: signature.subarray(1) },
      { ...signed, admission: new Uint8Array(63) },
      { ...signed, admission: undefined },
      { ...signed, header: whole },
      { ...signed, id: verified.id },
    ]) {
      expect(v.safeParse(signedHeaderSchema, wrong).success).toBe(false);
    }
  });
});

describe('points and scalars of a header', () => {
  const claim = (change: Header) =>
    errorOf(at(openingClaims([change], [commitmentsOf(change)]), 0));
  const flipped = flipBit(commitmentOf(1), 8 * 95);

  test.each([
    ['not on the curve', flipped, 'point 1: not on the curve'],
    ['of order 3', ofOrder3, 'point 1: not in the subgroup'],
    ['that are the identity', identity, 'column 1 is the identity'],
    ['of zeros', new Uint8Array(96), 'point 1: not on the curve'],
    ['with flag bits', flipBit(commitmentOf(1), 5), 'point 1: not canonical'],
  ])('commitments %s are refused', (_, commitment, error) => {
    expect(claim(withColumn(header, 1, { commitment }))).toBe(`header commitments: ${error}`);
  });

  const withProof = (pi: Uint8Array) => ({ ...header, pi });

  test('a proof is refused as a commitment is', () => {
    expect(claim(withProof(flipped))).toBe('header opening: proof: point 0: not on the curve');
    expect(claim(withProof(ofOrder3))).toBe('header opening: proof: point 0: not in the subgroup');
    expect(claim(withProof(new Uint8Array(96)))).toMatch(/^header opening: proof: /);
  });

  test('a proof may be the identity, but it then proves nothing but constants', () => {
    expect(claim(withProof(identity))).toBe('accepted');
    const resigned = signAnything(withProof(identity));
    const verdict = makeVerifier().verifyHeader(resigned, 'admitted');
    expect(errorOf(verdict)).toBe('header opening does not hold');
    const zeros = makeBatch(new Uint8Array(5000), { kind: 'model' });
    expect(zeros.header.pi).toEqual(identity);
    expect(errorOf(makeVerifier().verifyHeader(zeros.signed, 'admitted'))).toBe('accepted');
  });

  test('a value that is not below r is refused, though it is congruent to the right one', () => {
    const value = numberOf(at(header.y, 1));
    for (const large of [groupOrder, value + groupOrder, 2n ** 256n - 1n]) {
      expect(claim({ ...header, y: [at(header.y, 0), encodeScalar(large)] })).toBe(
        'header opening: value 1: a scalar is not below the group order',
      );
    }
  });

  test('a time commitment is a point of G2', () => {
    const time = header.time ?? new Uint8Array(192);
    const swapped = concatBytes(time.subarray(96), time.subarray(0, 96));
    for (const wrong of [
      G2.ZERO.toBytes(false),
      flipBit(time, 8 * 191),
      new Uint8Array(192),
      swapped,
    ]) {
      // prettier-ignore
      expect(claim({ ...header, time: wrong })).toMatch(/^header time: /);
    }
    expect(claim({ ...header, time: outsideG2() })).toMatch(/^header time: .*subgroup/);
  });

  test('one bad header among good ones is the one that is named', () => {
    const bad = withColumn(header, 0, { commitment: ofOrder3 });
    const all = [header, bad, makeBatch(10).header];
    const verdicts = openingClaims(all, all.map(commitmentsOf)).map(errorOf);
    expect(verdicts).toEqual([
      'accepted',
      'header commitments: point 0: not in the subgroup',
      'accepted',
    ]);
  });
});
