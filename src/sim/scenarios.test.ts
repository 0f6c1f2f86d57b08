import { describe, expect, test } from 'vitest';
import { allGather, oneSeed } from './scenarios.ts';

/** The seed of a run that fails is in its name, and replays it. */
const seeds = [1, 2, 3];

describe('a thousand peers', () => {
  // Some 40 s on two cores with little else to do.
  test('get 64 chunks from one seed', { timeout: 300_000 }, () => {
    const outcome = oneSeed({ seed: 1, peers: 1_000, chunks: 64, degree: 8 });
    expect(outcome.finished).toBe(true);
    // 1.22 where four or five blocks go out before anything is known.
    expect(outcome.ms).toBeLessThan(1.21 * outcome.boundMs);
  });
});

describe.each(seeds)('seed %i', (seed) => {
  test('everybody gets everybody’s update, nearly as soon as their links allow', () => {
    const outcome = allGather({ seed, peers: 10, chunks: 16 });
    expect(outcome.finished).toBe(true);
    expect(outcome.ms).toBeLessThan(1.3 * outcome.boundMs);
    expect(outcome.controlShare).toBeLessThan(0.015);
  });

  test('a hundred get what one has, though each asks without knowing who is busy', () => {
    const outcome = oneSeed({ seed, peers: 100, chunks: 64 });
    // 1.18 to 1.19 where nobody asks for what is on its way to somebody else.
    expect(outcome.ms).toBeLessThan(1.165 * outcome.boundMs);
  });

  test('on faster links, too', () => {
    const link = { up: 500, down: 2_000, latencyMs: 20 };
    const outcome = oneSeed({ seed, peers: 100, chunks: 64, link });
    // 1.9 where all channels are filled.
    expect(outcome.ms).toBeLessThan(1.4 * outcome.boundMs);
  });

  test('in chunks of several blocks, too', () => {
    const outcome = oneSeed({ seed, peers: 30, chunks: 16, scalars: 16_384 });
    // 3.6 to 3.7 times where several are begun at once; 1.53 where some are taken back in the middle.
    expect(outcome.finished).toBe(true);
    expect(outcome.ms).toBeLessThan(1.45 * outcome.boundMs);
  });

  test('those that stay finish while a fifth of the others leaves', () => {
    const outcome = oneSeed({ seed, peers: 60, chunks: 32, leaving: 0.2 });
    expect(outcome.finished).toBe(true);
  });

  test('the honest ones finish with liars among them', () => {
    const outcome = oneSeed({ seed, peers: 60, chunks: 32, lying: 0.3 });
    expect(outcome.finishedShare).toBe(1);
    // 3 to 4 where one that does not even answer a cancel is waited for as long as any other.
    expect(outcome.ms).toBeLessThan(2.7 * outcome.boundMs);
  });

  test('is the same every time', () => {
    const settings = { seed, peers: 20, chunks: 16, lying: 0.2, leaving: 0.1 };
    expect(oneSeed(settings)).toEqual(oneSeed(settings));
  });
});
