import { useMemo } from 'react';
import { Chart } from './chart.tsx';
import type { ChartSpec } from './chart-options.ts';
import { clock, rate } from './format.ts';
import { useApp } from './use-app.ts';

const spec: ChartSpec = {
  x: 'time',
  series: [
    { label: 'Down', tone: 'swarm' },
    { label: 'Up', tone: 'own' },
  ],
  format: rate,
  formatAxis: rate,
  formatX: (seconds) => clock(seconds * 1000),
  bounds: { low: 0, high: Infinity },
  fromLow: true,
};

/** What goes to and comes from other tabs. */
export function RatesChart() {
  const rates = useApp((state) => state.rates);
  const data = useMemo<[number[], number[], number[]]>(
    () => [
      rates.map(({ at }) => at / 1000),
      rates.map(({ down }) => down),
      rates.map(({ up }) => up),
    ],
    [rates],
  );
  return <Chart title="Transfer" spec={spec} data={data} empty="Nothing has been sent yet." />;
}
