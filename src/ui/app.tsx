import { Loader } from '@mantine/core';
import { ChunksCard } from './chunks-card.tsx';
import { DataCard } from './data-card.tsx';
import { Header } from './header.tsx';
import { InviteCard } from './invite-card.tsx';
import { LogCard } from './log-card.tsx';
import { MembersCard } from './members-card.tsx';
import { Notices } from './notices.tsx';
import { OwnerCard } from './owner-card.tsx';
import { PeersCard } from './peers-card.tsx';
import { ProofsCard } from './proofs-card.tsx';
import { RatesChart } from './rates-chart.tsx';
import { RoundCharts } from './round-charts.tsx';
import { RoundsCard } from './rounds-card.tsx';
import { StoppedCard } from './stopped-card.tsx';
import './styles/page.css';
import './styles/task.css';
import './styles/calls.css';
import './styles/charts.css';
import './styles/tables.css';
import './styles/data.css';
import './styles/proofs.css';
import { TaskCard } from './task-card.tsx';
import { TotalsStrip } from './totals-strip.tsx';
import { VerifyCard } from './verify-card.tsx';
import { ControlsContext, useApp, type Controls } from './use-app.ts';

/** The dashboard of one participant. */
export function App({ participant }: { readonly participant: Controls }) {
  return (
    <ControlsContext value={participant}>
      <Header />
      <main className="mm-page">
        <StoppedCard />
        <Notices />
        <Dashboard />
      </main>
    </ControlsContext>
  );
}

function Dashboard() {
  const hasTask = useApp((state) => state.task !== null);
  const stopped = useApp((state) => state.connection.state === 'stopped');
  if (stopped) return hasTask ? <Results /> : <LogCard />;
  if (!hasTask) return <Connecting />;
  return (
    <>
      <InviteCard />
      <div className="mm-top">
        <TaskCard />
        <DataCard />
      </div>
      <TotalsStrip />
      <div className="mm-charts">
        <RoundCharts />
        <RatesChart />
      </div>
      <div className="mm-grid">
        <div className="mm-column">
          <ChunksCard />
          <PeersCard />
        </div>
        <div className="mm-column">
          <MembersCard />
          <RoundsCard />
        </div>
        <LogCard />
      </div>
      <div className="mm-proof">
        <ProofsCard />
        <VerifyCard />
        <OwnerCard />
      </div>
    </>
  );
}

/** What a stopped tab still has to show. */
function Results() {
  return (
    <>
      <TotalsStrip />
      <div className="mm-results">
        <RoundCharts />
        <RoundsCard />
        <LogCard />
      </div>
    </>
  );
}

function Connecting() {
  return (
    <>
      <p className="mm-connecting" role="status">
        <Loader size={20} aria-hidden /> Asking the coordinator for the task…
      </p>
      <LogCard />
    </>
  );
}
