import { setTimeout as pause } from 'node:timers/promises';
import { readConfig } from '../signaling/config.ts';
import { digitsTask } from '../signaling/default-task.ts';
import { startCoordinator } from '../signaling/server.ts';

/**
 * A coordinator in a process of its own, which tells its URL and, when asked, its memory in bytes
 * and the seconds that it has computed.
 */
const config = readConfig(process.env);
const task = { ...digitsTask(config), model: { kind: 'mlp' as const, hidden: [] } };
const coordinator = await startCoordinator(config, { folder: 'dist', task });

/** Until there is no more to collect: what was used to start goes in several turns. */
async function leastMemory(): Promise<number> {
  let least = Infinity;
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc?.();
    await pause(100);
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  void leastMemory().then((bytes) => process.send?.({ bytes, cpuSeconds }));
});
process.send?.({ url: coordinator.url });
