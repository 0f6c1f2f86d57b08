import { describe, expect, test } from 'vitest';
import { sha256 } from '../crypto/index.ts';
import { assert, at, Bitfield, shortId, type PeerId } from '../lib/index.ts';
import { limits, signFreeze, signManifest, signStatement, type ClientMessage, type ServerMessage, type Statement, type VerifiedManifest } from '../protocol/index.ts'; // prettier-ignore
import { outcomeOf } from './outcome.ts';
import { RoundNetwork, type SimulatedMember } from './round-network.ts';
import { sumOf } from './sums.ts';

const minute = 60_000;
/** ms; of the simulated task's exchange: members have so long in all, half of it to be heard of. */
const exchangeMs = 8_000;

function start(members: number, hidden: readonly number[] = []) {
  const network = new RoundNetwork(1, { rounds: 1, minimum: members, hidden });
  const tabs = Array.from({ length: members }, (_, i) => network.join(`tab ${i}`, 100 + 30 * i));
  const closed = () => network.coordinator.snapshot().history.length === 1;
  const phase = (name: string) => () => network.coordinator.snapshot().phase === name;
  return { network, tabs, closed, phase };
}

type Setting = ReturnType<typeof start>;

const idsOf = (tabs: readonly SimulatedMember[]) => tabs.map((tab) => tab.identity.id).sort();

/** The lines of the log that name a member. */
const saidOf = ({ network }: Setting, { identity }: SimulatedMember) =>
  network.log.filter((line) => line.startsWith(shortId(identity.id)));

/** The round is closed with these authors, and every tab has what their updates plainly average to. */
function expectAgreement({ network, closed }: Setting, authors: readonly SimulatedMember[]) {
  expect(network.run(closed, 2 * minute)).toBe(true);
  network.run(() => false, 2_000); // the record is told, the model fetched
  const outcome = outcomeOf(network);
  expect(outcome.authors).toEqual(idsOf(authors));
  expect(outcome.models).toEqual(outcome.models.map(() => outcome.plain));
}

/** ms that the round took. */
const durationOf = ({ network }: Setting) => at(network.coordinator.snapshot().history, 0).ms;

/** One bit of every chunk is another; without a place, of a lane. */
const corrupt = (payloads: readonly Uint8Array[], place = 100) =>
  payloads.map((bytes) => bytes.with(place, at(bytes, place) ^ 1));

/** The same statement about other things, signed by whom it is said to be of, or by somebody else. */
function restate(
  { network }: Setting,
  by: SimulatedMember,
  change: Partial<Statement>,
  signer = by.identity,
) {
  const opening = network.coordinator.snapshot().opening ?? new Uint8Array(32);
  const all = [...network.admitted.values()].map(({ id, columns }) => ({
    header: id,
    bits: Bitfield.full(columns.length).toBytes(),
  }));
  return signStatement(
    { type: 'vouch', opening, peer: by.identity.id, batches: all, ...change },
    signer,
  );
}

/** Vouches for everything as soon as it vouches for anything. */
const blindly =
  (setting: Setting, by: SimulatedMember) =>
  (message: ClientMessage): ClientMessage =>
    message.type === 'vouch' ? { ...message, signed: restate(setting, by, {}) } : message;

