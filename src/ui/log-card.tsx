import { SegmentedControl } from '@mantine/core';
import { memo, useState } from 'react';
import type { LogLine } from '../app/index.ts';
import { clock } from './format.ts';
import { Empty, SectionCard } from './section-card.tsx';
import { useApp } from './use-app.ts';

const filters = [
  { value: 'info', label: 'All' },
  { value: 'warn', label: 'Warnings' },
  { value: 'error', label: 'Errors' },
];
const severity: Record<LogLine['level'], number> = { info: 0, warn: 1, error: 2 };
/** Lines drawn; the store keeps more. */
const shownLines = 200;

/** What has happened, newest first. */
export function LogCard() {
  const log = useApp((state) => state.log);
  const [least, setLeast] = useState<LogLine['level']>('info');
  const lines = log.filter(({ level }) => severity[level] >= severity[least]);
  return (
    <SectionCard
      title="Event log"
      filling
      aside={
        <SegmentedControl
          size="xs"
          data={filters}
          value={least}
          onChange={(value) => setLeast(value as LogLine['level'])}
          aria-label="Least level shown"
        />
      }
    >
      <div className="mm-scroll mm-log" role="log" aria-label="Event log" tabIndex={0}>
        {lines.length === 0 ? (
          <Empty>{least === 'info' ? 'Nothing has happened yet.' : 'Nothing of that kind.'}</Empty>
        ) : (
          <ol reversed>
            {lines
              .slice(-shownLines)
              .reverse()
              .map((line) => (
                <Line key={line.id} line={line} />
              ))}
          </ol>
        )}
      </div>
    </SectionCard>
  );
}

const Line = memo(function Line({ line }: { readonly line: LogLine }) {
  const { at, level, text } = line;
  return (
    <li data-testid="log-line" data-level={level}>
      <time dateTime={new Date(at).toISOString()}>{clock(at)}</time>
      {level !== 'info' && (
        <span className="mm-level">{level === 'warn' ? 'warning' : 'error'}</span>
      )}
      <span className="mm-log-text">{text}</span>
    </li>
  );
});
