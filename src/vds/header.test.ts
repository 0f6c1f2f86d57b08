import { describe, expect, test } from 'vitest';
import { encodeCanonical, identityOf, sha256, sign } from '../crypto/index.ts';
import { bytesToHex, randomBytes, seededRandom, type HeaderId, type TaskId } from '../lib/index.ts';
import { cutBatch } from './batch.ts';
import {
  admitHeader,
  decodeHeader,
  headerId,
  maxBatchBytes,
  signHeader,
  verifyHeader,
  type Header,
  type SignedHeader,
} from './header.ts';

const random = seededRandom(77);
const owner = identityOf(randomBytes(random, 32));
const author = identityOf(randomBytes(random, 32));
const stranger = identityOf(randomBytes(random, 32));
const task = bytesToHex(randomBytes(random, 16)) as TaskId;
const expected = { task, ownerKey: owner.id, admitted: true };

const { header } = cutBatch(
  { task, round: 3, kind: 'update', author: author.id, scalars: 256, lanes: 'update' },
  randomBytes(random, 100),
  random,
);
const signed = admitHeader(signHeader(header, author), owner);

/** The bytes of any value, signed and admitted as if they were a header. */
function sealed(value: unknown): SignedHeader {
  const bytes = encodeCanonical(value);
  const signature = sign('header', bytes, author);
  return admitHeader({ header: bytes, signature, admission: null }, owner);
}

const flip = (bytes: Uint8Array, bit: number) =>
  bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));

function errorOf(tried: SignedHeader): string {
  const verdict = verifyHeader(tried, expected);
  return verdict.ok ? 'accepted' : verdict.error;
}

describe('a header', () => {
  test('that its author signed and the Data Owner admitted is accepted, with its id', () => {
    const verdict = verifyHeader(signed, expected);
    expect(verdict).toEqual({
      ok: true,
      value: { ...header, id: headerId(signed.header), signed },
    });
    expect(headerId(signed.header)).toBe(bytesToHex(sha256(encodeCanonical(header))));
  });

  test('needs no admission where the Data Owner itself asks, and does everywhere else', () => {
    const unadmitted = signHeader(header, author);
    expect(verifyHeader(unadmitted, { ...expected, admitted: false }).ok).toBe(true);
    expect(errorOf(unadmitted)).toBe('header is not admitted by the Data Owner');
  });

  test('decodes to what was encoded', () => {
    expect(decodeHeader(encodeCanonical(header))).toEqual({ ok: true, value: header });
  });
});

describe('a flipped bit is refused', () => {
  test('anywhere in the canonical bytes: by the encoding, the schema, the task or the signature', () => {
    for (let bit = 0; bit < signed.header.length * 8; bit++) {
      expect(errorOf({ ...signed, header: flip(signed.header, bit) })).toMatch(
        /^header (encoding: |schema: |of another task|signature is not the author's)/,
      );
    }
  });

  test('anywhere in the signature, by the signature', () => {
    for (let bit = 0; bit < 512; bit++) {
      const changed = { ...signed, signature: flip(signed.signature, bit) };
      expect(errorOf(changed)).toBe("header signature is not the author's");
    }
  });

  test('anywhere in the admission, by the admission', () => {
    const admission = signed.admission ?? new Uint8Array(64);
    for (let bit = 0; bit < 512; bit++) {
      const changed = { ...signed, admission: flip(admission, bit) };
      expect(errorOf(changed)).toBe("header admission is not the Data Owner's signature");
    }
  });
});

describe('a header is refused', () => {
  test('of another task', () => {
    const other = { ...expected, task: '11'.repeat(16) as TaskId };
    expect(verifyHeader(signed, other)).toEqual({ ok: false, error: 'header of another task' });
  });

  test('signed by somebody else than the author it names', () => {
    const forged = admitHeader(signHeader(header, stranger), owner);
    expect(errorOf(forged)).toBe("header signature is not the author's");
  });

  test('admitted by somebody else than the Data Owner', () => {
    const forged = admitHeader(signHeader(header, author), author);
    expect(errorOf(forged)).toBe("header admission is not the Data Owner's signature");
  });

  test('with the admission of another header', () => {
    const other = admitHeader(signHeader({ ...header, round: 4 }, author), owner);
    const swapped = { ...signHeader(header, author), admission: other.admission };
    expect(errorOf(swapped)).toBe("header admission is not the Data Owner's signature");
  });

  test('with the author’s signature in the place of the admission', () => {
    expect(errorOf({ ...signed, admission: signed.signature })).toMatch(/^header admission/);
  });

  test('of a model that is not by the Data Owner', () => {
    const model = { ...header, kind: 'model' } as const;
    expect(errorOf(admitHeader(signHeader(model, author), owner))).toBe(
      'header of a model that is not by the Data Owner',
    );
    const owned = { ...model, author: owner.id };
    expect(errorOf(admitHeader(signHeader(owned, owner), owner))).toBe('accepted');
  });

  const column = { digest: new Uint8Array(32), commitment: null };
  const wrong: [string, Partial<Record<keyof Header, unknown>> & Record<string, unknown>][] = [
    ['more columns than the byte length needs', { columns: [column, column] }],
    ['fewer columns than the byte length needs', { byteLength: 3841 }],
    ['no columns', { columns: [] }],
    ['no bytes', { byteLength: 0 }],
    ['half a byte', { byteLength: 99.5 }],
    ['more bytes than a tab takes', { byteLength: maxBatchBytes + 1 }],
    ['an n that is not offered', { scalars: 300 }],
    ['an unknown lane format', { lanes: 'words' }],
    ['an unknown kind', { kind: 'gossip' }],
    ['another suite', { suite: 'kzg' }],
    ['another version', { version: 2 }],
    ['another type', { type: 'manifest' }],
    ['a negative round', { round: -1 }],
    ['a round beyond 32 bits', { round: 2 ** 32 }],
    ['a digest of 31 bytes', { columns: [{ ...column, digest: new Uint8Array(31) }] }],
    ['a commitment where the suite has none', { columns: [{ ...column, commitment: 1 }] }],
    ['a replaced batch that is no id', { replaces: 'abc' }],
    ['an author that is no key', { author: 'A'.repeat(64) }],
    ['a key that is not known', { extra: 1 }],
  ];
  test.each(wrong)('with %s, by the schema', (_, change) => {
    expect(errorOf(sealed({ ...header, ...change }))).toMatch(/^header schema: /);
  });

  test('with a key missing, by the schema', () => {
    for (const missing of Object.keys(header)) {
      const rest = Object.fromEntries(Object.entries(header).filter(([key]) => key !== missing));
      expect(errorOf(sealed(rest))).toMatch(/^header schema: /);
    }
  });

  test('in any but the canonical encoding, though its signature holds', () => {
    const bytes = new Uint8Array([...signed.header, 0]);
    const padded = { header: bytes, signature: sign('header', bytes, author), admission: null };
    expect(errorOf(admitHeader(padded, owner))).toMatch(/^header encoding: /);
  });
});

test('a header names the batch that it replaces', () => {
  const replaces = headerId(signed.header);
  const replacing = admitHeader(signHeader({ ...header, replaces }, author), owner);
  const verdict = verifyHeader(replacing, expected);
  expect(verdict.ok && verdict.value.replaces).toBe(replaces satisfies HeaderId);
});
