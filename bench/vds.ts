import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { createServer } from 'vite';
import { launchBrowser } from '../scripts/browser.ts';
import type { FlatResult } from './result.ts';
import { measureVds } from './vds-measure.ts';

/**
 * What the VDS library costs, in Node and in a worker of Chromium. Ratios and values are Node's;
 * the worker's have `Worker` at the end of their names.
 */
export async function vds(): Promise<FlatResult> {
  const node = await measureVds((name) => console.error(`Node: ${name} …`));
  const worker = await inChromium();
  const module = readFileSync('src/crypto/kernel/module.ts', 'utf8');
  const base64 = [...module.matchAll(/'([A-Za-z0-9+/=]+)'/g)].map(([, row]) => row).join('');
  const kernelBytesGz = gzipSync(Buffer.from(base64, 'base64'), { level: 9 }).length;
  const named = (values: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${name}Worker`, value]));
  return {
    ratios: { ...node.ratios, ...named(worker.ratios) },
    values: { ...node.values, kernelBytesGz, ...named(worker.values) },
  };
}

async function inChromium(): Promise<FlatResult> {
  const server = await createServer({
    configFile: 'vite.config.ts',
    logLevel: 'error',
    server: { port: 0, host: 'localhost', proxy: {} },
  });
  await server.listen();
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    page.on('console', (message) => console.error(message.text()));
    await page.goto(`${server.resolvedUrls?.local[0] ?? ''}bench/pages/vds.html`);
    await page.waitForFunction(() => 'measured' in window);
    return await page.evaluate(() => window.measured);
  } finally {
    await browser.close();
    await server.close();
  }
}

declare global {
  interface Window {
    measured: Promise<FlatResult>;
  }
}
