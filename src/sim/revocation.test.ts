import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assert, at, type Result } from '../lib/index.ts';
import { headerId, type VerifiedHeader } from '../vds/index.ts';
import { outcomeOf } from './outcome.ts';
import { RoundNetwork, type SimulatedMember } from './round-network.ts';

const minute = 60_000;

function start(members: number, { rounds = 1, seed = 1 } = {}) {
  const network = new RoundNetwork(seed, { rounds, minimum: members });
  const tabs = Array.from({ length: members }, (_, i) => network.join(`tab ${i}`, 90 + 70 * i));
  const closed = (count: number) => () => network.coordinator.snapshot().history.length >= count;
  const phase = (name: string) => () => network.coordinator.snapshot().phase === name;
  return { network, tabs, closed, phase };
}

type Setting = ReturnType<typeof start>;

const idsOf = (tabs: readonly SimulatedMember[]) => tabs.map((tab) => tab.identity.id).sort();
const errorOf = (result: Result<unknown>) => (result.ok ? 'accepted' : result.error);

/** The round counts exactly these tabs, and everybody has the model that they plainly average to. */
function expectAgreement({ network }: Setting, authors: readonly SimulatedMember[]) {
  network.run(() => false, 2_000); // the record is told, the model fetched
  const outcome = outcomeOf(network);
  expect(outcome.authors).toEqual(idsOf(authors));
  expect(outcome.models).toEqual(outcome.models.map(() => outcome.plain));
}

/** Nobody holds the batch or takes a chunk of it, or its header, any more. */
function expectRefused(
  { network, tabs }: Setting,
  header: VerifiedHeader,
  payloads: readonly Uint8Array[],
) {
  for (const tab of tabs) {
    expect(tab.held.has(header.id)).toBe(false);
    const verdicts = network.accept(tab, header, payloads).map(errorOf);
    expect(verdicts).toEqual(payloads.map(() => 'batch is revoked by the Data Owner'));
    const verdict = tab.server.verifier.verifyHeader(header.signed, 'admitted');
    expect(errorOf(verdict)).toBe('header is revoked by the Data Owner');
  }
}

/** The update of a tab, as it was admitted, and its chunks. */
function updateOf({ network }: Setting, tab: SimulatedMember) {
  const header = network.admitted.get(tab.identity.id);
  const payloads = header && tab.held.get(header.id);
  assert(header !== undefined && payloads !== undefined, 'the update was admitted');
  return { header, payloads };
}

/** Moments of a round, and how to get there; the last tab's sealing is what the others wait for. */
const moments: Record<string, (setting: Setting) => boolean> = {
  sealing: ({ network, tabs }) => {
    at(tabs, tabs.length - 1).sealMs = 2_000;
    return network.run(() => network.admitted.size === tabs.length - 1, minute);
  },
  'exchanging, before anybody has it': ({ network, phase }) =>
    network.run(phase('exchanging'), minute),
  'exchanging, when everybody has it': ({ network, tabs }) =>
    network.run(() => tabs.every(({ held }) => held.size === tabs.length + 1), minute),
};

/** Moments after the freeze. */
const frozenMoments: Record<string, (setting: Setting) => boolean> = {
  'collecting, before the sum is there': ({ network, phase }) =>
    network.run(phase('collecting'), minute),
  'collecting, while the sum is judged': ({ network }) => {
    network.judgeMs = 1_000;
    return network.run(() => network.deliveries.length > 0, minute);
  },
};
const phaseOf = (moment: string) => at(moment.split(','), 0);

