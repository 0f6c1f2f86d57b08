import { proxy, type Remote } from 'comlink';
import { startStorage, storagePort, type StorageService } from '../../src/adapters/index.ts';
import { RunningTab } from '../../src/app/index.ts';
import { identityOf, sha256 } from '../../src/crypto/index.ts';
import { hexToBytes, utf8ToBytes, type HeaderId, type TaskId } from '../../src/lib/index.ts';
import { signMembership, type TaskDescription } from '../../src/protocol/index.ts';
import type { Answer } from '../../src/tab/index.ts';
import { chunkBytes, decodeHeader, headerId, type VerifiedHeader } from '../../src/vds/index.ts';
import { BareChannels, type BareSignal } from './bare.ts';

declare function relay(to: number, message: Relayed): Promise<void>;

type Relayed =
  | { readonly kind: 'bare'; readonly from: number; readonly signal: BareSignal }
  | {
      readonly kind: 'swarm';
      readonly from: number;
      readonly session: number;
      readonly data: string;
    };

/** Which tab of how many this is, and the task of the case. */
export interface Setup {
  readonly self: number;
  readonly tabs: number;
  readonly task: string;
  /** hex SHA-256 of its CRS */
  readonly crs: string;
}

const owner = identityOf(sha256(utf8ToBytes('bench owner')));
const identityOfTab = (tab: number) => identityOf(sha256(utf8ToBytes(`bench tab ${tab}`)));

let setup: Setup | null = null;
let bare: BareChannels | null = null;
let storage: Remote<StorageService> | null = null;
let tab: RunningTab | null = null;
let onStored: (header: HeaderId) => void = () => undefined;
const headers = new Map<string, VerifiedHeader>();
/** Tasks of the main thread that took 50 ms and more. ms */
let longTasks: number[] = [];
new PerformanceObserver((list) => {
  longTasks.push(...list.getEntries().map(({ duration }) => duration));
}).observe({ type: 'longtask' });

function known<T>(value: T | null): T {
  if (value === null) throw new Error('the page was not set up');
  return value;
}

const others = () => {
  const { self, tabs } = known(setup);
  return Array.from({ length: tabs }, (_, k) => k).filter((k) => k !== self);
};

/** A header that Node made; its opening is taken for verified, which is not what is measured here. */
async function headerOf(batch: string): Promise<VerifiedHeader> {
  const found = headers.get(batch);
  if (found) return found;
  const bytes = new Uint8Array(await (await fetch(`/batches/${batch}/header`)).arrayBuffer());
  const decoded = decodeHeader(bytes);
  if (!decoded.ok) throw new Error(decoded.error);
  const signed = { header: bytes, signature: new Uint8Array(64), admission: null };
  const header = { ...decoded.value, id: headerId(bytes), signed, commitments: [] };
  headers.set(batch, header);
  return header;
}

/** Hears of what is stored. */
function watching(answer: Answer): Answer {
  return (...events) => {
    answer(...events);
    for (const event of events) if (event.type === 'stored') onStored(event.header);
  };
}

function startTab(): void {
  const { self } = known(setup);
  const store = known(storage);
  const identity = identityOfTab(self);
  const task = known(setup).task as TaskId;
  const nothing = () => undefined;
  // One for all chunks, as the tab's own is.
  let watched: Answer | undefined;
  const port = storagePort(store, { self: identity.id, ownerKey: owner.id });
  tab = new RunningTab({
    identity,
    task,
    description: {
      ownerKey: owner.id,
      exchange: { mode: 'gossip', topology: { kind: 'mesh' }, uploadSlots: 9, scalars: 512 },
    } as TaskDescription,
    membership: signMembership({ task, peer: identity.id, issuedAt: 0 }, owner),
    iceServers: [],
    signal: (to, session, data) => {
      const number = others().find((each) => identityOfTab(each).id === to) ?? -1;
      void relay(number, { kind: 'swarm', from: self, session, data });
    },
    ports: {
      ...port,
      store: (effect, answer) => port.store(effect, (watched ??= watching(answer))),
      ...{ tell: nothing, reconnect: nothing, seed: nothing },
      ...{ train: nothing, 'cancel-training': nothing, seal: nothing, aggregate: nothing },
      ...{ 'prove-sum': nothing, feedback: nothing, install: nothing, evaluate: nothing },
      ...{ followed: nothing, 'not-followed': nothing, 'bad-chunk': nothing, computed: nothing },
      ...{ measured: nothing, timed: nothing, pause: nothing },
      log: ({ level, text }) => console.error(level, text),
    },
  });
}

