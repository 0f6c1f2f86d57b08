import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findBrowser } from './browser.ts';

/** Runs everything: unit, property and simulation tests, then real tabs. Adds up what really ran. */
const require = createRequire(import.meta.url);
const bin = (name: string, file: string) =>
  join(dirname(require.resolve(`${name}/package.json`)), file);

interface Counts {
  passed: number;
  failed: number;
}

function run(script: string, args: readonly string[]): number {
  const options = { stdio: 'inherit', env: { ...process.env, FORCE_COLOR: '0' } } as const;
  return spawnSync(process.execPath, [script, ...args], options).status ?? 1;
}

/** A runner that fails without having said how counts as one failure. */
function counted(status: number, read: () => Counts): Counts {
  try {
    const counts = read();
    if (status !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } catch {
    return { passed: 0, failed: 1 };
  }
}

rmSync('test-results', { recursive: true, force: true });
findBrowser();
findBrowser('firefox');

const unitReport = 'test-results/unit.json';
const unitStatus = run(bin('vitest', 'vitest.mjs'), [
  ...['run', '--reporter=default', '--reporter=json', `--outputFile.json=${unitReport}`],
]);
const unit = counted(unitStatus, () => {
  const report = JSON.parse(readFileSync(unitReport, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
  };
  return { passed: report.numPassedTests, failed: report.numFailedTests };
});

const e2eStatus = run(bin('@playwright/test', 'cli.js'), ['test']);
const e2e = counted(e2eStatus, () => {
  const report = JSON.parse(readFileSync('test-results/e2e.json', 'utf8')) as {
    stats: { expected: number; unexpected: number; flaky: number };
  };
  const { expected, unexpected, flaky } = report.stats;
  return { passed: expected, failed: unexpected + flaky };
});

console.log(`\nunit, property, simulation: ${unit.passed} of ${unit.passed + unit.failed} passed`);
console.log(`real tabs: ${e2e.passed} of ${e2e.passed + e2e.failed} passed`);
console.log(`${unit.passed + e2e.passed} passed, ${unit.failed + e2e.failed} failed`);
process.exitCode = unit.failed + e2e.failed === 0 ? 0 : 1;
