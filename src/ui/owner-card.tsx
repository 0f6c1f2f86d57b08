import { Alert, Button, NumberInput, PasswordInput } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconKey } from '@tabler/icons-react';
import { useState, type SyntheticEvent } from 'react';
import type { AdmittedBatch, OwnerState } from '../app/index.ts';
import { shortId } from '../lib/index.ts';
import { ConfirmButton } from './confirm-button.tsx';
import { clock, counted, duration, sentence } from './format.ts';
import { PeerName } from './peer-name.tsx';
import { SectionCard } from './section-card.tsx';
import { useApp, useControls } from './use-app.ts';

/** For who runs the coordinator: revoke a batch, roll the model back. */
export function OwnerCard() {
  const owner = useApp((state) => state.owner);
  const { owner: driver } = useControls();
  return (
    <SectionCard
      title="Data Owner"
      aside={
        owner.state === 'open' ? (
          <Button size="compact-xs" variant="subtle" onClick={() => driver.close()}>
            Forget the token
          </Button>
        ) : (
          <span className="mm-private">
            <IconKey size={14} aria-hidden /> for who runs the coordinator
          </span>
        )
      }
    >
      {owner.state === 'open' ? <Batches owner={owner} /> : <TokenForm owner={owner} />}
    </SectionCard>
  );
}

function TokenForm({ owner }: { readonly owner: Exclude<OwnerState, { state: 'open' }> }) {
  const { owner: driver } = useControls();
  const [token, setToken] = useState('');
  const problem = owner.state === 'closed' ? owner.problem : null;
  const open = (event: SyntheticEvent) => {
    event.preventDefault();
    setToken(''); // the page keeps it nowhere but where it is used
    void driver.open(token);
  };
  return (
    <form className="mm-owner-form" onSubmit={open}>
      <p className="mm-hint">
        Revoke what should not have been admitted, and every tab refuses it at once. The token was
        shown when the server was started for the first time.
      </p>
      <PasswordInput
        size="xs"
        label="Token"
        autoComplete="off"
        value={token}
        error={problem === null ? undefined : sentence(problem)}
        onChange={(event) => setToken(event.currentTarget.value)}
      />
      <Button
        type="submit"
        size="xs"
        variant="default"
        disabled={token === ''}
        loading={owner.state === 'opening'}
      >
        Open
      </Button>
    </form>
  );
}

