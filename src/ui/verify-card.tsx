import { Button } from '@mantine/core';
import { IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import type { AskedView, NamedValue } from '../app/index.ts';
import { shortId } from '../lib/index.ts';
import { clock, duration, sentence, significant } from './format.ts';
import { PeerName } from './peer-name.tsx';
import { QuestionForm } from './question-form.tsx';
import { SectionCard } from './section-card.tsx';
import { useApp, useControls } from './use-app.ts';

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

/** `0.0123`, or `−17 steps of 0.0012: −0.0204`. */
function inWords({ value, isCode, scale }: NamedValue): string {
  if (!isCode) return `${significant(value)}.`;
  const steps = `${significant(value)} steps`;
  return scale === null ? `${steps}.` : `${steps} of ${significant(scale)}: ${significant(value * scale)}.`; // prettier-ignore
}

function Verdict({ asked }: { readonly asked: AskedView }) {
  const { id, at, kind, about, header, holder, verdict, progress, result, asOf, ms } = asked;
  const { asker } = useControls();
  const since = asOf === null ? '' : ` as of ${clock(asOf)}`;
  const state = verdict === null ? 'open' : verdict.ok ? 'proved' : 'refused';
  return (
    <li data-state={state}>
      <p className="mm-verdict-head">
        {state === 'proved' && <IconCircleCheck size={16} aria-hidden />}
        {state === 'refused' && <IconCircleX size={16} aria-hidden />}
        <b>{{ open: 'Asked', proved: 'Proved', refused: 'Not proved' }[state]}</b>
        <span>
          {about === null ? kind : `${kind} ${about}`} of {shortId(header)} at
        </span>
        <PeerName id={holder} />
        <time>{clock(at)}</time>
        {ms !== null && <span className="mm-aside">{duration(ms)}</span>}
      </p>
      {progress !== null && progress.total > 1 && (
        <p className="mm-verdict-progress">
          Piece {progress.done + 1} of {progress.total}
          <Button size="compact-xs" variant="default" onClick={() => asker.cancel(id)}>
            Stop
          </Button>
        </p>
      )}
      {result !== null && (
        <p data-testid="named-value" data-value={result.value}>
          {inWords(result)} Each piece is proved, and the batch is not revoked{since}.
        </p>
      )}
      {verdict !== null && !verdict.ok && <p>{sentence(verdict.error)}</p>}
      {verdict?.ok === true && kind === 'audit' && (
        <p>Not revoked{since}, and e(ΣρʲCⱼ − [Q(z)]₁ + z·π, [1]₂) = e(π, [α]₂) holds.</p>
      )}
      {verdict?.ok === true && kind === 'query' && (
        <>
          <p>
            Not revoked{since}, and the equation holds for x =
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
