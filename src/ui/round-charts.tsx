import { useMemo } from 'react';
import type { Metrics } from '../protocol/index.ts';
import { Chart } from './chart.tsx';
import type { ChartSpec } from './chart-options.ts';
import { brief, decimal, percent } from './format.ts';
import { useApp } from './use-app.ts';
import { scoreOf } from './words.ts';

const common = {
  x: 'round',
  series: [
    { label: 'Swarm', tone: 'swarm' },
    { label: 'This tab', tone: 'own' },
  ],
  formatX: (round: number) => `Round ${round}`,
  group: 'rounds',
} as const;
const accuracySpecs = {
  Accuracy: {
    ...common,
    format: percent,
    formatAxis: (share: number) => `${brief(share * 100)}%`,
    bounds: { low: 0, high: 1 },
  },
  'R²': { ...common, format: decimal, formatAxis: brief, bounds: { low: -Infinity, high: 1 } },
} satisfies Record<string, ChartSpec>;
const lossSpec: ChartSpec = {
  ...common,
  format: decimal,
  formatAxis: brief,
  bounds: { low: 0, high: Infinity },
};

/** The models by round, on everybody's validation data and on this tab's. */
export function RoundCharts() {
  const history = useApp((state) => state.history);
  const own = useApp((state) => state.own);
  const score = scoreOf(useApp((state) => state.task?.description.data));
  const { accuracy, loss } = useMemo(() => {
    const swarm = new Map(history.map(({ round, metrics }) => [round, metrics]));
    const rounds = [...new Set([...swarm.keys(), ...own.keys()])].sort((a, b) => a - b);
    const columns = (of: (metrics: Metrics) => number): [number[], ...(number | null)[][]] => [
      rounds,
      ...[swarm, own].map((metrics) =>
        rounds.map((round) => {
          const measured = metrics.get(round);
          return measured ? of(measured) : null;
        }),
      ),
    ];
    return { accuracy: columns((m) => m.accuracy), loss: columns((m) => m.loss) };
  }, [history, own]);
  const empty = 'The first point follows the first round.';
  return (
    <>
      <Chart title={score.name} spec={accuracySpecs[score.name]} data={accuracy} empty={empty} />
      <Chart title="Loss" spec={lossSpec} data={loss} empty={empty} />
    </>
  );
}
