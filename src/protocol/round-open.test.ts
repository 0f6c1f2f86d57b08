import { describe, expect, test } from 'vitest';
import { identityOf, sha256, signValue, type Signed } from '../crypto/index.ts';
import { bytesToHex, randomBytes, seededRandom, type HeaderId, type TaskId } from '../lib/index.ts';
import { openingOf, signOpen, verifyOpen, type RoundOpen } from './round-open.ts';

const random = seededRandom(41);
const owner = identityOf(randomBytes(random, 32));
const stranger = identityOf(randomBytes(random, 32));
const task = 'ab'.repeat(16) as TaskId;
const settings = randomBytes(random, 32);
const expected = { task, ownerKey: owner.id, settings };
const cohort = [owner.id, stranger.id].sort();

const open: RoundOpen = {
  type: 'round.open',
  version: 1,
  task,
  round: 3,
  attempt: 2,
  base: bytesToHex(randomBytes(random, 32)) as HeaderId,
  settings,
  draw: randomBytes(random, 32),
  cohort,
  openedAt: 1_760_000_000_000,
  durations: { trainMs: 60_000, admitMs: 30_000, exchangeMs: 60_000 },
};

const errorOf = (signed: Signed) => {
  const verdict = verifyOpen(signed, expected);
  return verdict.ok ? 'accepted' : verdict.error;
};

describe('round.open', () => {
  const signed = signOpen(open, owner);

  test('by the Data Owner is accepted, with its opening', () => {
    const opening = sha256(signed.bytes);
    expect(verifyOpen(signed, expected)).toEqual({ ok: true, value: { ...open, opening } });
    expect(openingOf(signed)).toEqual(opening);
  });

  test('is another one for each thing that it says', () => {
    const changes: Partial<RoundOpen>[] = [
      {},
      { round: 4 },
      { attempt: 3 },
      { base: bytesToHex(settings) as HeaderId },
      { draw: settings },
      { cohort: cohort.slice(1) },
      { openedAt: open.openedAt + 1 },
      { durations: { ...open.durations, trainMs: 1 } },
    ];
    const openings = changes.map((each) => openingOf(signOpen({ ...open, ...each }, owner)).join());
    expect(new Set(openings).size).toBe(changes.length);
  });

  test('by anybody else, or signed for another use, is refused', () => {
    expect(errorOf(signOpen(open, stranger))).toMatch(/^round-open: the signature is not by/);
    expect(errorOf(signValue('manifest', open, owner))).toMatch(/^round-open: the signature/);
  });

  test('of another task, or with other settings, is refused', () => {
    const other = { ...open, task: 'cd'.repeat(16) as TaskId };
    expect(errorOf(signOpen(other, owner))).toBe('round-open: of another task');
    const changed = { ...open, settings: open.draw };
    expect(errorOf(signOpen(changed, owner))).toBe('round-open: with other settings');
  });

  test.each([
    ['a cohort in another order', { cohort: cohort.toReversed() }, 'ascending order'],
    ['a member twice', { cohort: [cohort[0], cohort[0]] }, 'ascending order'],
    ['nobody', { cohort: [] }, 'at cohort'],
    ['no attempt', { attempt: 0 }, 'at attempt'],
    ['a field more', { extra: 1 }, 'at extra'],
  ])('with %s is refused', (_, change, place) => {
    expect(errorOf(signValue('round-open', { ...open, ...change }, owner))).toContain(place);
  });
});
