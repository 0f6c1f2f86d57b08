import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeScalar, groupOrder, identityOf, type Identity } from '../src/crypto/index.ts';
import { assert, at, Bitfield, bytesToHex, float32ToBytes, randomBytes, seededRandom, type PeerId } from '../src/lib/index.ts'; // prettier-ignore
import { judgeAnswer, ownerApi, peerCodec, signMembership, type Answer, type Parties, type Question, type Verdict } from '../src/protocol/index.ts'; // prettier-ignore
import { Holder } from '../src/rounds/index.ts';
import {
  memberCredentials,
  SwarmEngine,
  type SwarmEffect,
  type SwarmEvent,
} from '../src/swarm/index.ts';
import { cutPayloads, headerId, MemoryChunkStore, StorageServer, type Crs, type VerifiedHeader, type Witness } from '../src/vds/index.ts'; // prettier-ignore
import { answerAudit, auditFactor, auditPoint, foldedAudit, makeDataOwner, makeTask, numberOf, ofOrder3Compressed, queryFactor, shiftPair } from '../src/vds/testing.ts'; // prettier-ignore
import { readConfig } from './config.ts';
import { digitsTask } from './default-task.ts';
import { ScriptedRound } from './scripted-round.ts';
import { ScriptedTab } from './scripted-tab.ts';
import { startCoordinator, type Coordinator } from './server.ts';

/**
 * The same questions and the same lies through the library, a data channel, the coordinator's
 * WebSocket and the HTTP API: whatever the way, each forged answer of VDS.md is refused, and why.
 */
type QueryQuestion = Extract<Question, { kind: 'query' }>;
type AuditQuestion = Extract<Question, { kind: 'audit' }>;
type AnswerOf<K> = Extract<Answer, { kind: K }>;

const random = seededRandom(404);
const folder = mkdtempSync(join(tmpdir(), 'murmuration-contract-'));
const config = {
  ...readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent' }),
  dataFolder: join(folder, 'data'),
};
const settings = { ...digitsTask(config), model: { kind: 'mlp' as const, hidden: [] } };

let coordinator: Coordinator;
let owner: Identity;
let scripted: ScriptedRound;
let crs: Crs;
let tab: ScriptedTab;
let header: VerifiedHeader;
let payloads: readonly Uint8Array[];
/** Of another batch with as many columns. */
let other: VerifiedHeader;
/** The holder that is asked, as a tab is one. */
let holder: Holder;
/** By the state before the newest. */
let staleWitness: Witness;

const now = () => Math.floor(Date.now() / 1000);

beforeAll(async () => {
  mkdirSync(join(folder, 'app'));
  writeFileSync(join(folder, 'app', 'index.html'), '');
  coordinator = await startCoordinator(config, { folder: join(folder, 'app'), task: settings });
  scripted = await ScriptedRound.with(coordinator);
  ({ tab } = await ScriptedTab.join(coordinator.url));
  const { room } = coordinator;
  ({ crs } = scripted.verifier);
  header = scripted.verified(room.desk.model.header);
  payloads = cutPayloads(float32ToBytes(room.parameters), 256, 'bytes', null);

  const bytes = randomBytes(random, header.byteLength);
  const [made, unwanted] = [await room.desk.createFile(bytes), await room.desk.createFile(bytes)];
  assert(made.ok && unwanted.ok, 'two files');
  other = scripted.verified(made.value);

  const server = new StorageServer(scripted.verifier, new MemoryChunkStore(), random);
  const takeState = async () => assert(server.takeState(await room.desk.state(), now()).ok, 'a state'); // prettier-ignore
  await takeState();
  const before = server.witness(header.id);
  assert(before.ok, 'a witness');
  staleWitness = before.value;
  await room.revoke(headerId(unwanted.value.header));
  await takeState();
  holder = new Holder(server);
  holder.add(header, null);
  for (const [index, payload] of payloads.entries()) await server.put(header, index, payload.slice()); // prettier-ignore
  owner = identityOf(
    Buffer.from(readFileSync(join(config.dataFolder, 'owner.key'), 'utf8'), 'hex'),
  );
}, 60_000);
afterAll(async () => {
  await coordinator.close();
  rmSync(folder, { recursive: true });
});

/** What the holder says in place of the truth. */
type Lie<Q extends Question, A extends Answer> = (about: {
  readonly question: Q;
  readonly parties: Parties;
  readonly honest: A;
}) => Answer | Promise<Answer>;

const truth = async (question: Question, parties: Parties) =>
  holder.answer(header.id, question, parties);

