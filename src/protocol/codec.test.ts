import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeCanonical } from '../crypto/index.ts';
import { at, bytesToHex, concatBytes, equalBytes, type PeerId, type TaskId } from '../lib/index.ts';
import type { HeaderId, Result } from '../lib/index.ts';
import type { SignedHeader } from '../vds/index.ts';
import { clientCodec, peerCodec, serverCodec } from './codec.ts';
import { limits } from './limits.ts';
import type { PeerMessage } from './peer-messages.ts';
import type { ClientMessage, ServerMessage } from './server-messages.ts';
import type { TaskDescription } from './task.ts';

/** One arbitrary for every type of a union of messages: the compiler asks for all of them. */
type Every<M extends { type: string }> = {
  readonly [T in M['type']]: fc.Arbitrary<Extract<M, { type: T }>>;
};

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (bytes: number) => exactly(bytes).map(bytesToHex);
const whole = (min: number, max: number) => fc.integer({ min, max });
const real = (min: number, max: number) =>
  fc.double({ min, max, noNaN: true }).map((x) => (x === 0 ? 0 : x));
const is = <const T extends string>(type: T) => fc.constant(type);

const peer = hex(32).map((id) => id as PeerId);
const task = hex(16).map((id) => id as TaskId);
const headerId = hex(32).map((id) => id as HeaderId);
const batch = whole(0, 0xffff);
const index = whole(0, limits.columns - 1);
const offset = whole(0, 0xffffff);
const length = whole(1, 0xffffff);
const bits = fc.uint8Array({ maxLength: 512 });
const reason = fc.string({ maxLength: 500 });
const round = whole(0, 0xffffffff);
const attempt = whole(1, 0xffffffff);
const revision = whole(1, 1000);
const samples = whole(0, 1e9);
const perTensor = fc.array(real(0, 3.5e38), { minLength: 1, maxLength: 8 });
const remainingMs = whole(0, 86_400_000);
const session = whole(0, 0xffffffff);
const data = fc.string({ maxLength: 300 });
const client = fc.string({ maxLength: 64 });
const peers = fc.array(peer, { maxLength: 5 });
const signed = fc.record(
  { bytes: fc.uint8Array({ maxLength: 100 }), signature: exactly(64) },
  { noNullPrototype: true },
);
const header: fc.Arbitrary<SignedHeader> = fc.record({
  header: fc.uint8Array({ maxLength: 100 }),
  signature: exactly(64),
  admission: fc.option(exactly(64)),
});
const metrics = fc.record({ samples, loss: real(0, 1e30), accuracy: real(-1e30, 1) });
const record = fc.record({
  round,
  attempt,
  authors: peers,
  ms: fc.maxSafeNat(),
  digest: exactly(32),
  metrics: fc.option(metrics),
});

const name = fc.string({ minLength: 1, maxLength: 40 });
const classes = fc.uniqueArray(name, { minLength: 2, maxLength: 5 });
const column = fc.oneof(
  fc.record({ kind: is('numeric'), name, mean: real(-1e30, 1e30), deviation: real(1e-9, 1e9) }),
  fc.record({ kind: is('categorical'), name, values: classes }),
);
const image = fc.record({
  kind: is('image'),
  width: whole(1, 512),
  height: whole(1, 512),
  channels: fc.constantFrom<(1 | 3)[]>(1, 3),
  classes,
  builtIn: fc.option(
    fc.record({
      generator: is('digits'),
      seed: round,
      samplesPerMember: whole(10, 100_000),
      alpha: fc.option(real(0.01, 1000)),
    }),
  ),
});
const table = fc.record({
  kind: is('table'),
  columns: fc.array(column, { minLength: 1, maxLength: 5 }),
  target: column,
});
const description: fc.Arbitrary<TaskDescription> = fc.record({
  type: is('task'),
  version: fc.constant(1 as const),
  name,
  ownerKey: peer,
  nonce: exactly(16),
  data: fc.oneof(image, table),
  model: fc.record({ kind: is('mlp'), hidden: fc.array(whole(1, 4096), { maxLength: 8 }) }),
  training: fc.record({
    localEpochs: whole(1, 100),
    batchSize: whole(1, 4096),
    learningRate: real(1e-6, 10),
    momentum: real(0, 0.999),
    validationShare: real(0, 0.9),
  }),
  rounds: whole(1, 100_000),
  members: fc.record({ minimum: whole(5, 10), quorum: whole(1, 5), maximum: whole(10, 20) }),
  deadlines: fc.record({
    trainMs: whole(100, 86_400_000),
    admitMs: whole(100, 86_400_000),
    exchangeMs: whole(100, 86_400_000),
  }),
  exchange: fc.record({
    mode: is('gossip'),
    topology: is('mesh'),
    scalars: fc.constantFrom(256 as const, 512 as const, 1024 as const, 2048 as const, 4096 as const), // prettier-ignore
  }),
  crs: fc.constant(null),
});

