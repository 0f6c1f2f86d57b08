import { chromium, type BrowserContext, type Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createServer, type Plugin } from 'vite';
import { findBrowser, launchArguments } from '../scripts/browser.ts';
import { at, bytesToHex } from '../src/lib/index.ts';
import type { ScalarCount } from '../src/vds/index.ts';
import type { BenchResult } from './result.ts';
import { profileOf } from './profile.ts';
import { benchBatches, type Served } from './swarm-batches.ts';

const mebi = 2 ** 20;
const repeats = 5;
const warmUpBytes = 16 * mebi;
/** bytes of a message on bare channels: the fastest that we know */
const bareMessage = 65_536;
const callMs = 120_000;
/** ms until all pages begin */
const leadMs = 200;

interface Case {
  readonly name: string;
  readonly tabs: number;
  readonly scalars: ScalarCount;
  /** bytes: from one tab to the other of two; else what all have in the end, an equal part of each */
  readonly bytes: number;
}

/**
 * Chunks of 30 bytes a scalar: 15, 61 and 123 kB. 4,096 scalars are the most that a chunk has, so that
 * what is named 256k has 123 kB.
 */
const warm: readonly Case[] = [
  { name: 't2_16k', tabs: 2, scalars: 512, bytes: 64 * mebi },
  { name: 't2_64k', tabs: 2, scalars: 2048, bytes: 64 * mebi },
  { name: 't2_256k', tabs: 2, scalars: 4096, bytes: 64 * mebi },
  { name: 't4_64k', tabs: 4, scalars: 2048, bytes: 16 * mebi },
  { name: 't8_64k', tabs: 8, scalars: 2048, bytes: 16 * mebi },
];
/** Updates of 100 kB in 14 chunks, as those of the built-in task. */
const latency = [4, 8, 16].map((tabs) => ({ name: `latency${tabs}`, tabs, scalars: 256 as const, bytes: 100_000 })); // prettier-ignore

interface Bench {
  readonly context: BrowserContext;
  readonly url: string;
  readonly served: Served;
  readonly say: (line: string) => void;
  readonly isProfiled: boolean;
}

/**
 * Real Chromium tabs that swarm, every chunk verified and stored, against bare data channels over the
 * same topology that carry the same bytes: in one run, alternating, medians of five. Warm: 16 MiB went
 * over the channels before. Cold: every run has new channels, and an update of 100 kB a tab is what a
 * round exchanges. `--only NAME` for one of the cases, `--profile` says what main threads do in the last run.
 */
export async function swarm(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { only: { type: 'string' }, profile: { type: 'boolean' } } }); // prettier-ignore
  const isWanted = ({ name }: { name: string }) =>
    values.only === undefined || values.only === name;
  const served: Served = new Map();
  const server = await createServer({
    configFile: 'vite.config.ts',
    plugins: [serve(served)],
    logLevel: 'error',
    // Pages are not loaded anew, whatever is being edited meanwhile.
    server: { port: 0, host: 'localhost', proxy: {}, hmr: false, watch: null },
  });
  await server.listen();
  // A profile on disk: what a browser in private mode stores goes to memory.
  const profile = await mkdtemp(join(tmpdir(), 'murmuration-bench-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath: findBrowser(), args: launchArguments }); // prettier-ignore
  const say = (line: string) => console.error(line);
  const bench: Bench = { context, url: server.resolvedUrls?.local[0] ?? '', served, say, isProfiled: values.profile === true }; // prettier-ignore
  const ratios: Record<string, number> = {};
  const mibPerSecond: Record<string, number> = {};
  const latencyMs: Record<string, number> = {};
  const chunkBytes: Record<string, number> = {};
  const mainThread: Record<string, number> = {};
  try {
    for (const each of warm.filter(isWanted)) {
      const found = await throughput(bench, each);
      ratios[each.name] = found.swarm / found.bare;
      mibPerSecond[each.name] = found.swarm;
      mibPerSecond[`${each.name}_bare`] = found.bare;
      chunkBytes[each.name] = found.chunkBytes;
      mainThread[`${each.name}_longTasks`] = found.longTasks.length;
      mainThread[`${each.name}_longestTaskMs`] = Math.max(0, ...found.longTasks);
      mainThread[`${each.name}_heapGrowthMib`] = found.heapGrowth / mebi;
      mainThread[`${each.name}_verifyMsPerMib`] = found.verifyMsPerMib;
    }
    for (const each of latency.filter(isWanted)) {
      const found = await roundTrip(bench, each);
      ratios[each.name] = found.swarm / found.bare;
      latencyMs[each.name] = found.swarm;
      latencyMs[`${each.name}_bare`] = found.bare;
    }
    return { ratios, values: { mibPerSecond, latencyMs, chunkBytes, mainThread } };
  } finally {
    await context.close();
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

function serve(served: Served): Plugin {
  return {
    name: 'batches',
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const found = served.get(request.url ?? '');
        if (found === undefined) next();
        else response.end(found);
      });
    },
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, k) => k);

