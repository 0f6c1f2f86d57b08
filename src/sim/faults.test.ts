import { describe, expect, test } from 'vitest';
import { faults, lies, runFaultCase, steps, type Fault, type Lie } from './faults.ts';

/**
 * Every fault, every lie and every step, in some of the combinations; `npm run faults` runs them
 * all, 440 in some four minutes.
 */
describe('a fault while somebody lies', () => {
  const faultNames = Object.keys(faults) as Fault[];
  const lieNames = Object.keys(lies) as Lie[];
  const cases = faultNames.map((fault, k) => {
    const step = steps[k % steps.length] ?? 'training';
    return [step, fault, lieNames[(k + 3) % lieNames.length] ?? 'nobody lies'] as const;
  });

  test.each(cases)('%s: %s, and another member %s', (step, fault, lie) => {
    const { attempts, ms } = runFaultCase({ seed: 2, step, fault, lie });
    expect(attempts).toBeLessThanOrEqual(4);
    expect(ms).toBeLessThan(2 * 60_000);
  });
});
