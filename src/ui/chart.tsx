import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { chartOptions, type ChartSpec } from './chart-options.ts';
import { Empty, SectionCard } from './section-card.tsx';
import { usePalette } from './theme.ts';

interface Props {
  readonly title: string;
  /** Must stay the same object while nothing of it changes: another one draws the chart anew. */
  readonly spec: ChartSpec;
  /** x values and one list of values a series. */
  readonly data: uPlot.AlignedData;
  /** What stands in the place of the chart while there is nothing to draw. */
  readonly empty: string;
}

/** A line chart with a legend that shows the values under the pointer, or else the newest. */
export function Chart({ title, spec, data, empty }: Props) {
  const [hovered, setHovered] = useState<number | null>(null);
  const hasPoints = data.slice(1).some((values) => values.some((value) => value !== null));
  const readings = spec.series.map(({ label, tone }, i) => {
    const value = reading(data[i + 1], hovered);
    return { label, tone, text: value === null ? '–' : spec.format(value) };
  });
  const x = hovered === null ? undefined : data[0][hovered];
  const summary = readings.map(({ label, text }) => `${label} ${text}`).join(', ');
  return (
    <SectionCard
      title={title}
      aside={
        <span className="mm-legend">
          {x !== undefined && <span className="mm-at">{spec.formatX(x)}</span>}
          {hasPoints &&
            readings.map(({ label, tone, text }) => (
              <span key={label} className="mm-key" data-tone={tone}>
                {label} <b>{text}</b>
              </span>
            ))}
        </span>
      }
    >
      <div className="mm-chart" role="img" aria-label={`${title}: ${summary}`}>
        {hasPoints ? <Plot spec={spec} data={data} onHover={setHovered} /> : <Empty>{empty}</Empty>}
      </div>
    </SectionCard>
  );
}

function reading(values: uPlot.AlignedData[number] | undefined, hovered: number | null) {
  if (!values) return null;
  if (hovered !== null) return values[hovered] ?? null;
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

interface PlotProps {
  readonly spec: ChartSpec;
  readonly data: uPlot.AlignedData;
  readonly onHover: (index: number | null) => void;
}

function Plot({ spec, data, onHover }: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const palette = usePalette();

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const size = { width: element.clientWidth, height: element.clientHeight };
    const drawn = new uPlot(chartOptions(spec, palette, size, onHover), undefined, element);
    plot.current = drawn;
    const observer = new ResizeObserver(() =>
      drawn.setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      drawn.destroy();
      onHover(null);
    };
  }, [spec, palette, onHover]);

  // After the effect above: a chart that was drawn anew gets the data, too.
  useEffect(() => plot.current?.setData(data), [data, spec, palette]);

  return <div ref={host} className="mm-plot" />;
}
