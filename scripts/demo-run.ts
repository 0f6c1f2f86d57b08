import type { BrowserContext, Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openTrainer } from '../src/learning/training.ts';
import { bytesToHex } from '../src/lib/index.ts';
import { readConfig, SetupError } from '../signaling/config.ts';
import { digitsTask } from '../signaling/default-task.ts';
import { startCoordinator, type Coordinator } from '../signaling/server.ts';
import { launchBrowser } from './browser.ts';
import { builtInDigits, dealImages, dealTable, type DemoData } from './demo-data.ts';
import { tabSnapshot, type TabSnapshot } from './tab-snapshot.ts';

/** What the demo is to do. */
export interface DemoOptions {
  readonly peers: number;
  readonly rounds: number;
  readonly epochs: number;
  readonly samples: number;
  readonly alpha: number | null;
  readonly topology: string;
  readonly images: string | undefined;
  readonly labels: string | undefined;
  readonly csv: string | undefined;
  readonly target: string | undefined;
}

interface RoundReport {
  readonly round: number;
  readonly attempt: number;
  /** Share of the held-out rows read right; R² if `metric` says so. */
  readonly accuracy: number;
  readonly loss: number;
  readonly metric: 'accuracy' | 'r2';
  readonly ms: number;
  readonly authors: number;
  readonly digest: string;
}

/** The main job end to end with real tabs; what it found out. */
export async function demo(options: DemoOptions, say: (line: string) => void) {
  const source = await loadData(options);
  const config = readConfig({
    PORT: '0',
    MURMURATION_LOG_LEVEL: 'error',
    MURMURATION_MINIMUM_MEMBERS: String(options.peers),
    MURMURATION_ROUNDS: String(options.rounds),
    MURMURATION_LOCAL_EPOCHS: String(options.epochs),
    MURMURATION_TOPOLOGY: options.topology,
  });
  const { data } = source;
  const model = { kind: 'mlp' as const, hidden: data.kind === 'image' ? [128] : [32] };
  const task = { ...digitsTask(config), name: 'Demo', data, model };
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-demo-'));
  const cleanups = [() => rm(folder, { recursive: true, force: true })];
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stopped.abort(new SetupError('stopped')));
  }
  try {
    const models: Float32Array[] = [];
    const coordinator = await startCoordinator(
      { ...config, dataFolder: folder },
      {
        folder: fileURLToPath(new URL('../dist', import.meta.url)),
        task,
        onModel: (record, parameters) => {
          models[record.round] = parameters;
        },
      },
    );
    cleanups.unshift(() => coordinator.close());
    say(`coordinator at ${coordinator.url}`);
    const browser = await launchBrowser();
    cleanups.unshift(() => browser.close());
    const pages: Page[] = [];
    for (let tab = 0; tab < options.peers; tab++) {
      const context: BrowserContext = await browser.newContext();
      await context.addInitScript(watchLongTasks);
      const page = await context.newPage();
      page.on('pageerror', (error) => say(`tab ${tab + 1}: ${error.message}`));
      await page.goto(coordinator.url);
      const files = source.files?.[tab];
      if (files) await page.getByTestId('file-input').setInputFiles([...files]);
      pages.push(page);
      say(`tab ${tab + 1} of ${options.peers} is open`);
    }

    const trainer = await openTrainer(data, model, 'wasm');
    const rounds: RoundReport[] = [];
    const regression = source.heldOut.targetKind === 'value';
    let quietSince = Date.now();
    while (rounds.length < options.rounds) {
      await pause(100, undefined, { signal: stopped.signal });
      await refuseProblems(pages, quietSince);
      const { history } = coordinator.room.snapshot();
      for (const record of history.slice(rounds.length)) {
        const parameters = models[record.round];
        if (parameters === undefined) throw new Error(`bug: no model ${record.round}`);
        const { accuracy, loss } = await trainer.evaluate(parameters, source.heldOut);
        const { round, attempt, ms } = record;
        const metric = regression ? 'r2' : 'accuracy';
        const digest = bytesToHex(record.digest);
        const authors = record.authors.length;
        rounds.push({ round, attempt, accuracy, loss, metric, ms, authors, digest });
        const reached = `${regression ? 'R²' : 'accuracy'} ${accuracy.toFixed(4)}`;
        say(`round ${round} of ${options.rounds}: ${reached}, loss ${loss.toFixed(4)}, ${ms} ms`);
        quietSince = Date.now();
        // What a page does while it opens is not what a round costs it.
        if (round === 1) await Promise.all(pages.map(forgetLongTasks));
      }
    }
    const tabs = await finishedTabs(pages, options.rounds);
    const longTasks = await Promise.all(pages.map(longTasksOf));
    return report(rounds, tabs, longTasks, coordinator);
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

function loadData(options: DemoOptions): Promise<DemoData> {
  const { images, labels, csv, target, peers, alpha, samples } = options;
  if (images !== undefined && labels !== undefined) return dealImages(images, labels, peers, alpha);
  if (csv !== undefined && target !== undefined) return dealTable(csv, target, peers, alpha);
  return Promise.resolve(builtInDigits(samples, alpha));
}

/** Gives up when a tab cannot go on, or when nothing has happened for minutes. */
async function refuseProblems(pages: readonly Page[], quietSince: number): Promise<void> {
  if (Date.now() - quietSince > 300_000) throw new SetupError('no round closed in five minutes');
  for (const page of pages) {
    const { problem } = await tabSnapshot(page);
    if (problem !== null) throw new SetupError(`a tab cannot go on: ${problem}`);
  }
}

/** Waits until every tab knows the last round, then reads all of them. */
async function finishedTabs(pages: readonly Page[], rounds: number): Promise<TabSnapshot[]> {
  return Promise.all(
    pages.map(async (page) => {
      for (let tries = 0; tries < 100; tries++) {
        const tab = await tabSnapshot(page);
        if (tab.timings[rounds] !== undefined && tab.finished) return tab;
        await pause(100);
      }
      return tabSnapshot(page);
    }),
  );
}

/** In the page: keeps how long tasks took that kept its main thread busy for more than 50 ms. */
function watchLongTasks() {
  const durations: number[] = [];
  Object.assign(window, { longTasks: durations });
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) durations.push(duration);
  }).observe({ type: 'longtask', buffered: true });
}