describe('an author', () => {
  test('that sends members altered chunks, and the coordinator true ones: all get the true ones', () => {
    const setting = start(4, [500]);
    const liar = at(setting.tabs, 1);
    liar.serve = (payloads, to) => (to === null ? payloads : corrupt(payloads));
    expectAgreement(setting, setting.tabs);
    expect(durationOf(setting)).toBeLessThan(exchangeMs / 2);
    expect(setting.network.log.some((line) => line.includes('complains: chunk 0 of'))).toBe(true);
    for (const tab of setting.tabs.filter((each) => each !== liar)) {
      expect(tab.refused).toContain('chunk: chunk digest');
    }
  });

  test.each([
    ['γ₀', 31],
    ['γ₂', 95],
    ['a lane', 100],
  ])('that serves everybody another %s is named and dropped, without waiting', (_, place) => {
    // As one whose lanes are of 1000 has to: no payload is what its header says.
    const setting = start(4);
    const liar = at(setting.tabs, 1);
    liar.serve = (payloads) => corrupt(payloads, place);
    expectAgreement(setting, setting.tabs.filter((tab) => tab !== liar)); // prettier-ignore
    expect(durationOf(setting)).toBeLessThan(exchangeMs / 2);
    expect(saidOf(setting, liar)).toContain(`${shortId(liar.identity.id)}: chunk refused: chunk digest`); // prettier-ignore
    expect(at(setting.network.coordinator.snapshot().history, 0).revision).toBe(2);
    // Nobody is to have its update any more, or to answer queries of it.
    const ids = (authors: readonly SimulatedMember[]) =>
      [...setting.network.admitted.values()]
        .filter(({ author }) => authors.some(({ identity }) => identity.id === author))
        .map(({ id }) => id);
    const honest = setting.tabs.filter((tab) => tab !== liar);
    for (const tab of honest) {
      const known = [...tab.machine.snapshot().held.keys()];
      expect(known).toEqual(expect.arrayContaining(ids(honest)));
      expect(known.filter((id) => ids([liar]).includes(id))).toEqual([]);
    }
  });

  test('that serves nobody is dropped, whoever vouches for it', () => {
    const setting = start(4);
    const [liar, friend, ...honest] = setting.tabs;
    assert(liar !== undefined && friend !== undefined, 'four tabs');
    for (const tab of honest) tab.unreachable.add(liar.identity.id);
    liar.tamper = (message) =>
      message.type === 'relayed' ? { ...message, payload: null } : message;
    friend.serve = (payloads, to) => (to === null ? corrupt(payloads) : payloads);
    friend.tamper = blindly(setting, friend);
    expectAgreement(setting, [friend, ...honest]);
    expect(durationOf(setting)).toBeLessThan(2 * exchangeMs);
  });

  test('that serves nobody is not counted where all that there is vouches for it, but one', () => {
    const setting = start(3);
    const { network, tabs, closed } = setting;
    const [liar, friend, honest] = tabs;
    assert(liar !== undefined && friend !== undefined && honest !== undefined, 'three tabs');
    for (const bad of [liar, friend]) {
      honest.unreachable.add(bad.identity.id);
      bad.tamper = (message) =>
        message.type === 'relayed' ? { ...message, payload: null } : blindly(setting, bad)(message);
    }
    const failed = () => network.log.some((line) => line.includes('attempt 1 failed'));
    expect(network.run(() => closed() || failed(), minute)).toBe(true);
    expect(closed()).toBe(false);
    expect(network.log.at(-1)).toBe('round 1, attempt 1 failed: too few updates can be had');
  });

  test('that gives the coordinator nothing of what was complained of is dropped as well', () => {
    const setting = start(4);
    const liar = at(setting.tabs, 1);
    liar.serve = (payloads) => corrupt(payloads);
    liar.tamper = (message) => (message.type === 'relayed' ? null : message);
    expectAgreement(setting, setting.tabs.filter((tab) => tab !== liar)); // prettier-ignore
    expect(durationOf(setting)).toBeLessThan(exchangeMs);
  });

  test('that is alone is checked by the coordinator', () => {
    const network = new RoundNetwork(1, { rounds: 1, minimum: 1 });
    const tabs = [network.join('alone', 100)];
    const closed = () => network.coordinator.snapshot().history.length === 1;
    const setting = { network, tabs, closed, phase: () => () => false };
    expectAgreement(setting, tabs);
    expect(durationOf(setting)).toBeLessThan(exchangeMs / 2);
  });
});

