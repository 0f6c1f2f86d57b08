import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { decodeCanonical } from '../crypto/index.ts';
import { at, bytesToHex, type HeaderId, type PeerId } from '../lib/index.ts';
import { limits, roundRecordSchema, serverCodec, signManifest, verifyManifest, type ClientMessage, type Manifest } from '../protocol/index.ts'; // prettier-ignore
import { RoundCoordinator } from '../rounds/index.ts';
import { outcomeOf } from './outcome.ts';
import { RoundNetwork, type SimulatedMember } from './round-network.ts';
import { sumOf, type SumMaker } from './sums.ts';

const minute = 60_000;

function start(members: number, settings: { rounds: number; minimum: number }, seed = 1) {
  const network = new RoundNetwork(seed, settings);
  const tabs = Array.from({ length: members }, (_, i) => network.join(`tab ${i}`, 100 + 50 * i));
  const closed = (rounds: number) => () => network.coordinator.snapshot().history.length >= rounds;
  const phase = (name: string) => () => network.coordinator.snapshot().phase === name;
  const record = (round: number) => at(network.coordinator.snapshot().history, round - 1);
  return { network, tabs, closed, phase, record };
}

/** Nobody gets a chunk of this author, the coordinator no more than the others. */
function silence(author: SimulatedMember, others: readonly SimulatedMember[]) {
  for (const tab of others) tab.unreachable.add(author.identity.id);
  author.tamper = (message) =>
    message.type === 'relayed' ? { ...message, payload: null } : message;
}

const authorsOf = (record: { authors: readonly string[] }) => [...record.authors].sort();
const ids = (tabs: readonly SimulatedMember[]) => tabs.map((tab) => tab.identity.id).sort();

describe('a round', () => {
  test('does not open below the minimum, and opens when it is reached', () => {
    const { network, closed } = start(1, { rounds: 1, minimum: 2 });
    expect(network.run(closed(1), minute)).toBe(false);
    network.join('second', 10);
    expect(network.run(closed(1), minute)).toBe(true);
  });

  test('ends with the same model on every tab and on the coordinator', () => {
    const { network, tabs, closed, record } = start(4, { rounds: 3, minimum: 4 });
    expect(network.run(closed(3), 5 * minute)).toBe(true);
    for (const round of [1, 2, 3]) {
      const digest = bytesToHex(record(round).digest);
      expect(tabs.map((tab) => tab.digests.get(round))).toEqual(tabs.map(() => digest));
      expect(authorsOf(record(round))).toEqual(ids(tabs));
    }
    expect(network.log.filter((line) => line.includes('failed'))).toEqual([]);
  });

  test('follows the last one when the Data Owner lets the task go on, and for those that come then', () => {
    const { network, tabs, closed, phase, record } = start(2, { rounds: 1, minimum: 2 });
    expect(network.run(phase('finished'), minute)).toBe(true);
    const late = network.join('late', 100);
    network.run(() => false, 1_000);
    expect(late.held.size).toBeGreaterThan(0); // it has the model meanwhile
    network.coordinate({ type: 'last-round', lastRound: 1 });
    expect(phase('finished')()).toBe(true);
    network.coordinate({ type: 'last-round', lastRound: 3 });
    expect(network.run(closed(3), 5 * minute)).toBe(true);
    expect(authorsOf(record(3))).toEqual(ids([...tabs, late]));
    network.run(() => false, 1_000);
    expect(phase('finished')()).toBe(true);
    network.coordinate({ type: 'last-round', lastRound: null });
    expect(network.run(closed(5), 5 * minute)).toBe(true);
  });

  test('is the last one when the task says so, and metrics are gathered', () => {
    const { network, closed, phase, record } = start(2, { rounds: 1, minimum: 2 });
    network.run(closed(1), minute);
    network.run(() => false, 1_000);
    expect(phase('finished')()).toBe(true);
    expect(record(1).metrics).toEqual({ samples: 20, loss: 0.5, accuracy: 0.75 });
  });
});

