import { Progress } from '@mantine/core';
import type { AppState, CrsState } from '../app/index.ts';
import { useShallow } from 'zustand/react/shallow';
import { clock, count, counted, duration, wholePercent } from './format.ts';
import { shortId } from '../lib/index.ts';
import { ProofLines, Refusals } from './proof-lines.tsx';
import { SectionCard } from './section-card.tsx';
import { useApp } from './use-app.ts';

/** What this tab has proved to itself, and what it cost. */
export function ProofsCard() {
  const proofs = useApp(useShallow(({ proofs }) => proofs));
  const scalars = useApp((state) => state.task?.description.exchange.scalars ?? 0);
  const isAway = useApp((state) => state.connection.state !== 'online');
  const { crs, epoch, asOf, revoked, headers, chunks, sums, refusals, verifyMs, commitMs } = proofs;
  const share = useApp(cryptoShare);
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
          <dd data-testid="revoked">
            {counted(revoked.length, 'batch', 'batches')}
            {isAway && asOf !== null && `, as of ${clock(asOf)}`}
          </dd>
        </div>
        <div>
          <dt>Sums against their manifest</dt>
          <dd>{count([...sums.values()].filter((sum) => sum !== null).length)}</dd>
        </div>
        <div>
          <dt>Refused, by peer</dt>
          <dd data-testid="refused">{refusalsByPeer(refusals)}</dd>
        </div>
        <div>
          <dt>Time for verifying, committing</dt>
          <dd>
            {duration(verifyMs)}, {duration(commitMs)}
          </dd>
        </div>
        <div>
          <dt>Of the last round’s time</dt>
          <dd data-testid="crypto-share">{share === null ? '…' : wholePercent(share)}</dd>
        </div>
      </dl>
      <ProofLines />
      <Refusals />
    </SectionCard>
  );
}

/** Of the newest round, what this tab computed for commitments and their verification; or null. */
function cryptoShare({ timings }: AppState): number | null {
  const timing = [...timings.values()].at(-1);
  if (!timing) return null;
  const ms = Object.values(timing.steps).reduce((sum, each) => sum + each, 0);
  return ms === 0 ? null : (timing.work.commit + timing.work.verify) / ms;
}

/** `1f2e3d4c 3, the coordinator 1` */
function refusalsByPeer(refusals: AppState['proofs']['refusals']): string {
  const counts = new Map<string, number>();
  for (const { from } of refusals) {
    const name = from === null ? 'the coordinator' : shortId(from);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts.size === 0 ? 'nothing' : [...counts].map(([name, n]) => `${name} ${n}`).join(', ');
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
