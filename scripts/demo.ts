import type { BrowserContext, Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openTrainer } from '../src/learning/training.ts';
import { bytesToHex } from '../src/lib/index.ts';
import { readConfig, SetupError } from '../signaling/config.ts';
import { digitsTask } from '../signaling/default-task.ts';
import { startCoordinator, type Coordinator } from '../signaling/server.ts';
import { launchBrowser } from './browser.ts';
import { builtInDigits, dealImages, dealTable, type DemoData } from './demo-data.ts';
import { tabSnapshot, type TabSnapshot } from './tab-snapshot.ts';

const usage = `npm run demo -- [options]

  --peers N       tabs, 2 to 16 (4)
  --rounds N      rounds, 1 to 1000 (5)
  --images F      images in the IDX format, plain or .gz; with --labels
  --labels F      their labels
  --csv F         a table; with --target
  --target NAME   the column to predict
  --alpha A       deal classes unevenly, in Dirichlet(A) shares; evenly without it
  --samples N     built-in digits a tab, without files (1500)
  --epochs N      local epochs of a round (2)
  --json          print one JSON object at the end, progress on standard error
`;

interface Options {
  readonly peers: number;
  readonly rounds: number;
  readonly epochs: number;
  readonly samples: number;
  readonly alpha: number | null;
  readonly images: string | undefined;
  readonly labels: string | undefined;
  readonly csv: string | undefined;
  readonly target: string | undefined;
  readonly json: boolean;
}

/** Reads the command line. Throws SetupError on anything it does not know. */
function readOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  let values: Partial<Record<string, string | boolean>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        ...{ peers: text, rounds: text, epochs: text, samples: text, alpha: text },
        ...{ images: text, labels: text, csv: text, target: text },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }));
  } catch (thrown) {
    throw new SetupError(`${thrown instanceof Error ? thrown.message : ''}\n\n${usage}`);
  }
  if (values['help']) throw new SetupError(usage);
  const number = (name: string, fallback: number, low: number, high: number, whole = true) => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
    const kind = whole ? 'a whole number' : 'a number';
    throw new SetupError(
      `--${name} takes ${kind} from ${low} to ${high}, not ${String(values[name])}`,
    );
  };
  const string = (name: string) => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const [images, labels, csv, target] = ['images', 'labels', 'csv', 'target'].map(string);
  if ((images === undefined) !== (labels === undefined)) {
    throw new SetupError('--images and --labels go together');
  }
  if ((csv === undefined) !== (target === undefined)) {
    throw new SetupError('--csv and --target go together');
  }
  if (images !== undefined && csv !== undefined) {
    throw new SetupError('give either --images and --labels or --csv and --target');
  }
  return {
    peers: number('peers', 4, 2, 16),
    rounds: number('rounds', 5, 1, 1000),
    epochs: number('epochs', 2, 1, 100),
    samples: number('samples', 1500, 10, 100_000),
    alpha: values['alpha'] === undefined ? null : number('alpha', 1, 0.01, 1000, false),
    ...{ images, labels, csv, target },
    json: values['json'] === true,
  };
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
async function demo(options: Options, say: (line: string) => void) {
  const source = await loadData(options);
  const config = readConfig({
    PORT: '0',
    MURMURATION_LOG_LEVEL: 'error',
    MURMURATION_MINIMUM_MEMBERS: String(options.peers),
    MURMURATION_ROUNDS: String(options.rounds),
    MURMURATION_LOCAL_EPOCHS: String(options.epochs),
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
      }
    }
    const tabs = await finishedTabs(pages, options.rounds);
    return report(rounds, tabs, coordinator);
  } finally {
    for (const cleanup of cleanups) await cleanup();
  }
}

function loadData(options: Options): Promise<DemoData> {
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
        if (tab.history.length >= rounds && tab.finished) return tab;
        await pause(100);
      }
      return tabSnapshot(page);
    }),
  );
}

function report(rounds: readonly RoundReport[], tabs: TabSnapshot[], coordinator: Coordinator) {
  const spent = tabs.reduce((sum, { proofs }) => sum + proofs.verifyMs + proofs.commitMs, 0);
  const lasted = rounds.reduce((sum, { ms }) => sum + ms, 0) * tabs.length;
  const agree = rounds.every(({ round, digest }) => {
    const computed = tabs.map((tab) => tab.digests[round]).filter((each) => each !== undefined);
    return computed.length > 0 && computed.every((each) => each === digest);
  });
  return {
    rounds,
    peers: tabs.map((tab) => ({
      id: tab.self,
      ...tab.totals,
      headers: tab.proofs.headers,
      sums: rounds.filter(({ round }) => tab.proofs.sums[round] === true).length,
      verifyMs: Math.round(tab.proofs.verifyMs),
      commitMs: Math.round(tab.proofs.commitMs),
      server: tab.server,
      samples: tab.samples,
      device: tab.device,
    })),
    modelDigest: rounds.at(-1)?.digest ?? null,
    digestsAgree: agree,
    /** Of the rounds' duration, what a tab computed for commitments and their verification. */
    cryptoShare: spent / lasted,
    server: { bytesIn: coordinator.traffic.bytesIn, bytesOut: coordinator.traffic.bytesOut },
  };
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  const result = await demo(options, say);
  const payload = result.peers.reduce((sum, peer) => sum + peer.uploaded, 0);
  const { bytesIn, bytesOut } = result.server;
  say(`peer to peer ${megabytes(payload)}, by the server ${megabytes(bytesIn + bytesOut)}`);
  say(`commitments and proofs took ${(100 * result.cryptoShare).toFixed(1)} % of a tab's time`);
  say(`all tabs arrived at the same model: ${result.digestsAgree ? 'yes' : 'NO'}`);
  if (options.json) console.log(JSON.stringify(result));
  if (!result.digestsAgree) process.exitCode = 1;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

main().catch((thrown: unknown) => {
  console.error(thrown instanceof SetupError ? thrown.message : thrown);
  process.exit(1);
});
