import { describe, expect, test } from 'vitest';
import { encodeCanonical, sign } from '../crypto/index.ts';
import { assert, at, shortId } from '../lib/index.ts';
import { decodeHeader, noOpening, signHeader, type SignedHeader } from '../vds/index.ts';
import { outcomeOf } from './outcome.ts';
import { RoundNetwork, type SimulatedMember } from './round-network.ts';
import { seal } from './sealing.ts';
import { honestly, sumOf, type SumMaker, type SumTerm } from './sums.ts';

const minute = 60_000;

function start(members: number, hidden: readonly number[] = []) {
  const network = new RoundNetwork(1, { rounds: 1, minimum: members, hidden });
  const tabs = Array.from({ length: members }, (_, i) => network.join(`tab ${i}`, 100 + 30 * i));
  const closed = () => network.coordinator.snapshot().history.length === 1;
  const phase = (name: string) => () => network.coordinator.snapshot().phase === name;
  return { network, tabs, closed, phase };
}

/** Runs until a member is asked for its sum; which one. */
function askedFirst({ network, tabs, phase }: ReturnType<typeof start>): SimulatedMember {
  expect(network.run(phase('collecting'), minute)).toBe(true);
  const asked = tabs.find((tab) => tab.identity.id === at(network.collections, 0).from);
  assert(asked !== undefined, 'a member is asked');
  return asked;
}

const idsOf = (tabs: readonly SimulatedMember[]) => tabs.map((tab) => tab.identity.id).sort();

/** Everybody's update counts, and everybody has the model that they plainly average to. */
function expectAgreement({ network, tabs }: ReturnType<typeof start>) {
  network.run(() => false, 2_000); // the record is told, the model fetched
  const outcome = outcomeOf(network);
  expect(outcome.authors).toEqual(idsOf(tabs));
  expect(outcome.models).toEqual(outcome.models.map(() => outcome.plain));
}

/** The same updates with other weights. */
const reweighted = (terms: readonly SumTerm[], change: (weight: number, k: number) => number) =>
  terms.map(({ payloads, weight }, k) => ({ payloads, weight: change(weight, k) }));

describe('a false sum is refused, and another member is asked', () => {
  const wrongLane =
    (place: number): SumMaker =>
    (terms, sealed) => {
      const { lanes, blinding } = sumOf(terms);
      return sealed({ lanes: lanes.with(place, at(lanes, place) ^ 1), blinding });
    };
  const leftOut: SumMaker = (terms, sealed) => {
    const last = terms.length - 1;
    const { weight } = at(terms, last);
    const change = (each: number, k: number) => (k === last ? 0 : k === 0 ? each + weight : each);
    return sealed(sumOf(reweighted(terms, change)));
  };
  const otherWeights: SumMaker = (terms, sealed) =>
    sealed(sumOf(reweighted(terms, (weight, k) => weight + (k === 0 ? 1 : k === 1 ? -1 : 0))));
  const wrongBlinding: SumMaker = (terms, sealed) => {
    const { lanes, blinding } = sumOf(terms);
    return sealed({ lanes, blinding: blinding.map((each) => each.map((blinder) => blinder + 1n)) });
  };
  const otherPayload: SumMaker = (terms, sealed) => {
    const { signed, payloads } = honestly(terms, sealed);
    return { signed, payloads: payloads.map((bytes) => bytes.with(40, at(bytes, 40) ^ 1)) };
  };
  const otherSum = 'sum refused: sum: it is not Σ a_k·u_k of the manifest';
  const lies: [string, SumMaker, string][] = [
    ['a lane that is one more or less', wrongLane(3), otherSum],
    ['another γ', wrongBlinding, otherSum],
    ['another member left out', leftOut, otherSum],
    ['other weights', otherWeights, otherSum],
    ['a true header and other bytes', otherPayload, 'sum refused: sum chunk 0: chunk digest'],
    // These are waited for.
    ['the sum of another round', (terms, sealed) => sealed(sumOf(terms), 2), 'the header is not of the sum that was asked for'], // prettier-ignore
    ['a true header and no bytes', (terms, sealed) => ({ ...honestly(terms, sealed), payloads: [] }), 'its sum was not delivered in time'], // prettier-ignore
  ];

  test.each(lies)('%s', (_, lie, said) => {
    const setting = start(3);
    const { network, closed } = setting;
    const liar = askedFirst(setting);
    liar.makeSum = lie;
    expect(network.run(closed, minute)).toBe(true);
    expect(network.log).toContain(`${shortId(liar.identity.id)}: ${said}`);
    expect(network.collections).toHaveLength(2);
    expect(at(network.collections, 1).from).not.toBe(liar.identity.id);
    expectAgreement(setting);
  });

  test('a wrong lane in the second of two chunks', () => {
    const setting = start(2, [500]);
    const { network, closed } = setting;
    const liar = askedFirst(setting);
    liar.makeSum = wrongLane(4_000);
    expect(network.run(closed, minute)).toBe(true);
    const reason = 'sum: it is not Σ a_k·u_k of the manifest';
    expect(network.log).toContain(`${shortId(liar.identity.id)}: sum refused: ${reason}`);
    expectAgreement(setting);
  });

  test('by all: the round fails without harm, and is repeated', () => {
    const setting = start(3);
    const { network, tabs, closed } = setting;
    for (const tab of tabs) tab.makeSum = wrongBlinding;
    const failed = () => network.log.at(-1)?.includes('failed') === true;
    expect(network.run(failed, minute)).toBe(true);
    expect(network.log.at(-1)).toBe('round 1, attempt 1 failed: nobody could deliver the sum');
    expect(idsOf(tabs)).toEqual(network.collections.map(({ from }) => from).sort());
    expect(closed()).toBe(false);
    for (const tab of tabs) tab.makeSum = honestly;
    expect(network.run(closed, minute)).toBe(true);
    expectAgreement(setting);
  });
});

