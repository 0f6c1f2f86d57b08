import { build } from 'vite';
import { bytesToHex, hexToBytes } from '../src/lib/index.ts';
import { expect, test } from './swarm.ts';
import { check, produce } from './vds-exchange.ts';

type Global = typeof globalThis & {
  readonly exchange: { readonly produce: typeof produce; readonly check: typeof check };
};

test('what Node serialises a browser verifies, and the other way around', async ({ page }) => {
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
  await page.addScriptTag({ content: output.code });

  const inBrowser = await page.evaluate(async () => [
    ...(await (globalThis as Global).exchange.produce(3)),
  ]);
  const inNode = await produce(3);
  // The same randomness makes the same bytes, whatever the engine.
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
