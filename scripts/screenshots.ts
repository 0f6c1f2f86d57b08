import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../signaling/config.ts';
import { startCoordinator } from '../signaling/server.ts';
import { launchBrowser } from './browser.ts';

/** Takes the picture of the README, and more views to look at, from a real swarm of four tabs. */
const target = process.argv[2] ?? 'docs';
const views = [
  { name: 'dashboard', width: 1440, height: 1100, colorScheme: 'light' },
  { name: 'dashboard-dark', width: 1440, height: 1100, colorScheme: 'dark' },
  { name: 'dashboard-narrow', width: 360, height: 1600, colorScheme: 'light' },
  { name: 'dashboard-wide', width: 2560, height: 1300, colorScheme: 'dark' },
] as const;

const dataFolder = await mkdtemp(join(tmpdir(), 'murmuration-pictures-'));
const config = readConfig({
  PORT: '0',
  MURMURATION_MINIMUM_MEMBERS: '4',
  MURMURATION_ROUNDS: '12',
});
const coordinator = await startCoordinator({ ...config, dataFolder }, { folder: 'dist' });
const browser = await launchBrowser();
try {
  await mkdir(target, { recursive: true });
  const pages = [];
  for (const { width, height, colorScheme } of views) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(coordinator.url);
    if (pages.length === 0) {
      await page.getByTestId('invite').waitFor();
      await page.screenshot({ path: join(target, 'alone.png') });
    }
    pages.push(page);
  }
  const [first] = pages;
  if (first === undefined) throw new Error('no page');
  await first.locator('[data-testid=history-row][data-round="8"]').waitFor({ timeout: 180_000 });
  await first.locator('[data-testid=step][data-step=training]').waitFor();
  for (const [i, page] of pages.entries()) {
    await page.screenshot({ path: join(target, `${views[i]?.name ?? ''}.png`) });
  }
  await first.getByTestId('finished').waitFor({ timeout: 180_000 });
  await first.screenshot({ path: join(target, 'finished.png'), fullPage: true });
} finally {
  await browser.close();
  await coordinator.close();
  await rm(dataFolder, { recursive: true, force: true });
}