describe('a checker', () => {
  test('that says nothing is left out at the first deadline, without a strike', () => {
    const setting = start(4);
    const silent = at(setting.tabs, 2);
    silent.tamper = (message) => (message.type === 'vouch' ? null : message);
    expectAgreement(setting, setting.tabs);
    expect(durationOf(setting)).toBeGreaterThan(exchangeMs / 2);
    expect(durationOf(setting)).toBeLessThan(exchangeMs);
    expect(saidOf(setting, silent)).toEqual([]);
  });

  test('that vouches for one author only costs the others nothing but time', () => {
    const setting = start(4);
    const withholder = at(setting.tabs, 2);
    withholder.tamper = (message) => {
      if (message.type !== 'vouch') return message;
      const [first] = [...setting.network.admitted.values()].filter(({ author }) => author !== withholder.identity.id); // prettier-ignore
      assert(first !== undefined, 'somebody’s');
      const batches = [{ header: first.id, bits: Bitfield.full(first.columns.length).toBytes() }];
      return { ...message, signed: restate(setting, withholder, { batches }) };
    };
    expectAgreement(setting, setting.tabs);
    expect(durationOf(setting)).toBeLessThan(2 * exchangeMs);
    expect(at(setting.network.coordinator.snapshot().history, 0).revision).toBe(1);
  });

  test('that complains of what holds costs a deadline, and is named', () => {
    const setting = start(4);
    const liar = at(setting.tabs, 2);
    liar.tamper = (message) => {
      if (message.type !== 'vouch') return message;
      const signed = restate(setting, liar, { type: 'complaint' });
      return { ...message, type: 'complaint', signed, reason: 'they are all bad' };
    };
    expectAgreement(setting, setting.tabs);
    expect(durationOf(setting)).toBeGreaterThan(exchangeMs);
    expect(durationOf(setting)).toBeLessThan(2 * exchangeMs);
    expect([...new Set(saidOf(setting, liar))]).toEqual([
      `${shortId(liar.identity.id)} complains: they are all bad`,
      `${shortId(liar.identity.id)}: vouch refused: refuses a chunk that holds`,
    ]);
  });

  test('that vouched for what it never saw cannot deliver, is named, and another one is asked', () => {
    const setting = start(4);
    const { network, tabs } = setting;
    const liar = at(tabs, 0);
    for (const tab of tabs.slice(1)) liar.unreachable.add(tab.identity.id);
    liar.tamper = blindly(setting, liar);
    // Something it must have to vouch at all.
    liar.unreachable.delete(at(tabs, 3).identity.id);
    liar.sealMs = 1; // its header is the first, and so it is asked first
    expectAgreement(setting, tabs);
    expect(at(network.collections, 0).from).toBe(liar.identity.id);
    expect(network.collections).toHaveLength(2);
    const named = `${shortId(liar.identity.id)}: it has lost what its sum is made of`;
    expect(saidOf(setting, liar)).toEqual([named]);
  });

  test.each<[string, (setting: Setting, liar: SimulatedMember) => ClientMessage, RegExp]>([
    ['of somebody else', (s, liar) => vouchOf(s, liar, { peer: at(s.tabs, 1).identity.id }), /vouch refused: vouch: of another/], // prettier-ignore
    ['of another attempt', (s, liar) => vouchOf(s, liar, { opening: sha256(new Uint8Array(1)) }), /vouch refused: vouch: of another attempt/], // prettier-ignore
    ['as a complaint', (s, liar) => vouchOf(s, liar, { type: 'complaint' }), /vouch refused: vouch: the signature is not by/], // prettier-ignore
    ['with a bit too many', (s, liar) => vouchOf(s, liar, { batches: [...s.network.admitted.values()].map(({ id }) => ({ header: id, bits: new Uint8Array([0xff]) })) }), /vouch refused: vouch: a wrong number of bits/], // prettier-ignore
  ])('whose statement is %s is named, and not counted', (_, forge, reason) => {
    const setting = start(3);
    const liar = at(setting.tabs, 2);
    liar.tamper = (message) => (message.type === 'vouch' ? forge(setting, liar) : message);
    expectAgreement(setting, setting.tabs);
    expect(saidOf(setting, liar)[0]).toMatch(reason);
    expect(durationOf(setting)).toBeGreaterThan(exchangeMs / 2);
  });

  test('that vouches for its own chunks vouches for nothing', () => {
    const setting = start(3);
    const { network, tabs } = setting;
    const [liar, others] = [at(tabs, 0), tabs.slice(1)];
    for (const tab of others) tab.unreachable.add(liar.identity.id);
    liar.tamper = (message) => {
      if (message.type === 'relayed') return { ...message, payload: null };
      return blindly(setting, liar)(message);
    };
    expectAgreement(setting, others);
    expect(network.log.some((line) => line.includes('goes on without'))).toBe(true);
  });

  test('that was caught too often is not counted on any more', () => {
    const network = new RoundNetwork(1, { rounds: limits.strikes + 1, minimum: 3 });
    const tabs = [0, 1, 2].map((i) => network.join(`tab ${i}`, 100));
    const liar = at(tabs, 2);
    liar.liesAboutDigest = true;
    const rounds = () => network.coordinator.snapshot().history.length;
    expect(network.run(() => rounds() > limits.strikes, 10 * minute)).toBe(true);
    const { history } = network.coordinator.snapshot();
    const counts = history.map(({ authors }) => authors.includes(liar.identity.id));
    expect(counts).toEqual([true, true, true, false]);
  });
});

function vouchOf(
  setting: Setting,
  liar: SimulatedMember,
  change: Partial<Statement>,
): ClientMessage {
  const { round, attempt } = setting.network.coordinator.snapshot();
  return { type: 'vouch', round, attempt, signed: restate(setting, liar, change) };
}

