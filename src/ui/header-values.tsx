import { NativeSelect } from '@mantine/core';
import { useState } from 'react';
import type { HeaderDetails } from '../app/index.ts';
import type { HeaderId } from '../lib/index.ts';
import { counted } from './format.ts';
import { useControls } from './use-app.ts';

/** The values of a header, its equation in words, and what it proves. */
export function HeaderValues({ header }: { readonly header: HeaderId }) {
  const controls = useControls();
  // A header never changes: it is described once, when its line is opened.
  const [details] = useState(() => controls.details(header));
  const [column, setColumn] = useState(0);
  if (details === null) return <p className="mm-hint">This batch is not kept any more.</p>;
  const { columns, point, proof, time } = details;
  const shown = columns[column];
  return (
    <div className="mm-values" data-testid="proof-values">
      <p>{meaningOf(details)}</p>
      <p className="mm-equation">e( Σρʲ·Cⱼ − [Σρʲ·yⱼ]₁ + z·π , [1]₂ ) = e( π , [α]₂ )</p>
      <p>
        In words: z is a point that the whole header decides, so that nobody could choose it. At z
        each chunk’s polynomial has the value yⱼ, and one π proves all{' '}
        {counted(columns.length, 'value')} against the commitments. A chunk then holds if its bytes
        hash to dⱼ and their polynomial is yⱼ at z: no other bytes do.
      </p>
      <dl>
        <Value name="z" of={point} />
        <Value name="π, in G1" of={proof} />
        {time !== null && <Value name="C_time, in G2" of={time} />}
      </dl>
      {columns.length > 1 && (
        <NativeSelect
          size="xs"
          label={`Chunk, of ${columns.length}`}
          value={column}
          onChange={(event) => setColumn(Number(event.currentTarget.value))}
          data={columns.map((_, index) => String(index))}
        />
      )}
      {shown && (
        <dl>
          <Value name={`C${column}, in G1`} of={shown.commitment} />
          <Value name={`y${column}`} of={shown.value} />
          <Value name={`d${column}, SHA-256`} of={shown.digest} />
        </dl>
      )}
    </div>
  );
}

function meaningOf({ kind }: HeaderDetails): string {
  switch (kind) {
    case 'sum':
      return 'Its commitments are not in the header: this tab computed Σ aₖ·Cₖ from the updates that the frozen manifest lists, and the sum opens against them. So it is the sum of exactly those updates, with exactly those weights.';
    case 'update':
      return 'Its author signed it, the Data Owner admitted it, and it opens: every chunk that holds is what the author committed to before anybody’s update was known.';
    default:
      return 'The Data Owner signed and admitted it, and it opens: every chunk that holds is what the Data Owner committed to.';
  }
}

function Value({ name, of }: { readonly name: string; readonly of: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="mm-mono">{of}</dd>
    </div>
  );
}
