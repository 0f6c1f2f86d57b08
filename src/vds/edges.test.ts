// The edges of the scheme: the smallest and the largest batches, and revocation for long.
import { describe, expect, test } from 'vitest';
import { G1, sha256 } from '../crypto/index.ts';
import { at, bytesToHex, randomBytes, seededRandom } from '../lib/index.ts';
import { joinLanes } from './batch.ts';
import { MemoryChunkStore } from './chunk-store.ts';
import { maxColumns } from './header.ts';
import { blindingBytes, chunkLaneBytes } from './lanes.ts';
import { StorageServer } from './storage-server.ts';
import { errorOf, makeBatch, makeDataOwner, makeHeaderId, makeSum, makeVerifier, now, orderOf, scalars, signed as signAs, valueOf, type TestBatch } from './testing.ts'; // prettier-ignore

const random = seededRandom(77);
const full = chunkLaneBytes(scalars, 'update');

/** Verifies a batch as everybody does, chunk by chunk; what its lanes are. */
function read({ signed, payloads }: TestBatch): Uint8Array {
  const verifier = makeVerifier();
  const header = valueOf(verifier.verifyHeader(signed, 'admitted'));
  expect(header.columns.length).toBe(payloads.length);
  payloads.forEach((payload, j) => valueOf(verifier.verifyChunk(header, j, payload)));
  return joinLanes(header, payloads);
}

describe('a batch', () => {
  test.each([
    ['of one lane', 1],
    ['of one column, full', full],
    ['whose last chunk is of 1 byte', full + 1],
    ['whose last chunk lacks 1 byte', 2 * full - 1],
  ])('%s gives its lanes back', (_, length) => {
    const lanes = randomBytes(random, length);
    for (const kind of ['update', 'file'] as const) {
      expect(read(makeBatch(lanes, { kind }))).toEqual(lanes);
    }
    const model = makeBatch(lanes, { kind: 'model' });
    expect(read(model)).toEqual(lanes);
  });

  test('of c = n columns is the largest update: C_time has no more slots', () => {
    const lanes = new Uint8Array((scalars - 1) * full + 5).fill(3);
    const largest = makeBatch(lanes);
    expect(largest.header.columns.length).toBe(scalars);
    expect(read(largest)).toEqual(lanes);
    const beyond = { ...largest.header, byteLength: scalars * full + 1 };
    const columns = [...beyond.columns, at(beyond.columns, 0)];
    const y = [...beyond.y, at(beyond.y, 0)];
    expect(columns.length).toBeLessThan(maxColumns);
    const { signed } = signAs({ header: { ...beyond, columns, y }, payloads: [] });
    expect(errorOf(makeVerifier().verifyHeader(signed, 'admitted'))).toMatch(
      /an update has more columns than times can be committed to/,
    );
  }, 60_000);

  test('of zeros: the identity as commitment and proof, for a model and for nothing else', () => {
    const identity = G1.ZERO.toBytes(false);
    const zeros = new Uint8Array(2 * full + 9);
    const model = makeBatch(zeros, { kind: 'model' });
    expect(model.verified.commitments).toEqual(model.payloads.map(() => identity));
    expect(model.header.pi).toEqual(identity);
    expect(read(model)).toEqual(zeros);
    for (const kind of ['update', 'file'] as const) {
      const hidden = makeBatch(zeros, { kind });
      expect(hidden.verified.commitments).not.toContainEqual(identity);
      expect(hidden.header.pi).not.toEqual(identity);
      expect(read(hidden)).toEqual(zeros);
    }
  });

  test('of lanes of 255, and their sums with weights of 0 and 256', () => {
    const largest = makeBatch(new Uint8Array(full + 7).fill(255));
    const other = makeBatch(full + 7);
    expect(new Set(read(largest))).toEqual(new Set([255]));
    for (const weights of [
      [256, 0],
      [0, 256],
      [255, 1],
      [128, 0],
      [1, 0],
    ]) {
      // prettier-ignore
      const terms = [largest, other].map((batch, k) => ({ batch, weight: at(weights, k) }));
      const sum = makeSum(terms);
      const verifier = makeVerifier();
      const header = valueOf(verifier.verifySum(sum.signed, orderOf(terms), 'admitted'));
      const total = at(weights, 0) + at(weights, 1);
      sum.payloads.forEach((payload, j) => valueOf(verifier.verifySumChunk(header, j, payload, total))); // prettier-ignore
    }
  });

  test('sealed again hides anew: no byte of a payload shows that its lanes are the same', () => {
    const lanes = new Uint8Array(60).fill(9);
    const [one, two] = [makeBatch(lanes), makeBatch(lanes)];
    const shown = [one, two].flatMap(({ header, verified }) => [
      ...verified.commitments.map(bytesToHex),
      ...header.columns.map(({ digest }) => bytesToHex(digest)),
      ...header.y.map(bytesToHex),
      bytesToHex(header.pi),
      bytesToHex(header.time ?? sha256(lanes)),
    ]);
    expect(new Set(shown).size).toBe(shown.length);
    expect(at(one.payloads, 0).subarray(blindingBytes)).toEqual(lanes);
  });
});

test('100 revocations in a row, with every witness refreshed', () => {
  const dataOwner = makeDataOwner();
  const server = new StorageServer(makeVerifier(), new MemoryChunkStore(), random);
  const asker = makeVerifier();
  valueOf(server.takeState(dataOwner.state(now), now));
  const held = Array.from({ length: 3 }, () => makeHeaderId());
  for (const header of held) valueOf(server.witness(header));
  for (let epoch = 1; epoch <= 100; epoch++) {
    valueOf(dataOwner.revoke(makeHeaderId()));
    const update = dataOwner.state(now);
    valueOf(server.takeState(update, now));
    if (epoch % 10 !== 0) continue; // two pairings more
    valueOf(asker.updateState(update, now));
    const header = at(held, epoch % held.length);
    const witness = valueOf(server.witness(header));
    expect(witness.epoch).toBe(epoch);
    expect(errorOf(asker.verifyNonMembership(header, witness))).toBe('accepted');
  }
  // Refreshed a hundred times, they are what somebody computes who comes now.
  const late = new StorageServer(makeVerifier(), new MemoryChunkStore(), random);
  valueOf(late.takeState(dataOwner.state(now), now));
  for (const header of held) expect(server.witness(header)).toEqual(late.witness(header));
}, 60_000);
