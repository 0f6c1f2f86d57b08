import type { CoordinatorLink } from '../adapters/index.ts';
import { keepEqual, sameFields } from './keep-equal.ts';
import type { RunningTab } from './running-tab.ts';
import type { BatchView, PeerView, RateSample, RoundView } from './state.ts';
import type { AppStore } from './store.ts';

/** Rate samples that are kept: five minutes. */
const keptSamples = 300;

/** Takes what the tab knows into the store; called a few times a second. */
export function publish(store: AppStore, tab: RunningTab, link: CoordinatorLink): void {
  const { step, swarm, routes, resumed, seeded, seededBytes } = tab.snapshot();
  const { peers, batches, totals, strikes } = swarm;
  const state = store.getState();

  const connected = new Map(peers.map((peer) => [peer.id, peer]));
  const newPeers: PeerView[] = [...totals].map(([id, total]) => {
    const peer = connected.get(id);
    return {
      id,
      connected: peer?.handshaken === true,
      route: routes.get(id) ?? null,
      ...total,
      strikes: strikes.get(id) ?? 0,
      requests: peer?.requests ?? 0,
      queued: peer?.queued ?? 0,
    };
  });

  const newBatches: BatchView[] = batches.map(({ header, held, pending }) => ({
    header: header.id,
    kind: header.kind,
    round: header.round,
    author: header.author,
    chunks: held.length,
    own: Array.from({ length: held.length }, (_, index) =>
      held.has(index) ? 'held' : pending.has(index) ? 'pending' : 'missing',
    ),
    heldBy: new Map(
      peers.flatMap((peer) => {
        const bits = peer.holds(header.id);
        return bits === null ? [] : [[peer.id, bits.count] as const];
      }),
    ),
  }));

  const peerViews = keepEqual(state.peers, newPeers, sameFields);
  const batchViews = keepEqual(state.batches, newBatches, sameBatch);

  const sum = (of: (peer: PeerView) => number) => peerViews.reduce((total, p) => total + of(p), 0);
  const uploaded = sum((peer) => peer.uploaded);
  const downloaded = sum((peer) => peer.downloaded);
  const round: RoundView | null =
    step.name === 'idle' ? null : { round: step.round, attempt: step.attempt, step: step.name };
  store.setState({
    round,
    peers: peerViews,
    batches: batchViews,
    totals: {
      uploaded,
      downloaded,
      verified: sum((peer) => peer.verified),
      rejected: sum((peer) => peer.rejected),
      resumed,
      seeded,
    },
    server: { up: link.bytesOut, down: link.bytesIn + seededBytes },
    rates: sampleRates(state.rates, { uploaded, downloaded }),
  });
}

/** Whether two views would draw the same row. */
function sameBatch(a: BatchView, b: BatchView): boolean {
  if (a === b) return true;
  if (a.header !== b.header || a.chunks !== b.chunks) return false;
  if (a.heldBy.size !== b.heldBy.size) return false;
  for (const [peer, chunks] of a.heldBy) if (b.heldBy.get(peer) !== chunks) return false;
  return a.own.every((state, index) => state === b.own[index]);
}

let last = { at: 0, uploaded: 0, downloaded: 0 };

/** Adds a sample once a second. */
function sampleRates(
  rates: readonly RateSample[],
  totals: { readonly uploaded: number; readonly downloaded: number },
): readonly RateSample[] {
  const at = Date.now();
  const seconds = (at - last.at) / 1000;
  if (seconds < 1) return rates;
  const up = Math.max(0, totals.uploaded - last.uploaded) / seconds;
  const down = Math.max(0, totals.downloaded - last.downloaded) / seconds;
  const first = last.at === 0;
  last = { at, ...totals };
  return first ? rates : [...rates.slice(1 - keptSamples), { at, up, down }];
}