describe('a member that vanishes', () => {
  test('while training is left out', () => {
    const { network, tabs, closed, phase, record } = start(4, { rounds: 1, minimum: 4 });
    network.run(phase('training'), minute);
    network.disconnect(at(tabs, 3));
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs.slice(0, 3)));
    expect(record(1).ms).toBeLessThan(7_000); // the grace, not the deadline of 10 s
  });

  test('before it sent its header is left out', () => {
    const { network, tabs, closed, phase, record } = start(3, { rounds: 1, minimum: 3 });
    network.run(phase('sealing'), minute);
    network.disconnect(at(tabs, 0));
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs.slice(1)));
  });

  test('with its chunks before anybody had them: a new manifest goes without it', () => {
    const { network, tabs, closed, phase, record } = start(4, { rounds: 1, minimum: 4 });
    network.run(phase('exchanging'), minute);
    network.disconnect(at(tabs, 2));
    expect(network.run(closed(1), minute)).toBe(true);
    const rest = tabs.filter((_, i) => i !== 2);
    expect(authorsOf(record(1))).toEqual(ids(rest));
    expect(network.log.some((line) => line.includes('goes on without'))).toBe(true);
    const digest = bytesToHex(record(1).digest);
    expect(rest.map((tab) => tab.digests.get(1))).toEqual(rest.map(() => digest));
  });

  test('after all others had its chunks: its update still counts', () => {
    const { network, tabs, closed, phase, record } = start(4, { rounds: 1, minimum: 4 });
    network.run(phase('exchanging'), minute);
    const gone = at(tabs, 2);
    const others = tabs.filter((tab) => tab !== gone);
    const everybody = () => others.every((tab) => tab.digests.has(1));
    network.run(everybody, minute);
    network.disconnect(gone);
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs));
  });

  test('until too few are left: the round fails, and is opened again when they are back', () => {
    const { network, tabs, closed, phase, record } = start(2, { rounds: 1, minimum: 2 });
    network.run(phase('training'), minute);
    const gone = at(tabs, 1);
    network.disconnect(gone);
    const failed = () => network.log.some((line) => line.includes('failed'));
    expect(network.run(failed, minute)).toBe(true);
    network.connect(gone);
    expect(network.run(closed(1), minute)).toBe(true);
    expect(record(1).attempt).toBe(2);
  });
});

