import { describe, expect, test } from 'vitest';
import { randomBytes, seededRandom } from '../lib/index.ts';
import type { Question } from '../protocol/index.ts';
import { MemoryChunkStore, StorageServer } from '../vds/index.ts';
import { author, makeBatch, makeDataOwner, makeIdentity, makeVerifier, now, owner, valueOf, type TestBatch } from '../vds/testing.ts'; // prettier-ignore
import { Holder } from './holder.ts';

const random = seededRandom(71);
const member = makeIdentity();
const latecomer = makeIdentity();
const self = makeIdentity();
const readers = new Set([author.id, member.id, self.id]);

const query: Question = {
  kind: 'query',
  request: { columns: [0, 1], weights: { kind: 'seed', seed: randomBytes(random, 32) } },
};
const audit: Question = {
  kind: 'audit',
  request: { columns: [0, 1], epoch: 0, nonce: randomBytes(random, 32) },
};
const update = makeBatch(5000);
const model = makeBatch(9000, { kind: 'model' });

/** A holder of these batches, whole. */
async function holding(batches: readonly TestBatch[], revoked: readonly TestBatch[] = []) {
  const server = new StorageServer(makeVerifier(), new MemoryChunkStore(), random);
  const ids = revoked.map(({ verified }) => verified.id);
  valueOf(server.takeState(makeDataOwner({ revoked: ids }).state(now), now));
  const holder = new Holder(server);
  for (const batch of batches) {
    holder.add(batch.verified, batch.verified.kind === 'update' ? readers : null);
    for (const [index, payload] of batch.payloads.entries()) {
      await server.put(batch.verified, index, payload.slice());
    }
  }
  return holder;
}

/** What a holder says to a question of somebody's, and what that one makes of it. */
async function ask(holder: Holder, batch: TestBatch, question: Question, by: typeof owner) {
  const parties = { auditor: by.id, holder: self.id };
  const answer = await holder.answer(batch.verified.id, question, parties);
  const asking = await holding([batch]);
  const verdict = asking.judge(batch.verified.id, question, parties, answer);
  return verdict.ok ? 'proved' : verdict.error;
}

describe('a query of an update is answered', () => {
  test.each([
    ['a member of its round', member],
    ['its author', author],
  ])('to %s', async (_, by) => {
    expect(await ask(await holding([update]), update, query, by)).toBe('proved');
  });

  test.each([
    ['a member that came later', latecomer],
    ['the server', owner],
  ])('not to %s', async (_, by) => {
    expect(await ask(await holding([update]), update, query, by)).toBe(
      'refused: queries of an update are answered to the members of its round only',
    );
  });

  test('to nobody once its author was dropped', async () => {
    const holder = await holding([update]);
    holder.drop([update.verified.id]);
    expect(await ask(holder, update, query, member)).toBe('refused: the batch is not here');
  });
});

test('an audit reveals nothing: anybody’s is answered, of an update too', async () => {
  const holder = await holding([update]);
  for (const by of [member, latecomer, owner]) {
    expect(await ask(holder, update, audit, by)).toBe('proved');
  }
});

test('a model is every member’s, and the server’s', async () => {
  const holder = await holding([model]);
  for (const by of [latecomer, owner]) expect(await ask(holder, model, query, by)).toBe('proved');
});

test('a batch that is revoked does not become known', async () => {
  const holder = await holding([update], [update]);
  expect(await ask(holder, update, audit, member)).toBe('refused: the batch is not here');
  expect(holder.get(update.verified.id)).toBe(undefined);
});

test('what is not kept is not known any more', async () => {
  const holder = await holding([update, model]);
  holder.keep([model.verified.id]);
  expect(holder.get(update.verified.id)).toBe(undefined);
  expect(holder.get(model.verified.id)?.id).toBe(model.verified.id);
});
