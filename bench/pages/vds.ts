import type { FlatResult } from '../result.ts';

const worker = new Worker(new URL('./vds.worker.ts', import.meta.url), { type: 'module' });

/** What the worker measured; it tells what it is at before. */
window.measured = new Promise((resolve, reject) => {
  worker.onmessage = ({ data }: MessageEvent<string | FlatResult>) => {
    if (typeof data === 'string') console.log(`Chromium: ${data} …`);
    else resolve(data);
  };
  worker.onerror = (event) => {
    reject(new Error(event.message));
  };
});