describe('a member that', () => {
  test('reloads while training finds its place again', () => {
    const { network, tabs, closed, phase, record } = start(3, { rounds: 1, minimum: 3 });
    network.run(phase('training'), minute);
    network.reload(at(tabs, 1));
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs));
  });

  test('reloads during the exchange keeps the chunks that it has', () => {
    const { network, tabs, phase } = start(3, { rounds: 1, minimum: 3 });
    network.run(phase('exchanging'), minute);
    const tab = at(tabs, 1);
    network.run(() => tab.held.size >= 3, minute);
    const held = [...tab.held.keys()];
    network.reload(tab);
    network.run(() => tab.online, minute);
    network.run(() => false, 15); // the welcome has come, the manifest has not been dealt with
    expect([...tab.held.keys()]).toEqual(held);
  });

  test('reloads during the exchange finds its place again', () => {
    const { network, tabs, closed, phase, record } = start(3, { rounds: 1, minimum: 3 });
    network.run(phase('exchanging'), minute);
    network.reload(at(tabs, 1));
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs));
    expect(at(tabs, 1).digests.get(1)).toBe(bytesToHex(record(1).digest));
  });

  test('loses its connection for a second goes on with what it was doing', () => {
    const { network, tabs, closed, phase, record } = start(3, { rounds: 1, minimum: 3 });
    const tab = at(tabs, 1);
    tab.trainMs = 6_000; // of ten: begun anew, it would come too late
    network.run(phase('training'), minute);
    network.run(() => false, 4_500);
    network.disconnect(tab);
    network.run(() => false, 1_000);
    network.connect(tab);
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs));
    expect(record(1)).toMatchObject({ attempt: 1 });
    expect(record(1).ms).toBeLessThan(8_000);
  });

  test('loses its connection while its sum is awaited is asked for it again', () => {
    const { network, tabs, closed, record } = start(3, { rounds: 1, minimum: 3 });
    for (const tab of tabs) tab.uploadMs = 2_000;
    network.run(() => network.collections.length === 1, minute);
    const { from } = at(network.collections, 0);
    const tab = tabs.find(({ identity }) => identity.id === from);
    if (tab === undefined) throw new Error('somebody is asked');
    network.run(() => false, 500);
    network.disconnect(tab);
    network.run(() => false, 2_000); // what it sent meanwhile is lost
    network.connect(tab);
    expect(network.run(closed(1), minute)).toBe(true);
    expect(network.deliveries.map((delivery) => delivery.from)).toEqual([from]);
    expect(record(1).attempt).toBe(1);
  });

  test('loses its connection keeps its place: a newcomer does not take it, and no list is too long', () => {
    const { network, tabs, phase } = start(20, { rounds: 1, minimum: 20 });
    network.run(phase('training'), minute);
    const gone = tabs.slice(0, 5);
    for (const tab of gone) network.disconnect(tab);
    const newcomers = gone.map((_, k) => network.join(`newcomer ${k}`, 10));
    for (const tab of gone) network.connect(tab);
    const { members } = network.coordinator.snapshot();
    expect(members.filter(({ online }) => online).map(({ peer }) => peer).sort()).toEqual(ids(tabs)); // prettier-ignore
    expect(members).toHaveLength(20);
    expect(newcomers.every((tab) => tab.machine.snapshot().model === null)).toBe(true);
  });

  describe('loses an update from its disk', () => {
    /** The update of the first tab, as the last one has it. */
    const losing = () => {
      const started = start(3, { rounds: 1, minimum: 3 });
      const { network, tabs } = started;
      const loser = at(tabs, 2);
      const step = (name: string) => () => loser.machine.snapshot().step.name === name;
      const lose = () => {
        const header = network.admitted.get(at(tabs, 0).identity.id);
        if (!header) throw new Error('it is admitted');
        network.lose(loser, header);
      };
      return { ...started, loser, step, lose };
    };

    test.each(['exchanging', 'aggregating'])(
      'while %s: it is fetched again, and all agree',
      (name) => {
        const { network, tabs, closed, record, loser, step, lose } = losing();
        const has = () => loser.held.has(network.admitted.get(at(tabs, 0).identity.id)?.id ?? ('' as HeaderId)); // prettier-ignore
        expect(network.run(() => step(name)() && has(), minute)).toBe(true);
        lose();
        expect(network.run(closed(1), minute)).toBe(true);
        expect(record(1).ms).toBeLessThan(5_000);
        network.run(() => false, 2_000);
        expect(new Set(outcomeOf(network).models).size).toBe(1);
      },
    );

    test('before it delivers the sum: it says so, and another one is asked at once', () => {
      const { network, closed } = losing();
      for (const tab of network.members.values()) tab.uploadMs = 5; // sooner than it is fetched again
      expect(network.run(() => network.collections.length === 1, minute)).toBe(true);
      const askedAt = network.now;
      const asked = network.members.get(at(network.collections, 0).from);
      const other = [...network.members.values()].find((tab) => tab !== asked);
      const header = other && network.admitted.get(other.identity.id);
      if (!asked || !header) throw new Error('they are members');
      network.run(() => asked.machine.snapshot().step.name === 'done', minute);
      network.lose(asked, header);
      expect(network.run(closed(1), minute)).toBe(true);
      expect(network.collections.map(({ from }) => from)).toHaveLength(2);
      expect(network.now - askedAt).toBeLessThan(3_000);
      expect(network.log.filter((line) => line.includes('refused'))).toEqual([]);
      network.run(() => false, 2_000);
      expect(new Set(outcomeOf(network).models).size).toBe(1);
    });

    test('that it needs and nobody has any more: the others go on without it', () => {
      const { network, tabs, closed, loser, step, lose } = losing();
      expect(network.run(step('aggregating'), minute)).toBe(true);
      loser.unreachable.add(at(tabs, 0).identity.id);
      lose();
      expect(network.run(closed(1), minute)).toBe(true);
      expect(network.log.filter((line) => line.includes('refused'))).toEqual([]);
    });
  });

  test('sees a round fail drops what it exchanged for it', () => {
    const { network, tabs, closed } = start(2, { rounds: 1, minimum: 2 });
    for (const tab of tabs) tab.uploadMs = minute;
    network.run(() => network.coordinator.snapshot().attempt >= 2, 5 * minute);
    for (const tab of tabs) tab.uploadMs = 10;
    expect(network.run(closed(1), 5 * minute)).toBe(true);
    // The model before and after, and one update each.
    for (const tab of tabs) expect(tab.held.size).toBeLessThanOrEqual(4);
  });

  test('is slower than the deadline misses the round and takes part in the next', () => {
    const { network, tabs, closed, record } = start(3, { rounds: 2, minimum: 3 });
    const slow = at(tabs, 0);
    slow.trainMs = 30_000;
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs.slice(1)));
    slow.trainMs = 500;
    expect(network.run(closed(2), minute)).toBe(true);
    expect(authorsOf(record(2))).toEqual(ids(tabs));
  });

  test('joins late takes part from the next round on', () => {
    const { network, tabs, closed, phase, record } = start(2, { rounds: 2, minimum: 2 });
    network.run(phase('training'), minute);
    const late = network.join('late', 10);
    expect(network.run(closed(2), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs));
    expect(authorsOf(record(2))).toEqual(ids([...tabs, late]));
  });

  test('pauses while training is not waited for', () => {
    const { network, tabs, closed, phase, record } = start(3, { rounds: 1, minimum: 3 });
    network.run(phase('training'), minute);
    network.member(at(tabs, 2), { type: 'data', samples: null });
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs.slice(0, 2)));
    expect(record(1).ms).toBeLessThan(3_000);
  });

  test('nobody can reach gives its chunks to the coordinator, which passes them on', () => {
    const { network, tabs, closed, record } = start(4, { rounds: 1, minimum: 4 });
    const hermit = at(tabs, 3);
    for (const tab of tabs.slice(0, 3)) tab.unreachable.add(hermit.identity.id);
    expect(network.run(closed(1), minute)).toBe(true);
    expect(authorsOf(record(1))).toEqual(ids(tabs));
    expect(record(1).ms).toBeGreaterThan(4_000); // half of the exchange's 8 s
    expect(record(1).ms).toBeLessThan(6_000);
    expect(hermit.log.filter((line) => line.includes('asked for chunk'))).toHaveLength(1);
  });

  test('reports another digest is named, whatever it reports', () => {
    const { network, tabs, closed } = start(4, { rounds: 1, minimum: 4 });
    const liar = at(tabs, 1);
    liar.liesAboutDigest = true;
    expect(network.run(closed(1), minute)).toBe(true);
    network.run(() => false, 1_000);
    const named = network.log.filter((line) => line.includes('digest refused: arrived at 0000'));
    expect(named).toHaveLength(1);
    expect(named[0]).toContain(liar.identity.id.slice(0, 8));
  });

  test('uploads a false sum is passed over for another one', () => {
    const { network, tabs, closed, record } = start(3, { rounds: 2, minimum: 3 });
    const lie: SumMaker = (terms, seal) => {
      const { lanes, blinding } = sumOf(terms);
      return seal({ lanes: lanes.map((lane) => lane ^ 1), blinding });
    };
    for (const tab of tabs.slice(0, 2)) tab.makeSum = lie;
    expect(network.run(closed(2), 2 * minute)).toBe(true);
    const honest = at(tabs, 2);
    expect(honest.digests.get(2)).toBe(bytesToHex(record(2).digest));
  });

  test('is in the majority with its lie is named, all of it: the sum that opens is the model', () => {
    const { network, tabs, closed } = start(3, { rounds: 1, minimum: 3 });
    for (const tab of tabs.slice(1)) tab.liesAboutDigest = true;
    expect(network.run(closed(1), minute)).toBe(true);
    network.run(() => false, 1_000);
    const named = network.log.filter((line) => line.includes('digest refused'));
    expect(named.map((line) => line.slice(0, 8)).sort()).toEqual(ids(tabs.slice(1)).map((id) => id.slice(0, 8))); // prettier-ignore
    const { plain, models } = outcomeOf(network);
    expect(models).toEqual(models.map(() => plain));
  });
});