const until = async (isSo: () => boolean) => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
};

/** All pages begin at the same moment. @param time ms since 1970 */
const wait = (time: number) =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, time - Date.now())));

const swarmBench = {
  relayed(message: Relayed): void {
    if (message.kind === 'bare') void bare?.signalled(message.from, message.signal);
    else {
      const { from, session, data } = message;
      const signal = { type: 'signal' as const, from: identityOfTab(from).id, session, data };
      tab?.handle({ type: 'heard', message: signal });
    }
  },

  async setUp(about: Setup): Promise<void> {
    setup = about;
    bare = new BareChannels(about.self, (to, signal) => {
      void relay(to, { kind: 'bare', from: about.self, signal });
    });
    storage = startStorage().service;
    const quiet = proxy(() => undefined);
    await storage.open(`bench-${about.task}-${about.self}`, quiet, quiet, quiet);
    const crs = hexToBytes(about.crs);
    const joined = await storage.join({ task: about.task as TaskId, ownerKey: owner.id, settings: crs, crs }); // prettier-ignore
    if (!joined.ok) throw new Error(joined.error);
    startTab();
  },

  /** A new tab on the same store: its links are new. */
  restart(): void {
    tab?.close('the next run');
    startTab();
  },

  async connect(): Promise<void> {
    const numbers = Array.from({ length: known(setup).tabs }, (_, k) => k);
    const members = numbers.map((k) => ({ peer: identityOfTab(k).id, online: true, ready: true, samples: 0 })); // prettier-ignore
    tab?.handle({ type: 'heard', message: { type: 'members', members } });
    await until(() => tab?.snapshot().swarm.peers.filter(({ handshaken }) => handshaken).length === members.length - 1); // prettier-ignore
  },

  /** Stores a batch, and serves it. */
  async hold(batch: string): Promise<void> {
    const header = await headerOf(batch);
    const store = known(storage);
    await store.add(header, null);
    const bytes = new Uint8Array(await (await fetch(`/batches/${batch}/payloads`)).arrayBuffer());
    let offset = 0;
    for (const index of header.columns.keys()) {
      const end = offset + chunkBytes(header, index);
      const kept = await store.accept(header.id, index, bytes.slice(offset, end));
      if (!kept.ok) throw new Error(kept.error);
      offset = end;
    }
  },

  /** Serves batches that are held. */
  async serve(batches: readonly string[]): Promise<void> {
    for (const batch of batches) tab?.handle({ type: 'fetch', header: await headerOf(batch), readers: null }); // prettier-ignore
    await until(() => tab?.snapshot().swarm.batches.length === batches.length);
  },

  async forget(batches: readonly string[]): Promise<void> {
    const all = await Promise.all(batches.map(headerOf));
    tab?.handle({ type: 'forget', headers: all.map(({ id }) => id) });
    const store = known(storage);
    await store.drop([]); // what was ordered before is done
  },

  /**
   * Gets batches and begins to serve those that are held, from `at` on.
   *
   * @returns ms from then until the last chunk is stored
   */
  async get(batches: readonly string[], own: readonly string[], at: number): Promise<number> {
    const all = await Promise.all(batches.map(headerOf));
    const held = await Promise.all(own.map(headerOf));
    let missing = all.reduce((sum, { columns }) => sum + columns.length, 0);
    const complete = new Promise<void>((resolve) => {
      onStored = () => {
        if (--missing === 0) resolve();
      };
      if (missing === 0) resolve();
    });
    await wait(at);
    for (const header of [...held, ...all]) tab?.handle({ type: 'fetch', header, readers: null });
    await complete;
    return Date.now() - at;
  },

  connectBare: () => known(bare).connect(others()),
  closeBare: () => known(bare).close(),

  async exchangeBare(
    sends: readonly { readonly to: number; readonly bytes: number }[],
    expected: number,
    messageBytes: number,
    at: number,
  ): Promise<number> {
    await wait(at);
    await known(bare).exchange(sends, expected, messageBytes);
    return Date.now() - at;
  },

  /** ms of tasks of the main thread that took 50 ms and more since this was last asked */
  longTasks(): number[] {
    const seen = longTasks;
    longTasks = [];
    return seen;
  },

  /** ms that the storage worker spent on verifying */
  verifyMs: async () => (await known(storage).totals()).ms,
};

declare global {
  interface Window {
    swarmBench: typeof swarmBench;
  }
}
window.swarmBench = swarmBench;