const withOrder = (bytes: Uint8Array) => {
  const hex = (numberOf(bytes) + groupOrder).toString(16).padStart(64, '0');
  return new Uint8Array(Buffer.from(hex, 'hex'));
};
const flip = (bytes: Uint8Array, place: number) => bytes.map((byte, k) => (k === place ? byte ^ 1 : byte)); // prettier-ignore
const swap = <T>([first, second]: readonly T[]) => [second, first] as T[];
const zero = new Uint8Array(32);
/** A proof of another batch: any point of the group. */
const anyPoint = () => new Uint8Array(crs.g1(7).toBytes(true));

const queryLies: Record<string, [Lie<QueryQuestion, AnswerOf<'query'>>, RegExp]> = {
  'swapped columns': [({ honest }) => ({ ...honest, values: swap(honest.values) }), /^query: the proof does not hold/], // prettier-ignore
  'x₁+ε, x₂−ε/ρ, with the ρ that would not hash them': [
    ({ honest, question: { request } }) => ({ ...honest, values: shiftPair(honest.values, queryFactor(header, request, [])) }), // prettier-ignore
    /^query: the proof does not hold/,
  ],
  'x₁+ε, x₂−ε/ρ, with the ρ of the true ones': [
    ({ honest, question: { request } }) => ({ ...honest, values: shiftPair(honest.values, queryFactor(header, request, honest.values)) }), // prettier-ignore
    /^query: the proof does not hold/,
  ],
  'a value that is not below r': [({ honest }) => ({ ...honest, values: [withOrder(at(honest.values, 0)), at(honest.values, 1)] }), /^query: value: .*not below/], // prettier-ignore
  'one value for two columns': [({ honest }) => ({ ...honest, values: honest.values.slice(1) }), /^query: not one value a column/], // prettier-ignore
  'a proof of small order': [({ honest }) => ({ ...honest, proof: ofOrder3Compressed }), /^query: proof: .*subgroup/], // prettier-ignore
  'another proof': [({ honest }) => ({ ...honest, proof: anyPoint() }), /^query: the proof does not hold/], // prettier-ignore
  'the answer to other columns': [
    ({ question, parties }) => truth({ ...question, request: { ...question.request, columns: [0, 2] } }, parties), // prettier-ignore
    /^query: the proof does not hold/,
  ],
};

const auditLies: Record<string, [Lie<AuditQuestion, AnswerOf<'audit'>>, RegExp]> = {
  'another nonce': [
    ({ question, parties }) => truth({ ...question, request: { ...question.request, nonce: randomBytes(random, 32) } }, parties), // prettier-ignore
    /^audit: the proof does not hold/,
  ],
  'another epoch': [
    ({ honest, question: { request }, parties }) => ({ ...honest, ...dishonestly(header, { ...request, epoch: request.epoch - 1 }, parties) }), // prettier-ignore
    /^audit: the proof does not hold/,
  ],
  'another holder’s answer': [
    ({ question, parties }) => truth(question, { ...parties, holder: identityOf(zero).id }),
    /^audit: the proof does not hold/,
  ],
  'the answer to another auditor': [
    ({ question, parties }) => truth(question, { ...parties, auditor: identityOf(zero).id }),
    /^audit: the proof does not hold/,
  ],
  'the answer about another batch': [
    ({ honest, question: { request }, parties }) => ({ ...honest, ...dishonestly(other, request, parties) }), // prettier-ignore
    /^audit: the proof does not hold/,
  ],
  'a folded column, of another audit': [
    ({ honest, question: { request }, parties }) => {
      const earlier = { ...request, nonce: zero };
      const about = { ...parties, task: header.task };
      const rho = auditFactor(auditPoint(header, earlier, about));
      return { ...honest, ...foldedAudit(crs, header, request, about, asked(request.columns), rho) }; // prettier-ignore
    },
    /^audit: the proof does not hold/,
  ],
  'swapped columns': [
    ({ honest, question: { request }, parties }) => ({ ...honest, ...dishonestly(header, request, parties, swap(asked(request.columns))) }), // prettier-ignore
    /^audit: the proof does not hold/,
  ],
  'a lost bit': [
    ({ honest, question: { request }, parties }) => ({ ...honest, ...dishonestly(header, request, parties, asked(request.columns).map((payload, k) => (k === 0 ? flip(payload, 200) : payload))) }), // prettier-ignore
    /^audit: the proof does not hold/,
  ],
  'a value that is not below r': [({ honest }) => ({ ...honest, value: withOrder(honest.value) }), /^audit: value: .*not below/], // prettier-ignore
  'a mask of small order': [({ honest }) => ({ ...honest, mask: ofOrder3Compressed }), /^audit: mask: .*subgroup/], // prettier-ignore
  'a proof of small order': [({ honest }) => ({ ...honest, proof: ofOrder3Compressed }), /^audit: proof: .*subgroup/], // prettier-ignore
};

