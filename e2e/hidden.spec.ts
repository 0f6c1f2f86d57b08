import { expect, test } from './swarm.ts';
import { openWindow, type WindowTab } from './window.ts';

interface State {
  readonly history: readonly { readonly round: number }[];
  readonly finished: boolean;
  readonly digests: Readonly<Record<string, string>>;
}

const stateOf = (tab: WindowTab) =>
  tab.evaluate<State | undefined>('window.murmuration?.snapshot()');
const visibilityOf = (tab: WindowTab) => tab.evaluate<string>('document.visibilityState');

test('three tabs of one window, one in front, train with what browsers do to hidden ones', async ({
  coordinate,
}) => {
  const { url } = await coordinate({ minimum: 3, rounds: 3 });
  const window = await openWindow();
  try {
    const tabs: WindowTab[] = [];
    for (let k = 0; k < 3; k++) tabs.push(await window.open(url));
    const [first, second, third] = tabs as [WindowTab, WindowTab, WindowTab];
    await first.show();
    const closed = (tab: WindowTab) => async () => (await stateOf(tab))?.history.length;
    await expect.poll(closed(first)).toBeGreaterThan(0);
    await expect.poll(() => Promise.all(tabs.map(visibilityOf))).toEqual(['visible', 'hidden', 'hidden']); // prettier-ignore
    // Whoever was in front is hidden in the middle of a round.
    await third.show();
    for (const tab of tabs) {
      await expect.poll(async () => (await stateOf(tab))?.finished).toBe(true);
    }
    expect(await visibilityOf(second)).toBe('hidden');
    const digests = (await Promise.all(tabs.map(stateOf))).map((state) => state?.digests['3']);
    expect(new Set(digests).size).toBe(1);
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
  } finally {
    await window.close();
  }
});