const peerMessages: Every<PeerMessage> = {
  handshake: fc.record({
    type: is('handshake'),
    version: whole(0, 0xffff),
    task,
    peer,
    membership: signed,
    client,
    maxFrame: whole(1024, 16_777_216),
    requestQueue: whole(1, 100_000),
  }),
  header: fc.record({ type: is('header'), batch, signed: header }),
  bitfield: fc.record({ type: is('bitfield'), batch, bits }),
  have: fc.record({
    type: is('have'),
    batch,
    indices: fc.array(index, { minLength: 1, maxLength: 64 }),
  }),
  request: fc.record({ type: is('request'), batch, index, offset, length }),
  piece: fc.record({ type: is('piece'), batch, index, offset, bytes: bits }),
  reject: fc.record({ type: is('reject'), batch, index, offset, length }),
  bye: fc.record({ type: is('bye'), reason }),
};

const clientMessages: Every<ClientMessage> = {
  hello: fc.record({
    type: is('hello'),
    version: whole(0, 0xffff),
    task: fc.option(task),
    peer,
    signature: exactly(64),
    client,
  }),
  ready: fc.record({ type: is('ready'), samples }),
  rest: fc.record({ type: is('rest') }),
  signal: fc.record({ type: is('signal'), to: peer, session, data }),
  trained: fc.record({ type: is('trained'), round, attempt, metrics, magnitudes: perTensor }),
  header: fc.record({ type: is('header'), round, attempt, signed: header }),
  progress: fc.record({
    type: is('progress'),
    round,
    attempt,
    held: fc.array(fc.record({ header: headerId, bits }), { maxLength: 24 }),
  }),
  done: fc.record({ type: is('done'), round, attempt, revision, digest: exactly(32) }),
  sum: fc.record({ type: is('sum'), round, attempt, revision, index, payload: bits }),
  metrics: fc.record({ type: is('metrics'), round, metrics }),
  bye: fc.record({ type: is('bye') }),
};

const serverMessages: Every<ServerMessage> = {
  challenge: fc.record({ type: is('challenge'), version: whole(0, 0xffff), nonce: exactly(32) }),
  welcome: fc.record({
    type: is('welcome'),
    description,
    membership: signed,
    model: header,
    history: fc.array(record, { maxLength: 4 }),
    iceServers: fc.array(
      fc.record(
        { urls: name, username: name, credential: name },
        { requiredKeys: ['urls'], noNullPrototype: true },
      ),
      { maxLength: 8 },
    ),
  }),
  members: fc.record({
    type: is('members'),
    members: fc.array(fc.record({ peer, online: fc.boolean(), ready: fc.boolean(), samples }), {
      maxLength: 20,
    }),
  }),
  signal: fc.record({ type: is('signal'), from: peer, session, data }),
  open: fc.record({ type: is('open'), round, attempt, model: header, remainingMs, cohort: peers }),
  quantise: fc.record({ type: is('quantise'), round, attempt, scales: perTensor, remainingMs }),
  manifest: fc.record({
    type: is('manifest'),
    manifest: signed,
    headers: fc.array(header, { maxLength: 20 }),
  }),
  upload: fc.record({ type: is('upload'), round, attempt, revision }),
  closed: fc.record({ type: is('closed'), record, model: header }),
  failed: fc.record({ type: is('failed'), round, attempt, reason }),
  metrics: fc.record({ type: is('metrics'), round, metrics }),
  finished: fc.record({ type: is('finished') }),
  refused: fc.record({ type: is('refused'), reason, again: fc.boolean() }),
};

/** What the checks need of a codec and its messages, whatever they are. */
interface Wire {
  readonly wire: string;
  readonly decode: (frame: Uint8Array) => Result<{ readonly type: string }>;
  readonly maxBytes: number;
  readonly messages: readonly (readonly [string, fc.Arbitrary<object>])[];
}

const peerDecode = (frame: Uint8Array) => peerCodec.decode(frame);
const clientDecode = (frame: Uint8Array) => clientCodec.decode(frame);
const serverDecode = (frame: Uint8Array) => serverCodec.decode(frame);

