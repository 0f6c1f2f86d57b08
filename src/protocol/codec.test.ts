import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCanonical, encodeCanonical } from '../crypto/index.ts';
import { at, concatBytes, equalBytes, ok, type Result } from '../lib/index.ts';
import { clientCodec, peerCodec, serverCodec } from './codec.ts';
import { limits } from './limits.ts';
import type { PeerMessage } from './peer-messages.ts';
import { clientMessages, peerMessages, serverMessages, whole } from './testing.ts';

/** What the checks need of a codec and its messages, whatever they are. */
interface Wire {
  readonly wire: string;
  readonly encode: (message: object) => Uint8Array;
  /** All messages of a frame, of which only those between tabs have more than one. */
  readonly decode: (frame: Uint8Array) => Result<readonly { readonly type: string }[]>;
  readonly maxBytes: number;
  readonly messages: readonly (readonly [string, fc.Arbitrary<object>])[];
}

const peerDecode = (frame: Uint8Array) => peerCodec.decode(frame);
const peerEncode = (message: object) => peerCodec.encode(message as PeerMessage);
const clientDecode = (frame: Uint8Array) => listed(clientCodec.decode(frame));
const serverDecode = (frame: Uint8Array) => listed(serverCodec.decode(frame));

function listed<T>(decoded: Result<T>): Result<T[]> {
  return decoded.ok ? ok([decoded.value]) : decoded;
}

const wires: Wire[] = [
  {
    wire: 'tab to tab',
    encode: peerEncode,
    decode: peerDecode,
    maxBytes: limits.frameBytes,
    messages: Object.entries(peerMessages),
  },
  {
    wire: 'tab to coordinator',
    encode: encodeCanonical,
    decode: clientDecode,
    maxBytes: limits.clientFrameBytes,
    messages: Object.entries(clientMessages),
  },
  {
    wire: 'coordinator to tab',
    encode: encodeCanonical,
    decode: serverDecode,
    maxBytes: limits.serverFrameBytes,
    messages: Object.entries(serverMessages),
  },
];

function errorOf(decoded: Result<unknown>): string {
  return decoded.ok ? 'accepted' : decoded.error;
}

/** With a field more, and with one of its own less: what stands on the wire is a map, or an array of its values. */
function misfits(frame: Uint8Array, choice: number): Uint8Array[] {
  const { value } = decodeCanonical(frame) as { value: object };
  if (Array.isArray(value)) {
    const values: unknown[] = value;
    // Without its number, what is left may be another message.
    const gap = values.length === 1 ? 0 : 1 + (choice % (values.length - 1));
    return [[...values, 1], values.filter((_, i) => i !== gap)].map(encodeCanonical);
  }
  const keys = Object.keys(value);
  const missing = at(keys, choice % keys.length);
  const rest = Object.fromEntries(Object.entries(value).filter(([key]) => key !== missing));
  return [{ ...value, zzz: 1 }, rest].map(encodeCanonical);
}