describe('an update that is revoked while the round is', () => {
  test.each(Object.entries(moments))('%s: the round ends without it', (moment, reach) => {
    const setting = start(4);
    const { network, tabs, closed } = setting;
    expect(reach(setting)).toBe(true);
    expect(network.coordinator.snapshot().phase).toBe(phaseOf(moment));
    const victim = at(tabs, 1);
    const { header, payloads } = updateOf(setting, victim);
    network.revoke(header.id);
    expect(network.run(closed(1), minute)).toBe(true);
    const { attempt, revision } = at(network.coordinator.snapshot().history, 0);
    expect({ attempt, revision }).toEqual({ attempt: 1, revision: moment === 'sealing' ? 1 : 2 });
    expectAgreement(setting, tabs.filter((tab) => tab !== victim)); // prettier-ignore
    expectRefused(setting, header, payloads);
  });

  test.each(Object.entries(moments))(
    '%s, with too few left: the round fails and is repeated',
    (_, reach) => {
      const setting = start(2);
      const { network, tabs, closed } = setting;
      expect(reach(setting)).toBe(true);
      const { header, payloads } = updateOf(setting, at(tabs, 0));
      network.revoke(header.id);
      expect(network.run(closed(1), minute)).toBe(true);
      const failures = network.log.filter((line) => line.includes('failed'));
      expect(failures).toHaveLength(1);
      expect(failures[0]).toMatch(/attempt 1 failed: too few updates (can be had|sealed)$/);
      expect(at(network.coordinator.snapshot().history, 0).attempt).toBe(2);
      expectAgreement(setting, tabs);
      expectRefused(setting, header, payloads);
    },
  );

  test('at any moment, whoever’s it is', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 2 }), fc.nat({ max: 400 }), (seed, index, delay) => {
        const setting = start(3, { seed });
        const { network, tabs, closed } = setting;
        const victim = at(tabs, index);
        network.run(() => network.admitted.has(victim.identity.id), minute);
        const { header, payloads } = updateOf(setting, victim);
        network.run(() => false, delay);
        const { phase } = network.coordinator.snapshot();
        const counts = phase !== 'sealing' && phase !== 'exchanging';
        network.revoke(header.id);
        expect(network.run(closed(1), minute)).toBe(true);
        expectAgreement(setting, counts ? tabs : tabs.filter((tab) => tab !== victim));
        expectRefused(setting, header, payloads);
        expect(network.log.filter((line) => line.includes('failed'))).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });
});

describe('an update that is revoked after the freeze,', () => {
  test.each(Object.entries(frozenMoments))(
    '%s: the round ends with it, and then it is gone',
    (moment, reach) => {
      const setting = start(3);
      const { network, tabs, closed } = setting;
      expect(reach(setting)).toBe(true);
      expect(network.coordinator.snapshot().phase).toBe(phaseOf(moment));
      const { header, payloads } = updateOf(setting, at(tabs, 1));
      network.revoke(header.id);
      expect(at(tabs, 0).held.has(header.id)).toBe(true);
      expect(network.run(closed(1), minute)).toBe(true);
      expect(at(network.coordinator.snapshot().history, 0)).toMatchObject({
        attempt: 1,
        revision: 1,
      });
      expectAgreement(setting, tabs);
      expectRefused(setting, header, payloads);
    },
  );

  test('is gone as well when the attempt fails', () => {
    const setting = start(3);
    const { network, tabs, closed, phase } = setting;
    for (const tab of tabs) tab.uploadMs = 10 * minute;
    network.run(phase('collecting'), minute);
    const { header, payloads } = updateOf(setting, at(tabs, 1));
    network.revoke(header.id);
    expect(network.run(() => network.log.some((line) => line.includes('failed')), 2 * minute)).toBe(
      true,
    );
    network.run(() => false, 15);
    expectRefused(setting, header, payloads);
    for (const tab of tabs) tab.uploadMs = 10;
    expect(network.run(closed(1), 2 * minute)).toBe(true);
    expectAgreement(setting, tabs);
  });
});

