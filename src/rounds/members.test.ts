import { describe, expect, test } from 'vitest';
import type { PeerId } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import { Members } from './members.ts';

const [alice, bob] = ['a', 'b'].map((letter) => letter.repeat(64)) as [PeerId, PeerId];

describe('the list of members', () => {
  test('is due at once after a change, and so long after the last one was told', () => {
    const members = new Members(5000);
    expect(members.listDue).toBeNull();
    members.join(alice);
    expect(members.isListDue(0)).toBe(true);
    expect(members.takeList(1000)).toHaveLength(1);
    expect(members.listDue).toBeNull();
    members.join(bob);
    expect(members.isListDue(1000 + limits.membersEveryMs - 1)).toBe(false);
    expect(members.listDue).toBe(1000 + limits.membersEveryMs);
    expect(members.takeList(1000 + limits.membersEveryMs)).toHaveLength(2);
  });

  test('is not due for who says what is known', () => {
    const members = new Members(5000);
    members.join(alice);
    members.setReady(alice, true, 100);
    members.takeList(0);
    members.setReady(alice, true, 100);
    expect(members.listDue).toBeNull();
    members.setReady(alice, true, 101);
    expect(members.listDue).not.toBeNull();
  });
});
