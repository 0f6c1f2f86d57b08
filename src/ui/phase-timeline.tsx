import { IconCheck } from '@tabler/icons-react';
import { memo } from 'react';
import type { StepName } from '../app/index.ts';
import { phases } from './words.ts';

/** The round's phases; what is past is ticked, what goes on is marked. */
export const PhaseTimeline = memo(function PhaseTimeline({ step }: { readonly step: StepName }) {
  const current = phases.findIndex(({ steps }) => steps.includes(step));
  return (
    <ol className="mm-phases" aria-label="Phases of the round">
      {phases.map(({ label }, index) => {
        const state = index < current ? 'past' : index === current ? 'now' : 'next';
        return (
          <li key={label} data-state={state} aria-current={state === 'now' ? 'step' : undefined}>
            <span className="mm-phase-mark" aria-hidden>
              {state === 'past' && <IconCheck size={11} stroke={3} />}
            </span>
            <span className="mm-phase-label">{label}</span>
          </li>
        );
      })}
    </ol>
  );
});
