import { describe, expect, test } from 'vitest';
import { identityOf, sha256, type Identity } from '../crypto/index.ts';
import { at, Bitfield, randomBytes, seededRandom, type HeaderId } from '../lib/index.ts';
import { limits, signStatement, type Statement } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import { Vouches } from './vouches.ts';

const random = seededRandom(61);
const [a, b, c] = [0, 1, 2].map(() => identityOf(randomBytes(random, 32))) as [Identity, Identity, Identity]; // prettier-ignore
const opening = sha256(new Uint8Array(1));
const chunks = 4;
const headerOf = ({ id }: Identity) =>
  ({ id: id as string as HeaderId, author: id, columns: new Array(chunks).fill({}) }) as unknown as VerifiedHeader; // prettier-ignore
const headers = [a, b, c].map(headerOf);
const [ofA, ofB] = [at(headers, 0), at(headers, 1)];
const all = [0, 1, 2, 3];
const everybody = [a.id, b.id, c.id];

const open = () => new Vouches(opening, headers);

function bits(indices: readonly number[]): Uint8Array {
  const field = new Bitfield(chunks);
  for (const index of indices) field.set(index);
  return field.toBytes();
}

function say(
  vouches: Vouches,
  by: Identity,
  of: VerifiedHeader,
  indices: readonly number[],
  type: Statement['type'] = 'vouch',
) {
  const batches = [{ header: of.id, bits: bits(indices) }];
  const statement = { type, opening, peer: by.id, batches };
  return vouches.take(by.id, type, signStatement(statement, by));
}

describe('a batch is settled', () => {
  test('when all checkers but its author vouched for all of it', () => {
    const vouches = open();
    say(vouches, b, ofA, all);
    expect(vouches.isSettled(ofA, everybody)).toBe(false);
    say(vouches, c, ofA, [0, 1, 2]);
    expect(vouches.isSettled(ofA, everybody)).toBe(false);
    say(vouches, c, ofA, [3]);
    expect(vouches.isSettled(ofA, everybody)).toBe(true);
    expect(vouches.isSettled(ofB, everybody)).toBe(false);
  });

  test('without those that are not waited for, but never without anybody', () => {
    const vouches = open();
    say(vouches, b, ofA, all);
    expect(vouches.isSettled(ofA, [a.id, b.id])).toBe(true);
    expect(vouches.isSettled(ofA, [a.id])).toBe(true); // b's word stays, wherever b is
    expect(vouches.isSettled(ofB, [b.id])).toBe(false);
    expect(vouches.isSettled(ofB, [])).toBe(false);
  });

  test('by the coordinator’s own check, where nobody else is', () => {
    const vouches = open();
    for (const index of all) vouches.takeRelayed(ofA, index);
    expect(vouches.isSettled(ofA, [a.id])).toBe(true);
    expect(vouches.isSettled(ofA, everybody)).toBe(false);
    expect(vouches.unvouched(ofA)).toEqual([]);
  });

  test('by nobody’s word on its own chunks', () => {
    const vouches = open();
    say(vouches, a, ofA, all);
    expect(vouches.unvouched(ofA)).toEqual(all);
    expect(vouches.vouchers(ofA.id, 0)).toEqual([]);
  });
});

test('a batch is checked where all checkers vouched for a chunk, or the coordinator found it to hold', () => {
  const vouches = open();
  say(vouches, b, ofA, all);
  expect(vouches.isChecked(ofA, everybody)).toBe(false); // c lacks it: b's word alone will not do
  say(vouches, c, ofA, [0, 1]);
  vouches.takeRelayed(ofA, 2);
  expect(vouches.isChecked(ofA, everybody)).toBe(false);
  vouches.takeRelayed(ofA, 3);
  expect(vouches.isChecked(ofA, everybody)).toBe(true);
  expect(vouches.isChecked(ofB, [b.id])).toBe(false);
});

test('a complaint counts until its speaker vouches', () => {
  const vouches = open();
  say(vouches, b, ofA, [1, 2], 'complaint');
  expect(all.map((index) => vouches.complainers(ofA.id, index))).toEqual([[], [b.id], [b.id], []]);
  say(vouches, b, ofA, [1]);
  expect(all.map((index) => vouches.complainers(ofA.id, index))).toEqual([[], [], [b.id], []]);
});

test('what an author that is gone left can be had of those that vouched and are there', () => {
  const vouches = open();
  const gone = (peer: string) => peer !== a.id;
  expect(vouches.canBeHad(ofA, () => true)).toBe(true);
  say(vouches, b, ofA, [0, 1]);
  expect(vouches.canBeHad(ofA, gone)).toBe(false);
  say(vouches, c, ofA, [2]);
  vouches.takeRelayed(ofA, 3);
  expect(vouches.canBeHad(ofA, gone)).toBe(true);
  expect(vouches.canBeHad(ofA, (peer) => peer === c.id)).toBe(false);
});

describe('a statement', () => {
  const signedBy = (by: Identity, batches: Statement['batches']) =>
    signStatement({ type: 'vouch', opening, peer: by.id, batches }, by);

  test('of a batch that nobody knows says nothing', () => {
    const vouches = open();
    const unknown = 'f'.repeat(64) as HeaderId;
    const signed = signedBy(b, [{ header: unknown, bits: bits(all) }]);
    expect(vouches.take(b.id, 'vouch', signed).ok).toBe(true);
    expect(vouches.vouchers(unknown, 0)).toEqual([]);
  });

  test('with another number of bits, or of somebody else, is refused', () => {
    const vouches = open();
    const long = signedBy(b, [{ header: ofA.id, bits: new Uint8Array(2) }]);
    expect(vouches.take(b.id, 'vouch', long)).toEqual({ ok: false, error: 'vouch: a wrong number of bits' }); // prettier-ignore
    const others = signedBy(c, [{ header: ofA.id, bits: bits(all) }]);
    expect(vouches.take(b.id, 'vouch', others).ok).toBe(false);
    expect(vouches.hasAll(b.id, ofA)).toBe(false);
  });

  test('too many of one member’s are not looked at any more', () => {
    const vouches = open();
    const bad = signedBy(c, []);
    for (let i = 0; i < limits.statements; i++) expect(vouches.take(b.id, 'vouch', bad).ok).toBe(false); // prettier-ignore
    say(vouches, b, ofA, all);
    expect(vouches.hasAll(b.id, ofA)).toBe(false);
    say(vouches, c, ofA, all);
    expect(vouches.hasAll(c.id, ofA)).toBe(true);
  }, 20_000);
});
