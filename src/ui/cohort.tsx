import { useShallow } from 'zustand/react/shallow';
import { counted } from './format.ts';
import { PeerMark } from './peer-name.tsx';
import { useApp } from './use-app.ts';

/** Who trains in the round that goes on. */
export function Cohort() {
  const { cohort, self, running } = useApp(
    useShallow(({ cohort, self, round }) => ({ cohort, self, running: round !== null })),
  );
  if (!running || cohort.length === 0) return <p className="mm-cohort" />;
  const you = self !== null && cohort.includes(self);
  return (
    <p className="mm-cohort">
      <span className="mm-cohort-marks">
        {cohort.map((peer) => (
          <span key={peer} title={peer} data-you={peer === self}>
            <PeerMark id={peer} />
          </span>
        ))}
      </span>
      {counted(cohort.length, 'member')} in this round,{' '}
      {you ? 'this tab among them.' : 'without this tab: it verifies and seeds.'}
    </p>
  );
}
