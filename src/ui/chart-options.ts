import type uPlot from 'uplot';
import { clock } from './format.ts';
import type { Palette } from './theme.ts';

export interface ChartSpec {
  readonly x: 'round' | 'time';
  readonly series: readonly {
    readonly label: string;
    /** swarm: the main line, over a tinted area. own: the second line. */
    readonly tone: 'swarm' | 'own';
  }[];
  readonly format: (value: number) => string;
  /** Shorter, for the y axis. */
  readonly formatAxis: (value: number) => string;
  readonly formatX: (value: number) => string;
  /** Bounds that the y axis never goes beyond. */
  readonly bounds: { readonly low: number; readonly high: number };
  /** Whether the y axis starts at the lower bound, whatever the values. */
  readonly fromLow?: boolean;
  /** Charts of one group point at the same x together. */
  readonly group?: string;
}

const font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
/** Fewest rounds on the x axis, so that the first points do not stretch over all of it. */
const leastRounds = 4;
/** s; fewest seconds on the x axis. */
const leastSeconds = 60;

/** uPlot's options for a chart of ours. */
export function chartOptions(
  spec: ChartSpec,
  palette: Palette,
  size: { readonly width: number; readonly height: number },
  onHover: (index: number | null) => void,
): uPlot.Options {
  const axis = {
    stroke: palette.faint,
    font,
    grid: { stroke: palette.line, width: 1 },
    ticks: { show: false },
    gap: 6,
  };
  const rounds = spec.x === 'round';
  return {
    ...size,
    padding: [8, rounds ? 16 : 28, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 7 },
      ...(spec.group === undefined ? {} : { sync: { key: spec.group } }),
    },
    scales: {
      x: {
        time: !rounds,
        range: (_, low, high) =>
          rounds ? [low, Math.max(high, low + leastRounds)] : [Math.min(low, high - leastSeconds), high], // prettier-ignore
      },
      y: { range: (_, low, high) => yRange(spec, low, high) },
    },
    axes: [
      {
        ...axis,
        size: 26,
        space: rounds ? 48 : 84,
        grid: { show: false },
        ...(rounds ? wholeNumbers : times),
      },
      { ...axis, size: 58, space: 32, values: (_, splits) => splits.map(spec.formatAxis) },
    ],
    series: [
      {},
      ...spec.series.map(({ label, tone }) => ({
        label,
        stroke: palette[tone],
        width: 2,
        ...(tone === 'swarm' ? { fill: `${palette.swarm}1f` } : {}),
        points: { show: rounds && showPoints, size: 6, fill: palette[tone] },
        spanGaps: true,
      })),
    ],
    hooks: { setCursor: [(chart: uPlot) => onHover(chart.cursor.idx ?? null)] },
  };
}

const wholeNumbers = { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] };

const times = {
  values: (_: uPlot, splits: number[]) => splits.map((seconds) => clock(seconds * 1000)),
};

const showPoints = (chart: uPlot) => chart.data[0].length <= 40;

function yRange({ bounds, fromLow }: ChartSpec, low: number, high: number): [number, number] {
  const margin = Math.max((high - low) * 0.12, Math.abs(high) * 0.02, 1e-3);
  const bottom = fromLow === true ? bounds.low : Math.max(bounds.low, low - margin);
  return [bottom, Math.min(bounds.high, high + margin)];
}
