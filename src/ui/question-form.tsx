import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState, type SyntheticEvent } from 'react';
import type { BatchView } from '../app/index.ts';
import { tensorsOf } from '../learning/index.ts';
import { err, ok, shortId, type PeerId, type Result } from '../lib/index.ts';
import { counted } from './format.ts';
import { parseColumns, parsePosition, parseWeights } from './query-form.ts';
import { Empty } from './section-card.tsx';
import { useApp, useControls } from './use-app.ts';
import { batchInWords } from './words.ts';

type Kind = 'audit' | 'parameter' | 'mean' | 'query' | 'projection';

const kinds: readonly { readonly value: Kind; readonly label: string; readonly hint: string }[] = [
  {
    value: 'audit',
    label: 'Audit',
    hint: 'Does it still hold the chunks? A fresh challenge, answered in 128 bytes.',
  },
  {
    value: 'parameter',
    label: 'One parameter',
    hint: 'What is this parameter of the model, or of an update that you have a part in?',
  },
  {
    value: 'mean',
    label: 'Mean of a tensor',
    hint: 'In which direction does an update move a layer? Put together from pieces, each proved.',
  },
  {
    value: 'query',
    label: 'Linear query',
    hint: 'What is x = Σ tᵢ·mᵢ over the scalars of a chunk? One scalar, with weight 1, is read as its bytes.',
  },
  {
    value: 'projection',
    label: 'Random projection',
    hint: 'What is x for weights drawn from a new random seed? Batches that are not the same give another.',
  },
];

const everybody = 'everybody';

/** What a neighbour is to prove of a batch that it holds. */
export function QuestionForm() {
  const { asker } = useControls();
  const description = useApp((state) => state.task?.description);
  const batches = useApp((state) => state.batches).filter(
    ({ heldBy }) => holdersOf(heldBy).length > 0,
  );
  const [kind, setKind] = useState<Kind>('audit');
  const [chosenBatch, setBatch] = useState('');
  const [chosenHolder, setHolder] = useState('');
  const [columns, setColumns] = useState('0');
  const [weights, setWeights] = useState('1:1');
  const [tensor, setTensor] = useState(0);
  const [position, setPosition] = useState('0, 0');

  const batch = batches.find(({ header }) => header === chosenBatch) ?? batches[0];
  if (batch === undefined || !description) return <Empty>Nobody else holds a batch yet.</Empty>;
  const { header } = batch;
  const holders = holdersOf(batch.heldBy);
  const choices = holders.map((peer) => ({ value: peer, label: shortId(peer) }));
  const all = { value: everybody, label: `all ${holders.length} holders` };
  const offered = kind === 'audit' && holders.length > 1 ? [...choices, all] : choices;
  const to = offered.find(({ value }) => value === chosenHolder)?.value ?? choices[0]?.value;
  const holder = holders.find((peer) => peer === to);

  const { exchange, data, model } = description;
  const tensors = tensorsOf(data, model);
  const { name, shape } = tensors[tensor] ?? { name: '', shape: [] };
  const asked = parseColumns(columns, batch.chunks);
  const weighted = parseWeights(weights, exchange.scalars);
  const place = parsePosition(position, shape);
  const isOfUpdate: Result<null> = batch.kind === 'update' ? ok(null) : err('An update’s only');
  const needed: Record<Kind, readonly Result<unknown>[]> = {
    audit: [],
    parameter: [place],
    mean: [isOfUpdate],
    query: [asked, weighted],
    projection: [asked],
  };

  const ask = (event: SyntheticEvent) => {
    event.preventDefault();
    if (kind === 'audit') void asker.audit(holder ? [holder] : holders, header, batch.chunks);
    if (holder === undefined) return;
    if (kind === 'parameter' && place.ok) void asker.parameter(holder, header, tensor, place.value, `${name}[${position}]`); // prettier-ignore
    if (kind === 'mean') void asker.mean(holder, header, tensor, name);
    if (kind === 'query' && asked.ok && weighted.ok) void asker.query(holder, header, asked.value, weighted.value); // prettier-ignore
    if (kind === 'projection' && asked.ok) void asker.query(holder, header, asked.value, 'random');
  };
  return (
    <form className="mm-verify" onSubmit={ask} data-testid="verify">
      <div className="mm-verify-fields">
        <NativeSelect
          size="xs"
          label="Question"
          value={kind}
          onChange={(event) => {
            const chosen = kinds.find(({ value }) => value === event.currentTarget.value);
            if (chosen) setKind(chosen.value);
          }}
          data={kinds.map(({ value, label }) => ({ value, label }))}
        />
        <NativeSelect
          size="xs"
          label="Batch"
          value={header}
          error={kind === 'mean' && !isOfUpdate.ok ? isOfUpdate.error : undefined}
          onChange={(event) => setBatch(event.currentTarget.value)}
          data={batches.map((each) => ({ value: each.header, label: batchInWords(each) }))}
        />
        <NativeSelect
          size="xs"
          label="Holder"
          value={to}
          onChange={(event) => setHolder(event.currentTarget.value)}
          data={offered}
        />
        {(kind === 'parameter' || kind === 'mean') && (
          <NativeSelect
            size="xs"
            label="Tensor"
            value={tensor}
            onChange={(event) => setTensor(Number(event.currentTarget.value))}
            data={tensors.map((each, index) => ({ value: String(index), label: each.name }))}
          />
        )}
        {kind === 'parameter' && (
          <TextInput
            size="xs"
            label={`Position, of ${shape.join(' × ')}`}
            value={position}
            error={place.ok ? undefined : place.error}
            onChange={(event) => setPosition(event.currentTarget.value)}
          />
        )}
        {(kind === 'query' || kind === 'projection') && (
          <TextInput
            size="xs"
            label="Chunks"
            value={columns}
            error={asked.ok ? undefined : asked.error}
            onChange={(event) => setColumns(event.currentTarget.value)}
          />
        )}
        {kind === 'query' && (
          <TextInput
            size="xs"
            label="Weights, i:tᵢ"
            title={`tᵢ of the scalars i = 1 … ${exchange.scalars}; the others are 0`}
            value={weights}
            error={weighted.ok ? undefined : weighted.error}
            onChange={(event) => setWeights(event.currentTarget.value)}
          />
        )}
        <Button type="submit" size="xs" disabled={!needed[kind].every((each) => each.ok)}>
          {to === everybody ? `Ask ${counted(holders.length, 'holder')}` : 'Ask for proof'}
        </Button>
      </div>
      <p className="mm-hint">{kinds.find(({ value }) => value === kind)?.hint}</p>
    </form>
  );
}

/** The neighbours that hold something. */
const holdersOf = (heldBy: BatchView['heldBy']): PeerId[] =>
  [...heldBy].flatMap(([peer, held]) => (held > 0 ? [peer] : []));
