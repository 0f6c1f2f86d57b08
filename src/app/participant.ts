import { askToPersist, CoordinatorLink, databaseOf, forgetOldIdentities, openIdentity, seedPort, storagePort, trainingPort } from '../adapters/index.ts'; // prettier-ignore
import type { StoreState } from '../adapters/index.ts';
import { sign, type Identity } from '../crypto/index.ts';
import { concatBytes, hexToBytes, isTaskId, messageOf, shortId, unreachable, type HeaderId, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { protocolVersion, type ServerMessage } from '../protocol/index.ts';
import { Entrance, type EntranceEffect } from '../tab/index.ts';
import { Asker } from './asker.ts';
import { openCrs } from './crs-check.ts';
import { Gauges } from './gauges.ts';
import type { HeaderDetails } from './header-details.ts';
import { OwnData } from './own-data.ts';
import { startWorkers, type OwnWorkers } from './own-workers.ts';
import { OwnerDriver } from './owner-driver.ts';
import { ProofBook } from './proof-book.ts';
import { publish } from './publish.ts';
import { RunningTab } from './running-tab.ts';
import { Scoreboard } from './scoreboard.ts';
import type { ProofsView } from './state.ts';
import { addLog, addNotice, createAppStore, type AppStore } from './store.ts';

type Effect<T extends EntranceEffect['type']> = Extract<EntranceEffect, { type: T }>;

const publishEveryMs = 250;

/**
 * The tab: its identity, its connection to the coordinator, its workers, its part in the swarm
 * and in the rounds. Writes the store that the dashboard shows.
 */
export class Participant {
  readonly store: AppStore = createAppStore();
  /** For who has the Data Owner's token. */
  readonly owner = new OwnerDriver(this.store);
  /** For queries and audits of neighbours. */
  readonly asker = new Asker(this.store);
  readonly #entrance: Entrance;
  #identity: Identity | null = null;
  #link: CoordinatorLink | null = null;
  #workers: OwnWorkers | null = null;
  #tab: RunningTab | null = null;
  #scoreboard: Scoreboard | null = null;
  #data: OwnData | null = null;
  #gauges: Gauges | null = null;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  /** Whether the coordinator was told of the newest state that this tab knows. */
  #hasShownCore = false;
  readonly #proofBook = new ProofBook(this.store);

  /** @param wanted the task of the link; null for the coordinator's default */
  constructor(wanted: TaskId | null) {
    this.#entrance = new Entrance(wanted);
  }

  async start(): Promise<void> {
    if (typeof RTCPeerConnection === 'undefined') {
      this.#stop('This browser has no WebRTC, or it is switched off: tabs cannot connect.');
      return;
    }
    const { identity, temporary } = await openIdentity();
    this.#identity = identity;
    this.store.setState({ self: identity.id, connection: { state: 'connecting' } });
    if (temporary !== null) {
      addNotice(this.store, `A reload starts over as a new member: ${temporary}.`);
    }
    await this.#startWorkers(temporary === null ? databaseOf(identity) : null);
    forgetOldIdentities().catch((thrown: unknown) => this.#log('warn', messageOf(thrown)));
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    this.#link = new CoordinatorLink(`${scheme}://${location.host}/ws`, {
      message: (message) => this.#receive(message),
      lost: (retryMs) => {
        this.store.setState({
          connection: { state: 'reconnecting', retryAt: Date.now() + retryMs },
        });
      },
      malformed: (reason) => addLog(this.store, 'error', `unreadable message: ${reason}`),
    });
    setInterval(() => this.#publish(), publishEveryMs);
    // Neighbours need not find out by time-outs. A page that comes back out of the browser's cache begins anew.
    addEventListener('pagehide', () => this.#tab?.close('the tab was closed'));
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted) location.reload();
    });
  }

  async #startWorkers(database: string | null): Promise<void> {
    const aside =
      'What is stored here is of another version of this page. It is left alone, and chunks are fetched anew.';
    const workers = await startWorkers(database, {
      keeping: (where) => this.#keeping(where),
      setAside: () => addNotice(this.store, aside),
      lost: (header, index) => this.#tab?.handle({ type: 'lost', header, index }),
      broken: (reason) => this.#log('error', reason),
    });
    this.#workers = workers;
    this.#gauges = new Gauges(this.store, workers, (change) => this.#scoreboard?.proofs(change));
  }

  /** Where chunks are kept changes. */
  #keeping(where: StoreState): void {
    this.store.setState(({ disk }) => ({ disk: { ...disk, where } }));
    if (where.kind === 'broken') {
      addNotice(this.store, `Chunks are kept in memory only: ${where.problem}`);
    } else if (where.kind === 'full') this.#tab?.handle({ type: 'full' });
  }

  /** Trains on this member's share of the task's built-in data. */
  useBuiltIn(): void {
    this.#data?.useBuiltIn();
  }

  /** Trains on the user's own files; they stay in this tab. */
  useFiles(files: readonly File[]): void {
    this.#data?.useFiles(files);
  }

  /** Takes part in training, or pauses: then the tab seeds and verifies only. */
  setActive(active: boolean): void {
    this.#data?.setActive(active);
  }

  /** For the console and for tools: the dashboard's state, maps as plain objects. */
  snapshot() {
    const { own, digests, timings, batches, proofs, ...state } = this.store.getState();
    return {
      ...state,
      own: Object.fromEntries(own),
      digests: Object.fromEntries(digests),
      timings: Object.fromEntries(timings),
      proofs: {
        ...proofs,
        sums: Object.fromEntries([...proofs.sums].map(([round, sum]) => [round, sum !== null])),
      },
      batches: batches.map((batch) => ({ ...batch, heldBy: Object.fromEntries(batch.heldBy) })),
    };
  }

  #receive(message: ServerMessage): void {
    for (const effect of this.#entrance.handle(message)) this.#carryOut(effect);
  }

  #carryOut(effect: EntranceEffect): void {
    switch (effect.type) {
      case 'hello':
        void this.#hello(effect);
        return;
      case 'show-state':
        void this.#showState(effect);
        return;
      case 'join':
        this.#enter(effect);
        this.#join(effect);
        return;
      case 'rejoin':
        this.#enter(effect);
        this.#tab?.setIceServers(effect.welcome.iceServers);
        return;
      case 'renew':
        clearTimeout(this.#renewal);
        if (effect.afterMs === null) return;
        this.#renewal = setTimeout(() => this.#link?.again(), effect.afterMs);
        return;
      case 'turned-away':
        this.#log('warn', `the coordinator closed the connection: ${effect.reason}`);
        return;
      case 'stop':
        this.#stop(effect.reason);
        return;
      case 'pass':
        this.#tab?.handle({ type: 'heard', message: effect.message });
        return;
      default:
        unreachable(effect);
    }
  }

  async #showState({ task }: Effect<'show-state'>): Promise<void> {
    const update = task && (await this.#workers?.storage.newestState(task));
    if (update) this.#link?.send({ type: 'shown-state', update });
    this.#log('warn', 'the coordinator lost revocations: it was shown the newest state');
  }

  async #hello({ nonce, task }: Effect<'hello'>): Promise<void> {
    const identity = this.#identity;
    if (!identity) return;
    const signature = sign('hello', concatBytes(nonce, hexToBytes(identity.id)), identity);
    const state = task && (await this.#workers?.storage.newestState(task));
    this.#hasShownCore = Boolean(state);
    this.#link?.send({
      type: 'hello',
      version: protocolVersion,
      task,
      peer: identity.id,
      signature,
      client: `murmuration/${__VERSION__}`,
      core: state ? state.core : null,
    });
  }

  #enter({ task: id, welcome }: Effect<'join' | 'rejoin'>): void {
    const { description, history, lastRound } = welcome;
    this.store.setState({ connection: { state: 'online' }, task: { id, description }, history, lastRound, finished: false }); // prettier-ignore
  }

  #join({ task, welcome: { description, membership, iceServers } }: Effect<'join'>): void {
    const [identity, workers] = [this.#identity, this.#workers];
    if (!identity || !workers) return;
    const { storage, training } = workers;
    const { store, owner, asker } = this;
    const scoreboard = new Scoreboard({
      ...{ store, owner, asker, storage, training, proofBook: this.#proofBook },
      pause: () => this.setActive(false),
      hasShownState: () => this.#hasShownCore,
      showState: () => this.#link?.again(),
    });
    const tab = new RunningTab({
      ...{ identity, task, description, membership, iceServers },
      signal: (to, session, data) => this.#link?.send({ type: 'signal', to, session, data }),
      ports: {
        tell: ({ message: told }) => this.#link?.send(told),
        reconnect: () => this.#link?.again(),
        ...storagePort(storage, { self: identity.id, ownerKey: description.ownerKey }),
        ...trainingPort(
          training,
          { identity, task },
          {
            onTraining: (progress) => this.#gauges?.later({ training: progress }),
            onSealing: (sealing) => this.#gauges?.later({ sealing }),
          },
        ),
        ...seedPort(task),
        ...scoreboard.port(),
      },
    });
    this.#tab = tab;
    this.#scoreboard = scoreboard;
    this.#data = new OwnData(store, training, identity, (samples) =>
      tab.handle({ type: 'data', samples }),
    );
    asker.join({ self: identity.id, description, tab, storage });
    const logged = (thrown: unknown) => this.#log('error', messageOf(thrown));
    const opened = Promise.resolve(training.open(description));
    opened
      .then(async () => {
        const onProofs = (change: Partial<ProofsView>) => scoreboard.proofs(change);
        const onUnverified = (reason: string) =>
          this.#stop(`Nothing of this task can be verified: ${reason}.`);
        await openCrs(task, description, { store, storage, training, onProofs, onUnverified });
        tab.handle({ type: 'crs-ready' });
      })
      .catch(logged);
    opened.then(async () => store.setState({ device: await training.device() })).catch(logged);
    askToPersist().catch((thrown: unknown) => this.#log('warn', messageOf(thrown)));
    this.#log('info', `joined “${description.name}” as ${shortId(identity.id)}`);
    this.useBuiltIn();
  }

  /** The values by which a batch, or a round's sum, is proved; null if it is not here any more. */
  details(header: HeaderId): HeaderDetails | null {
    const batches = this.#tab?.snapshot().swarm.batches ?? [];
    return this.#proofBook.details(header, batches.map((each) => each.header)); // prettier-ignore
  }

  #publish(): void {
    this.#gauges?.publish();
    if (this.#tab && this.#link) publish(this.store, this.#tab, this.#link);
  }

  #log(level: 'info' | 'warn' | 'error', text: string): void {
    addLog(this.store, level, text);
  }

  /** Nothing more happens until the user does something about it. */
  #stop(reason: string): void {
    this.#link?.close();
    this.#tab?.close('the tab stopped');
    void this.#workers?.training.cancel();
    this.store.setState({ connection: { state: 'stopped', reason } });
    this.#log('error', reason);
  }
}

/** The task that a link names: `#/task/<id>`. */
function taskOfLink(hash: string): TaskId | null {
  const id = /^#\/task\/([0-9a-f]+)$/.exec(hash)?.[1];
  return id !== undefined && isTaskId(id) ? id : null;
}

/** Starts this tab's participant, and offers its snapshot to the console as `murmuration`. */
export function startParticipant(): Participant {
  const participant = new Participant(taskOfLink(location.hash));
  Object.assign(window, { murmuration: { snapshot: () => participant.snapshot() } });
  participant.start().catch((thrown: unknown) => {
    addLog(participant.store, 'error', messageOf(thrown));
    const reason = `The page could not start: ${messageOf(thrown)}`;
    participant.store.setState({ connection: { state: 'stopped', reason } });
  });
  return participant;
}
