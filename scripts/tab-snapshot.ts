import type { Page } from '@playwright/test';
import type { AppState, RoundTiming } from '../src/app/index.ts';

/** What a tab says of itself: the page's `murmuration.snapshot()`, as far as tools use it. */
export interface TabSnapshot {
  readonly self: string;
  readonly finished: boolean;
  readonly history: readonly { readonly round: number }[];
  /** hex SHA-256 of the models that the tab computed, by round */
  readonly digests: Readonly<Record<number, string | undefined>>;
  /** Where the time of a round went, by round. */
  readonly timings: Readonly<Record<number, RoundTiming | undefined>>;
  readonly totals: AppState['totals'];
  readonly proofs: Pick<AppState['proofs'], 'epoch' | 'headers' | 'verifyMs' | 'commitMs'> & {
    /** Whether the sum of a round was proved in the tab, by round. */
    readonly sums: Readonly<Record<number, boolean | undefined>>;
  };
  readonly server: AppState['server'];
  readonly samples: number;
  readonly device: string | null;
  /** Why the tab takes no part any more; null if it does. */
  readonly problem: string | null;
  /** Neighbours that it is connected with. */
  readonly connections: number;
  /** Chunks that the tab wants and does not hold. */
  readonly missing: number;
  /** Warnings of its event log. */
  readonly warnings: readonly string[];
}

interface Murmuration {
  snapshot(): Omit<TabSnapshot, 'samples' | 'problem' | 'connections' | 'missing' | 'warnings'> & {
    data: { summary?: { training: number } };
    active: boolean;
    log: { level: string; text: string }[];
    batches: { own: string[] }[];
    peers: { connected: boolean }[];
  };
}

export function tabSnapshot(page: Page): Promise<TabSnapshot> {
  return page.evaluate(() => {
    const { murmuration } = window as unknown as { murmuration: Murmuration };
    const { data, active, log, batches, peers, ...tab } = murmuration.snapshot();
    const { self, finished, history, digests, timings, totals, server, device, proofs } = tab;
    const error = log.filter((line) => line.level === 'error').at(-1)?.text ?? 'it was paused';
    return {
      ...{ self, finished, history, digests, timings, totals, server, device, proofs },
      samples: data.summary?.training ?? 0,
      problem: active ? null : error,
      connections: peers.filter(({ connected }) => connected).length,
      missing: batches.flatMap(({ own }) => own).filter((chunk) => chunk !== 'held').length,
      warnings: log.filter((line) => line.level === 'warn').map((line) => line.text),
    };
  });
}
