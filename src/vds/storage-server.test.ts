import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeG1, encodeScalar, G1, groupOrder } from '../crypto/index.ts';
import { at, bytesToHex, randomBytes, seededRandom, type HeaderId } from '../lib/index.ts';
import { serverKeys } from './accumulator.ts';
import type { AuditRequest } from './audit.ts';
import { MemoryChunkStore } from './chunk-store.ts';
import type { QueryRequest } from './query.ts';
import { stateValidity } from './state.ts';
import { StorageServer } from './storage-server.ts';
import { errorOf, flipBit, forgeState, makeBatch, makeDataOwner, makeHeaderId, makeVerifier, now, ofOrder3Compressed, owner, scalars, stranger, valueOf, type TestBatch } from './testing.ts'; // prettier-ignore
import type { Verifier, Witness } from './verifier.ts';

const random = seededRandom(11);

/** A server with a store of its own, which knows the state of a Data Owner that revoked these. */
function makeServer(revoked: readonly HeaderId[] = []) {
  const store = new MemoryChunkStore();
  const server = new StorageServer(makeVerifier(), store, random);
  valueOf(server.takeState(makeDataOwner({ revoked }).state(now), now));
  return { server, store };
}

/** Somebody else who knows the newest state alone. */
function makeAsker(revoked: readonly HeaderId[]): Verifier {
  const verifier = makeVerifier();
  valueOf(verifier.updateState(makeDataOwner({ revoked }).state(now), now));
  return verifier;
}

async function putAll(server: StorageServer, batch: TestBatch): Promise<void> {
  for (const [index, payload] of batch.payloads.entries()) {
    valueOf(await server.put(batch.verified, index, payload.slice()));
  }
}

const batch = makeBatch(2 * 3840 + 50);
const parties = { auditor: owner.id, holder: stranger.id };
const audit: AuditRequest = { nonce: randomBytes(random, 32), epoch: 0, columns: [0, 2] };
const query: QueryRequest = { columns: [0, 1, 2], weights: { kind: 'seed', seed: audit.nonce } };

describe('put', () => {
  test('keeps what verifies, and gives the same bytes to the questions', async () => {
    const { server, store } = makeServer();
    await putAll(server, batch);
    expect(await store.held(batch.verified.id)).toEqual([0, 1, 2]);
    expect(await store.get(batch.verified.id, 2)).toEqual(at(batch.payloads, 2));
  });

  test('keeps nothing that does not, and says why', async () => {
    const { server, store } = makeServer();
    const payload = at(batch.payloads, 0);
    const put = async (index: number, tried: Uint8Array<ArrayBuffer>) =>
      errorOf(await server.put(batch.verified, index, tried));
    expect(await put(0, flipBit(payload, 300))).toBe('chunk digest');
    expect(await put(0, payload.slice(1))).toBe('chunk length');
    expect(await put(1, payload)).toBe('chunk digest');
    expect(await put(3, payload)).toBe('chunk 3 is not in the header');
    expect(await store.held(batch.verified.id)).toEqual([]);
  });

  test('keeps nothing of a revoked batch', async () => {
    const { server, store } = makeServer([batch.verified.id]);
    const verdict = await server.put(batch.verified, 0, at(batch.payloads, 0).slice());
    expect(errorOf(verdict)).toBe('batch is revoked by the Data Owner');
    expect(await store.held(batch.verified.id)).toEqual([]);
  });
});