/** Counts from here. */
async function forgetLongTasks(page: Page): Promise<void> {
  await page.evaluate(() => {
    (window as unknown as { longTasks: number[] }).longTasks.length = 0;
  });
}

/** ms of each task since the first round that took more than 50. */
function longTasksOf(page: Page): Promise<number[]> {
  return page.evaluate(() => (window as unknown as { longTasks: number[] }).longTasks);
}

const mean = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** What a tab computed for commitments and their verification in a round, on average; ms. */
function cryptoOf({ round, ms }: RoundReport, tabs: readonly TabSnapshot[]) {
  const work = tabs.flatMap((tab) => tab.timings[round]?.work ?? []);
  const [commitMs, verifyMs] = [mean(work.map((w) => w.commit)), mean(work.map((w) => w.verify))];
  const shareOfRound = (commitMs + verifyMs) / ms;
  return { commitMs: Math.round(commitMs), verifyMs: Math.round(verifyMs), shareOfRound };
}

function report(
  rounds: readonly RoundReport[],
  tabs: readonly TabSnapshot[],
  longTasks: readonly (readonly number[])[],
  coordinator: Coordinator,
) {
  const agree = rounds.every(({ round, digest }) => {
    const computed = tabs.map((tab) => tab.digests[round]).filter((each) => each !== undefined);
    return computed.length > 0 && computed.every((each) => each === digest);
  });
  return {
    rounds: rounds.map((round) => ({ ...round, crypto: cryptoOf(round, tabs) })),
    peers: tabs.map((tab, k) => ({
      id: tab.self,
      ...tab.totals,
      headers: tab.proofs.headers,
      sums: rounds.filter(({ round }) => tab.proofs.sums[round] === true).length,
      verifyMs: Math.round(tab.proofs.verifyMs),
      commitMs: Math.round(tab.proofs.commitMs),
      server: tab.server,
      samples: tab.samples,
      device: tab.device,
      timings: tab.timings,
      /** Tasks that kept the page's main thread busy for more than 50 ms, from round 2 on. */
      longTasks: {
        count: longTasks[k]?.length ?? 0,
        longestMs: Math.round(Math.max(0, ...(longTasks[k] ?? []))),
      },
    })),
    modelDigest: rounds.at(-1)?.digest ?? null,
    digestsAgree: agree,
    server: { bytesIn: coordinator.traffic.bytesIn, bytesOut: coordinator.traffic.bytesOut },
  };
}
