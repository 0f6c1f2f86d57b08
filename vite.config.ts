import react from '@vitejs/plugin-react';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** Tests of servers first: they take longest, and wait for processes while others compute. */
class ServersFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isServer = ({ moduleId }: TestSpecification) => moduleId.includes('/signaling/');
    return [...sorted.filter(isServer), ...sorted.filter((file) => !isServer(file))];
  }
}

export default defineConfig({
  plugins: [react()],
  define: { __VERSION__: JSON.stringify(version) },
  build: { target: 'es2022', sourcemap: true },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/ws': { target: 'ws://localhost:4242', ws: true },
      '/api': 'http://localhost:4242',
    },
  },
  test: {
    testTimeout: 60_000,
    // No module has state that a test could leave behind. A fresh start of each file, with the
    // tables of both groups, took a third of the time.
    isolate: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'proofs',
          include: ['src/{crypto,vds}/**/*.test.ts'],
          exclude: ['src/crypto/choice.test.ts'],
          setupFiles: ['src/crypto/compared.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'rest',
          include: ['src/**/*.test.ts', 'signaling/**/*.test.ts'],
          exclude: ['src/vds/**', 'src/crypto/!(choice.test).ts', 'src/crypto/kernel/**'],
        },
      },
    ],
    sequence: { sequencer: ServersFirst },
    // Left to itself it takes one worker on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
