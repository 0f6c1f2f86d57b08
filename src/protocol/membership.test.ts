import { describe, expect, test } from 'vitest';
import { identityOf } from '../crypto/index.ts';
import { randomBytes, seededRandom, type TaskId } from '../lib/index.ts';
import { signMembership, verifyMembership } from './membership.ts';
import { signValue, type Signed } from '../crypto/index.ts';

const random = seededRandom(5);
const owner = identityOf(randomBytes(random, 32));
const member = identityOf(randomBytes(random, 32));
const other = identityOf(randomBytes(random, 32));
const task = 'ab'.repeat(16) as TaskId;
const about = { task, peer: member.id, issuedAt: 1_700_000_000 };
const expected = { task, peer: member.id, ownerKey: owner.id };

function errorOf(signed: Signed, asked = expected): string {
  const verdict = verifyMembership(signed, asked);
  return verdict.ok ? 'accepted' : verdict.error;
}

describe('a membership', () => {
  const signed = signMembership(about, owner);

  test('by the Data Owner is accepted for its peer and task', () => {
    const value = { type: 'membership', ...about };
    expect(verifyMembership(signed, expected)).toEqual({ ok: true, value });
  });

  test('of another task or peer is refused', () => {
    expect(errorOf(signed, { ...expected, task: 'cd'.repeat(16) as TaskId })).toBe(
      'membership: of another task',
    );
    expect(errorOf(signed, { ...expected, peer: other.id })).toBe('membership: of another peer');
  });

  test('by anybody but the Data Owner is refused, the member itself included', () => {
    for (const signer of [member, other]) {
      expect(errorOf(signMembership(about, signer))).toMatch(
        /^membership: the signature is not by/,
      );
    }
  });

  test('with a changed byte is refused, wherever it is', () => {
    for (let i = 0; i < signed.bytes.length; i += 3) {
      const bytes = signed.bytes.map((byte, at) => (at === i ? byte ^ 1 : byte));
      expect(errorOf({ ...signed, bytes })).toMatch(/^membership: the signature/);
    }
    const signature = signed.signature.map((byte, at) => (at === 40 ? byte ^ 1 : byte));
    expect(errorOf({ ...signed, signature })).toMatch(/^membership: the signature/);
  });

  test('that the Data Owner signed for another use is refused', () => {
    expect(errorOf(signValue('manifest', { type: 'membership', ...about }, owner))).toMatch(
      /^membership: the signature/,
    );
  });

  test.each([
    ['an unknown key', { role: 'admin' }],
    ['no time', { issuedAt: undefined }],
    ['a time before 1970', { issuedAt: -1 }],
    ['a peer that is no key', { peer: 'somebody' }],
    ['another type', { type: 'manifest' }],
  ])('with %s is refused, though its signature holds', (_, change) => {
    const entries = Object.entries({ type: 'membership', ...about, ...change });
    const value = Object.fromEntries(entries.filter(([, part]) => part !== undefined));
    expect(errorOf(signValue('membership', value, owner))).toMatch(
      /^membership: (?!the signature)/,
    );
  });
});
