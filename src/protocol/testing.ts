import fc from 'fast-check';
import { bytesToHex, type HeaderId, type PeerId, type TaskId } from '../lib/index.ts';
import type { SignedHeader, StateUpdate, Witness } from '../vds/index.ts';
import { limits } from './limits.ts';
import type { PeerMessage } from './peer-messages.ts';
import type { Answer, Question } from './questions.ts';
import type { ClientMessage, RoundRecord, ServerMessage } from './server-messages.ts';
import type { TaskDescription } from './task.ts';

/** One arbitrary for every type of a union of messages: the compiler asks for all of them. */
type Every<M extends { type: string }> = {
  readonly [T in M['type']]: fc.Arbitrary<Extract<M, { type: T }>>;
};

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex = (bytes: number) => exactly(bytes).map(bytesToHex);
export const whole = (min: number, max: number) => fc.integer({ min, max });
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
const bits = fc.uint8Array({ maxLength: limits.columns / 8 });
const reason = fc.string({ maxLength: 500 });
const round = whole(0, 0xffffffff);
const attempt = whole(1, 0xffffffff);
const revision = whole(1, 2);
const samples = whole(0, limits.rows);
const perTensor = fc.array(real(0, limits.magnitude), { minLength: 1, maxLength: 8 });
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
const loss = real(0, limits.loss);
const accuracy = real(-limits.loss, 1);
const metrics = fc.record({ samples, loss, accuracy });
const meanMetrics = fc.record({ samples: whole(0, limits.rows * limits.members), loss, accuracy });
const record: fc.Arbitrary<RoundRecord> = fc.record({
  round,
  attempt,
  revision,
  authors: peers,
  revokedUpdates: whole(0, 20),
  ms: fc.maxSafeNat(),
  digest: exactly(32),
  metrics: fc.option(meanMetrics),
});

const state: fc.Arbitrary<StateUpdate> = fc.record({
  core: signed,
  freshness: signed,
  revoked: fc.array(headerId, { maxLength: 4 }),
  keys: fc.array(exactly(48), { maxLength: 4 }),
});
const epoch = whole(0, 0xffffffff);
const questionId = whole(0, 0xffffffff);
const ascending = (min: number, max: number, maxLength: number) =>
  fc
    .uniqueArray(whole(min, max), { minLength: 1, maxLength })
    .map((numbers) => numbers.sort((a, b) => a - b));
const columns = ascending(0, limits.columns - 1, 8);
const weights = fc.oneof(
  fc.record({ kind: is('seed'), seed: exactly(32) }),
  fc.record({
    kind: is('sparse'),
    entries: ascending(1, 4096, 6).chain((indices) =>
      fc.tuple(
        ...indices.map((index) => fc.record({ index: fc.constant(index), weight: exactly(32) })),
      ),
    ),
  }),
);
const question: fc.Arbitrary<Question> = fc.oneof(
  fc.record({ kind: is('query'), request: fc.record({ columns, weights }) }),
  fc.record({ kind: is('audit'), request: fc.record({ nonce: exactly(32), epoch, columns }) }),
);
const witness: fc.Arbitrary<Witness> = fc.record({
  epoch,
  witness: exactly(48),
  remainder: exactly(32),
});
const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({
    kind: is('query'),
    values: fc.array(exactly(32), { minLength: 1, maxLength: 8 }),
    proof: exactly(48),
    witness,
  }),
  fc.record({
    kind: is('audit'),
    mask: exactly(48),
    value: exactly(32),
    proof: exactly(48),
    witness,
  }),
  fc.record({ kind: is('refused'), reason }),
);

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
  version: fc.constant(3 as const),
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
    topology: fc.oneof(
      fc.record({ kind: is('mesh') }),
      fc.record({ kind: is('ring') }),
      fc.record({ kind: is('star') }),
      fc.record({ kind: is('random-regular'), degree: whole(1, 10).map((half) => 2 * half) }),
    ),
    uploadSlots: whole(1, limits.links),
    scalars: fc.constantFrom(256 as const, 512 as const, 1024 as const, 2048 as const, 4096 as const), // prettier-ignore
  }),
  crs: exactly(32),
});

const indices = fc.array(index, { minLength: 1, maxLength: 64 });

