import { useEffect, useRef, useState } from 'react';
import type { BatchView } from '../app/index.ts';
import { usePalette } from './theme.ts';

const height = 14;

interface Props {
  readonly own: BatchView['own'];
  readonly label: string;
}

/** A batch's chunks in a row: missing, on their way, held. */
export function ChunkBar({ own, label }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const palette = usePalette();

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (!element || !context || width === 0) return;
    const ratio = window.devicePixelRatio;
    element.width = Math.round(width * ratio);
    element.height = Math.round(height * ratio);
    const colours = { held: palette.swarm, pending: palette.own, missing: palette.missing };
    const gap = width / own.length >= 4 ? Math.round(ratio) : 0;
    const edge = (index: number) => Math.round((index * (element.width + gap)) / own.length);
    own.forEach((state, index) => {
      context.fillStyle = colours[state];
      context.fillRect(edge(index), 0, edge(index + 1) - edge(index) - gap, element.height);
    });
  }, [own, width, palette]);

  return (
    <canvas
      ref={canvas}
      className="mm-chunk-bar"
      style={{ height }}
      role="img"
      aria-label={label}
    />
  );
}