describe('takeState', () => {
  const ids = [makeHeaderId(), makeHeaderId(), makeHeaderId()];
  const update = makeDataOwner({ revoked: ids }).state(now);
  const fresh = () => new StorageServer(makeVerifier(), new MemoryChunkStore(), random);
  const foreign = serverKeys(5n, 3).map(encodeG1);
  const keysWith = (place: number, key: Uint8Array) => update.keys.map((own, i) => (i === place ? key : own)); // prettier-ignore

  test.each([
    ['another trapdoor', foreign, 'state: the server keys do not hold'],
    ['one of another trapdoor', keysWith(2, at(foreign, 2)), 'state: the server keys do not hold'],
    ['two that are swapped', [at(update.keys, 1), at(update.keys, 0), at(update.keys, 2)], 'state: the server keys do not hold'], // prettier-ignore
    ['one too few', update.keys.slice(1), 'state: not one server key per revoked batch'],
    ['one too many', [...update.keys, at(foreign, 0)], 'state: not one server key per revoked batch'], // prettier-ignore
    ['the identity', keysWith(1, encodeG1(G1.ZERO)), 'state: server key 2: the identity point'],
    ['one of order 3', keysWith(0, ofOrder3Compressed), /^state: server key 1: .*subgroup/],
  ])('refuses server keys of %s', (_, keys, error) => {
    const server = fresh();
    expect(errorOf(server.takeState({ ...update, keys }, now))).toMatch(error);
    expect(server.verifier.state).toBe(null);
    expect(errorOf(server.takeState(update, now))).toBe('accepted');
  });

  // Each is false by itself and their sum is right: random weights are what tells.
  test('refuses server keys that are wrong by opposite amounts', () => {
    const keys = serverKeys(5n, 3);
    const own = update.keys.map((key) => G1.fromBytes(key));
    const shifted = [0, 1].map((i) => at(own, i).add(i === 0 ? at(keys, 0) : at(keys, 0).negate()));
    const tried = [...shifted, at(own, 2)].map(encodeG1);
    expect(errorOf(fresh().takeState({ ...update, keys: tried }, now))).toMatch(/do not hold/);
  });

  test('refuses keys that were right at first and are others now', () => {
    const server = fresh();
    valueOf(server.takeState(makeDataOwner({ revoked: ids.slice(0, 2) }).state(now), now));
    expect(errorOf(server.takeState({ ...update, keys: keysWith(0, at(foreign, 0)) }, now))).toBe(
      'state: the server keys do not hold',
    );
    expect(server.verifier.state?.epoch).toBe(2);
  });

  test('refuses an accumulator that is not of the list', () => {
    const { s } = valueOf(makeVerifier().updateState(update, now));
    const points = { accumulator: G1.BASE.multiply(5n), accumulatorKey: s };
    const server = fresh();
    expect(errorOf(server.takeState({ ...update, ...forgeState(3, ids, points) }, now))).toBe(
      'state: the accumulator is not of the list',
    );
    expect(server.verifier.state).toBe(null);
  });

  test('refuses what a verifier refuses', () => {
    const server = fresh();
    expect(errorOf(server.takeState(update, now + stateValidity + 1))).toMatch(/^state: stale/);
    valueOf(server.takeState(update, now));
    const older = makeDataOwner({ revoked: ids.slice(0, 2) }).state(now);
    expect(errorOf(server.takeState(older, now))).toBe('state: epoch 2 is older than epoch 3');
    expect(errorOf(server.takeState(update, now + 60))).toBe('accepted');
  });
});

describe('a witness', () => {
  const told = (verifier: Verifier, header: HeaderId, witness: Witness) =>
    errorOf(verifier.verifyNonMembership(header, witness));

  test('is refused before the first state', () => {
    const server = new StorageServer(makeVerifier(), new MemoryChunkStore(), random);
    expect(errorOf(server.witness(makeHeaderId()))).toBe('no state of the Data Owner is known');
  });

  test('stays fresh over any revocations, without the trapdoor, and is of one epoch alone', () => {
    const step = fc.constantFrom('revoke another', 'revoke two', 'revoke own', 'restart', 'nothing'); // prettier-ignore
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 5 }), (steps) => {
        const dataOwner = makeDataOwner();
        let { server } = makeServer();
        const [header, own] = [makeHeaderId(), makeHeaderId()];
        let before = valueOf(server.witness(header));
        for (const each of steps) {
          if (each === 'restart') ({ server } = makeServer(dataOwner.revoked));
          if (each.startsWith('revoke')) dataOwner.revoke(each === 'revoke own' ? own : makeHeaderId()); // prettier-ignore
          if (each === 'revoke two') valueOf(dataOwner.revoke(makeHeaderId()));
          valueOf(server.takeState(dataOwner.state(now), now));
          const asker = makeAsker(dataOwner.revoked);
          const witness = valueOf(server.witness(header));
          const { epoch } = dataOwner;
          expect(told(asker, header, witness)).toBe('accepted');
          expect(errorOf(server.witness(own))).toBe(
            dataOwner.isRevoked(own) ? 'the batch is revoked by the Data Owner' : 'accepted',
          );
          if (before.epoch === epoch) continue;
          expect(told(asker, header, before)).toMatch(/a witness of epoch/);
          expect(told(asker, header, { ...before, epoch })).toMatch(/does not hold/);
          const late = makeAsker(dataOwner.revoked.slice(0, before.epoch));
          expect(told(late, header, witness)).toMatch(/a witness of epoch/);
          before = witness;
        }
        // As somebody computes it who never refreshed anything.
        const anew = makeServer(dataOwner.revoked).server.witness(header);
        expect(anew).toEqual(server.witness(header));
      }),
      {
        numRuns: 6,
        examples: [[['revoke another', 'revoke two', 'revoke own', 'restart', 'revoke another']]],
      },
    );
  });

  test('of more batches than are kept fresh is made anew', () => {
    const { server } = makeServer();
    const headers = Array.from({ length: 70 }, () => makeHeaderId());
    for (const header of headers) valueOf(server.witness(header));
    const revoked = [makeHeaderId(), at(headers, 1)];
    valueOf(server.takeState(makeDataOwner({ revoked }).state(now), now));
    const asker = makeAsker(revoked);
    for (const place of [0, 2, 69]) {
      const header = at(headers, place);
      expect(told(asker, header, valueOf(server.witness(header)))).toBe('accepted');
    }
    expect(errorOf(server.witness(at(headers, 1)))).toBe('the batch is revoked by the Data Owner');
  });
});