describe('a revoked update', () => {
  test('that its author sends again in the next attempt is not admitted again', () => {
    const setting = start(2);
    const { network, tabs, closed, phase } = setting;
    const replayer = at(tabs, 0);
    network.run(phase('exchanging'), minute);
    const { header, payloads } = updateOf(setting, replayer);
    replayer.tamper = (message) =>
      message.type === 'header' ? { ...message, signed: header.signed } : message;
    network.revoke(header.id);
    const refused = () => network.log.some((line) => line.endsWith('header refused: of another attempt')); // prettier-ignore
    expect(network.run(refused, minute)).toBe(true);
    expect(closed(1)()).toBe(false);
    replayer.tamper = (message) => message;
    expect(network.run(closed(1), minute)).toBe(true);
    expectAgreement(setting, tabs);
    expectRefused(setting, header, payloads);
  });

  test('is dropped by a member that was away when it was revoked, once it is back', () => {
    const setting = start(4);
    const { network, tabs, closed } = setting;
    expect(moments['exchanging, when everybody has it']?.(setting)).toBe(true);
    const { header, payloads } = updateOf(setting, at(tabs, 0));
    const away = at(tabs, 3);
    network.disconnect(away);
    network.revoke(header.id);
    network.run(() => false, 1_000);
    expect(away.held.has(header.id)).toBe(true);
    network.connect(away);
    expect(network.run(() => !away.held.has(header.id), 20)).toBe(true);
    expect(network.run(closed(1), minute)).toBe(true);
    expectAgreement(setting, tabs.slice(1));
    expectRefused(setting, header, payloads);
  });

  test('of a round that is closed is dropped, and the next round goes on as if nothing was', () => {
    const setting = start(3, { rounds: 2 });
    const { network, tabs, closed, phase } = setting;
    network.run(closed(1), minute);
    const { header, payloads } = updateOf(setting, at(tabs, 0));
    network.run(() => phase('training')() && tabs.every(({ held }) => held.size > 4), minute);
    network.revoke(header.id);
    network.run(() => false, 15);
    expectRefused(setting, header, payloads);
    expect(network.run(closed(2), minute)).toBe(true);
    expectAgreement(setting, tabs);
    expect(at(network.coordinator.snapshot().history, 1).attempt).toBe(1);
  });
});

describe('a model that is replaced', () => {
  /** Two of its values, for a model of 7 parameters. */
  const replacement = Float32Array.of(1, -1, 0.25, 0, 3, -0.5, 2);
  const moment: Record<string, (setting: Setting) => boolean> = {
    training: ({ network, phase }) => network.run(phase('training'), minute),
    ...moments,
    ...frozenMoments,
  };

  test.each(Object.entries(moment))('%s: the round starts over from the new one', (name, reach) => {
    const setting = start(3);
    const { network, tabs, closed } = setting;
    expect(reach(setting)).toBe(true);
    expect(network.coordinator.snapshot().phase).toBe(phaseOf(name));
    const old = headerId(network.coordinator.snapshot().model.header);
    const { id } = network.replaceModel(replacement);
    expect(network.coordinator.snapshot().phase).toBe('waiting');
    expect(network.log.at(-1)).toBe('round 1, attempt 1 failed: the model was replaced');
    expect(network.run(closed(1), minute)).toBe(true);
    expect(at(network.coordinator.snapshot().history, 0).attempt).toBe(2);
    for (const { held } of tabs) expect([held.has(old), held.has(id)]).toEqual([false, true]);
    expect(network.owner.models[0]).toBe(replacement);
    expectAgreement(setting, tabs);
  });

  test('between rounds: the next one starts from it, at its first attempt', () => {
    const setting = start(2, { rounds: 2 });
    const { network, tabs, closed } = setting;
    const [staying, leaving] = [at(tabs, 0), at(tabs, 1)];
    network.run(closed(1), minute);
    network.disconnect(leaving);
    network.run(() => network.coordinator.snapshot().phase === 'waiting', minute);
    const attempts = network.coordinator.snapshot().attempt;
    const { id } = network.replaceModel(replacement);
    expect(network.run(() => staying.held.has(id), 1_000)).toBe(true);
    network.connect(leaving);
    expect(network.run(closed(2), minute)).toBe(true);
    expect(at(network.coordinator.snapshot().history, 1).attempt).toBe(attempts + 1);
    expect(network.owner.models[1]).toBe(replacement);
    expectAgreement(setting, tabs);
  });

  test('is all that a tab gets that comes later', () => {
    const setting = start(2);
    const { network, tabs, closed, phase } = setting;
    network.run(phase('training'), minute);
    const old = network.coordinator.snapshot().model;
    network.replaceModel(replacement);
    const late = network.join('late', 50);
    expect(network.run(closed(1), minute)).toBe(true);
    expectAgreement(setting, [...tabs, late]);
    const verdict = late.server.verifier.verifyHeader(old, 'admitted');
    expect(errorOf(verdict)).toBe('header is revoked by the Data Owner');
  });
});