async function openPages({ context, url }: Bench, tabs: number, task: string, crs: string) {
  const pages: Page[] = [];
  for (const self of numbers(tabs)) {
    const page = await context.newPage();
    page.on('pageerror', (error) => console.error(error.message));
    // The bench carries the signaling between pages itself.
    await page.exposeFunction(
      'relay',
      (to: number, message: never) =>
      pages[to]?.evaluate((relayed) => window.swarmBench.relayed(relayed), message).catch(() => undefined), // prettier-ignore
    );
    pages.push(page);
    await page.goto(`${url}bench/pages/swarm.html`);
    await page.waitForFunction(() => 'swarmBench' in window);
    await page.evaluate((setup) => window.swarmBench.setUp(setup), { self, tabs, task, crs });
  }
  return pages;
}

/** Who takes longer is stuck. */
function all<T>(pages: readonly Page[], run: (page: Page, k: number) => Promise<T>): Promise<T[]> {
  const stuck = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error('a tab did not answer within two minutes')), callMs).unref();
  });
  return Promise.race([Promise.all(pages.map(run)), stuck]);
}

const connect = (pages: readonly Page[]) => all(pages, (page) => page.evaluate(() => window.swarmBench.connect())); // prettier-ignore
const connectBare = (pages: readonly Page[]) => all(pages, (page) => page.evaluate(() => window.swarmBench.connectBare())); // prettier-ignore

/** Every page exchanges with every other over bare channels; ms until the last byte. */
async function exchangeBare(
  pages: readonly Page[],
  sends: (from: number) => { to: number; bytes: number }[],
  messageBytes = bareMessage,
): Promise<number> {
  const plan = numbers(pages.length).map(sends);
  const expected = (k: number) => plan.flat().filter(({ to }) => to === k).reduce((sum, { bytes }) => sum + bytes, 0); // prettier-ignore
  const start = Date.now() + leadMs;
  const times = await all(pages, (page, k) =>
    page.evaluate(
      ([of, bytes, size, time]) => window.swarmBench.exchangeBare(of, bytes, size, time),
      [at(plan, k), expected(k), messageBytes, start] as const,
    ),
  );
  return Math.max(...times);
}

/** Every page gets what it lacks, and begins to serve its own; ms until the last chunk is stored. */
async function get(
  pages: readonly Page[],
  lacking: (k: number) => readonly string[],
  own: (k: number) => readonly string[] = () => [],
): Promise<number> {
  const start = Date.now() + leadMs;
  const times = await all(
    pages,
    (page, k) =>
    page.evaluate(([batches, held, time]) => window.swarmBench.get(batches, held, time), [lacking(k), own(k), start] as const), // prettier-ignore
  );
  return Math.max(...times);
}

const forget = (pages: readonly Page[], lacking: (k: number) => readonly string[]) =>
  all(pages, (page, k) =>
    page.evaluate((batches) => window.swarmBench.forget(batches), lacking(k)),
  );

