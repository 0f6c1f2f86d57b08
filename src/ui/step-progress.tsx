import { Progress } from '@mantine/core';
import type { AppState } from '../app/index.ts';
import { useShallow } from 'zustand/react/shallow';
import { shareHeld } from './batches.ts';
import { decimal, wholePercent } from './format.ts';
import { useApp } from './use-app.ts';
import { idleInWords, stepInWords } from './words.ts';

/** What goes on right now, in a sentence and a bar. */
export function StepProgress() {
  const { step, share, loss } = useApp(useShallow(progressOf));
  const idle = useApp(idleInWords);
  const shown = share === null ? null : wholePercent(share);
  return (
    <div className="mm-step">
      <p className="mm-step-text">
        <span data-testid="step" data-step={step}>
          {step === 'idle' ? idle : stepInWords[step]}
        </span>
        <span className="mm-step-numbers">
          {loss !== null && <span>loss {decimal(loss)}</span>}
          {shown !== null && <span>{shown}</span>}
        </span>
      </p>
      <Progress
        value={(share ?? 0) * 100}
        size={6}
        radius="xl"
        color="var(--mm-swarm)"
        // A bar that glides has the whole page painted 60 times a second.
        transitionDuration={0}
        aria-label="Progress of this step"
        style={{ visibility: share === null ? 'hidden' : 'visible' }}
      />
    </div>
  );
}

function progressOf({ round, training, sealing, batches }: AppState) {
  const step = round?.step ?? 'idle';
  const rounded = (share: number | null) => (share === null ? null : Math.floor(share * 200) / 200);
  switch (step) {
    case 'training': {
      if (training === null) return { step, share: 0, loss: null };
      const { done, total, loss } = training;
      return { step, share: rounded(total === 0 ? 0 : done / total), loss: loss };
    }
    case 'waiting-for-model':
      return { step, share: rounded(shareHeld(batches, 'model')), loss: null };
    case 'exchanging':
      return { step, share: rounded(shareHeld(batches, 'update')), loss: null };
    case 'sealing':
      return { step, share: rounded(sealing), loss: null };
    case 'idle':
    case 'trained':
    case 'sealed':
    case 'aggregating':
    case 'done':
      return { step, share: null, loss: null };
  }
}
