import { expect, test } from 'vitest';
import { identityOf, sha256 } from '../crypto/index.ts';
import { assert, Bitfield, err, ok, seededRandom, utf8ToBytes, type HeaderId, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { limits, signMembership, type ServerMessage, type TaskDescription } from '../protocol/index.ts'; // prettier-ignore
import type { VerifiedMessage } from '../rounds/index.ts';
import { memberCredentials } from '../swarm/index.ts';
import { testHeader, testPeer } from '../swarm/testing.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import type { TabEffect, TabEvent } from './events.ts';
import { Tab } from './tab.ts';

const owner = identityOf(sha256(utf8ToBytes('owner')));
const identity = identityOf(sha256(utf8ToBytes('tab')));
const task = 'ab'.repeat(16) as TaskId;

class Harness {
  readonly tab: Tab;
  now = 1_000;

  constructor() {
    const membership = signMembership({ task, peer: identity.id, issuedAt: 0 }, owner);
    const exchange = { mode: 'gossip', topology: { kind: 'mesh' }, uploadSlots: 4, scalars: 256 };
    this.tab = new Tab({
      ...{ identity, task, client: 'test', random: seededRandom(1), now: this.now },
      description: { ownerKey: owner.id, exchange } as TaskDescription,
      credentials: memberCredentials({ task, ownerKey: owner.id, identity, membership }),
    });
  }

  handle(event: TabEvent): TabEffect[] {
    return this.tab.handle([event], ++this.now);
  }

  hear(message: Partial<ServerMessage>): TabEffect[] {
    return this.handle({ type: 'heard', message: message as ServerMessage });
  }

  /** A message of the coordinator's, verified. */
  follow(message: object): TabEffect[] {
    const { type } = message as { type: 'welcome' };
    const effects = this.hear({ type });
    expect(effects).toMatchObject([{ type: 'verify', message: { type } }]);
    return this.handle({ type: 'verified', what: type, result: ok(message as VerifiedMessage) });
  }

  welcome(model: VerifiedHeader): TabEffect[] {
    return this.follow({ type: 'welcome', model, revoked: [], boot: new Uint8Array(16) });
  }
}

const model = (round: number, name = round): VerifiedHeader => ({
  ...testHeader(name, 4, 'model'),
  round,
});
const typesOf = (effects: readonly TabEffect[]) => effects.map(({ type }) => type);
const none = (header: VerifiedHeader) => new Bitfield(header.columns.length);

test('nothing is verified before the CRS is there, then one message at a time, in order', () => {
  const tab = new Harness();
  expect(tab.hear({ type: 'welcome' })).toEqual([]);
  expect(tab.hear({ type: 'finished' })).toEqual([]);
  expect(tab.hear({ type: 'open' })).toEqual([]);
  expect(tab.handle({ type: 'crs-ready' })).toMatchObject([
    { type: 'verify', message: { type: 'welcome' } },
  ]);
  // What needs no verification waits its turn, too.
  const refused = tab.handle({ type: 'verified', what: 'welcome', result: err('forged') });
  expect(refused).toMatchObject([
    { type: 'not-followed', what: 'welcome', reason: 'forged' },
    { type: 'followed', message: { type: 'finished' } },
    { type: 'verify', message: { type: 'open' } },
  ]);
});

test('a verifier that breaks costs the message that it had', () => {
  const tab = new Harness();
  tab.handle({ type: 'crs-ready' });
  const [effect] = tab.hear({ type: 'open' });
  assert(effect !== undefined, 'it is verified');
  tab.hear({ type: 'closed' });
  expect(tab.handle({ type: 'failed', effect, reason: 'out of memory' })).toMatchObject([
    { type: 'log', level: 'error', text: 'verify: out of memory' },
    { type: 'verify', message: { type: 'closed' } },
  ]);
});

test('a coordinator that says more than can be verified is left for a new connection', () => {
  const tab = new Harness();
  for (let k = 0; k < limits.unverifiedMessages; k++) {
    expect(tab.hear({ type: 'open' })).toEqual([]);
  }
  expect(typesOf(tab.hear({ type: 'open' }))).toEqual(['log', 'reconnect']);
  expect(tab.hear({ type: 'welcome' })).toEqual([]);
  expect(tab.handle({ type: 'crs-ready' })).toMatchObject([{ message: { type: 'welcome' } }]);
});

test('the store is told one thing at a time, in order', () => {
  const tab = new Harness();
  tab.handle({ type: 'crs-ready' });
  const [first, second] = [model(1), model(4)];
  const welcomed = tab.welcome(first);
  expect(typesOf(welcomed)).toEqual(['followed', 'tell', 'add']);
  // The next model: what is too old is dropped, once the store has answered.
  expect(typesOf(tab.follow({ type: 'replaced', model: second }))).toEqual(['followed']);
  const held = tab.handle({ type: 'held', header: first, readers: null, bits: none(first) });
  expect(held.filter(({ type }) => type === 'add' || type === 'keep')).toMatchObject([
    { type: 'add', header: { id: second.id } },
  ]);
  // It had been dropped before the store answered: it is neither fetched nor served.
  expect(tab.tab.snapshot().swarm.batches).toEqual([]);
  const next = tab.handle({ type: 'held', header: second, readers: null, bits: none(second) });
  expect(next).toContainEqual({ type: 'keep', headers: [second.id] });
  expect(tab.tab.snapshot().swarm.batches.map(({ header }) => header.id)).toEqual([second.id]);
  expect(tab.handle({ type: 'dropped' }).filter(({ type }) => type !== 'log')).toEqual([]);
});

test('what is dropped is not served from that moment on, whatever the store is at', () => {
  const tab = new Harness();
  tab.handle({ type: 'crs-ready' });
  const [kept, revoked] = [model(1), model(1, 9)];
  tab.welcome(kept);
  tab.handle({ type: 'held', header: kept, readers: null, bits: Bitfield.full(4) });
  tab.follow({ type: 'replaced', model: revoked });
  tab.handle({ type: 'held', header: revoked, readers: null, bits: Bitfield.full(4) });
  const ids = () => tab.tab.snapshot().swarm.batches.map(({ header }) => header.id);
  expect(ids()).toEqual([kept.id, revoked.id]);
  const dropped = tab.follow({ type: 'state', revoked: [revoked.id] });
  expect(dropped).not.toContainEqual({ type: 'drop', headers: [revoked.id] }); // the store drops others first
  expect(ids()).toEqual([kept.id]);
  expect(tab.handle({ type: 'dropped' })).toContainEqual({ type: 'drop', headers: [revoked.id] });
});

test('a batch that is dropped and wanted again is held as the store says after that', () => {
  const tab = new Harness();
  const header = testHeader(7, 4);
  const fetch: TabEvent = { type: 'fetch', header, readers: null };
  expect(typesOf(tab.handle(fetch))).toEqual(['add']);
  tab.handle(fetch);
  const early = tab.handle({ type: 'held', header, readers: null, bits: Bitfield.full(4) });
  expect(typesOf(early)).toEqual(['add']);
  expect(tab.tab.snapshot().swarm.batches).toEqual([]);
  tab.handle({ type: 'held', header, readers: null, bits: none(header) });
  expect(tab.tab.snapshot().swarm.batches.map(({ held }) => held.count)).toEqual([0]);
});

test('an effect that cannot be carried out costs what depends on it', () => {
  const tab = new Harness();
  const header = testHeader(3, 2);
  const [add] = tab.handle({ type: 'fetch', header, readers: null });
  assert(add !== undefined, 'the store is asked');
  const other = testHeader(4, 2);
  expect(tab.handle({ type: 'fetch', header: other, readers: null })).toEqual([]);
  expect(tab.handle({ type: 'failed', effect: add, reason: 'gone' })).toMatchObject([
    { type: 'log', text: 'add: gone' },
    { type: 'add', header: { id: other.id } },
  ]);
  const relay = { round: 1, attempt: 1, header: header.id, index: 0 };
  expect(
    tab.handle({ type: 'failed', effect: { type: 'relay', ...relay }, reason: 'gone' }),
  ).toContainEqual(
    // prettier-ignore
    { type: 'tell', message: { type: 'relayed', ...relay, payload: null } },
  );
});

test('a chunk that cannot be stored is nobody’s fault', () => {
  const tab = new Harness();
  const header = testHeader(3, 2);
  tab.handle({ type: 'fetch', header, readers: null });
  tab.handle({ type: 'held', header, readers: null, bits: none(header) });
  const payload = new Uint8Array(3);
  const effect: TabEffect = { type: 'store', header, index: 0, payload, from: testPeer(1) };
  const effects = tab.handle({ type: 'failed', effect, reason: 'no room' });
  expect(typesOf(effects)).not.toContain('bad-chunk');
  expect(tab.tab.snapshot().swarm.strikes).toEqual(new Map());
});

test('the coordinator’s questions are answered a few at a time', () => {
  const tab = new Harness();
  const question = { kind: 'audit' } as never;
  const ask = (id: number) => tab.hear({ type: 'ask', id, header: 'aa' as HeaderId, question });
  for (let id = 0; id < limits.questions; id++) {
    expect(ask(id)).toMatchObject([{ type: 'answer', peer: null, id }]);
  }
  expect(ask(9)).toMatchObject([
    { type: 'tell', message: { type: 'answer', id: 9, answer: { kind: 'refused' } } },
  ]);
  const effect: TabEffect = { type: 'answer', peer: null, id: 0, header: 'aa' as HeaderId, question }; // prettier-ignore
  expect(tab.handle({ type: 'failed', effect, reason: 'gone' })).toContainEqual({
    type: 'tell',
    message: { type: 'answer', id: 0, answer: { kind: 'refused', reason: 'gone' } },
  });
  expect(ask(10)).toMatchObject([{ type: 'answer', id: 10 }]);
});

test('without room the oldest round goes first, then what is not known, and never what is needed', () => {
  const tab = new Harness();
  tab.handle({ type: 'crs-ready' });
  const [older, newer] = [model(1), model(2)];
  tab.welcome(older);
  tab.handle({ type: 'held', header: older, readers: null, bits: Bitfield.full(4) });
  tab.follow({ type: 'replaced', model: newer });
  tab.handle({ type: 'held', header: newer, readers: null, bits: Bitfield.full(4) });
  tab.handle({ type: 'dropped' });
  const ids = () => tab.tab.snapshot().swarm.batches.map(({ header }) => header.id);
  expect(ids()).toEqual([older.id, newer.id]);
  expect(tab.handle({ type: 'full' })).toContainEqual({ type: 'drop', headers: [older.id] });
  expect(ids()).toEqual([newer.id]);
  tab.handle({ type: 'dropped' });
  expect(tab.handle({ type: 'full' })).toContainEqual({ type: 'keep', headers: [newer.id] });
  tab.handle({ type: 'dropped' });
  expect(tab.handle({ type: 'full' })).toEqual([]);
  expect(ids()).toEqual([newer.id]);
});
