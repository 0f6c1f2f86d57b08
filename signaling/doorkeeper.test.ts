import { describe, expect, test } from 'vitest';
import type { PeerId } from '../src/lib/index.ts';
import { limits } from '../src/protocol/index.ts';
import { Doorkeeper } from './doorkeeper.ts';

const peer = (n: number) => n.toString(16).padStart(64, '0') as PeerId;

function atDoor() {
  const clock = { now: 0 };
  return { clock, door: new Doorkeeper(() => clock.now) };
}

/** How many of so many hellos are heard, of newcomers each with an identity of its own. */
const heard = (door: Doorkeeper, hellos: number, isMember = false) =>
  Array.from({ length: hellos }, (_, n) => door.hears(peer(n), isMember)).filter(Boolean).length;

describe('a doorkeeper', () => {
  test('ends who stood there longest once there are too many, and nobody twice', () => {
    const { door } = atDoor();
    const ended: number[] = [];
    const strangers = Array.from({ length: limits.strangers + 3 }, (_, n) => ({
      end: () => void ended.push(n),
    }));
    for (const [n, stranger] of strangers.entries()) {
      door.came(stranger);
      if (n === 1) door.went(stranger); // it became a member
    }
    expect(ended).toEqual([0, 2]);
  });

  test('hears so many newcomers in ten seconds', () => {
    const { clock, door } = atDoor();
    expect(heard(door, 1000)).toBe(limits.joinsPerTenSeconds);
    clock.now = 5000;
    expect(heard(door, 1000)).toBe(limits.joinsPerTenSeconds / 2);
  });

  test('hears members whatever the crowd of newcomers, each of them so often', () => {
    const { door } = atDoor();
    heard(door, 1000);
    const often = Array.from({ length: 100 }, () => door.hears(peer(1), true));
    expect(often.filter(Boolean)).toHaveLength(limits.returnsPerTenSeconds);
    expect(heard(door, limits.members, true)).toBe(limits.members - 1);
  });
});
