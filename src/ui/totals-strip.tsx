import { useShallow } from 'zustand/react/shallow';
import { bytes, count, wholePercent } from './format.ts';
import { useApp } from './use-app.ts';

interface Tile {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly bad?: boolean;
}

/** Sums since the tab was opened. */
export function TotalsStrip() {
  const totals = useApp(useShallow((state) => state.totals));
  const server = useApp(useShallow((state) => state.server));
  const received = totals.downloaded + server.down;
  const ratio = totals.downloaded === 0 ? '–' : (totals.uploaded / totals.downloaded).toFixed(2);
  const tiles: readonly Tile[] = [
    {
      name: 'From peers',
      value: bytes(totals.downloaded),
      note: received === 0 ? 'nothing yet' : `${wholePercent(totals.downloaded / received)} of all received`, // prettier-ignore
    },
    { name: 'To peers', value: bytes(totals.uploaded), note: `ratio ${ratio}` },
    { name: 'From the server', value: bytes(server.down), note: `${bytes(server.up)} sent to it` },
    {
      name: 'Chunks verified',
      value: count(totals.verified),
      note: `${count(totals.rejected)} rejected`,
      bad: totals.rejected > 0,
    },
    { name: 'Chunks resumed', value: count(totals.resumed), note: 'kept by this tab' },
    { name: 'Chunks seeded', value: count(totals.seeded), note: 'sent by the server' },
  ];
  return (
    <dl className="mm-totals" aria-label="Totals" data-testid="totals">
      {tiles.map(({ name, value, note, bad }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="mm-total">{value}</dd>
          <dd className="mm-total-note" data-bad={bad}>
            {note}
          </dd>
        </div>
      ))}
    </dl>
  );
}
