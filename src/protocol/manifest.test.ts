import { describe, expect, test } from 'vitest';
import { identityOf, sha256, sign } from '../crypto/index.ts';
import {
  at,
  bytesToHex,
  randomBytes,
  seededRandom,
  type HeaderId,
  type TaskId,
} from '../lib/index.ts';
import { limits } from './limits.ts';
import { isReduction, signManifest, verifyManifest, type Manifest } from './manifest.ts';
import { signValue, type Signed } from '../crypto/index.ts';

const random = seededRandom(6);
const owner = identityOf(randomBytes(random, 32));
const stranger = identityOf(randomBytes(random, 32));
const task = 'ab'.repeat(16) as TaskId;
const expected = { task, ownerKey: owner.id };
const someHeader = () => bytesToHex(randomBytes(random, 32)) as HeaderId;

function entry(weight: number): Manifest['entries'][number] {
  const author = identityOf(randomBytes(random, 32)).id;
  return { author, header: someHeader(), samples: 100, weight };
}

const manifest: Manifest = {
  type: 'manifest',
  task,
  round: 4,
  attempt: 1,
  revision: 1,
  opening: sha256(new Uint8Array(3)),
  model: someHeader(),
  scales: [Math.fround(0.001), 0],
  entries: [entry(100), entry(155), entry(1)],
  exchangeMs: 60_000,
};

function errorOf(signed: Signed): string {
  const verdict = verifyManifest(signed, expected);
  return verdict.ok ? 'accepted' : verdict.error;
}

describe('a manifest', () => {
  const signed = signManifest(manifest, owner);

  test('by the Data Owner is accepted as it was signed', () => {
    expect(verifyManifest(signed, expected)).toEqual({
      ok: true,
      value: { ...manifest, digest: sha256(signed.bytes) },
    });
  });

  test.each([
    ['257', [100, 157]],
    ['512', [256, 256]],
  ])('whose weights add up to %s is refused', (_, weights) => {
    const changed = { ...manifest, entries: weights.map(entry) };
    expect(errorOf(signManifest(changed, owner))).toMatch(
      /^manifest: .*the weights add up to more than 256$/,
    );
  });

  test('of one author, or of less weight than 256, is accepted; with a weight of 0 it is not', () => {
    for (const weights of [[256], [100, 28], [1]]) {
      const changed = { ...manifest, entries: weights.map(entry) };
      expect(errorOf(signManifest(changed, owner))).toBe('accepted');
    }
    const none = { ...manifest, entries: [entry(256), entry(0)] };
    expect(errorOf(signManifest(none, owner))).toMatch(/^manifest: .*>=1/s);
  });

  test('that comes later only drops authors: it adds none and changes no weight', () => {
    const [first, second, third] = manifest.entries;
    if (!first || !second || !third) throw new Error('three entries');
    const isFine = (entries: Manifest['entries']) =>
      isReduction({ ...manifest, entries }, manifest);
    expect(isFine([first, second, third]) && isFine([third, first]) && isFine([second])).toBe(true);
    expect(isFine([first, second, entry(1)])).toBe(false);
    expect(isFine([{ ...first, weight: first.weight + 1 }, second])).toBe(false);
    expect(isFine([{ ...first, weight: first.weight - 1 }, second])).toBe(false);
    expect(isFine([{ ...first, header: someHeader() }])).toBe(false);
    expect(isFine([{ ...first, author: second.author }])).toBe(false);
  });

  test('that names an author twice is refused', () => {
    const [first, second] = [entry(128), entry(128)];
    const entries = [first, { ...second, author: first.author }];
    expect(errorOf(signManifest({ ...manifest, entries }, owner))).toMatch(
      /^manifest: .*an author appears twice$/,
    );
  });

  test('by anybody but the Data Owner is refused', () => {
    expect(errorOf(signManifest(manifest, stranger))).toMatch(/^manifest: the signature is not by/);
  });

  test('that was signed for another use is refused', () => {
    expect(errorOf(signValue('header', manifest, owner))).toMatch(/^manifest: the signature/);
  });

  test('of another task is refused', () => {
    const other = { ...manifest, task: 'cd'.repeat(16) as TaskId };
    expect(errorOf(signManifest(other, owner))).toBe('manifest: of another task');
  });

  test('with a changed byte is refused, wherever it is', () => {
    for (let i = 0; i < signed.bytes.length; i += 5) {
      const bytes = signed.bytes.map((byte, k) => (k === i ? byte ^ 1 : byte));
      expect(errorOf({ ...signed, bytes })).toMatch(/^manifest: the signature/);
    }
  });

  const twentyOne = Array.from({ length: limits.members + 1 }, (_, i) => entry(i === 0 ? 256 : 0));
  const [first] = manifest.entries;
  const wrong: [string, Partial<Record<string, unknown>>][] = [
    ['more authors than a task has members', { entries: twentyOne }],
    ['no authors', { entries: [] }],
    ['a negative weight', { entries: [entry(300), entry(-44)] }],
    ['half a weight', { entries: [entry(128.5), entry(127.5)] }],
    ['an author that is no key', { entries: [{ ...first, weight: 256, author: 'me' }] }],
    ['a negative scale', { scales: [-1] }],
    ['no scales', { scales: [] }],
    ['revision 0', { revision: 0 }],
    ['attempt 0', { attempt: 0 }],
    ['a model that is no id', { model: 'newest' }],
    ['another type', { type: 'membership' }],
    ['an unknown key', { note: '' }],
  ];
  test.each(wrong)('with %s is refused, though its signature holds', (_, change) => {
    expect(errorOf(signValue('manifest', { ...manifest, ...change }, owner))).toMatch(
      /^manifest: (?!the signature|of another)/,
    );
  });

  test('in any but the canonical encoding is refused, though its signature holds', () => {
    const bytes = new Uint8Array([...signed.bytes, 0xf6]);
    expect(at(bytes, 0)).toBe(at(signed.bytes, 0));
    expect(errorOf({ bytes, signature: sign('manifest', bytes, owner) })).toMatch(
      /^manifest: (?!the signature)/,
    );
  });
});
