import { describe, expect, test } from 'vitest';
import { faults, lies, runFaultCase, steps, type Fault, type Lie } from './faults.ts';

/**
 * Every fault, every lie and every step, in some of the combinations; `npm run faults` runs them
 * all, 440 in some four minutes.
 */
describe('a fault while somebody lies', () => {
  const faultNames = Object.keys(faults) as Fault[];
  const lieNames = Object.keys(lies) as Lie[];
  const cases = faultNames.flatMap((fault, k) =>
    [0, 1].map((turn) => {
      const step = steps[(k + turn) % steps.length] ?? 'training';
      const lie = lieNames[(k + 5 * turn) % lieNames.length] ?? 'nobody lies';
      return [step, fault, lie] as const;
    }),
  );

  test.each(cases)('%s: %s, and another member %s', (step, fault, lie) => {
    const { attempts, ms } = runFaultCase({ seed: 2, step, fault, lie });
    expect(attempts).toBeLessThanOrEqual(4);
    expect(ms).toBeLessThan(2 * 60_000);
  });
});
