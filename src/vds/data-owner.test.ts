import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeG1, G1 } from '../crypto/index.ts';
import { at, bytesToHex, randomBytes, seededRandom } from '../lib/index.ts';
import { cutPayloads, joinLanes, noOpening } from './batch.ts';
import { Crs } from './crs.ts';
import { DataOwner } from './data-owner.ts';
import { signHeader } from './header.ts';
import { blindingBytes } from './lanes.ts';
import { maxRevoked } from './state.ts';
import { author, crs, errorOf, key, makeBatch, makeDataOwner, makeHeaderId, makeIdentity, makeSum, makeTask, makeVerifier, now, orderOf, owner, scalars, sealCut, signed, stranger, task, valueOf, type TestBatch } from './testing.ts'; // prettier-ignore

/** A batch as its author offers it: not admitted. */
const offered = ({ header }: TestBatch, by = author) => signHeader(header, by);

/** What of a Data Owner is seen from outside. */
const published = (dataOwner: DataOwner) => ({ ...dataOwner.state(now), epoch: dataOwner.epoch });

describe('a Data Owner', () => {
  test('refuses the CRS whose trapdoor is public, unless it is a test', async () => {
    expect(() => makeDataOwner({ allowTestCrs: false })).toThrow('its trapdoor is public');
    const random = seededRandom(1);
    expect(() => makeDataOwner({ allowTestCrs: true })).not.toThrow();
    const generated = await Crs.generate(scalars, random);
    expect(makeDataOwner({ crs: generated, allowTestCrs: false }).crs).toBe(generated);
  });

  test('publishes what everybody pins', () => {
    const { accumulatorKey, ...rest } = makeDataOwner().globalKey;
    expect(rest).toEqual({ task, ownerKey: owner.id, scalars, crs: crs.digest });
    const verifier = makeVerifier();
    const state = valueOf(verifier.updateState(makeDataOwner().state(now), now));
    expect(state.accumulatorKey).toEqual(accumulatorKey);
  });

  test('has a trapdoor of its own in every task, and the same after a restart', () => {
    const keyOf = (dataOwner: DataOwner) => dataOwner.globalKey.accumulatorKey.join();
    const others = [{}, { task: makeTask() }, { identity: makeIdentity() }].map(makeDataOwner);
    expect(new Set(others.map(keyOf)).size).toBe(3);
    expect(keyOf(makeDataOwner({ revoked: [makeHeaderId()] }))).toBe(keyOf(at(others, 0)));
  });

  test('has revoked nothing at first', () => {
    const dataOwner = makeDataOwner();
    expect(dataOwner.epoch).toBe(0);
    const update = dataOwner.state(now);
    expect(update).toMatchObject({ revoked: [], keys: [] });
    const state = valueOf(makeVerifier().updateState(update, now));
    expect(state.accumulator).toEqual(encodeG1(G1.BASE));
  });
});

describe('create', () => {
  const bytes = randomBytes(seededRandom(2), 9000);
  const blindings = (payloads: readonly Uint8Array[]) =>
    payloads.map((payload) => payload.slice(0, blindingBytes));

  test('of a model makes the chunks that every member computes', async () => {
    const about = { opening: noOpening, round: 4, kind: 'model' } as const;
    const { signed, payloads } = await makeDataOwner().create(key, about, bytes, false);
    const cut = cutPayloads(bytes, scalars, 'bytes', null);
    const { columns } = sealCut(cut, { ...about, author: owner }).header;
    const header = valueOf(makeVerifier().verifyHeader(signed, 'admitted'));
    expect(header).toMatchObject({ ...about, author: owner.id, columns, byteLength: 9000 });
    expect(blindings(payloads)).toEqual(payloads.map(() => new Uint8Array(blindingBytes)));
  });

  test('of a file hides it, verifies for everybody and gives the bytes back', async () => {
    const about = { opening: noOpening, round: 0, kind: 'file', replaces: makeHeaderId() } as const;
    const make = () => makeDataOwner().create(key, about, bytes, true);
    const [first, second] = [await make(), await make()];
    const header = valueOf(makeVerifier().verifyHeader(first.signed, 'admitted'));
    expect(header).toMatchObject(about);
    const shown = [...blindings(first.payloads), ...blindings(second.payloads)];
    expect(new Set(shown.map((blinding) => blinding.join())).size).toBe(4);
    first.payloads.forEach((payload, j) => {
      expect(errorOf(makeVerifier().verifyChunk(header, j, payload))).toBe('accepted');
    });
    expect(joinLanes(header, first.payloads)).toEqual(bytes);
  });

  test('can be stopped', async () => {
    const stop = () => Promise.reject(new Error('enough'));
    const about = { opening: noOpening, round: 0, kind: 'file' } as const;
    await expect(makeDataOwner().create(key, about, bytes, true, stop)).rejects.toThrow('enough');
  });
});

