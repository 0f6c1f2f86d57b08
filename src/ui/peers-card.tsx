import { memo } from 'react';
import type { PeerView } from '../app/index.ts';
import { bytes, count } from './format.ts';
import { PeerName } from './peer-name.tsx';
import { Empty, SectionCard } from './section-card.tsx';
import { useApp } from './use-app.ts';

/** The neighbours that chunks are exchanged with. */
export function PeersCard() {
  const peers = useApp((state) => state.peers);
  const connected = peers.filter((peer) => peer.connected).length;
  return (
    <SectionCard title="Peers" aside={<span className="mm-aside">{connected} connected</span>}>
      {peers.length === 0 ? (
        <Empty>No direct connection to another tab yet.</Empty>
      ) : (
        <div className="mm-scroll" tabIndex={0} role="region" aria-label="Table of peers">
          <table className="mm-table mm-peers">
            <thead>
              <tr>
                <th scope="col">Peer</th>
                <th scope="col" title="By which way the connection goes">
                  Route
                </th>
                <th scope="col" className="mm-number">
                  ↓ Received
                </th>
                <th scope="col" className="mm-number">
                  ↑ Sent
                </th>
                <th scope="col" className="mm-number" title="Chunks that held their signature">
                  Verified
                </th>
                <th scope="col" className="mm-number" title="Chunks that did not">
                  Rejected
                </th>
                <th
                  scope="col"
                  className="mm-number"
                  title="Bad chunks in this round; three are too many"
                >
                  {' '}
                  {/* prettier-ignore */}
                  Strikes
                </th>
                <th scope="col" className="mm-number" title="Blocks asked of it / asked of us">
                  In flight
                </th>
              </tr>
            </thead>
            <tbody>
              {peers.map((peer) => (
                <Row key={peer.id} peer={peer} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </SectionCard>
  );
}

const routes = {
  host: { word: 'direct', title: 'From address to address (host)' },
  srflx: { word: 'through NAT', title: 'Through an address that a NAT gave one of both (srflx)' },
  relay: { word: 'relayed', title: 'Through a TURN server (relay)' },
} as const;

const Row = memo(
  function Row({ peer }: { readonly peer: PeerView }) {
    const { id, connected, route, downloaded, uploaded, verified, rejected, strikes } = peer;
    return (
      <tr
        data-testid="peer-row"
        data-peer={id}
        data-connected={connected}
        data-route={route}
        data-verified={verified}
        data-rejected={rejected}
        data-downloaded={downloaded}
        data-uploaded={uploaded}
      >
        <td>
          <span className="mm-state" data-tone={connected ? 'good' : 'off'}>
            <span className="mm-dot" role="img" aria-label={connected ? 'connected' : 'away'} />
            <PeerName id={id} />
          </span>
        </td>
        <td title={route === null ? undefined : routes[route].title}>
          {route === null ? '–' : routes[route].word}
        </td>
        <td className="mm-number">{bytes(downloaded)}</td>
        <td className="mm-number">{bytes(uploaded)}</td>
        <td className="mm-number">{count(verified)}</td>
        <td className="mm-number" data-bad={rejected > 0}>
          {count(rejected)}
        </td>
        <td className="mm-number" data-bad={strikes > 0}>
          {strikes}
        </td>
        <td className="mm-number mm-flight">
          {peer.requests} ↓ {peer.queued} ↑
        </td>
      </tr>
    );
  },
  ({ peer: a }, { peer: b }) =>
    a.id === b.id &&
    a.connected === b.connected &&
    a.route === b.route &&
    a.uploaded === b.uploaded &&
    a.downloaded === b.downloaded &&
    a.verified === b.verified &&
    a.rejected === b.rejected &&
    a.strikes === b.strikes &&
    a.requests === b.requests &&
    a.queued === b.queued,
);