describe('a member that is asked for its sum', () => {
  test('and has delivered it: nothing but the verdict is waited for, however long it takes', () => {
    const setting = start(3);
    const { network, closed } = setting;
    network.judgeMs = 10 * minute;
    askedFirst(setting);
    network.run(() => network.deliveries.length > 0, minute);
    expect(network.coordinator.nextWake(network.now)).toBeNull();
    expect(network.run(closed, 9 * minute)).toBe(false);
    expect(network.run(closed, 2 * minute)).toBe(true);
    expect(network.collections).toHaveLength(1);
    expectAgreement(setting);
  });

  test('and leaves once it has delivered it: the sum counts all the same', () => {
    const setting = start(3);
    const { network, closed } = setting;
    network.judgeMs = minute;
    const asked = askedFirst(setting);
    network.run(() => network.deliveries.length > 0, minute);
    network.disconnect(asked);
    expect(network.run(closed, 2 * minute)).toBe(true);
    expect(network.collections).toHaveLength(1);
    expectAgreement(setting);
  });

  test('and does not deliver it: another one is asked when its time is up', () => {
    const setting = start(3);
    const { network, closed } = setting;
    const asked = askedFirst(setting);
    asked.uploadMs = minute;
    const since = network.now;
    expect(network.run(closed, minute)).toBe(true);
    expect(network.now - since).toBeGreaterThanOrEqual(20_000);
    expect(network.now - since).toBeLessThan(21_000);
    expect(at(network.collections, 1).from).not.toBe(asked.identity.id);
    expectAgreement(setting);
  });

  test('is waited for by its name, round, attempt and revision, and no longer than that', () => {
    const setting = start(3);
    const { network, tabs, closed } = setting;
    const { coordinator } = network;
    askedFirst(setting);
    const { from, round, attempt, revision } = at(network.collections, 0);
    const about = { from, round, attempt, revision };
    const other = idsOf(tabs).find((id) => id !== from) ?? from;
    expect(coordinator.isCollecting(about)).toBe(true);
    const deadline = coordinator.nextWake(network.now);
    for (const change of [{ from: other }, { round: 2 }, { attempt: 2 }, { revision: 2 }]) {
      expect(coordinator.isCollecting({ ...about, ...change })).toBe(false);
      network.coordinate({ type: 'delivered', ...about, ...change });
      expect(coordinator.nextWake(network.now)).toBe(deadline);
    }
    expect(network.run(closed, minute)).toBe(true);
    expect(coordinator.isCollecting(about)).toBe(false);
  });
});

