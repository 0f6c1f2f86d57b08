import react from '@vitejs/plugin-react';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

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
    include: ['src/**/*.test.ts', 'signaling/**/*.test.ts'],
    testTimeout: 30_000,
    // Left to itself it takes one worker on two cores.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
});
