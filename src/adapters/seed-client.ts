import type { HeaderId, TaskId } from '../lib/index.ts';

/** ms; a chunk has some 30 kB. */
const withinMs = 15_000;

/** Asks the coordinator for a chunk of a model; null if it does not deliver. Verify it as any other. */
export async function fetchSeed(
  task: TaskId,
  header: HeaderId,
  index: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    const response = await fetch(`/api/tasks/${task}/batches/${header}/chunks/${index}`, {
      signal: AbortSignal.timeout(withinMs),
    });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : null;
  } catch {
    return null;
  }
}
