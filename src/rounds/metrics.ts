import type { Metrics } from '../protocol/index.ts';

/** The mean of what members measured, weighted by their samples. `each` is not empty. */
export function meanMetrics(each: readonly Metrics[]): Metrics {
  const samples = each.reduce((sum, metrics) => sum + metrics.samples, 0);
  const mean = (of: (metrics: Metrics) => number) =>
    samples === 0 ? 0 : each.reduce((sum, m) => sum + of(m) * m.samples, 0) / samples;
  return { samples, loss: mean((m) => m.loss), accuracy: mean((m) => m.accuracy) };
}
