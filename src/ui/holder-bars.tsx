import type { BatchView } from '../app/index.ts';
import { shortId } from '../lib/index.ts';

const step = 4;
const height = 14;

type Props = Pick<BatchView, 'heldBy' | 'chunks'>;

/** One small column a neighbour: how much of the batch it holds. */
export function HolderBars({ heldBy, chunks }: Props) {
  const holders = [...heldBy].sort(([a], [b]) => (a < b ? -1 : 1));
  const complete = holders.filter(([, held]) => held === chunks).length;
  const words = `${complete} of ${holders.length} neighbours hold all of it`;
  const title = holders.map(([peer, held]) => `${shortId(peer)}: ${held}/${chunks}`).join('\n');
  return (
    <span className="mm-holders" title={title}>
      <svg width={holders.length * step} height={height} role="img" aria-label={words}>
        {holders.map(([peer, held], i) => {
          const filled = Math.max(held > 0 ? 2 : 0, (held / chunks) * height);
          return (
            <g key={peer}>
              <rect x={i * step} width={step - 1} height={height} fill="var(--mm-missing)" />
              <rect
                x={i * step}
                y={height - filled}
                width={step - 1}
                height={filled}
                fill="var(--mm-swarm)"
              />{' '}
              {/* prettier-ignore */}
            </g>
          );
        })}
      </svg>
      <span className="mm-holders-count">
        {complete}/{holders.length}
      </span>
    </span>
  );
}