/** Lies about revocation, and about what was asked: of either kind. */
const commonLies: Record<string, [Lie<Question, AnswerOf<'query' | 'audit'>>, RegExp]> = {
  'u = 0': [({ honest }) => ({ ...honest, witness: { ...honest.witness, remainder: zero } }), /^non-membership: the witness does not hold/], // prettier-ignore
  'a u that is not below r': [({ honest }) => ({ ...honest, witness: { ...honest.witness, remainder: withOrder(honest.witness.remainder) } }), /^non-membership: remainder: .*not below/], // prettier-ignore
  'a witness of small order': [({ honest }) => ({ ...honest, witness: { ...honest.witness, witness: ofOrder3Compressed } }), /^non-membership: witness: .*subgroup/], // prettier-ignore
  'a stale f': [({ honest }) => ({ ...honest, witness: staleWitness }), /^non-membership: a witness of epoch 0, not 1/], // prettier-ignore
  'a stale f that calls itself new': [({ honest }) => ({ ...honest, witness: { ...staleWitness, epoch: 1 } }), /^non-membership: the witness does not hold/], // prettier-ignore
  'another task’s state': [({ honest }) => ({ ...honest, witness: foreignWitness() }), /^non-membership: the witness does not hold/], // prettier-ignore
  'an answer of the other kind': [
    ({ question, parties }) => truth(question.kind === 'audit' ? query : { kind: 'audit', request: { nonce: zero, epoch: 1, columns: [0] } }, parties), // prettier-ignore
    /^an answer to another question/,
  ],
  'a refusal': [() => ({ kind: 'refused', reason: 'not today' }), /^refused: not today/],
};

const asked = (columns: readonly number[]) => columns.map((column) => at(payloads, column));

/** What a holder computes that leaves out what an honest one checks. */
function dishonestly(
  about: VerifiedHeader,
  request: AuditQuestion['request'],
  parties: Parties,
  of = asked(request.columns),
) {
  return answerAudit(crs, about, request, { ...parties, task: about.task }, of, random);
}

function foreignWitness(): Witness {
  const foreign = makeDataOwner({ task: makeTask(), revoked: [other.id] }).witness(header.id);
  assert(foreign.ok, 'a witness');
  return foreign.value;
}

const query: QueryQuestion = {
  kind: 'query',
  request: { columns: [0, 1], weights: { kind: 'seed', seed: new Uint8Array(32).fill(3) } },
};
const audit = (): AuditQuestion => ({
  kind: 'audit',
  request: { columns: [0, 1], epoch: 1, nonce: randomBytes(random, 32) },
});

/** Asks the holder, which answers as `reply` does; what the asker makes of it. */
type Way = (
  question: Question,
  reply: (question: Question, parties: Parties) => Promise<Answer>,
) => Promise<Verdict>;

const library: Way = async (question, reply) => {
  const parties = { auditor: identityOf(new Uint8Array(32).fill(1)).id, holder: tab.identity.id };
  return judgeAnswer(scripted.verifier, header, question, parties, await reply(question, parties));
};