describe('admit', () => {
  const good = [makeBatch(40), makeBatch(4000), makeBatch(40)];

  test('countersigns what holds and names what does not, each in its place', () => {
    const mixed = signed({ ...at(good, 2), header: { ...at(good, 2).header, y: at(good, 0).header.y } }); // prettier-ignore
    const tried = [
      offered(at(good, 0)),
      offered(mixed),
      offered(at(good, 1), stranger),
      offered(makeBatch(40, { task: makeTask() })),
      offered(makeBatch(40, { kind: 'model', author })),
      { ...offered(at(good, 2)), admission: new Uint8Array(64) },
    ];
    const results = makeDataOwner().admit(tried);
    expect(results.map(errorOf)).toEqual([
      'accepted',
      'header opening does not hold',
      "header signature is not the author's",
      'header of another task',
      'header of a model that is not by the Data Owner',
      'accepted',
    ]);
    for (const [place, batch] of [
      [0, 0],
      [5, 2],
    ] as const) {
      // prettier-ignore
      const admitted = valueOf(at(results, place));
      expect(admitted.signed).toEqual(at(good, batch).signed);
      expect(errorOf(makeVerifier().verifyHeader(admitted.signed, 'admitted'))).toBe('accepted');
    }
  });

  test('refuses what is revoked, though it was admitted before', () => {
    const dataOwner = makeDataOwner();
    const tried = good.slice(0, 2).map((batch) => offered(batch));
    const { id } = valueOf(at(dataOwner.admit(tried), 0));
    valueOf(dataOwner.revoke(id));
    expect(dataOwner.admit(tried).map(errorOf)).toEqual([
      'header is revoked by the Data Owner',
      'accepted',
    ]);
  });

  test('refuses what replaces a batch that is not revoked', () => {
    const dataOwner = makeDataOwner();
    const old = at(good, 0).verified.id;
    const replacing = offered(makeBatch(40, { replaces: old }));
    const verdict = () => errorOf(at(dataOwner.admit([replacing]), 0));
    expect(verdict()).toBe('header replaces a batch that is not revoked');
    valueOf(dataOwner.revoke(makeHeaderId()));
    expect(verdict()).toBe('header replaces a batch that is not revoked');
    valueOf(dataOwner.revoke(old));
    expect(verdict()).toBe('accepted');
  });

  test('of a sum looks at its summands as well', () => {
    const updates = [makeBatch(40), makeBatch(40, { author: stranger })];
    const weights = [200, 56];
    const terms = updates.map((batch, k) => ({ batch, weight: at(weights, k) }));
    const sum = makeSum(terms);
    const order = orderOf(terms);
    const dataOwner = makeDataOwner();
    const admitted = valueOf(dataOwner.admitSum(offered(sum), order));
    expect(admitted.signed).toEqual(sum.signed);
    const wrong = orderOf(terms.map(({ batch }) => ({ batch, weight: 128 })));
    const error = 'sum: it is not Σ a_k·u_k of the manifest';
    expect(errorOf(dataOwner.admitSum(offered(sum), wrong))).toBe(error);
    const { y } = makeBatch(40).header;
    const lying = signed({ ...sum, header: { ...sum.header, y } });
    expect(errorOf(dataOwner.admitSum(offered(lying), order))).toBe(error);
    valueOf(dataOwner.revoke(at(updates, 0).verified.id));
    expect(errorOf(dataOwner.admitSum(offered(sum), order))).toBe(
      'sum: of an update that is revoked',
    );
  });
});

