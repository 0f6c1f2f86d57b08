import { memo } from 'react';
import type { BatchView } from '../app/index.ts';
import { countsOf, rowsOf } from './batches.ts';
import { ChunkBar } from './chunk-bar.tsx';
import { DiskLine } from './disk-line.tsx';
import { HolderBars } from './holder-bars.tsx';
import { PeerName } from './peer-name.tsx';
import { Empty, SectionCard } from './section-card.tsx';
import { useApp } from './use-app.ts';

/** Who holds which chunk of the round's batches: the model, and one update a member. */
export function ChunksCard() {
  const batches = useApp((state) => state.batches);
  const self = useApp((state) => state.self);
  const rows = rowsOf(batches, self);
  return (
    <SectionCard title="Chunks" aside={<Legend />}>
      {rows.length === 0 ? (
        <Empty>The model’s chunks show up here as soon as this tab has joined.</Empty>
      ) : (
        <div className="mm-scroll" tabIndex={0} role="region" aria-label="Table of chunks">
          <div className="mm-chunks" role="table" aria-label="Chunks by batch">
            <div className="mm-chunks-row mm-chunks-head" role="row">
              <span role="columnheader">Batch</span>
              <span role="columnheader">This tab</span>
              <span role="columnheader" className="mm-number">
                Held
              </span>
              <span
                role="columnheader"
                title="As far as they have told: nobody announces what we hold"
              >
                Neighbours
              </span>
            </div>
            {rows.map((batch) => (
              <Row key={batch.header} batch={batch} you={batch.author === self} />
            ))}
          </div>
        </div>
      )}
      <DiskLine />
    </SectionCard>
  );
}

interface RowProps {
  readonly batch: BatchView;
  readonly you: boolean;
}

const Row = memo(function Row({ batch, you }: RowProps) {
  const { kind, round, author, chunks, own, heldBy, header } = batch;
  const { held, pending } = countsOf(batch);
  return (
    <div
      className="mm-chunks-row"
      role="row"
      data-testid="chunk-row"
      data-header={header}
      data-kind={kind}
      data-held={held}
      data-chunks={chunks}
    >
      <span role="rowheader" className="mm-chunks-name">
        {kind === 'update' ? (
          <PeerName id={author} you={you} />
        ) : (
          `${kind === 'model' ? 'Model' : 'Sum'} ${round}`
        )}
      </span>
      <span role="cell" className="mm-chunks-bar">
        <ChunkBar own={own} label={`${held} of ${chunks} chunks held, ${pending} on their way`} />
      </span>
      <span role="cell" className="mm-number" data-full={held === chunks}>
        {held}/{chunks}
      </span>
      <span role="cell">{!you && <HolderBars heldBy={heldBy} chunks={chunks} />}</span>
    </div>
  );
});

function Legend() {
  return (
    <span className="mm-legend">
      {(['held', 'pending', 'missing'] as const).map((state) => (
        <span key={state} className="mm-key" data-chunk={state}>
          {state === 'pending' ? 'on its way' : state}
        </span>
      ))}
    </span>
  );
}
