import { IconCircleCheck, IconCircleX, IconLoader2 } from '@tabler/icons-react';
import { memo, useState } from 'react';
import type { BatchView, RefusalView } from '../app/index.ts';
import type { HeaderId, PeerId } from '../lib/index.ts';
import { countsOf } from './batches.ts';
import { clock, sentence } from './format.ts';
import { HeaderValues } from './header-values.tsx';
import { PeerName } from './peer-name.tsx';
import { useApp } from './use-app.ts';

/** Sums shown: the newest rounds. */
const shownSums = 5;

/** What was proved here, the newest first: each line opens to the values that prove it. */
export function ProofLines() {
  const batches = useApp((state) => state.batches);
  const sums = useApp((state) => state.proofs.sums);
  const newest = [...sums].slice(-shownSums).reverse();
  const proved = batches.toSorted((a, b) => b.round - a.round || (a.kind < b.kind ? 1 : -1));
  if (proved.length + newest.length === 0) return null;
  return (
    <div className="mm-proof-lines" role="region" aria-label="What was proved" tabIndex={0}>
      {newest.map(([round, sum]) =>
        sum === null ? (
          <p key={`sum ${round}`} className="mm-proof-unknown">
            sum of round {round}: its manifest is not known here, it was not checked
          </p>
        ) : (
          <Line key={sum.header} header={sum.header} what={`sum ${round}`} by={sum.author}>
            Σ aₖ·uₖ of its manifest
          </Line>
        ),
      )}
      {proved.map((batch) => (
        <BatchLine key={batch.header} batch={batch} />
      ))}
    </div>
  );
}

const BatchLine = memo(function BatchLine({ batch }: { readonly batch: BatchView }) {
  const { header, kind, round, author, chunks } = batch;
  const { held } = countsOf(batch);
  return (
    <Line header={header} what={`${kind} ${round}`} by={author} isOpen={held < chunks}>
      {held} of {chunks} {chunks === 1 ? 'chunk holds' : 'chunks hold'}
    </Line>
  );
});

interface LineProps {
  readonly header: HeaderId;
  /** `update 3` */
  readonly what: string;
  readonly by: PeerId;
  /** Chunks are still to come. */
  readonly isOpen?: boolean;
  readonly children: React.ReactNode;
}

/** One header that opened. */
function Line({ header, what, by, isOpen = false, children }: LineProps) {
  const [shown, setShown] = useState(false);
  return (
    <details
      data-testid="proof-line"
      data-what={what}
      onToggle={(event) => setShown(event.currentTarget.open)}
    >
      <summary>
        {isOpen ? (
          <IconLoader2 size={15} aria-label="coming in" />
        ) : (
          <IconCircleCheck size={15} aria-label="proved" data-proved />
        )}
        <b>{what}</b>
        <PeerName id={by} />
        <span>{children}</span>
      </summary>
      {shown && <HeaderValues header={header} />}
    </details>
  );
}

/** What did not hold, the newest first: who sent it, what it was, which check failed. */
export function Refusals() {
  const refusals = useApp((state) => state.proofs.refusals);
  if (refusals.length === 0) return null;
  return (
    <div className="mm-refusals">
      <h3>Refused</h3>
      <ol tabIndex={0} aria-label="What was refused" data-testid="refusals">
        {refusals.map((each) => (
          <Refusal key={each.id} refusal={each} />
        ))}
      </ol>
    </div>
  );
}

function Refusal({ refusal }: { readonly refusal: RefusalView }) {
  const { at, from, what, check, by } = refusal;
  return (
    <li data-by={by}>
      <IconCircleX size={15} aria-hidden />
      <p>
        <b>{what}</b> {from === null ? 'of the coordinator' : <PeerName id={from} />}
        <time>{clock(at)}</time>
        <br />
        {sentence(check)} {by === 'owner' ? 'Found by the Data Owner.' : 'Found here.'}
      </p>
    </li>
  );
}
