import { Button, NativeSelect, SegmentedControl, TextInput } from '@mantine/core';
import { IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import { useId, useState, type SyntheticEvent } from 'react';
import type { AskedView, BatchView } from '../app/index.ts';
import { shortId } from '../lib/index.ts';
import { clock, duration, sentence } from './format.ts';
import { PeerName } from './peer-name.tsx';
import { parseColumns, parseWeights } from './query-form.ts';
import { Empty, SectionCard } from './section-card.tsx';
import { useApp, useControls } from './use-app.ts';
import { batchInWords } from './words.ts';

type Kind = 'audit' | 'query' | 'projection';

const hints: Record<Kind, string> = {
  audit: 'Does it still hold the chunks? A fresh challenge, answered in 128 bytes.',
  query:
    'What is x = Σ tᵢ·mᵢ over the scalars of a chunk? One scalar, with weight 1, is read as its bytes.',
  projection:
    'What is x for weights drawn from a new random seed? Batches that are not the same give another.',
};

/** Asks a neighbour to prove something of a batch that it holds. */
export function VerifyCard() {
  return (
    <SectionCard
      title="Verify a holder"
      aside={<span className="mm-aside">proofs, not promises</span>}
    >
      <QuestionForm />
      <Verdicts />
    </SectionCard>
  );
}

function QuestionForm() {
  const controls = useControls();
  const scalars = useApp((state) => state.task?.description.exchange.scalars ?? 0);
  const batches = useApp((state) => state.batches).filter(
    ({ heldBy }) => holdersOf(heldBy).length > 0,
  );
  const [kind, setKind] = useState<Kind>('audit');
  const [chosenBatch, setBatch] = useState('');
  const [chosenHolder, setHolder] = useState('');
  const [columns, setColumns] = useState('0');
  const [weights, setWeights] = useState('1:1');
  const kindName = useId();

  const batch = batches.find(({ header }) => header === chosenBatch) ?? batches[0];
  if (batch === undefined) return <Empty>Nobody else holds a batch yet.</Empty>;
  const holders = holdersOf(batch.heldBy);
  const holder = holders.find((peer) => peer === chosenHolder) ?? holders[0];
  const { header } = batch;
  const asked = parseColumns(columns, batch.chunks);
  const weighted = parseWeights(weights, scalars);
  const isValid = kind === 'audit' || (asked.ok && (weighted.ok || kind === 'projection'));

  const ask = (event: SyntheticEvent) => {
    event.preventDefault();
    if (holder === undefined) return;
    if (kind === 'audit') void controls.audit(holder, header, batch.chunks);
    else if (asked.ok && kind === 'projection') void controls.query(holder, header, asked.value, 'random'); // prettier-ignore
    else if (asked.ok && weighted.ok) void controls.query(holder, header, asked.value, weighted.value); // prettier-ignore
  };
  return (
    <form className="mm-verify" onSubmit={ask} data-testid="verify">
      <div className="mm-verify-kind">
        <SegmentedControl
          name={kindName}
          size="xs"
          aria-label="What to ask"
          value={kind}
          onChange={(value) => setKind(value)}
          data={[
            { value: 'audit', label: 'Audit' },
            { value: 'query', label: 'Linear query' },
            { value: 'projection', label: 'Random projection' },
          ]}
        />
        <p className="mm-hint">{hints[kind]}</p>
      </div>
      <div className="mm-verify-fields">
        <NativeSelect
          size="xs"
          label="Batch"
          value={header}
          onChange={(event) => setBatch(event.currentTarget.value)}
          data={batches.map((each) => ({ value: each.header, label: batchInWords(each) }))}
        />
        <NativeSelect
          size="xs"
          label="Holder"
          value={holder}
          onChange={(event) => setHolder(event.currentTarget.value)}
          data={holders.map((peer) => ({ value: peer, label: shortId(peer) }))}
        />
        {kind !== 'audit' && (
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
            title={`tᵢ of the scalars i = 1 … ${scalars}; the others are 0`}
            value={weights}
            error={weighted.ok ? undefined : weighted.error}
            onChange={(event) => setWeights(event.currentTarget.value)}
          />
        )}
        <Button type="submit" size="xs" disabled={!isValid}>
          Ask for proof
        </Button>
      </div>
    </form>
  );
}

/** The neighbours that hold something. */
const holdersOf = (heldBy: BatchView['heldBy']) =>
  [...heldBy].flatMap(([peer, held]) => (held > 0 ? [peer] : []));

/** What came of the questions, the newest first. */
function Verdicts() {
  const asked = useApp((state) => state.asked);
  if (asked.length === 0) return null;
  return (
    <ol className="mm-verdicts" data-testid="verdicts" tabIndex={0} aria-label="Answers">
      {asked.map((each) => (
        <Verdict key={each.id} asked={each} />
      ))}
    </ol>
  );
}

function Verdict({ asked }: { readonly asked: AskedView }) {
  const { at, kind, header, holder, verdict, ms } = asked;
  const state = verdict === null ? 'open' : verdict.ok ? 'proved' : 'refused';
  return (
    <li data-state={state}>
      <p className="mm-verdict-head">
        {state === 'proved' && <IconCircleCheck size={16} aria-hidden />}
        {state === 'refused' && <IconCircleX size={16} aria-hidden />}
        <b>{{ open: 'Asked', proved: 'Proved', refused: 'Not proved' }[state]}</b>
        <span>
          {kind} of {shortId(header)} at
        </span>
        <PeerName id={holder} />
        <time>{clock(at)}</time>
        {ms !== null && <span className="mm-aside">{duration(ms)}</span>}
      </p>
      {verdict !== null && !verdict.ok && <p>{sentence(verdict.error)}</p>}
      {verdict?.ok === true && kind === 'audit' && (
        <p>Not revoked, and e(ΣρʲCⱼ − [Q(z)]₁ + z·π, [1]₂) = e(π, [α]₂) holds.</p>
      )}
      {verdict?.ok === true && kind === 'query' && (
        <>
          <p>
            Not revoked, and the equation holds for x =
            {verdict.value.values.map((value, i) => (
              <code key={i}>{BigInt(`0x${value}`).toString()}</code>
            ))}
          </p>
          {verdict.value.lanes.ok ? (
            <p data-testid="lanes">
              The lanes of a scalar, added up:
              {verdict.value.lanes.value.map((lanes, i) => (
                <code key={i}>{lanes.join(' ')}</code>
              ))}
            </p>
          ) : (
            <p className="mm-aside">{sentence(`A field element: ${verdict.value.lanes.error}`)}</p>
          )}
        </>
      )}
    </li>
  );
}
