import { defineConfig } from '@playwright/test';
import { findBrowser, launchArguments } from './scripts/browser.ts';

export default defineConfig({
  testDir: 'e2e',
  timeout: 300_000,
  expect: { timeout: 120_000 },
  // Each test runs several tabs that train: one at a time is fastest on few cores.
  workers: 1,
  retries: 0,
  forbidOnly: true,
  outputDir: 'test-results',
  reporter: [['list'], ['json', { outputFile: 'test-results/e2e.json' }]],
  use: {
    launchOptions: { executablePath: findBrowser(), args: launchArguments },
    // Pictures of every step say little of what workers do, and took 28 s of 185 s.
    trace: { mode: 'retain-on-failure', screenshots: false, snapshots: false },
  },
});
