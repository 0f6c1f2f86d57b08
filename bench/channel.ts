import type { Page } from '@playwright/test';
import { createServer, type Plugin } from 'vite';
import { launchBrowser } from '../scripts/browser.ts';
import { seededRandom } from '../src/lib/index.ts';
import { Crs } from '../src/vds/index.ts';
import type { BenchResult } from './result.ts';

/** bytes of payload that go from one tab to the other */
const payloadBytes = 16 * 2 ** 20;
const repeats = 3;
/** bytes of a message on the bare channel; the best of them is the baseline */
const bareMessages = [16_384, 32_768, 65_536];

/**
 * Payload that one tab gets of another through everything that the app does with it: the swarm
 * engine, the codec, simple-peer, verification and IndexedDB on both sides. The baseline is a
 * bare RTCDataChannel between the same two tabs, whose messages are only counted.
 */
export async function channel(): Promise<BenchResult> {
  const crs = await Crs.generate(1024, seededRandom(5));
  const serveCrs: Plugin = {
    name: 'crs',
    configureServer({ middlewares }) {
      middlewares.use('/api/tasks', (_request, response) => response.end(crs.file));
    },
  };
  const server = await createServer({
    configFile: 'vite.config.ts',
    plugins: [serveCrs],
    logLevel: 'error',
    server: { port: 0, host: 'localhost', proxy: {} },
  });
  await server.listen();
  const browser = await launchBrowser();
  try {
    const url = server.resolvedUrls?.local[0] ?? '';
    const [seed, leecher] = [await open(), await open()];
    async function open(): Promise<Page> {
      const page = await (await browser.newContext()).newPage();
      page.on('pageerror', (error) => console.error(error.message));
      await page.goto(`${url}bench/pages/channel.html`);
      await page.waitForFunction(() => 'bench' in window);
      return page;
    }
    // The bench carries the signaling between the two pages itself.
    for (const [from, to] of [
      [seed, leecher],
      [leecher, seed],
    ] as const) {
      // prettier-ignore
      await from.exposeFunction('relay', (message: unknown) =>
        to.evaluate((relayed) => window.bench.relayed(relayed), message),
      );
    }
    console.error('both tabs commit to the payload …');
    await Promise.all([seed, leecher].map((page) => page.evaluate((bytes) => window.bench.prepare(bytes), payloadBytes))); // prettier-ignore
    const rates = { bare: 0, swarm: 0 };
    for (let repeat = 0; repeat < repeats; repeat++) {
      const bare = [];
      for (const size of bareMessages) bare.push(await run('bare', size));
      const swarm = await run('swarm', 0);
      rates.bare = Math.max(rates.bare, ...bare);
      rates.swarm = Math.max(rates.swarm, swarm);
      console.error(
        `run ${repeat + 1} of ${repeats}, MiB/s: bare ${bare.join(' ')}, swarm ${swarm}`,
      );
    }
    async function run(what: 'bare' | 'swarm', messageBytes: number): Promise<number> {
      await seed.evaluate(([kind, bytes, size]) => window.bench.serve(kind, bytes, size), [what, payloadBytes, messageBytes] as const); // prettier-ignore
      const ms = await leecher.evaluate(([kind, bytes]) => window.bench.fetch(kind, bytes), [what, payloadBytes] as const); // prettier-ignore
      return payloadBytes / 2 ** 20 / (ms / 1000);
    }
    return {
      ratios: { payloadVsBareChannel: rates.swarm / rates.bare },
      values: { bareMibPerSecond: rates.bare, swarmMibPerSecond: rates.swarm },
    };
  } finally {
    await browser.close();
    await server.close();
  }
}

declare global {
  interface Window {
    bench: {
      relayed(message: unknown): void;
      /** Makes the batch of so many bytes that all runs exchange. */
      prepare(bytes: number): Promise<void>;
      serve(kind: 'bare' | 'swarm', bytes: number, messageBytes: number): Promise<void>;
      /** ms from the first request until all is there */
      fetch(kind: 'bare' | 'swarm', bytes: number): Promise<number>;
    };
  }
}