async function throughput(bench: Bench, { name, tabs, scalars, bytes }: Case) {
  bench.say(`${name}: making batches …`);
  const made = await benchBatches(scalars, bench.served);
  const authors = tabs === 2 ? [0] : numbers(tabs);
  const share = Math.floor(bytes / authors.length);
  const own = new Map<number, readonly string[]>();
  for (const author of authors) own.set(author, await made.make(author, share));
  const warmUp = await made.make(0, warmUpBytes);
  bench.say(`${name}: opening ${tabs} tabs …`);
  const pages = await openPages(bench, tabs, made.task, bytesToHex(made.crs.digest));
  const lacking = (k: number) => [...own].flatMap(([author, names]) => (author === k ? [] : names));
  const sends = (from: number) =>
    numbers(tabs).flatMap((to) => (to === from || !own.has(from) ? [] : [{ to, bytes: share }]));
  await all(pages, async (page, k) => {
    const held = [...(own.get(k) ?? []), ...(k === 0 ? warmUp : [])];
    for (const batch of held) await page.evaluate((of) => window.swarmBench.hold(of), batch);
    await page.evaluate((batches) => window.swarmBench.serve(batches), held);
  });
  bench.say(`${name}: connecting and warming up …`);
  await connect(pages);
  await connectBare(pages);
  await get(pages, (k) => (k === 0 ? [] : warmUp));
  await exchangeBare(pages, (from) => numbers(tabs).flatMap((to) => (to === from ? [] : [{ to, bytes: warmUpBytes / (tabs === 2 ? 1 : tabs) }]))); // prettier-ignore
  const reader = at(pages, tabs - 1);
  await all(pages, (page) => page.evaluate(() => window.swarmBench.longTasks()));
  const heap = await watchHeap(reader);
  const verifiedMs = await reader.evaluate(() => window.swarmBench.verifyMs());
  const rates: { swarm: number[]; bare: number[] } = { swarm: [], bare: [] };
  const received = (share * (authors.length === 1 ? 1 : tabs - 1)) / mebi;
  let heapGrowth = 0;
  const longTasks: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    rates.bare.push(received / ((await exchangeBare(pages, sends)) / 1000));
    await all(pages, (page) => page.evaluate(() => window.swarmBench.longTasks()));
    const isProfiled = bench.isProfiled && repeat === repeats - 1;
    const profiles = isProfiled ? await all(pages, profileOf) : [];
    await heap.begin();
    rates.swarm.push(received / ((await get(pages, lacking)) / 1000));
    heapGrowth = Math.max(heapGrowth, await heap.end());
    for (const [k, end] of profiles.entries()) {
      bench.say([`Main thread of tab ${k}, own time:`, ...(await end())].join('\n'));
    }
    longTasks.push(...(await all(pages, (page) => page.evaluate(() => window.swarmBench.longTasks()))).flat()); // prettier-ignore
    await forget(pages, lacking);
    bench.say(`${name}, run ${repeat + 1} of ${repeats}, MiB/s a tab: bare ${rates.bare.at(-1)?.toFixed(1)}, swarm ${rates.swarm.at(-1)?.toFixed(1)}`); // prettier-ignore
  }
  const verifyMs = (await reader.evaluate(() => window.swarmBench.verifyMs())) - verifiedMs;
  await all(pages, (page) => page.close());
  return {
    swarm: median(rates.swarm),
    bare: median(rates.bare),
    chunkBytes: made.chunkBytes,
    longTasks,
    heapGrowth,
    verifyMsPerMib: verifyMs / (received * repeats),
  };
}

/** Looks at how much memory of a page's main thread is in use, buffers included. */
async function watchHeap(page: Page) {
  const session = await page.context().newCDPSession(page);
  const used = async () => {
    const found = (await session.send('Runtime.getHeapUsage')) as { usedSize: number; embedderHeapUsedSize?: number; backingStorageSize?: number }; // prettier-ignore
    return found.usedSize + (found.embedderHeapUsedSize ?? 0) + (found.backingStorageSize ?? 0);
  };
  let [before, most] = [0, 0];
  let timer: NodeJS.Timeout | undefined;
  return {
    async begin() {
      await session.send('HeapProfiler.collectGarbage');
      before = most = await used();
      timer = setInterval(() => {
        void used().then((now) => (most = Math.max(most, now)), () => undefined); // prettier-ignore
      }, 100);
    },
    async end() {
      clearInterval(timer);
      most = Math.max(most, await used());
      return most - before;
    },
  };
}

async function roundTrip(bench: Bench, { name, tabs, scalars, bytes }: Case) {
  const made = await benchBatches(scalars, bench.served);
  const own: (readonly string[])[] = [];
  for (const author of numbers(tabs)) own.push(await made.make(author, bytes));
  const pages = await openPages(bench, tabs, made.task, bytesToHex(made.crs.digest));
  const lacking = (k: number) => own.filter((_, author) => author !== k).flat();
  await all(pages, async (page, k) => {
    for (const batch of at(own, k)) await page.evaluate((of) => window.swarmBench.hold(of), batch);
  });
  const times: { swarm: number[]; bare: number[] } = { swarm: [], bare: [] };
  const sends = (from: number) => numbers(tabs).filter((to) => to !== from).map((to) => ({ to, bytes })); // prettier-ignore
  for (let repeat = 0; repeat < repeats; repeat++) {
    await connectBare(pages);
    times.bare.push(await exchangeBare(pages, sends));
    await all(pages, (page) => page.evaluate(() => window.swarmBench.closeBare()));
    if (repeat > 0) await all(pages, (page) => page.evaluate(() => window.swarmBench.restart()));
    await connect(pages);
    const isProfiled = bench.isProfiled && repeat === repeats - 1;
    const profiles = isProfiled ? await all(pages.slice(0, 1), profileOf) : [];
    // All hear of all batches at once, as with a manifest: of their own, too.
    times.swarm.push(await get(pages, lacking, (k) => at(own, k)));
    for (const end of profiles) {
      bench.say(['Main thread of tab 0, own time:', ...(await end())].join('\n'));
    }
    await forget(pages, lacking);
    bench.say(`${name}, run ${repeat + 1} of ${repeats}, ms: bare ${times.bare.at(-1)}, swarm ${times.swarm.at(-1)}`); // prettier-ignore
  }
  await all(pages, (page) => page.close());
  return { swarm: median(times.swarm), bare: median(times.bare) };
}

function median(values: readonly number[]): number {
  return at(
    [...values].sort((a, b) => a - b),
    values.length >> 1,
  );
}