describe('a header that the round did not ask for is refused before anybody verifies it', () => {
  const codes = (length: number) => new Uint8Array(length).fill(128);
  type Forge = (network: RoundNetwork, by: SimulatedMember, other: SimulatedMember) => SignedHeader;
  const sealed =
    (about: { kind?: 'update' | 'sum'; round?: number; attempt?: number }, length: number): Forge =>
    ({ owner, coordinator }, by) => {
      const { kind = 'update', round = 1, attempt = 1 } = about;
      const { task } = owner;
      const now = coordinator.snapshot().opening ?? noOpening;
      const opening = attempt === 1 ? now : noOpening;
      const named = kind === 'sum' ? { manifest: opening } : {};
      return seal({ task, opening, round, kind, ...named }, codes(length), by.identity, 9).signed;
    };
  const otherChunkSize: Forge = (network, by, other) => {
    const decoded = decodeHeader(sealed({}, 7)(network, by, other).header);
    assert(decoded.ok, 'what was sealed decodes');
    return signHeader({ ...decoded.value, scalars: 512 }, by.identity);
  };
  const forgeries: [string, Forge, string][] = [
    ['by another author', (network, _, other) => sealed({}, 7)(network, other, other), 'by another author'], // prettier-ignore
    ['of another round', sealed({ round: 2 }, 7), 'of another round'],
    ['of another attempt', sealed({ attempt: 2 }, 7), 'of another attempt'],
    ['of a sum', sealed({ kind: 'sum' }, 14), 'not an update'],
    ['of too few parameters', sealed({}, 6), 'not of 7 parameters'],
    ['of too many parameters', sealed({}, 8), 'not of 7 parameters'],
    ['in other chunks', otherChunkSize, 'another chunk size'],
    ['that is no header', (_, by) => { const header = encodeCanonical({ type: 'header' }); return { header, signature: sign('header', header, by.identity), admission: null }; }, 'header schema: '], // prettier-ignore
  ];

  test.each(forgeries)('%s', (_, forge, reason) => {
    const setting = start(3);
    const { network, tabs, closed } = setting;
    const [liar, other] = [at(tabs, 0), at(tabs, 1)];
    liar.tamper = (message) =>
      message.type === 'header' ? { ...message, signed: forge(network, liar, other) } : message;
    expect(network.run(closed, minute)).toBe(true);
    const named = network.log.filter((line) => line.startsWith(shortId(liar.identity.id)));
    expect(named).toHaveLength(1);
    expect(named[0]).toContain(`header refused: ${reason}`);
    expect(network.verifications.map(({ peer }) => peer)).not.toContain(liar.identity.id);
    expect(outcomeOf(network).authors).toEqual(idsOf(tabs.slice(1)));
  });

  test('and the one that was asked for is taken after it', () => {
    const setting = start(3);
    const { network, tabs, closed, phase } = setting;
    const [late, other] = [at(tabs, 0), at(tabs, 1)];
    late.sealMs = 1_000;
    network.run(phase('sealing'), minute);
    const signed = sealed({}, 6)(network, late, other);
    const message = { type: 'header', round: 1, attempt: 1, signed } as const;
    network.coordinate({ type: 'message', peer: late.identity.id, message });
    expect(network.log.at(-1)).toContain('not of 7 parameters');
    expect(network.run(closed, minute)).toBe(true);
    expectAgreement(setting);
  });

  test('one that fits and does not open is verified, and refused by name', () => {
    const setting = start(3);
    const { network, tabs, closed } = setting;
    const liar = at(tabs, 0);
    liar.tamper = (message) => {
      if (message.type !== 'header') return message;
      const decoded = decodeHeader(message.signed.header);
      assert(decoded.ok, 'what was sealed decodes');
      const y = decoded.value.y.map((each) => each.with(31, at(each, 31) ^ 1));
      return { ...message, signed: signHeader({ ...decoded.value, y }, liar.identity) };
    };
    expect(network.run(closed, minute)).toBe(true);
    const reason = 'header refused: header opening does not hold';
    expect(network.log).toContain(`${shortId(liar.identity.id)}: ${reason}`);
    expect(network.verifications.map(({ peer }) => peer).sort()).toEqual(idsOf(tabs));
    expect(outcomeOf(network).authors).toEqual(idsOf(tabs.slice(1)));
  });
});