/** Two tabs’ engines, and between them frames as they go over a channel. */
const dataChannel: Way = async (question, reply) => {
  const { room } = coordinator;
  const [asker, answerer] = [7, 8].map((byte) => identityOf(new Uint8Array(32).fill(byte)));
  assert(asker !== undefined && answerer !== undefined, 'two');
  const parties = { auditor: asker.id, holder: answerer.id };
  const [task, ownerKey] = [room.id, owner.id];
  const engineOf = (identity: Identity) => {
    const membership = signMembership({ task, peer: identity.id, issuedAt: 0 }, owner);
    const credentials = memberCredentials({ task, ownerKey, identity, membership });
    return new SwarmEngine({ task, credentials, client: 'contract', random, uploadSlots: 4 });
  };
  const engines = { [asker.id]: engineOf(asker), [answerer.id]: engineOf(answerer) };
  const [own, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const onTheWay: (() => void)[] = [];
  return new Promise((resolve, reject) => {
    const handle = (at: PeerId, event: SwarmEvent) => {
      for (const effect of engines[at]?.handle([event], 0) ?? [])
        carryOut(at, effect).catch(reject);
    };
    const carryOut = async (at: PeerId, effect: SwarmEffect) => {
      if (effect.type === 'send') {
        const decoded = peerCodec.decode(peerCodec.encode(effect.message));
        assert(decoded.ok, 'what an engine sends can be read');
        for (const message of decoded.value) {
          onTheWay.push(() => handle(effect.peer, { type: 'message', peer: at, message }));
        }
      } else if (effect.type === 'answer') {
        const answer = await reply(effect.question, parties);
        handle(at, { type: 'answered', peer: effect.peer, id: effect.id, answer });
        deliver();
      } else if (effect.type === 'asked') {
        resolve(judgeAnswer(scripted.verifier, header, question, parties, effect.answer));
      } else if (effect.type === 'close') {
        reject(new Error(effect.reason));
      }
    };
    const deliver = () => {
      for (let next = onTheWay.shift(); next; next = onTheWay.shift()) next();
    };
    const held = Bitfield.full(header.columns.length);
    handle(answerer.id, { type: 'batch', header, held, readers: null });
    handle(asker.id, { type: 'connected', peer: answerer.id, ends: { own, other } });
    handle(answerer.id, { type: 'connected', peer: asker.id, ends: { own: other, other: own } });
    deliver();
    handle(asker.id, { type: 'ask', id: 5, peer: answerer.id, header: header.id, question });
    deliver();
  });
};

/** The tab that is asked by the coordinator next answers so. */
async function answerNext(reply: Parameters<Way>[1]): Promise<void> {
  const { id, question } = await tab.next('ask');
  const parties = { auditor: owner.id, holder: tab.identity.id };
  tab.send({ type: 'answer', id, answer: await reply(question, parties) });
}

const webSocket: Way = async (question, reply) => {
  const { room } = coordinator;
  const asking = room.ask(tab.identity.id, header.id, question);
  await answerNext(reply);
  const answer = await asking;
  return answer.ok ? room.desk.judge(header.id, tab.identity.id, question, answer.value) : answer;
};

/** As the API takes them. */
function weightsOf({ request: { weights } }: QueryQuestion) {
  if (weights.kind === 'seed') return bytesToHex(weights.seed);
  return weights.entries.map(({ index, weight }) => ({ index, weight: String(numberOf(weight)) }));
}

const http: Way = async (question, reply) => {
  const { url, room, newToken } = coordinator;
  const about = { holder: tab.identity.id, columns: question.request.columns };
  const [path, body] =
    question.kind === 'audit'
      ? ['audits', about]
      : ['queries', { ...about, weights: weightsOf(question) }];
  const asking = fetch(`${url}api/tasks/${room.id}/batches/${header.id}/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${newToken ?? ''}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  await answerNext(reply);
  const verdict = v.parse(ownerApi.verdict, await (await asking).json());
  if (!verdict.holds) return { ok: false, error: verdict.reason ?? '' };
  return { ok: true, value: { values: verdict.values, lanes: { ok: false, error: '' } } };
};

describe.each([
  ['the library', library],
  ['a data channel', dataChannel],
  ['the WebSocket', webSocket],
  ['HTTP', http],
])('through %s', (_, way) => {
  const ask = async (question: Question, lie: Lie<never, never> | null) => {
    const verdict = await way(question, async (received, parties) => {
      const honest = await truth(received, parties);
      assert(honest.kind !== 'refused', 'an honest holder answers');
      return lie === null ? honest : lie({ question: received, parties, honest } as never);
    });
    return verdict.ok ? 'holds' : verdict.error;
  };

  test('what an honest holder proves holds', async () => {
    expect(await ask(query, null)).toBe('holds');
    expect(await ask(audit(), null)).toBe('holds');
  });

  test('n is the CRS’s, whatever is asked: a weight beyond it is refused by both sides', async () => {
    const entries = [{ index: 257, weight: encodeScalar(1n) }];
    const beyond: Question = { kind: 'query', request: { columns: [0], weights: { kind: 'sparse', entries } } }; // prettier-ignore
    const reason = 'query: weight 257 of a column of 256 scalars';
    const told = async (reply: Parameters<Way>[1]) => {
      const verdict = await way(beyond, reply);
      return verdict.ok ? 'holds' : verdict.error;
    };
    expect(await told(truth)).toBe(`refused: ${reason}`);
    expect(await told((_, parties) => truth({ ...query, request: { ...query.request, columns: [0] } }, parties))).toBe(reason); // prettier-ignore
  });

  test.each(Object.entries({ ...queryLies, ...commonLies }))(
    'a query: %s',
    async (_name, [lie, reason]) => {
      expect(await ask(query, lie as Lie<never, never>)).toMatch(reason);
    },
  );

  test.each(Object.entries({ ...auditLies, ...commonLies }))(
    'an audit: %s',
    async (_name, [lie, reason]) => {
      expect(await ask(audit(), lie as Lie<never, never>)).toMatch(reason);
    },
  );
});
