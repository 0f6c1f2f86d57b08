import { expect, test } from 'vitest';
import { fuzzCoordinator } from './coordinator.ts';
import { fuzzEngine } from './engine.ts';
import { fuzzFiles } from './files.ts';
import { fuzzTab } from './tab.ts';

/** A short pass; `npm run fuzz -- --seconds 600` goes on with other seeds. */
test.each([
  ['a coordinator', fuzzCoordinator, 2_000],
  ['an engine', fuzzEngine, 4_000],
  ['a tab', fuzzTab, 1_000],
  ['importers', fuzzFiles, 4_000],
] as const)('what is wrong harms %s in no way', (_, fuzz, inputs) => {
  const report = fuzz(1, inputs);
  expect(report.inputs).toBe(inputs);
  // Both what is refused at the door and what is let in was tried.
  expect(report.accepted).toBeGreaterThan(inputs / 100);
  expect(report.accepted).toBeLessThan(inputs);
});
