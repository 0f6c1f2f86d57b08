import type { Page } from '@playwright/test';

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
}

/**
 * What a page's main thread does, by V8's sampling profiler.
 *
 * @returns ends it: lines of functions with their own share of the time, the largest first
 */
export async function profileOf(page: Page): Promise<() => Promise<string[]>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Profiler.enable');
  await session.send('Profiler.setSamplingInterval', { interval: 500 });
  await session.send('Profiler.start');
  return async () => {
    const { profile } = await session.send('Profiler.stop');
    await session.detach();
    const names = new Map(profile.nodes.map((node: Node) => [node.id, nameOf(node)]));
    const own = new Map<string, number>();
    let total = 0;
    (profile.samples ?? []).forEach((id, i) => {
      const us = profile.timeDeltas?.[i] ?? 0;
      const name = names.get(id) ?? '?';
      own.set(name, (own.get(name) ?? 0) + us);
      total += us;
    });
    return [...own]
      .sort(([, a], [, b]) => b - a)
      .slice(0, 24)
      .map(([name, us]) => `${((100 * us) / total).toFixed(1).padStart(5)} %  ${name}`);
  };
}

function nameOf({ callFrame: { functionName, url } }: Node): string {
  const file = url.split('?')[0]?.split('/').slice(-2).join('/') ?? '';
  return `${functionName || '(anonymous)'} ${file}`;
}
