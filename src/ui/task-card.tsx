import { Button } from '@mantine/core';
import { IconCircleCheck, IconPlayerPause, IconPlayerPlay } from '@tabler/icons-react';
import { useShallow } from 'zustand/react/shallow';
import { counted, decimal } from './format.ts';
import { Cohort } from './cohort.tsx';
import { PhaseTimeline } from './phase-timeline.tsx';
import { StepProgress } from './step-progress.tsx';
import { useApp, useControls } from './use-app.ts';
import { dataInWords, modelInWords, scoreOf } from './words.ts';

/** The task, and how far its training is. */
export function TaskCard() {
  const description = useApp((state) => state.task?.description);
  const finished = useApp((state) => state.finished);
  const lastRound = useApp((state) => state.lastRound);
  const device = useApp((state) => state.device);
  if (!description) return null;
  return (
    <section className="mm-card mm-task" aria-labelledby="task-name">
      <div className="mm-task-head">
        <div className="mm-task-about">
          <h2 id="task-name">{description.name}</h2>
          <p>
            {dataInWords(description.data)} · {modelInWords(description)}
            {device !== null && ` · on ${device}`}
          </p>
        </div>
        <RoundNumber lastRound={lastRound} />
      </div>
      {finished ? <Finished /> : <Round />}
    </section>
  );
}

function RoundNumber({ lastRound }: { readonly lastRound: number | null }) {
  const { round, attempt } = useApp(
    useShallow(({ round, history }) => ({
      round: round?.round ?? history.at(-1)?.round ?? 0,
      attempt: round?.attempt ?? 0,
    })),
  );
  return (
    <p className="mm-round">
      <span className="mm-round-label">Round</span>
      <span className="mm-round-number" data-testid="round-number">
        {round}
      </span>
      {lastRound !== null && <span className="mm-round-of">of {lastRound}</span>}
      {attempt > 1 && <span className="mm-round-attempt">attempt {attempt}</span>}
    </p>
  );
}

function Round() {
  const step = useApp((state) => state.round?.step ?? 'idle');
  return (
    <>
      <PhaseTimeline step={step} />
      <Cohort />
      <div className="mm-task-foot">
        <StepProgress />
        <PauseButton />
      </div>
    </>
  );
}

/** Takes part, or pauses: a paused tab still seeds and verifies. */
function PauseButton() {
  const controls = useControls();
  const active = useApp((state) => state.active);
  const ready = useApp((state) => state.data.state === 'ready');
  const Icon = active ? IconPlayerPause : IconPlayerPlay;
  return (
    <Button
      variant={active || !ready ? 'default' : 'filled'}
      disabled={!ready}
      title={ready ? undefined : 'Load data first'}
      leftSection={<Icon size={16} aria-hidden />}
      onClick={() => controls.setActive(!active)}
      data-testid="active"
      className="mm-pause"
    >
      {active ? 'Pause' : 'Take part'}
    </Button>
  );
}

function Finished() {
  const metrics = useApp((state) => state.history.at(-1)?.metrics ?? null);
  const score = scoreOf(useApp((state) => state.task?.description.data));
  return (
    <div className="mm-finished" data-testid="finished">
      <div className="mm-finished-text">
        <h3>
          <IconCircleCheck size={20} aria-hidden /> Training is finished
        </h3>
        <p>
          The last round is closed. While it is open, this tab goes on serving the model to others.
        </p>
        <p>
          Who runs the coordinator can go on, below under “Data Owner” or with{' '}
          <code>npm run owner -- continue --rounds 10</code>: then this tab trains again by itself.
        </p>
      </div>
      {metrics !== null && (
        <dl>
          <div>
            <dt>{score.name}</dt>
            <dd>{score.format(metrics.accuracy)}</dd>
          </div>
          <div>
            <dt>Loss</dt>
            <dd>{decimal(metrics.loss)}</dd>
          </div>
          <div>
            <dt>Validated on</dt>
            <dd>{counted(metrics.samples, 'sample')}</dd>
          </div>
        </dl>
      )}
    </div>
  );
}
