import { Progress } from '@mantine/core';
import { IconCheck, IconQuestionMark } from '@tabler/icons-react';
import type { AppState, CrsState } from '../app/index.ts';
import { useShallow } from 'zustand/react/shallow';
import { count, counted, duration, wholePercent } from './format.ts';
import { SectionCard } from './section-card.tsx';
import { useApp } from './use-app.ts';

/** Sums shown: the newest rounds. */
const shownSums = 12;

/** What this tab has proved to itself, and what it cost. */
export function ProofsCard() {
  const proofs = useApp(useShallow(({ proofs }) => proofs));
  const scalars = useApp((state) => state.task?.description.exchange.scalars ?? 0);
  const { crs, epoch, revoked, headers, chunks, verifyMs, commitMs } = proofs;
  return (
    <SectionCard
      title="Proofs"
      aside={epoch !== null && <span className="mm-aside">epoch {count(epoch)}</span>}
    >
      <dl className="mm-proofs" data-testid="proofs">
        <div>
          <dt>Reference string, n = {count(scalars)}</dt>
          <dd data-testid="crs" data-state={crs.state}>
            <CrsProgress crs={crs} />
          </dd>
        </div>
        <div>
          <dt>Headers opened</dt>
          <dd>{count(headers)}</dd>
        </div>
        <div>
          <dt>Chunks against their header</dt>
          <dd>{count(chunks)}</dd>
        </div>
        <div>
          <dt>Revoked by the Data Owner</dt>
          <dd data-testid="revoked">{counted(revoked.length, 'batch', 'batches')}</dd>
        </div>
        <div>
          <dt>Time for verifying</dt>
          <dd>{duration(verifyMs)}</dd>
        </div>
        <div>
          <dt>Time for committing</dt>
          <dd>{duration(commitMs)}</dd>
        </div>
      </dl>
      <Sums sums={proofs.sums} />
    </SectionCard>
  );
}

function CrsProgress({ crs }: { readonly crs: CrsState }) {
  switch (crs.state) {
    case 'waiting':
      return 'not loaded yet';
    case 'verifying':
      return (
        <span className="mm-proofs-crs">
          <Progress
            value={crs.share * 100}
            size={6}
            radius="xl"
            color="var(--mm-swarm)"
            aria-label="Verifying the reference string"
          />
          verifying, {wholePercent(crs.share)}
        </span>
      );
    case 'ready':
      return crs.cached
        ? `verified earlier, ${duration(crs.ms)}`
        : `verified in ${duration(crs.ms)}`;
  }
}

/** Of which rounds the sum was proved here to be that of the manifest. */
function Sums({ sums }: Pick<AppState['proofs'], 'sums'>) {
  const newest = [...sums].slice(-shownSums);
  if (newest.length === 0) return null;
  return (
    <div className="mm-sums">
      <h3>Sums proved, by round</h3>
      <ul>
        {newest.map(([round, checked]) => (
          <li
            key={round}
            data-checked={checked}
            title={
              checked
                ? `Round ${round}: the sum is Σ aₖ·uₖ of its manifest, column by column`
                : `Round ${round}: this tab does not know its manifest, and could not check the sum`
            }
          >
            {checked ? (
              <IconCheck size={12} aria-label="proved" />
            ) : (
              <IconQuestionMark size={12} aria-label="not checked" />
            )}
            {round}
          </li>
        ))}
      </ul>
    </div>
  );
}