/** Any message from tab to tab, by type. */
export const peerMessages: Every<PeerMessage> = {
  handshake: fc.record({
    type: is('handshake'),
    version: whole(0, 0xffff),
    task,
    peer,
    membership: signed,
    client,
    maxFrame: whole(limits.leastFrameBytes, 16_777_216),
    requestQueue: whole(1, 100_000),
    features: fc.array(fc.stringMatching(/^[a-z0-9-]{1,32}$/), { maxLength: limits.features }),
    signature: exactly(64),
  }),
  header: fc.record({ type: is('header'), batch, header: headerId, columns: whole(1, limits.columns) }), // prettier-ignore
  bitfield: fc.record({ type: is('bitfield'), batch, bits }),
  'have-all': fc.record({ type: is('have-all'), batch }),
  'have-none': fc.record({ type: is('have-none'), batch }),
  have: fc.record({ type: is('have'), batch, indices }),
  'dont-have': fc.record({ type: is('dont-have'), batch, indices: fc.option(indices) }),
  interested: fc.record({ type: is('interested') }),
  'not-interested': fc.record({ type: is('not-interested') }),
  choke: fc.record({ type: is('choke') }),
  unchoke: fc.record({ type: is('unchoke') }),
  request: fc.record({ type: is('request'), batch, index, offset, length }),
  piece: fc.record({ type: is('piece'), batch, index, offset, bytes: bits }),
  reject: fc.record({ type: is('reject'), batch, index, offset, length }),
  cancel: fc.record({ type: is('cancel'), batch, index, offset, length }),
  'keep-alive': fc.record({ type: is('keep-alive') }),
  ask: fc.record({ type: is('ask'), id: questionId, batch, question }),
  answer: fc.record({ type: is('answer'), id: questionId, answer }),
  bye: fc.record({ type: is('bye'), reason }),
  sending: fc.record({ type: is('sending'), batch, index }),
  soon: fc.record({ type: is('soon'), batch, indices }),
};

/** Any message from a tab to the coordinator, by type. */
export const clientMessages: Every<ClientMessage> = {
  hello: fc.record({
    type: is('hello'),
    version: whole(0, 0xffff),
    task: fc.option(task),
    peer,
    signature: exactly(64),
    client,
    core: fc.option(signed),
  }),
  'shown-state': fc.record({ type: is('shown-state'), update: state }),
  ready: fc.record({ type: is('ready'), samples }),
  rest: fc.record({ type: is('rest') }),
  signal: fc.record({ type: is('signal'), to: peer, session, data }),
  trained: fc.record({ type: is('trained'), round, attempt, metrics, magnitudes: perTensor }),
  header: fc.record({ type: is('header'), round, attempt, signed: header }),
  vouch: fc.record({ type: is('vouch'), round, attempt, signed }),
  complaint: fc.record({ type: is('complaint'), round, attempt, signed, reason }),
  relayed: fc.record({
    type: is('relayed'),
    round,
    attempt,
    header: headerId,
    index,
    payload: fc.option(bits),
  }),
  done: fc.record({ type: is('done'), round, attempt, revision, digest: exactly(32) }),
  'no-sum': fc.record({ type: is('no-sum'), round, attempt, revision }),
  'sum-header': fc.record({ type: is('sum-header'), round, attempt, revision, signed: header }),
  sum: fc.record({ type: is('sum'), round, attempt, revision, index, payload: bits }),
  metrics: fc.record({ type: is('metrics'), round, metrics }),
  answer: fc.record({ type: is('answer'), id: questionId, answer }),
  bye: fc.record({ type: is('bye') }),
};

/** Any message from the coordinator to a tab, by type. */
export const serverMessages: Every<ServerMessage> = {
  challenge: fc.record({ type: is('challenge'), version: whole(0, 0xffff), nonce: exactly(32) }),
  'show-state': fc.record({ type: is('show-state') }),
  welcome: fc.record({
    type: is('welcome'),
    now: fc.maxSafeNat(),
    boot: exactly(16),
    description,
    membership: signed,
    model: header,
    state,
    history: fc.array(record, { maxLength: 4 }),
    lastRound: fc.option(round),
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
  open: fc.record({ type: is('open'), open: signed, model: header, remainingMs }),
  quantise: fc.record({
    type: is('quantise'),
    round,
    attempt,
    scales: perTensor,
    weight: whole(1, 256),
    remainingMs,
  }),
  manifest: fc.record({
    type: is('manifest'),
    manifest: signed,
    headers: fc.array(header, { maxLength: 20 }),
  }),
  frozen: fc.record({ type: is('frozen'), freeze: signed }),
  relay: fc.record({ type: is('relay'), round, attempt, header: headerId, index }),
  chunk: fc.record({ type: is('chunk'), round, attempt, header: headerId, index, payload: bits }),
  upload: fc.record({ type: is('upload'), round, attempt, revision }),
  closed: fc.record({ type: is('closed'), record, model: header, sum: header }),
  state: fc.record({ type: is('state'), update: state }),
  replaced: fc.record({ type: is('replaced'), model: header }),
  ask: fc.record({ type: is('ask'), id: questionId, header: headerId, question }),
  caught: fc.record({
    type: is('caught'),
    peer,
    what: fc.constantFrom('header', 'chunk', 'vouch', 'sum', 'digest'),
    reason,
  }),
  failed: fc.record({ type: is('failed'), round, attempt, reason }),
  metrics: fc.record({ type: is('metrics'), round, metrics: meanMetrics }),
  marked: fc.record({ type: is('marked'), round, revokedUpdates: whole(0, 20) }),
  'last-round': fc.record({ type: is('last-round'), lastRound: fc.option(round) }),
  finished: fc.record({ type: is('finished') }),
  refused: fc.record({ type: is('refused'), reason, again: fc.boolean() }),
};
