import { expect, test } from 'vitest';
import { firstWindow } from './drain.ts';
import { Uplink } from './uplink.ts';

/** Neighbours. */
const few = 7;

/** Hands over so many bytes, of which so many are left after `ms`. */
function send(uplink: Uplink, bytes: number, left: number, now: number, ms: number): void {
  uplink.handed(bytes, now);
  uplink.drained(left, false, now + ms);
}

test('what may be in all channels together is what they send in 30 ms', () => {
  const uplink = new Uplink();
  expect(uplink.windowFor(few)).toBe(firstWindow);
  send(uplink, 20_000, 0, 0, 100);
  expect(uplink.windowFor(few)).toBe(6_000);
  expect(uplink.msFor(1_000)).toBe(5);
  // It became slower, and is believed little by little.
  for (let k = 1; k < 30; k++) send(uplink, 10_000, 0, 10_000 * k, 100);
  expect(uplink.windowFor(few)).toBeCloseTo(3_000, -2);
});

test('a while in which there was little to send, of which nobody heard the end, counts for nothing', () => {
  const uplink = new Uplink();
  send(uplink, 20_000, 0, 0, 100);
  for (let k = 1; k < 30; k++) {
    const now = 10_000 * k;
    uplink.idle(now);
    send(uplink, 20_000, 3_000, now, 85);
  }
  expect(uplink.windowFor(few)).toBeGreaterThan(5_700);
});

test('channels that tell at once of what all of them took long to send are no faster for that', () => {
  const uplink = new Uplink();
  send(uplink, 50_000, 0, 0, 100);
  for (let k = 1; k <= 20; k++) {
    const now = 100 * k;
    uplink.handed(50_000, now);
    for (let left = 40_000; left >= 0; left -= 10_000) uplink.drained(left, false, now + 100);
  }
  expect(uplink.windowFor(few)).toBeGreaterThan(13_500);
  expect(uplink.windowFor(few)).toBeLessThan(16_500);
});

test('where channels tell late, more is handed over, and what they sent is no measure', () => {
  const uplink = new Uplink();
  send(uplink, 50_000, 0, 0, 100);
  for (let k = 1; k <= 20; k++) {
    uplink.handed(10_000, 100 * k);
    uplink.drained(0, true, 100 * k + 100);
  }
  expect(uplink.windowFor(few)).toBe(64 * 15_000);
  // Unless they sent more than was thought possible.
  uplink.handed(200_000, 3_000);
  uplink.drained(0, true, 3_100);
  expect(uplink.windowFor(few)).toBeGreaterThan(64 * 17_500);
  for (let k = 40; k <= 80; k++) send(uplink, 50_000, 0, 100 * k, 100);
  expect(uplink.windowFor(few)).toBeCloseTo(15_000, -2);
});

test('where there are many neighbours one block is sent before anything is known', () => {
  const uplink = new Uplink();
  expect(uplink.windowFor(1)).toBe(firstWindow);
  expect(uplink.windowFor(few)).toBe(firstWindow);
  expect(uplink.windowFor(few + 1)).toBeLessThan(10_000);
  send(uplink, 20_000, 0, 0, 100);
  expect(uplink.windowFor(16)).toBe(uplink.windowFor(1));
});

test('where channels tell late before anything is known more is sent, to many neighbours too', () => {
  const uplink = new Uplink();
  const first = uplink.windowFor(16);
  uplink.handed(8_000, 0);
  uplink.drained(0, true, 5);
  expect(uplink.windowFor(16)).toBe(4 * first);
});