function Batches({ owner }: { readonly owner: Extract<OwnerState, { state: 'open' }> }) {
  const { owner: driver } = useControls();
  const { batches, busy, problem } = owner;
  const current = batches.find(({ kind, revokedIn }) => kind === 'model' && revokedIn === null);
  return (
    <>
      {problem !== null && (
        <Alert color="red" icon={<IconAlertTriangle />}>
          {sentence(problem)}
        </Alert>
      )}
      <MoreRounds busy={busy} />
      {current !== undefined && current.round > 0 && (
        <RollBack model={current} busy={busy !== null} />
      )}
      <div
        className="mm-scroll mm-owner-batches"
        tabIndex={0}
        role="region"
        aria-label="Admitted batches"
      >
        {' '}
        {/* prettier-ignore */}
        <table className="mm-table" data-testid="admitted">
          <thead>
            <tr>
              <th scope="col">Batch</th>
              <th scope="col">Kind</th>
              <th scope="col" className="mm-number">
                Round
              </th>
              <th scope="col">Author</th>
              <th scope="col" aria-label="Revocation" />
            </tr>
          </thead>
          <tbody>
            {batches.map((batch) => (
              <tr key={batch.header} data-kind={batch.kind}>
                <td className="mm-mono" title={batch.header}>
                  {shortId(batch.header)}
                </td>
                <td>{batch.kind}</td>
                <td className="mm-number">{batch.round}</td>
                <td>
                  <PeerName id={batch.author} />
                </td>
                <td className="mm-number">
                  {batch.revokedIn !== null ? (
                    <span className="mm-revoked">revoked in epoch {batch.revokedIn}</span>
                  ) : batch === current ? (
                    <span className="mm-aside">current model</span>
                  ) : (
                    <ConfirmButton
                      label="Revoke"
                      confirm="Revoke for good?"
                      busy={busy === batch.header}
                      disabled={busy !== null}
                      onConfirm={() => void driver.revoke(batch.header)}
                    />
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="mm-hint">The newest 100. A revoked batch stays revoked.</p>
      <Audits audits={owner.audits} />
    </>
  );
}

interface AuditsProps {
  readonly audits: Extract<OwnerState, { state: 'open' }>['audits'];
}

/** Whether members still had what the coordinator relied on them for. */
function Audits({ audits }: AuditsProps) {
  if (audits.length === 0) return null;
  return (
    <>
      <h3 className="mm-owner-heading">Audits at random, one a round</h3>
      <ol className="mm-verdicts" data-testid="audits" tabIndex={0} aria-label="Audits">
        {audits.map(({ at, holder, header, columns, holds, reason, ms }) => (
          <li key={`${at} ${holder}`} data-state={holds ? 'proved' : 'refused'}>
            <p className="mm-verdict-head">
              {holds ? (
                <IconCircleCheck size={16} aria-hidden />
              ) : (
                <IconCircleX size={16} aria-hidden />
              )}
              <b>{holds ? 'Held' : 'Not proved'}</b>
              <span>
                {counted(columns.length, 'chunk')} of {shortId(header)} at
              </span>
              <PeerName id={holder} />
              <time>{clock(Date.parse(at))}</time>
              <span className="mm-aside">{duration(ms)}</span>
            </p>
            {reason !== null && <p>{sentence(reason)}</p>}
          </li>
        ))}
      </ol>
    </>
  );
}

interface MoreRoundsProps {
  readonly busy: Extract<OwnerState, { state: 'open' }>['busy'];
}

/** Lets the task go on after its last round, or begin anew. */
function MoreRounds({ busy }: MoreRoundsProps) {
  const { owner: driver } = useControls();
  const lastRound = useApp((state) => state.lastRound);
  const [rounds, setRounds] = useState(10);
  return (
    <div className="mm-roll-back" data-testid="more-rounds">
      {lastRound !== null && (
        <>
          <NumberInput
            size="xs"
            label={`Rounds after round ${lastRound}`}
            min={1}
            max={100_000}
            clampBehavior="strict"
            allowDecimal={false}
            value={rounds}
            onChange={(value) => setRounds(Math.max(1, Number(value)))}
          />
          <Button
            size="compact-xs"
            variant="default"
            disabled={busy !== null}
            loading={busy === 'task'}
            onClick={() => void driver.goOn(rounds)}
          >
            Continue
          </Button>
        </>
      )}
      <ConfirmButton
        label="Start anew"
        confirm="Forget what was learned?"
        busy={busy === 'task'}
        disabled={busy !== null}
        onConfirm={() => void driver.restart()}
      />
    </div>
  );
}

interface RollBackProps {
  readonly model: AdmittedBatch;
  readonly busy: boolean;
}

/** Puts an earlier round's model in the current one's place. */
function RollBack({ model, busy }: RollBackProps) {
  const { owner: driver } = useControls();
  const [round, setRound] = useState(0);
  return (
    <div className="mm-roll-back">
      <NumberInput
        size="xs"
        label="Roll the model back to round"
        min={0}
        max={model.round - 1}
        clampBehavior="strict"
        allowDecimal={false}
        value={Math.min(round, model.round - 1)}
        onChange={(value) => setRound(Number(value))}
      />
      <ConfirmButton
        label="Replace"
        confirm="Replace the model?"
        busy={busy}
        disabled={busy}
        onConfirm={() => void driver.rollBack(model.header, Math.min(round, model.round - 1))}
      />
    </div>
  );
}