test('the weights of a round are in proportion to the samples', () => {
  const network = new RoundNetwork(9, { rounds: 1, minimum: 2 });
  const [a, b] = [network.join('a', 300), network.join('b', 100)];
  network.run(() => network.coordinator.snapshot().history.length === 1, minute);
  const [model0, model1] = [at(network.owner.models, 0), at(network.owner.models, 1)];
  // What plain federated averaging in doubles would make of the two updates.
  for (let i = 0; i < model0.length; i++) {
    const mean = (300 * (a.delta?.[i] ?? NaN) + 100 * (b.delta?.[i] ?? NaN)) / 400;
    const step = 0.1 / 127; // one quantiser step at the most, for values up to 0.1
    expect(Math.abs((model1[i] ?? NaN) - ((model0[i] ?? NaN) + mean))).toBeLessThan(step * 1.01);
  }
});

describe('weights', () => {
  test('of an author that is dropped go with it: the others’ stay as they were told', () => {
    const { network, tabs, closed, record } = start(4, { rounds: 1, minimum: 4 });
    silence(at(tabs, 0), tabs.slice(1));
    expect(network.run(closed(1), minute)).toBe(true);
    network.run(() => false, 2_000);
    expect(authorsOf(record(1))).toEqual(ids(tabs.slice(1)));
    const outcome = outcomeOf(network);
    expect(outcome.models).toEqual(outcome.models.map(() => outcome.plain));
  });

  test('that lose more than half of them fail the attempt', () => {
    const network = new RoundNetwork(1, { rounds: 1, minimum: 3 });
    const [heavy, ...light] = [10_000, 100, 100].map((samples, i) => network.join(`tab ${i}`, samples)); // prettier-ignore
    if (heavy) silence(heavy, light);
    const failed = () => network.log.some((line) => line.endsWith('too few updates can be had'));
    expect(network.run(failed, minute)).toBe(true);
    expect(network.coordinator.snapshot().history).toEqual([]);
  });

  test('of 0 are asked for no update, and cost nobody anything', () => {
    const network = new RoundNetwork(1, { rounds: 1, minimum: 3 });
    const tabs = [10_000, 10_000, 1].map((samples, i) => network.join(`tab ${i}`, samples));
    const closed = () => network.coordinator.snapshot().history.length >= 1;
    expect(network.run(closed, minute)).toBe(true);
    network.run(() => false, 2_000);
    const outcome = outcomeOf(network);
    expect(outcome.authors).toEqual(ids(tabs.slice(0, 2)));
    expect(outcome.models).toEqual(outcome.models.map(() => outcome.plain));
    expect(network.log.filter((line) => line.includes('failed'))).toEqual([]);
  });

  test('that a forged revision raises, or an author that it adds, are refused by every tab', () => {
    const forge = (change: (entries: Manifest['entries']) => Manifest['entries']) => {
      const { network, tabs, phase } = start(3, { rounds: 1, minimum: 3 });
      silence(at(tabs, 0), tabs);
      network.tamper = (message) => {
        if (message.type !== 'manifest') return message;
        const known = verifyManifest(message.manifest, { task: network.owner.task, ownerKey: network.owner.identity.id }); // prettier-ignore
        if (!known.ok) throw new Error(known.error);
        if (known.value.revision === 1) return message;
        const value = decodeCanonical(message.manifest.bytes);
        if (!value.ok) throw new Error(value.error);
        const entries = change(known.value.entries);
        const forged = { ...(value.value as Manifest), entries };
        return { ...message, manifest: signManifest(forged, network.owner.identity) };
      };
      network.run(() => at(tabs, 1).refused.length > 0 || phase('finished')(), minute);
      return at(tabs, 1).refused;
    };
    const raised = forge(([first, ...rest]) => (first ? [{ ...first, weight: first.weight + 1 }, ...rest] : [])); // prettier-ignore
    expect(raised).toContain('manifest: manifest: a revision adds an author or changes a weight');
  });
});

