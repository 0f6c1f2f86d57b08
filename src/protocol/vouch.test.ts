import { describe, expect, test } from 'vitest';
import { identityOf, sha256, signValue, type Signed } from '../crypto/index.ts';
import { bytesToHex, randomBytes, seededRandom, type HeaderId, type TaskId } from '../lib/index.ts';
import { signFreeze, verifyFreeze, type Freeze } from './freeze.ts';
import { limits } from './limits.ts';
import { signStatement, verifyStatement, type Statement } from './vouch.ts';

const random = seededRandom(51);
const member = identityOf(randomBytes(random, 32));
const owner = identityOf(randomBytes(random, 32));
const opening = sha256(new Uint8Array(1));
const someHeader = () => bytesToHex(randomBytes(random, 32)) as HeaderId;
const batches = [{ header: someHeader(), bits: new Uint8Array([0xf0]) }];
const vouch: Statement = { type: 'vouch', opening, peer: member.id, batches };

describe('a statement on chunks', () => {
  const errorOf = (signed: Signed, type: Statement['type'] = 'vouch') => {
    const verdict = verifyStatement(signed, { type, peer: member.id, opening });
    return verdict.ok ? 'accepted' : verdict.error;
  };

  test('of the member that says it, for this attempt, is accepted', () => {
    const verdict = verifyStatement(signStatement(vouch, member), { type: 'vouch', peer: member.id, opening }); // prettier-ignore
    expect(verdict).toEqual({ ok: true, value: vouch });
    const complaint = { ...vouch, type: 'complaint' } as const;
    expect(errorOf(signStatement(complaint, member), 'complaint')).toBe('accepted');
  });

  test.each<[string, Signed, RegExp]>([
    ['by anybody else', signStatement(vouch, owner), /^vouch: the signature is not by/],
    ['of anybody else', signStatement({ ...vouch, peer: owner.id }, member), /^vouch: of another$/],
    ['of another attempt', signStatement({ ...vouch, opening: sha256(opening) }, member), /^vouch: of another attempt$/], // prettier-ignore
    ['that complains', signStatement({ ...vouch, type: 'complaint' }, member), /^vouch: the signature/], // prettier-ignore
    ['that complains, signed as a vouch', signValue('vouch', { ...vouch, type: 'complaint' }, member), /^vouch: of another$/], // prettier-ignore
    ['that names a batch twice', signStatement({ ...vouch, batches: [...batches, ...batches] }, member), /a batch appears twice/], // prettier-ignore
    ['on more batches than a task has members', signStatement({ ...vouch, batches: Array.from({ length: limits.members + 1 }, () => ({ header: someHeader(), bits: new Uint8Array(1) })) }, member), /Invalid length/], // prettier-ignore
    ['with more in it', signValue('vouch', { ...vouch, more: 1 }, member), /^vouch: .*never/],
  ])('%s is refused', (_, signed, reason) => {
    expect(errorOf(signed)).toMatch(reason);
  });
});

describe('a freeze', () => {
  const task = 'ab'.repeat(16) as TaskId;
  const freeze: Freeze = { type: 'freeze', task, round: 2, attempt: 1, revision: 2, opening, manifest: sha256(opening) }; // prettier-ignore
  const errorOf = (signed: Signed) => {
    const verdict = verifyFreeze(signed, { task, ownerKey: owner.id });
    return verdict.ok ? 'accepted' : verdict.error;
  };

  test('by the Data Owner is accepted', () => {
    const verdict = verifyFreeze(signFreeze(freeze, owner), { task, ownerKey: owner.id });
    expect(verdict).toEqual({ ok: true, value: freeze });
  });

  test('by anybody else, of another task, of a third revision, or another statement is refused', () => {
    expect(errorOf(signFreeze(freeze, member))).toMatch(/^freeze: the signature is not by/);
    const other = 'cd'.repeat(16) as TaskId;
    expect(errorOf(signFreeze({ ...freeze, task: other }, owner))).toBe('freeze: of another task');
    expect(errorOf(signFreeze({ ...freeze, revision: 3 }, owner))).toMatch(/^freeze: .*2/);
    expect(errorOf(signValue('manifest', freeze, owner))).toMatch(/^freeze: the signature/);
  });
});