describe('questions', () => {
  test('are answered so that others can verify, with the proof that nothing is revoked', async () => {
    const revoked = [makeHeaderId()];
    const { server } = makeServer(revoked);
    await putAll(server, batch);
    const asker = makeAsker(revoked);
    const request = { ...audit, epoch: 1 };
    const audited = valueOf(await server.answerAudit(batch.verified, request, parties));
    expect(errorOf(asker.verifyAudit(batch.verified, request, parties, audited))).toBe('accepted');
    const queried = valueOf(await server.answerQuery(batch.verified, query));
    expect(asker.verifyQuery(batch.verified, query, queried)).toMatchObject({ ok: true });
    for (const { witness } of [audited, queried]) {
      expect(errorOf(asker.verifyNonMembership(batch.verified.id, witness))).toBe('accepted');
    }
  });

  test('of a linear query have the values that the lanes have', async () => {
    const { server } = makeServer();
    await putAll(server, batch);
    // The first and the last scalar of a full chunk: 15 lanes, 16 bits apart.
    const entries = [{ index: 1, weight: encodeScalar(1n) }, { index: scalars, weight: encodeScalar(groupOrder - 2n) }]; // prettier-ignore
    const request: QueryRequest = { columns: [1], weights: { kind: 'sparse', entries } };
    const answer = valueOf(await server.answerQuery(batch.verified, request));
    const packed = (from: number) =>
      [...at(batch.payloads, 1).subarray(from, from + 15)].reduceRight((sum, lane) => (sum << 16n) + BigInt(lane), 0n); // prettier-ignore
    const expected = (((packed(96) - 2n * packed(96 + 255 * 15)) % groupOrder) + groupOrder) % groupOrder; // prettier-ignore
    expect(answer.values.map(bytesToHex)).toEqual([bytesToHex(encodeScalar(expected))]);
    expect(server.verifier.verifyQuery(batch.verified, request, answer)).toEqual({ ok: true, value: [expected] }); // prettier-ignore
  });

  test('of chunks that are not held are answered by saying which', async () => {
    const { server, store } = makeServer();
    for (const index of [0, 1]) await server.put(batch.verified, index, at(batch.payloads, index));
    const ask = async (columns: number[]) => {
      const audited = errorOf(
        await server.answerAudit(batch.verified, { ...audit, columns }, parties),
      );
      const queried = errorOf(await server.answerQuery(batch.verified, { ...query, columns }));
      expect(audited).toBe(queried);
      return audited;
    };
    expect(await ask([0, 1])).toBe('accepted');
    expect(await ask([0, 2])).toBe('chunk 2 is not held');
    expect(await ask([0, 3])).toBe('chunk 3 is not held');
    await store.drop([makeHeaderId()]);
    expect(await ask([1])).toBe('accepted');
    await store.drop([batch.verified.id]);
    expect(await ask([1])).toBe('chunk 1 is not held');
  });

  test('of a batch that other batches pushed out are refused, those of kept ones are not', async () => {
    const { server, store } = makeServer();
    const other = makeBatch(10);
    await putAll(server, batch);
    await putAll(server, other);
    await store.keep([other.verified.id]);
    const request = { ...audit, columns: [0] };
    expect(errorOf(await server.answerAudit(batch.verified, request, parties))).toBe(
      'chunk 0 is not held',
    );
    expect(errorOf(await server.answerAudit(other.verified, request, parties))).toBe('accepted');
  });

  test('of a revoked batch are refused, though its chunks are held', async () => {
    const { server } = makeServer();
    await putAll(server, batch);
    valueOf(server.takeState(makeDataOwner({ revoked: [batch.verified.id] }).state(now), now));
    const refused = 'the batch is revoked by the Data Owner';
    expect(errorOf(await server.answerQuery(batch.verified, query))).toBe(refused);
    expect(errorOf(await server.answerAudit(batch.verified, { ...audit, epoch: 1 }, parties))).toBe(
      refused,
    );
  });

  test('of another epoch, or of weights beyond n, are refused', async () => {
    const { server } = makeServer([makeHeaderId()]);
    await putAll(server, batch);
    expect(errorOf(await server.answerAudit(batch.verified, audit, parties))).toBe(
      'the audit is of epoch 0, the state here of 1',
    );
    const entries = [{ index: scalars + 1, weight: encodeScalar(1n) }];
    const beyond: QueryRequest = { columns: [0], weights: { kind: 'sparse', entries } };
    expect(errorOf(await server.answerQuery(batch.verified, beyond))).toMatch(/^query: weight 257/);
  });
});
