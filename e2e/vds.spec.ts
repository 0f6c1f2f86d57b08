import { createServer } from 'node:http';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { findBrowser } from '../scripts/browser.ts';
import { bytesToHex, hexToBytes } from '../src/lib/index.ts';
import { expect, test } from './swarm.ts';
import { check, digest, produce } from './vds-exchange.ts';

type Global = typeof globalThis & {
  readonly exchange: {
    readonly produce: typeof produce;
    readonly check: typeof check;
    readonly digest: typeof digest;
  };
};

/** SHA-256 of all that {@link produce} makes of the seed 3, and what computed it. */
const expected = 'WebAssembly bdf622abd9797ca891fddd8241e437dc03198bda9792ba430efa2d15e49c80b9';

/** The library and the exchange, as a script that defines `exchange`. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      lib: { entry: 'e2e/vds-exchange.ts', formats: ['iife'], name: 'exchange' },
    },
  });
  const [output] = (Array.isArray(built) ? built : [built]).flatMap((each) =>
    'output' in each ? each.output : [],
  );
  if (output?.type !== 'chunk') throw new Error('the library was not built');
  return output.code;
}

test('what Node serialises a browser verifies, and the other way around', async ({ page }) => {
  await page.addScriptTag({ content: await bundle() });

  const inBrowser = await page.evaluate(async () => [
    ...(await (globalThis as Global).exchange.produce(3)),
  ]);
  const inNode = await produce(3);
  // The same randomness makes the same bytes, whatever the engine.
  expect(await page.evaluate(() => (globalThis as Global).exchange.digest(3))).toBe(expected);
  expect(bytesToHex(new Uint8Array(inBrowser))).toBe(bytesToHex(inNode));
  const verdicts = await page.evaluate(
    (bytes) => (globalThis as Global).exchange.check(new Uint8Array(bytes)),
    [...hexToBytes(bytesToHex(inNode))],
  );
  expect(verdicts).toEqual(await check(new Uint8Array(inBrowser)));
  const { 'sum of another manifest': other, ...rest } = verdicts;
  expect(other).toBe('sum: of another manifest');
  expect(new Set(Object.values(rest))).toEqual(new Set(['accepted']));
  expect(Object.keys(rest)).toHaveLength(16);
});

test('the kernel computes the same in Node and Firefox', async () => {
  expect(await digest(3)).toBe(expected);
  const code = await bundle();
  let answered: (text: string) => void = () => undefined;
  const answer = new Promise<string>((resolve) => (answered = resolve));
  // Firefox itself, which needs no driver to open a page that says what it computed.
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      request.setEncoding('utf8').on('data', (text: string) => answered(text));
      response.end();
      return;
    }
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><script>${code.replaceAll('</script', '<\\/script')}</script><script>
      const say = (body) => fetch('/', { method: 'POST', body });
      exchange.digest(3).then(say, (error) => say(String(error)));
    </script>`);
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const profile = await mkdtemp(join(tmpdir(), 'murmuration-firefox-'));
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const browser = spawn(findBrowser('firefox'), ['--headless', '--no-remote', '--profile', profile, url], { stdio: 'ignore' }); // prettier-ignore
  const ended = once(browser, 'exit').then(() => 'Firefox ended without an answer');
  try {
    expect(await Promise.race([answer, ended])).toBe(expected);
  } finally {
    browser.kill();
    await ended;
    server.close();
    await rm(profile, { recursive: true, force: true });
  }
});