describe.each(wires)('messages from $wire', ({ encode, decode, maxBytes, messages }) => {
  test.each(messages)('%s is read back as it was sent', (_, message) => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decode(encode(sent))).toEqual({ ok: true, value: [sent] });
      }),
      { numRuns: 60 },
    );
  });

  test.each(messages)(
    '%s with an unknown key, or without one of its own, is refused',
    (_, message) => {
      fc.assert(
        fc.property(message, fc.nat(), (sent, choice) => {
          for (const frame of misfits(encode(sent), choice)) {
            expect(errorOf(decode(frame))).toMatch(/^bad message: /);
          }
        }),
        { numRuns: 40 },
      );
    },
  );

  test.each(messages)('%s with any of its values of another kind is refused', (_, message) => {
    fc.assert(
      fc.property(message, fc.nat(), (sent, choice) => {
        const keys = Object.keys(sent);
        const changed = { ...sent, [at(keys, choice % keys.length)]: { nonsense: true } };
        expect(errorOf(decode(encode(changed)))).toMatch(/^bad message: /);
      }),
      { numRuns: 40 },
    );
  });

  test('an unknown type, no type and no message at all are refused', () => {
    for (const value of [{ type: 'nonsense' }, { type: 1 }, {}, [], null, 7, 'hello']) {
      expect(errorOf(decode(encodeCanonical(value)))).toMatch(/^bad message: /);
    }
  });

  test('a frame above the bound is refused before it is looked at, at the bound it is read', () => {
    expect(errorOf(decode(new Uint8Array(maxBytes + 1)))).toBe(
      `frame of ${maxBytes + 1} bytes, ${maxBytes} allowed`,
    );
    expect(errorOf(decode(new Uint8Array(maxBytes)))).toMatch(/^(malformed frame|bad message): /);
  });

  test('any bytes are a verdict, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (frame) => {
        expect(errorOf(decode(frame))).toMatch(/^(malformed frame|bad message): /);
      }),
      { numRuns: 1000 },
    );
  });

  test('a damaged frame is a verdict, and what is accepted of it is canonical', () => {
    const frame = fc.oneof(...messages.map(([, message]) => message)).map(encode);
    const damage = fc.array(
      fc.record({
        how: fc.constantFrom('flip', 'cut', 'insert', 'repeat'),
        place: fc.nat(),
        byte: whole(0, 255),
      }),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(frame, damage, (valid, wounds) => {
        const damaged = wounds.reduce((bytes: Uint8Array, { how, place, byte }) => {
          const i = place % (bytes.length + 1);
          const [before, after] = [bytes.subarray(0, i), bytes.subarray(i)];
          if (how === 'cut') return before;
          if (how === 'insert') return concatBytes(before, new Uint8Array([byte]), after);
          if (how === 'repeat') return concatBytes(before, after, after);
          return bytes.map((old, k) => (k === i ? old ^ byte : old));
        }, valid);
        const decoded = decode(damaged);
        if (decoded.ok) {
          const read = concatBytes(...decoded.value.map((message) => encode(message)));
          expect(equalBytes(read, damaged)).toBe(true);
        }
        if (!decoded.ok) expect(decoded.error).toMatch(/^(malformed frame|bad message): /);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('frames of several messages between tabs', () => {
  const message = fc.oneof(...Object.values(peerMessages));
  const keepAlive = peerCodec.encode({ type: 'keep-alive' });

  test('all are read, in order', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (sent) => {
        expect(peerDecode(concatBytes(...sent.map(peerEncode)))).toEqual({ ok: true, value: sent });
      }),
      { numRuns: 100 },
    );
  });

  test('one that is wrong, and nothing is taken of the others', () => {
    const wrong = [new Uint8Array([0x81, 0x18, 0x63]), new Uint8Array([0x81, 0x18, 0x01]), new Uint8Array([0x81])]; // prettier-ignore
    for (const bytes of wrong) {
      for (const frame of [
        [bytes, keepAlive],
        [keepAlive, bytes],
        [keepAlive, bytes, keepAlive],
      ]) {
        // prettier-ignore
        expect(errorOf(peerDecode(concatBytes(...frame)))).toMatch(/^(malformed frame|bad message): /);
      }
    }
  });

  test('as many as a frame may hold, and not one more', () => {
    const full = Array.from({ length: limits.messagesPerFrame }, () => keepAlive);
    expect(errorOf(peerDecode(concatBytes(...full)))).toBe('accepted');
    expect(errorOf(peerDecode(concatBytes(...full, keepAlive)))).toBe(
      `more than ${limits.messagesPerFrame} messages in a frame`,
    );
  });

  test('none is refused', () => {
    expect(errorOf(peerDecode(new Uint8Array(0)))).toMatch(/^malformed frame: /);
  });

  test('bytes of a piece are its own, whatever kind of array the frame is', () => {
    const piece: PeerMessage = { type: 'piece', batch: 0, index: 0, offset: 0, bytes: new Uint8Array(100).fill(7) }; // prettier-ignore
    const frame = Buffer.from(concatBytes(peerEncode(piece), peerEncode(piece)));
    const decoded = peerCodec.decode(frame);
    frame.fill(0); // as good as moved elsewhere
    expect(decoded).toEqual({ ok: true, value: [piece, piece] });
  });
});

describe('bounds on single fields', () => {
  const id = '0'.repeat(64);
  const base = { batch: 0, index: 0, offset: 0, length: 1 };
  const request = { type: 'request', ...base };
  const handshake = {
    type: 'handshake',
    version: 1,
    task: '0'.repeat(32),
    peer: id,
    membership: { bytes: new Uint8Array(1), signature: new Uint8Array(64) },
    client: 'c',
    maxFrame: limits.leastFrameBytes,
    requestQueue: 1,
    features: ['a'],
    signature: new Uint8Array(64),
  };
  const features = (count: number) => Array.from({ length: count }, (_, i) => `f${i}`);
  const relayed = (bytes: number) => {
    const about = { round: 1, attempt: 1, header: id, index: 0 };
    return { type: 'relayed', ...about, payload: new Uint8Array(bytes) };
  };
  const trained = { type: 'trained', round: 1, attempt: 1, magnitudes: [1] };
  const trainedMetrics = { samples: 1, loss: 1, accuracy: 1 };
  const ice = { urls: 'stun:a' };
  const audit = { nonce: new Uint8Array(32), epoch: 0, columns: [0] };
  const ask = { type: 'ask', id: 0, batch: 0, question: { kind: 'audit', request: audit } };
  const query = (weights: object) => ({
    ...ask,
    question: { kind: 'query', request: { columns: [0], weights } },
  });
  const sparse = (...indices: number[]) =>
    query({
      kind: 'sparse',
      entries: indices.map((i) => ({ index: i, weight: new Uint8Array(32) })),
    });
  const auditOf = (request: object) => ({ ...ask, question: { kind: 'audit', request } });
  const counted = (length: number) => Array.from({ length }, (_, i) => i);
  const witness = {
    epoch: 0,
    witness: new Uint8Array(48),
    remainder: new Uint8Array(32),
  };
  const point = new Uint8Array(48);
  const proved = { kind: 'audit', mask: point, value: new Uint8Array(32), proof: point, witness };
  const answer = { type: 'answer', id: 0, answer: proved };
  const values = (length: number) => ({
    ...answer,
    answer: {
      kind: 'query',
      values: counted(length).map(() => new Uint8Array(32)),
      proof: new Uint8Array(48),
      witness,
    },
  });
  const signed = { bytes: new Uint8Array(1), signature: new Uint8Array(64) };
  const state = (revoked: number, keys: number) => ({
    type: 'state',
    update: {
      core: signed,
      freshness: signed,
      revoked: counted(revoked).map(() => id),
      keys: counted(keys).map(() => new Uint8Array(48)),
    },
  });
  const both: [string, (frame: Uint8Array) => Result<unknown>, object, object][] = [
    ['batch', peerDecode, { ...request, batch: 0xffff }, { ...request, batch: 0x10000 }],
    ['chunk', peerDecode, { ...request, index: 1023 }, { ...request, index: 1024 }],
    ['offset', peerDecode, request, { ...request, offset: -1 }],
    ['length', peerDecode, request, { ...request, length: 0 }],
    ['whole length', peerDecode, request, { ...request, length: 1.5 }],
    ['frame', peerDecode, handshake, { ...handshake, maxFrame: limits.leastFrameBytes - 1 }],
    ['queue', peerDecode, handshake, { ...handshake, requestQueue: 0 }],
    ['id', peerDecode, handshake, { ...handshake, peer: 'A'.repeat(64) }],
    ['task', peerDecode, handshake, { ...handshake, task: id }],
    ['features', peerDecode, { ...handshake, features: features(16) }, { ...handshake, features: features(17) }], // prettier-ignore
    ['name of a feature', peerDecode, { ...handshake, features: ['f'.repeat(32)] }, { ...handshake, features: ['f'.repeat(33)] }], // prettier-ignore
    ['client', peerDecode, handshake, { ...handshake, client: 'c'.repeat(65) }],
    [
      'chunks at once',
      peerDecode,
      { type: 'have', batch: 0, indices: new Array<number>(64).fill(1) },
      { type: 'have', batch: 0, indices: new Array<number>(65).fill(1) },
    ],
    [
      'bits',
      peerDecode,
      { type: 'bitfield', batch: 0, bits: new Uint8Array(128) },
      { type: 'bitfield', batch: 0, bits: new Uint8Array(129) },
    ],
    [
      'reason',
      peerDecode,
      { type: 'bye', reason: 'r'.repeat(500) },
      { type: 'bye', reason: 'r'.repeat(501) },
    ],
    ['relayed chunk', clientDecode, relayed(limits.chunkBytes), relayed(limits.chunkBytes + 1)],
    [
      'signal',
      clientDecode,
      { type: 'signal', to: id, session: 0, data: 'd'.repeat(32_768) },
      { type: 'signal', to: id, session: 0, data: 'd'.repeat(32_769) },
    ],
    [
      'loss',
      clientDecode,
      { ...trained, metrics: trainedMetrics },
      { ...trained, metrics: { ...trainedMetrics, loss: -0.5 } },
    ],
    [
      'accuracy',
      clientDecode,
      { ...trained, metrics: trainedMetrics },
      { ...trained, metrics: { ...trainedMetrics, accuracy: 1.01 } },
    ],
    [
      'magnitude',
      clientDecode,
      { ...trained, metrics: trainedMetrics },
      { ...trained, metrics: trainedMetrics, magnitudes: [-1] },
    ],
    [
      'digest',
      clientDecode,
      { type: 'done', round: 1, attempt: 1, revision: 1, digest: new Uint8Array(32) },
      { type: 'done', round: 1, attempt: 1, revision: 1, digest: new Uint8Array(31) },
    ],
    [
      'samples',
      clientDecode,
      { type: 'ready', samples: 200_000 },
      { type: 'ready', samples: 200_001 },
    ],
    [
      'attempt',
      serverDecode,
      { type: 'upload', round: 1, attempt: 1, revision: 1 },
      { type: 'upload', round: 1, attempt: 0, revision: 1 },
    ],
    ['question', peerDecode, { ...ask, id: 0xffffffff }, { ...ask, id: 0x100000000 }],
    ['asked columns', peerDecode, auditOf({ ...audit, columns: counted(64) }), auditOf({ ...audit, columns: counted(65) })], // prettier-ignore
    ['columns in order', peerDecode, auditOf({ ...audit, columns: [3, 4] }), auditOf({ ...audit, columns: [4, 4] })], // prettier-ignore
    ['fresh nonce', peerDecode, ask, auditOf({ ...audit, nonce: new Uint8Array(31) })],
    ['weights', peerDecode, sparse(...counted(513).slice(1)), sparse(...counted(514).slice(1))],
    ['first weight', peerDecode, sparse(1), sparse(0)],
    ['weights in order', peerDecode, sparse(1, 2), sparse(2, 1)],
    ['seed', peerDecode, query({ kind: 'seed', seed: new Uint8Array(32) }), query({ kind: 'seed', seed: new Uint8Array(33) })], // prettier-ignore
    ['answered columns', clientDecode, values(64), values(65)],
    ['answer', clientDecode, answer, { ...answer, answer: { ...proved, kind: 'query' } }],
    ['witness', clientDecode, answer, { ...answer, answer: { ...proved, witness: null } }],
    ['revoked', serverDecode, state(1000, 0), state(1001, 0)],
    ['server keys', serverDecode, state(0, 1000), state(0, 1001)],
    [
      'nonce',
      serverDecode,
      { type: 'challenge', version: 1, nonce: new Uint8Array(32) },
      { type: 'challenge', version: 1, nonce: new Uint8Array(33) },
    ],
  ];
  test.each(both)(
    '%s: the last value is taken, the next one refused',
    (_, decode, last, beyond) => {
      const encode = decode === peerDecode ? peerEncode : encodeCanonical;
      expect(errorOf(decode(encode(last)))).toBe('accepted');
      expect(errorOf(decode(encode(beyond)))).toMatch(/^bad message: /);
    },
  );

  test.each([
    ['version 1', { version: 1 }],
    ['no CRS', { crs: null }],
    ['a CRS digest of 31 bytes', { crs: new Uint8Array(31) }],
  ])('a task of %s is refused', (_, change) => {
    fc.assert(
      fc.property(serverMessages.welcome, (welcome) => {
        const changed = { ...welcome, description: { ...welcome.description, ...change } };
        expect(errorOf(serverCodec.decode(encodeCanonical(changed)))).toMatch(/^bad message: /);
      }),
      { numRuns: 5 },
    );
  });

  test('an optional field is absent or a value, not null', () => {
    fc.assert(
      fc.property(serverMessages.welcome, (welcome) => {
        const changed = { ...welcome, iceServers: [{ ...ice, username: null }] };
        expect(errorOf(serverCodec.decode(encodeCanonical(changed)))).toMatch(/^bad message: /);
      }),
      { numRuns: 5 },
    );
  });
});