const wires: Wire[] = [
  {
    wire: 'tab to tab',
    decode: peerDecode,
    maxBytes: limits.frameBytes,
    messages: Object.entries(peerMessages),
  },
  {
    wire: 'tab to coordinator',
    decode: clientDecode,
    maxBytes: limits.serverFrameBytes,
    messages: Object.entries(clientMessages),
  },
  {
    wire: 'coordinator to tab',
    decode: serverDecode,
    maxBytes: limits.serverFrameBytes,
    messages: Object.entries(serverMessages),
  },
];

function errorOf(decoded: Result<unknown>): string {
  return decoded.ok ? 'accepted' : decoded.error;
}

describe.each(wires)('messages from $wire', ({ decode, maxBytes, messages }) => {
  test.each(messages)('%s is read back as it was sent', (_, message) => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decode(encodeCanonical(sent))).toEqual({ ok: true, value: sent });
      }),
      { numRuns: 60 },
    );
  });

  test.each(messages)(
    '%s with an unknown key, or without one of its own, is refused',
    (_, message) => {
      fc.assert(
        fc.property(message, fc.nat(), (sent, choice) => {
          expect(errorOf(decode(encodeCanonical({ ...sent, zzz: 1 })))).toMatch(/^bad message: /);
          const keys = Object.keys(sent);
          const missing = at(keys, choice % keys.length);
          const rest = Object.fromEntries(Object.entries(sent).filter(([key]) => key !== missing));
          expect(errorOf(decode(encodeCanonical(rest)))).toMatch(/^bad message: /);
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
        expect(errorOf(decode(encodeCanonical(changed)))).toMatch(/^bad message: /);
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
    expect(errorOf(decode(new Uint8Array(maxBytes)))).toMatch(/^malformed frame: /);
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
    const frame = fc.oneof(...messages.map(([, message]) => message)).map(encodeCanonical);
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
        if (decoded.ok) expect(equalBytes(encodeCanonical(decoded.value), damaged)).toBe(true);
        else expect(decoded.error).toMatch(/^(malformed frame|bad message): /);
      }),
      { numRuns: 1000 },
    );
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
    maxFrame: 1024,
    requestQueue: 1,
  };
  const progress = { type: 'progress', round: 1, attempt: 1 };
  const held = { header: id, bits: new Uint8Array(1) };
  const trained = { type: 'trained', round: 1, attempt: 1, magnitudes: [1] };
  const trainedMetrics = { samples: 1, loss: 1, accuracy: 1 };
  const ice = { urls: 'stun:a' };
  const both: [string, (frame: Uint8Array) => Result<unknown>, object, object][] = [
    ['batch', peerDecode, { ...request, batch: 0xffff }, { ...request, batch: 0x10000 }],
    ['chunk', peerDecode, { ...request, index: 4095 }, { ...request, index: 4096 }],
    ['offset', peerDecode, request, { ...request, offset: -1 }],
    ['length', peerDecode, request, { ...request, length: 0 }],
    ['whole length', peerDecode, request, { ...request, length: 1.5 }],
    ['frame', peerDecode, handshake, { ...handshake, maxFrame: 1023 }],
    ['queue', peerDecode, handshake, { ...handshake, requestQueue: 0 }],
    ['id', peerDecode, handshake, { ...handshake, peer: 'A'.repeat(64) }],
    ['task', peerDecode, handshake, { ...handshake, task: id }],
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
      { type: 'bitfield', batch: 0, bits: new Uint8Array(512) },
      { type: 'bitfield', batch: 0, bits: new Uint8Array(513) },
    ],
    [
      'reason',
      peerDecode,
      { type: 'bye', reason: 'r'.repeat(500) },
      { type: 'bye', reason: 'r'.repeat(501) },
    ],
    [
      'batches',
      clientDecode,
      { ...progress, held: new Array<object>(24).fill(held) },
      { ...progress, held: new Array<object>(25).fill(held) },
    ],
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
    ['samples', clientDecode, { type: 'ready', samples: 1e9 }, { type: 'ready', samples: 1e9 + 1 }],
    [
      'attempt',
      serverDecode,
      { type: 'upload', round: 1, attempt: 1, revision: 1 },
      { type: 'upload', round: 1, attempt: 0, revision: 1 },
    ],
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
      expect(errorOf(decode(encodeCanonical(last)))).toBe('accepted');
      expect(errorOf(decode(encodeCanonical(beyond)))).toMatch(/^bad message: /);
    },
  );

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