describe('what one member claims harms nobody else:', () => {
  /** The first tab says this of itself, whenever it says anything of the kind. */
  const claims: Record<string, (message: ClientMessage) => ClientMessage> = {
    'a billion samples of its model': (message) =>
      message.type === 'metrics' ? { ...message, metrics: { ...message.metrics, samples: 1e9 } } : message, // prettier-ignore
    'a billion samples to train on': (message) =>
      message.type === 'ready' ? { ...message, samples: 1e9 } : message,
    'magnitudes of 1e38': (message) =>
      message.type === 'trained' ? { ...message, magnitudes: message.magnitudes.map(() => 1e38) } : message, // prettier-ignore
    'magnitudes that are not finite': (message) =>
      message.type === 'trained' ? { ...message, magnitudes: message.magnitudes.map(() => Infinity) } : message, // prettier-ignore
    'no loss at all': (message) =>
      message.type === 'trained' ? { ...message, metrics: { ...message.metrics, loss: NaN } } : message, // prettier-ignore
  };
  test.each(Object.entries(claims))('%s', (_, claim) => {
    const { network, tabs, closed, record } = start(3, { rounds: 2, minimum: 2 });
    const [liar, ...honest] = tabs;
    if (liar === undefined) throw new Error('three tabs');
    liar.tamper = claim;
    expect(network.run(closed(2), 5 * minute)).toBe(true);
    network.run(() => false, 1_000);
    for (const round of [1, 2]) {
      const digest = bytesToHex(record(round).digest);
      expect(honest.map((tab) => tab.digests.get(round))).toEqual(honest.map(() => digest));
    }
    expect(network.log.filter((line) => line.includes('is refused'))).toHaveLength(1);
    // Who comes next can read what it is told.
    const late = network.join('late', 100);
    network.run(() => false, 1_000);
    expect(late.refused).toEqual([]);
    expect(late.machine.snapshot().model?.round).toBe(2);
  });

  test('as many samples as a tab holds, of every member: the record can be read', () => {
    const { network, tabs, closed, record } = start(4, { rounds: 1, minimum: 4 });
    for (const tab of tabs) {
      tab.tamper = (message) =>
        message.type === 'metrics' ? { ...message, metrics: { ...message.metrics, samples: limits.rows } } : message; // prettier-ignore
    }
    network.run(closed(1), minute);
    network.run(() => false, 1_000);
    expect(record(1).metrics?.samples).toBe(4 * limits.rows);
    expect(v.safeParse(roundRecordSchema, record(1)).success).toBe(true);
  });
});

