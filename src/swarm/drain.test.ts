import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Drain, firstWindow } from './drain.ts';

/** Hands over so many bytes and lets all of them go within `ms`. */
function send(drain: Drain, bytes: number, ms: number, now: number): void {
  drain.handed(bytes, bytes, now);
  drain.drained(0, now + ms);
}

test('what may wait in a channel is what it sends in 400 ms', () => {
  const drain = new Drain();
  expect(drain.window).toBe(firstWindow);
  send(drain, 100_000, 100, 0);
  expect(drain.window).toBe(400_000);
  // It became slower, and is believed little by little.
  for (let k = 1; k < 30; k++) send(drain, 100_000, 1_000, 10_000 * k);
  expect(drain.window).toBeCloseTo(40_000, -3);
});

test('a little that is sent says nothing of how fast a channel is', () => {
  const drain = new Drain();
  send(drain, 300, 10, 0);
  expect(drain.window).toBe(firstWindow);
  send(drain, 200_000, 100, 1_000);
  const { window } = drain;
  for (let k = 0; k < 50; k++) send(drain, 300, 10, 10_000 + 100 * k);
  expect(drain.window).toBe(window);
});

test('a slow channel, of which little is ever sent at once, is measured all the same', () => {
  const drain = new Drain();
  send(drain, 20_000, 10_000, 0);
  expect(drain.window).toBe(8_192);
  for (let k = 0; k < 30; k++) send(drain, 8_000, 100, 20_000 + 1_000 * k);
  expect(drain.window).toBeGreaterThan(25_000);
});

test('a full channel is filled again before it is empty; any other one tells at half, and when it is', () => {
  const drain = new Drain();
  send(drain, 100_000, 100, 0);
  drain.handed(300_000, 300_000, 1_000);
  expect(drain.lowMark).toBe(100_000);
  drain.drained(100_000, 1_200);
  expect(drain.lowMark).toBe(1_024);
  drain.handed(30_000, 80_000, 1_250);
  expect(drain.lowMark).toBe(40_000);
  drain.drained(40_000, 1_300);
  expect(drain.lowMark).toBe(1_024);
});

test('who fills a channel never thinks that it is above its low mark when it is not', () => {
  const step = fc.record({ bytes: fc.integer({ min: 1, max: 60_000 }), percents: fc.array(fc.nat(100), { maxLength: 3 }), ms: fc.nat(300) }); // prettier-ignore
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const drain = new Drain();
      let [left, believed, now] = [0, 0, 0];
      const sent = (bytes: number) => {
        const wasAbove = left > drain.lowMark;
        left -= bytes;
        if (!wasAbove || left > drain.lowMark) return;
        drain.drained(left, now);
        believed = left;
      };
      for (const { bytes, percents, ms } of steps) {
        left += bytes;
        believed += bytes;
        if (drain.handed(bytes, left, now)) believed = left;
        now += ms;
        for (const percent of percents) sent(Math.floor((percent * left) / 100));
        // Below the mark nothing tells any more.
        if (left <= drain.lowMark) expect(believed).toBeLessThanOrEqual(drain.lowMark);
      }
    }),
    { numRuns: 500 },
  );
});
