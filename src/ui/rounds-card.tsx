import { Button } from '@mantine/core';
import { IconAlertTriangle, IconCheck, IconX } from '@tabler/icons-react';
import { memo, useState } from 'react';
import { bytesToHex } from '../lib/index.ts';
import type { RoundRecord } from '../protocol/index.ts';
import { count, counted, decimal, duration } from './format.ts';
import { Empty, SectionCard } from './section-card.tsx';
import { useApp } from './use-app.ts';
import { scoreOf, type Score } from './words.ts';

/** Rounds shown before the user asks for all. */
const firstRows = 100;

/** px; no table is so long that it needs more before it scrolls. */
const heightOf = (rows: number) => Math.min(rows * 31 + 32, 360);

/** Closed rounds, newest first. */
export function RoundsCard() {
  const history = useApp((state) => state.history);
  const digests = useApp((state) => state.digests);
  const score = scoreOf(useApp((state) => state.task?.description.data));
  const [all, setAll] = useState(false);
  const newest = history.toReversed();
  /** The first model with a revoked update in it: those after it were trained from it. */
  const tainted = history.find(({ revokedUpdates }) => revokedUpdates > 0)?.round ?? Infinity;
  const shown = all ? newest : newest.slice(0, firstRows);
  return (
    <SectionCard
      title="Rounds"
      filling
      aside={<span className="mm-aside">{count(history.length)} closed</span>}
    >
      {history.length === 0 ? (
        <Empty>No round has been closed yet.</Empty>
      ) : (
        <div
          className="mm-scroll"
          style={{ minHeight: heightOf(shown.length) }}
          tabIndex={0}
          role="region"
          aria-label="Table of rounds"
        >
          <table className="mm-table">
            <thead>
              <tr>
                <th scope="col">Round</th>
                <th scope="col" className="mm-number">
                  {score.name}
                </th>
                <th scope="col" className="mm-number">
                  Loss
                </th>
                <th scope="col" className="mm-number mm-wide" title="Updates that made the model">
                  Updates
                </th>
                <th scope="col" className="mm-number mm-wide">
                  Time
                </th>
                <th scope="col" title="SHA-256 of the model; ticked if this tab computed the same">
                  Model
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((record) => (
                <Row
                  key={record.round}
                  record={record}
                  computed={digests.get(record.round)}
                  score={score}
                  isBuiltOnRevoked={record.round > tainted}
                />
              ))}
            </tbody>
          </table>
          {shown.length < newest.length && (
            <Button variant="subtle" size="compact-sm" fullWidth onClick={() => setAll(true)}>
              Show all {newest.length} rounds
            </Button>
          )}
        </div>
      )}
    </SectionCard>
  );
}

interface RowProps {
  readonly record: RoundRecord;
  /** hex SHA-256 of the model that this tab computed */
  readonly computed: string | undefined;
  readonly score: Score;
  /** An earlier model, which this one goes back to, was made with a revoked update. */
  readonly isBuiltOnRevoked: boolean;
}

const Row = memo(function Row({ record, computed, score, isBuiltOnRevoked }: RowProps) {
  const { round, authors, ms, metrics, revokedUpdates } = record;
  const digest = bytesToHex(record.digest);
  return (
    <tr
      data-testid="history-row"
      data-round={round}
      data-digest={digest}
      data-computed={computed}
      data-accuracy={metrics?.accuracy}
      data-loss={metrics?.loss}
      data-revoked={revokedUpdates}
    >
      <td className="mm-round">
        {revokedUpdates > 0 && (
          <IconAlertTriangle
            size={14}
            role="img"
            aria-label={`made with ${counted(revokedUpdates, 'update')} revoked since`}
          />
        )}
        {revokedUpdates === 0 && isBuiltOnRevoked && (
          <IconAlertTriangle
            size={14}
            role="img"
            aria-label="trained from a model that was made with a revoked update"
            data-built-on
          />
        )}
        {round}
      </td>
      <td className="mm-number">{metrics === null ? '…' : score.format(metrics.accuracy)}</td>
      <td className="mm-number">{metrics === null ? '…' : decimal(metrics.loss)}</td>
      <td className="mm-number mm-wide">{authors.length}</td>
      <td className="mm-number mm-wide">{duration(ms)}</td>
      <td className="mm-mono mm-digest" title={digest}>
        {digest.slice(0, 8)}
        {computed === digest && (
          <IconCheck size={14} stroke={2.5} role="img" aria-label="computed here, too" data-same />
        )}
        {computed !== undefined && computed !== digest && (
          <IconX size={14} stroke={2.5} role="img" aria-label="not what this tab computed" />
        )}
      </td>
    </tr>
  );
});