test('a sum whose sender leaves while it is judged is adopted, and the next round goes on from it', () => {
  const { network, tabs, closed, record } = start(3, { rounds: 2, minimum: 2 });
  network.judgeMs = 5_000;
  network.run(() => network.deliveries.length === 1, minute);
  const sender = tabs.find(({ identity }) => identity.id === at(network.deliveries, 0).from);
  if (sender === undefined) throw new Error('somebody sent it');
  network.coordinate({ type: 'message', peer: sender.identity.id, message: { type: 'bye' } });
  network.disconnect(sender);
  expect(network.run(closed(2), 5 * minute)).toBe(true);
  expect([record(1).attempt, record(2).attempt]).toEqual([1, 1]);
  const outcome = outcomeOf(network);
  expect(outcome.models.slice(0, 1)).toEqual([outcome.plain]);
});

test('a newcomer can read the welcome of a task with thousands of rounds behind it', () => {
  const network = new RoundNetwork(3, { rounds: 100_000, minimum: 2 });
  const authors = Array.from({ length: limits.members }, (_, k) => bytesToHex(new Uint8Array(32).fill(k)) as PeerId); // prettier-ignore
  const history = Array.from({ length: 5_000 }, (_, k) => ({
    ...{ round: k + 1, attempt: 1, revision: 1, authors, ms: 1_000, revokedUpdates: 0 },
    digest: new Uint8Array(32),
    metrics: { samples: 4_000_000, loss: 0.123456789, accuracy: 0.987654321 },
  }));
  const { owner } = network;
  const coordinator = new RoundCoordinator({
    description: owner.description,
    owner: owner.identity,
    model: owner.sign(5_000, at(owner.models, 0)),
    state: owner.dataOwner.state(network.seconds),
    history,
    lastRound: null,
    iceServers: () => [],
    boot: new Uint8Array(16),
  });
  const [effect] = coordinator.handle({ type: 'joined', peer: at(authors, 3) }, network.now);
  if (effect?.type !== 'send' || effect.message.type !== 'welcome') throw new Error('not welcomed');
  const frame = serverCodec.encode(effect.message);
  expect(frame.length).toBeLessThan(limits.serverFrameBytes / 2);
  const decoded = serverCodec.decode(frame);
  expect(decoded.ok && decoded.value.type).toBe('welcome');
  const told = effect.message.history;
  expect(told.at(-1)?.round).toBe(5_000);
  expect(told.length).toBeGreaterThan(100);
  expect(coordinator.snapshot().round).toBe(5_001);
});