describe('revoke', () => {
  test('grows the epoch, once for each batch', () => {
    const dataOwner = makeDataOwner();
    const verifier = makeVerifier();
    const ids = [makeHeaderId(), makeHeaderId()];
    ids.forEach((id, k) => {
      expect(dataOwner.isRevoked(id)).toBe(false);
      expect(dataOwner.revoke(id)).toEqual({ ok: true, value: true });
      const before = published(dataOwner);
      expect(dataOwner.revoke(id)).toEqual({ ok: true, value: false });
      expect(published(dataOwner)).toEqual(before);
      expect(dataOwner.isRevoked(id)).toBe(true);
      expect(dataOwner.epoch).toBe(k + 1);
      const state = valueOf(verifier.updateState(dataOwner.state(now), now));
      expect(state).toMatchObject({ epoch: k + 1, count: k + 1 });
    });
    expect(dataOwner.revoked).toEqual(ids);
  });

  test('goes as far as a state can tell', () => {
    const revoked = Array.from({ length: maxRevoked - 1 }, () => makeHeaderId());
    const dataOwner = makeDataOwner({ revoked });
    expect(errorOf(dataOwner.revoke(makeHeaderId()))).toBe('accepted');
    expect(errorOf(dataOwner.revoke(makeHeaderId()))).toMatch(/1000 revoked batches/);
    expect(dataOwner.epoch).toBe(maxRevoked);
  });

  test('is taken back for the newest one alone', () => {
    const [first, second] = [makeHeaderId(), makeHeaderId()];
    const dataOwner = makeDataOwner({ revoked: [first] });
    const before = published(dataOwner);
    valueOf(dataOwner.revoke(second));
    for (const other of [first, makeHeaderId()]) dataOwner.unrevoke(other);
    expect(dataOwner.revoked).toEqual([first, second]);
    dataOwner.unrevoke(second);
    expect(published(dataOwner)).toEqual(before);
    dataOwner.unrevoke(second);
    expect(dataOwner.revoked).toEqual([first]);
  });
});

describe('replace', () => {
  const old = makeBatch(40);
  const by = makeBatch(40, { replaces: old.verified.id });

  test('revokes the old batch and admits the new one', () => {
    const dataOwner = makeDataOwner();
    const admitted = valueOf(dataOwner.replace(old.verified.id, offered(by)));
    expect(admitted.signed).toEqual(by.signed);
    expect(dataOwner.revoked).toEqual([old.verified.id]);
    // The new one may be replaced in its turn, and the old one never comes back.
    const next = makeBatch(40, { replaces: admitted.id });
    expect(errorOf(dataOwner.replace(admitted.id, offered(next)))).toBe('accepted');
    expect(dataOwner.admit([offered(old), offered(by)]).map(errorOf)).toEqual(
      Array(2).fill('header is revoked by the Data Owner'),
    );
    expect(dataOwner.epoch).toBe(2);
  });

  test('does neither where the new one does not hold', () => {
    const { y } = makeBatch(40).header;
    const lying = signed({ ...by, header: { ...by.header, y } });
    const revokedOnce = makeDataOwner({ revoked: [old.verified.id] });
    const revokedNew = makeDataOwner({ revoked: [by.verified.id] });
    for (const [dataOwner, tried, error] of [
      [makeDataOwner(), offered(lying), 'header opening does not hold'],
      [makeDataOwner(), offered(by, stranger), "header signature is not the author's"],
      [makeDataOwner(), offered(makeBatch(40)), 'the new header does not name the old batch'],
      [makeDataOwner(), offered(makeBatch(40, { replaces: makeHeaderId() })), 'the new header does not name the old batch'], // prettier-ignore
      [makeDataOwner(), { ...offered(by), header: new Uint8Array(3) }, /^header encoding: /],
      [revokedOnce, offered(by), 'the batch is revoked already'],
      [revokedNew, offered(by), 'header is revoked by the Data Owner'],
    ] as const) {
      const before = published(dataOwner);
      expect(errorOf(dataOwner.replace(old.verified.id, tried))).toMatch(error);
      expect(published(dataOwner)).toEqual(before);
    }
  });
});