describe('the freeze', () => {
  /** Everything that the coordinator says to one tab. */
  function listen({ network }: Setting, to: PeerId) {
    const heard: ServerMessage[] = [];
    network.tamper = (message, peer) => {
      if (peer === to) heard.push(message);
      return message;
    };
    return heard;
  }

  function freezeOf(setting: Setting, manifest: Uint8Array) {
    const { network } = setting;
    const { round, attempt, opening } = network.coordinator.snapshot();
    assert(opening !== null, 'an attempt is open');
    const about = { task: network.owner.task, round, attempt, opening };
    return signFreeze({ type: 'freeze', ...about, revision: 1, manifest }, network.owner.identity);
  }

  const manifestOf = (tab: SimulatedMember): VerifiedManifest => {
    const { step } = tab.machine.snapshot();
    assert('manifest' in step, 'a manifest came');
    return step.manifest;
  };

  test('comes once every chunk was vouched for, and before any sum is asked for', () => {
    const setting = start(3);
    const { network, tabs } = setting;
    const heard = listen(setting, at(tabs, 0).identity.id);
    expectAgreement(setting, tabs);
    const types = heard.map(({ type }) => type).filter((type) => ['manifest', 'frozen', 'upload', 'closed'].includes(type)); // prettier-ignore
    expect(types.slice(0, 2)).toEqual(['manifest', 'frozen']);
    expect(network.collections).toHaveLength(1);
  });

  test('is what a sum is opened after: a tab that is asked before it delivers nothing', () => {
    const setting = start(3);
    const { network, tabs, phase } = setting;
    for (const tab of tabs) tab.tamper = (message) => (message.type === 'vouch' ? null : message);
    network.run(phase('exchanging'), minute);
    network.run(() => tabs.every(({ held }) => held.size === 4), 2_000);
    const { round, attempt } = network.coordinator.snapshot();
    for (const tab of tabs) {
      const made: string[] = [];
      tab.makeSum = (terms, seal) => {
        made.push('sum');
        return seal(sumOf(terms));
      };
      const message = { type: 'upload', round, attempt, revision: 1 } as const;
      network.member(tab, { type: 'heard', message });
      network.run(() => false, 500);
      expect(tab.machine.snapshot().step.name).toBe('exchanging');
      expect(made).toEqual([]);
    }
  });

  test('of another manifest, a second one, and a manifest after it are refused', () => {
    const setting = start(3);
    const { network, tabs, phase } = setting;
    for (const tab of tabs) tab.uploadMs = minute;
    network.run(phase('collecting'), minute);
    network.run(() => false, 100);
    const tab = at(tabs, 0);
    const known = manifestOf(tab);
    const say = (message: ServerMessage) => {
      assert(message.type === 'frozen' || message.type === 'manifest', 'one of these');
      const verdict = tab.messages.verify(message, network.seconds);
      return verdict.ok ? 'accepted' : verdict.error;
    };
    const fresh = network.join('late', 10);
    const other = sha256(new Uint8Array(7));
    const frozen = (manifest: Uint8Array) => ({ type: 'frozen', freeze: freezeOf(setting, manifest) }) as const; // prettier-ignore
    expect(say(frozen(known.digest))).toBe('accepted');
    expect(say(frozen(other))).toBe('freeze: another one was sent for this attempt');
    const late = fresh.messages.verify(frozen(known.digest), network.seconds);
    expect(late).toEqual({ ok: false, error: 'freeze: of another manifest than the one that was sent' }); // prettier-ignore
    const {
      type,
      task,
      round,
      attempt,
      opening,
      model,
      scales,
      entries,
      exchangeMs: within,
    } = known;
    const about = { type, task, round, attempt, opening, model, scales, exchangeMs: within };
    const fewer = { ...about, revision: 2, entries: entries.slice(1) };
    const headers = [...network.admitted.values()].slice(1).map(({ signed }) => signed);
    const signed = signManifest(fewer, network.owner.identity);
    expect(say({ type: 'manifest', manifest: signed, headers })).toBe('manifest: another one than was frozen'); // prettier-ignore
  });

  test('is told again to a member that reloads, and no other one is taken', () => {
    const setting = start(3);
    const { network, tabs, phase } = setting;
    for (const tab of tabs) tab.uploadMs = 10_000;
    network.run(phase('collecting'), minute);
    const first = at(network.collections, 0).from;
    const tab = tabs.find(({ identity }) => identity.id !== first);
    assert(tab !== undefined, 'somebody else');
    network.run(() => tab.digests.has(1), minute);
    const known = manifestOf(tab).digest;
    tab.digests.clear();
    network.reload(tab);
    const other = { type: 'frozen', freeze: freezeOf(setting, sha256(known)) } as const;
    const again = tab.messages.verify(other, network.seconds);
    expect(again).toEqual({ ok: false, error: 'freeze: another one was sent for this attempt' });
    expect(network.run(() => tab.digests.has(1), minute)).toBe(true);
    expectAgreement(setting, tabs);
  });
});

test('the largest update that may be claimed leaves a model that is finite, on which all agree', () => {
  const setting = start(3);
  const { network, tabs } = setting;
  for (const tab of tabs) {
    tab.tamper = (message) => {
      if (message.type !== 'trained') return message;
      tab.delta?.fill(limits.magnitude);
      return { ...message, magnitudes: message.magnitudes.map(() => limits.magnitude) };
    };
  }
  expectAgreement(setting, tabs);
  const model = at(network.owner.models, 1);
  expect(model.every((value) => Math.abs(value) > limits.magnitude / 2)).toBe(true);
  expect(model.every(Number.isFinite)).toBe(true);
});
