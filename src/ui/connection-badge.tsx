import { useEffect, useState } from 'react';
import type { ConnectionState } from '../app/index.ts';
import { useApp } from './use-app.ts';

const tones: Record<ConnectionState['state'], string> = {
  starting: 'busy',
  connecting: 'busy',
  online: 'good',
  reconnecting: 'busy',
  stopped: 'bad',
};

/** How the tab stands with the coordinator. */
export function ConnectionBadge() {
  const connection = useApp((state) => state.connection);
  return (
    <span
      className="mm-badge"
      data-tone={tones[connection.state]}
      title={connection.state === 'stopped' ? connection.reason : undefined}
    >
      <span className="mm-dot" aria-hidden />
      <span data-testid="connection" role="status" aria-label={`Connection: ${connection.state}`}>
        {connection.state}
      </span>
      {connection.state === 'reconnecting' && <Countdown until={connection.retryAt} />}
    </span>
  );
}

/** @param until ms since 1970 */
function Countdown({ until }: { readonly until: number }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.ceil((until - now) / 1000));
  return <span className="mm-countdown">{seconds === 0 ? 'now' : `in ${seconds} s`}</span>;
}
