import { memo } from 'react';
import { count } from './format.ts';

/** Bars that fit the card; more classes than that are summed up in a line. */
const shownBars = 40;

interface Props {
  /** Samples of each class. */
  readonly counts: readonly number[];
  readonly names: readonly string[];
}

/** How many samples there are of each class. */
export const ClassBalance = memo(function ClassBalance({ counts, names }: Props) {
  const most = Math.max(1, ...counts);
  const shown = counts.slice(0, shownBars);
  const labelled = shown.length <= 12 && names.every((name) => name.length <= 3);
  const words = counts.map((value, i) => `${names[i] ?? i}: ${count(value)}`);
  return (
    <figure className="mm-balance">
      <div
        className="mm-balance-bars"
        role="img"
        aria-label={`Samples of each class: ${words.slice(0, shownBars).join(', ')}`}
      >
        {shown.map((value, i) => (
          <span key={i} className="mm-balance-class" title={words[i]}>
            <span className="mm-balance-bar">
              <span style={{ height: `${(value / most) * 100}%` }} />
            </span>
            {labelled && <span className="mm-balance-name">{names[i]}</span>}
          </span>
        ))}
      </div>
      {counts.length > shownBars && (
        <figcaption>and {counts.length - shownBars} more classes</figcaption>
      )}
    </figure>
  );
});