describe('a Data Owner that starts again with what it revoked', () => {
  test('goes on where it was: the same epoch, accumulator, keys and signature', () => {
    const steps = fc.array(fc.constantFrom('revoke', 'unrevoke', 'restart'), { maxLength: 12 });
    fc.assert(
      fc.property(steps, (chosen) => {
        const steady = makeDataOwner();
        let restarted = makeDataOwner();
        for (const step of chosen) {
          const id = makeHeaderId();
          const newest = steady.revoked.at(-1) ?? id;
          for (const dataOwner of [steady, restarted]) {
            if (step === 'revoke') valueOf(dataOwner.revoke(id));
            if (step === 'unrevoke') dataOwner.unrevoke(newest);
          }
          if (step === 'restart') restarted = makeDataOwner({ revoked: restarted.revoked });
          expect(restarted.epoch).toBe(steady.revoked.length);
        }
        expect(published(restarted)).toEqual(published(steady));
      }),
      { numRuns: 20 },
    );
  });

  test('does not share its list with who gave it', () => {
    const revoked = [makeHeaderId()];
    const dataOwner = makeDataOwner({ revoked });
    valueOf(dataOwner.revoke(makeHeaderId()));
    expect(revoked).toHaveLength(1);
  });

  test('from its record and its secret, which lie apart', () => {
    const dataOwner = makeDataOwner();
    for (const id of [makeHeaderId(), makeHeaderId()]) valueOf(dataOwner.revoke(id));
    const { record, secret } = dataOwner;
    const rest = { crs, random: seededRandom(3), allowTestCrs: true };
    const restored = valueOf(DataOwner.restore(record, secret, rest));
    expect(published(restored)).toEqual(published(dataOwner));
    expect(restored.globalKey).toEqual(dataOwner.globalKey);
    // Nothing secret is in the record.
    expect(bytesToHex(record)).not.toContain(bytesToHex(secret));
    expect(secret).toEqual(owner.secret);
    const stranger = valueOf(DataOwner.restore(record, makeIdentity().secret, rest));
    expect(stranger.globalKey.accumulatorKey).not.toEqual(dataOwner.globalKey.accumulatorKey);
  });

  test('not from a record that is damaged, or of another CRS', async () => {
    const { record, secret } = makeDataOwner();
    const rest = { crs, random: seededRandom(3), allowTestCrs: true };
    const refusal = (bytes: Uint8Array, use = rest) => errorOf(DataOwner.restore(bytes, secret, use)); // prettier-ignore
    expect(refusal(record.subarray(1))).toMatch(/^Data Owner: /);
    expect(refusal(new Uint8Array())).toMatch(/^Data Owner: /);
    const other = await Crs.generate(256, seededRandom(4));
    expect(refusal(record, { ...rest, crs: other })).toBe('Data Owner: of another CRS');
  });
});

describe('a Data Owner restored from a backup', () => {
  const ids = Array.from({ length: 4 }, makeHeaderId);
  const shown = makeDataOwner({ revoked: ids }).state(now);

  test('takes over what it is shown that it signed, and goes on from there', () => {
    for (const count of [0, 1, 3]) {
      const restored = makeDataOwner({ revoked: ids.slice(0, count) });
      expect(restored.takeOver(shown)).toEqual({ ok: true, value: 4 - count });
      expect(published(restored)).toEqual(published(makeDataOwner({ revoked: ids })));
      const verifier = makeVerifier();
      valueOf(verifier.updateState(shown, now));
      valueOf(restored.revoke(makeHeaderId()));
      expect(errorOf(verifier.updateState(restored.state(now), now))).toBe('accepted');
    }
  });

  test('takes nothing over from an older state, or from its own', () => {
    const dataOwner = makeDataOwner({ revoked: ids });
    for (const count of [0, 2, 4]) {
      const older = makeDataOwner({ revoked: ids.slice(0, count) }).state(now);
      expect(dataOwner.takeOver(older)).toEqual({ ok: true, value: 0 });
      expect(dataOwner.recognise(older.core)).toEqual({ ok: true, value: 'known' });
    }
    const fewer = makeDataOwner({ revoked: ids.slice(0, 2) });
    expect(fewer.recognise(shown.core)).toEqual({ ok: true, value: 'newer' });
  });

  test('stops where it would sign a second history, and stays as it was', () => {
    for (const known of [[makeHeaderId()], [at(ids, 1)], [...ids.slice(0, 3), makeHeaderId()]]) {
      const dataOwner = makeDataOwner({ revoked: known });
      const before = published(dataOwner);
      expect(dataOwner.takeOver(shown)).toEqual({ ok: true, value: 'forked' });
      expect(published(dataOwner)).toEqual(before);
    }
    const longer = makeDataOwner({ revoked: [...ids.slice(0, 3), makeHeaderId(), makeHeaderId()] });
    expect(longer.takeOver(shown)).toEqual({ ok: true, value: 'forked' });
    expect(longer.recognise(shown.core)).toEqual({ ok: true, value: 'forked' });
  });

  test('believes nobody but itself', () => {
    const dataOwner = makeDataOwner();
    const foreign = makeDataOwner({ revoked: ids, identity: makeIdentity() }).state(now);
    expect(errorOf(dataOwner.takeOver(foreign))).toMatch(/^state-core: the signature/);
    expect(errorOf(dataOwner.recognise(foreign.core))).toMatch(/^state-core: the signature/);
    const list = { ...shown, revoked: ids.slice(1) };
    const error = 'state: the list of revoked batches is not the signed one';
    expect(errorOf(dataOwner.takeOver(list))).toBe(error);
    const elsewhere = makeDataOwner({ revoked: ids, task: makeTask() }).state(now);
    expect(errorOf(dataOwner.takeOver(elsewhere))).toBe('state: of another task');
    expect(dataOwner.epoch).toBe(0);
  });
});
