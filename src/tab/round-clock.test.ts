import { expect, test } from 'vitest';
import { RoundClock } from './round-clock.ts';

test('a round’s time is that of its steps, all of it', () => {
  const clock = new RoundClock(1_000);
  clock.enter('training', 1_100);
  clock.enter('trained', 1_600);
  clock.enter('training', 1_700); // another attempt
  clock.enter('exchanging', 1_950);
  expect(clock.close(2_000)).toEqual({ idle: 100, training: 750, trained: 100, exchanging: 50 });
  clock.enter('idle', 2_010);
  expect(clock.close(2_500)).toEqual({ exchanging: 10, idle: 490 });
});
