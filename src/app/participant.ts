import { proxy, transfer, type Remote } from 'comlink';
import { askToPersist, committingThreads, CoordinatorLink, databaseOf, diskSpace, forgetOldIdentities, openIdentity, seedOf, seedPort, startStorage, startTraining, storagePort, trainingPort } from '../adapters/index.ts'; // prettier-ignore
import type {
  DataSummary,
  StorageService,
  StoreState,
  TrainingService,
} from '../adapters/index.ts';
import { sign, type Identity } from '../crypto/index.ts';
import { concatBytes, hexToBytes, isTaskId, messageOf, shortId, type HeaderId, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { settingsDigest, protocolVersion, taskIdOf } from '../protocol/index.ts';
import type { ServerMessage, TaskDescription } from '../protocol/index.ts';
import { Asker } from './asker.ts';
import type { HeaderDetails } from './header-details.ts';
import { OwnerDriver } from './owner-driver.ts';
import { publish } from './publish.ts';
import { ProofBook } from './proof-book.ts';
import { RunningTab } from './running-tab.ts';
import { Scoreboard } from './scoreboard.ts';
import type { AppState, ProofsView } from './state.ts';
import { addLog, addNotice, createAppStore, type AppStore } from './store.ts';

const publishEveryMs = 250;
/** ms; half of what credentials for TURN servers last. */
const renewAfterMs = 6 * 60 * 60 * 1000;
/** ms between two looks at how much room there is. */
const measureEveryMs = 5_000;

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
  readonly #wanted: TaskId | null;
  #identity: Identity | null = null;
  #link: CoordinatorLink | null = null;
  #storage: Remote<StorageService> | null = null;
  #training: Remote<TrainingService> | null = null;
  #tab: RunningTab | null = null;
  #scoreboard: Scoreboard | null = null;
  #counting = false;
  #measuredAt = 0;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  /** Whether the coordinator was told of the newest state that this tab knows. */
  #hasShownCore = false;
  /** Changes that wait for the next publishing: each is a drawn page. */
  #waiting: Partial<AppState> = {};
  #counted: Partial<ProofsView> = {};
  readonly #proofBook = new ProofBook(this.store);

  /** @param wanted the task of the link; null for the coordinator's default */
  constructor(wanted: TaskId | null) {
    this.#wanted = wanted;
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

  /** Rejects if a worker's script cannot be loaded: it would answer nothing, ever. */
  async #startWorkers(database: string | null): Promise<void> {
    const [storage, training] = [startStorage(), startTraining()];
    this.#storage = storage.service;
    this.#training = training.service;
    const broken = Promise.race([storage.broken, training.broken]);
    await Promise.race([this.#open(database, storage.service, training.service), broken]);
    broken.catch((thrown: unknown) => this.#log('error', messageOf(thrown)));
  }

  async #open(
    database: string | null,
    storage: Remote<StorageService>,
    training: Remote<TrainingService>,
  ): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    await Promise.all([
      storage.connect(transfer(port1, [port1])),
      training.connect(transfer(port2, [port2])),
    ]);
    await storage.open(
      database,
      proxy((state: StoreState) => this.#keeping(state)),
      proxy(() => {
        addNotice(
          this.store,
          'What is stored here is of another version of this page. It is left alone, and chunks are fetched anew.',
        );
      }),
      proxy((header: HeaderId, index: number) => {
        this.#tab?.handle({ type: 'lost', header, index });
      }),
    );
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
    const { task } = this.store.getState();
    const identity = this.#identity;
    if (!task || !identity || !this.#training) return;
    const { data } = task.description;
    if (data.kind !== 'image' || data.builtIn === null) return;
    void this.#load(
      'built-in digits',
      this.#training.useBuiltIn(seedOf(identity, data.builtIn.seed)),
    );
  }

  /** Trains on the user's own files; they stay in this tab. */
  useFiles(files: readonly File[]): void {
    if (files.length === 0 || !this.#training || this.store.getState().task === null) return;
    const names = files.map((file) => file.name).join(', ');
    void this.#load(names, this.#training.useFiles(files));
  }

  /** Takes part in training, or pauses: then the tab seeds and verifies only. */
  setActive(active: boolean): void {
    this.store.setState({ active });
    this.#announceData();
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

  async #load(what: string, loading: Promise<Result<DataSummary>>): Promise<void> {
    this.store.setState({ data: { state: 'loading', what }, active: true });
    const result = await loading.catch((thrown: unknown) => {
      return { ok: false as const, error: messageOf(thrown) };
    });
    if (result.ok) {
      this.store.setState({ data: { state: 'ready', summary: result.value } });
      this.#log('info', `data ready: ${result.value.training} samples to train on`);
    } else {
      this.store.setState({ data: { state: 'refused', reason: result.error } });
      this.#log('error', `data refused: ${result.error}`);
      this.store.setState({ active: false });
    }
    this.#announceData();
  }

  #announceData(): void {
    const { data, active } = this.store.getState();
    const samples = data.state === 'ready' && active ? data.summary.training : null;
    this.#tab?.handle({ type: 'data', samples });
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'challenge':
        void this.#hello(message);
        return;
      case 'show-state':
        void this.#showState();
        return;
      case 'refused':
        if (!message.again) this.#stop(`The coordinator refused: ${message.reason}.`);
        else this.#log('warn', `the coordinator closed the connection: ${message.reason}`);
        return;
      case 'welcome':
        if (!this.#welcome(message)) return;
        break;
      default:
        break;
    }
    this.#tab?.handle({ type: 'heard', message });
  }

  /** What was revoked, for a coordinator that does not know of it any more. */
  async #showState(): Promise<void> {
    const { task } = this.store.getState();
    const id = task?.id ?? this.#wanted;
    const update = id && (await this.#storage?.newestState(id));
    if (update) this.#link?.send({ type: 'shown-state', update });
    this.#log('warn', 'the coordinator lost revocations: it was shown the newest state');
  }

  async #hello({ nonce, version }: Extract<ServerMessage, { type: 'challenge' }>): Promise<void> {
    const identity = this.#identity;
    if (!identity) return;
    if (version !== protocolVersion) {
      this.#stop(
        `This page is of version ${protocolVersion}, the coordinator of ${version}: reload.`,
      );
      return;
    }
    const signature = sign('hello', concatBytes(nonce, hexToBytes(identity.id)), identity);
    const task = this.store.getState().task?.id ?? this.#wanted;
    const state = task && (await this.#storage?.newestState(task));
    this.#hasShownCore = Boolean(state);
    this.#link?.send({
      type: 'hello',
      version,
      task,
      peer: identity.id,
      signature,
      client: `murmuration/${__VERSION__}`,
      core: state ? state.core : null,
    });
  }

  /** First welcome: builds the tab's part in the task. Later ones come after a reconnection. */
  #welcome(message: Extract<ServerMessage, { type: 'welcome' }>): boolean {
    const { description, history, lastRound } = message;
    const id = taskIdOf(description);
    const known = this.store.getState().task?.id ?? this.#wanted;
    if (known !== null && known !== id) {
      this.#stop('The coordinator offers another task than the one that the link names.');
      return false;
    }
    this.store.setState({ connection: { state: 'online' }, task: { id, description }, history, lastRound, finished: false }); // prettier-ignore
    if (this.#tab === null) this.#join(message, id);
    else this.#tab.setIceServers(message.iceServers);
    this.#renewLater(message.iceServers);
    return true;
  }

  /** Whoever comes back is given credentials that last longer. */
  #renewLater(servers: readonly RTCIceServer[]): void {
    clearTimeout(this.#renewal);
    if (!servers.some(({ credential }) => credential !== undefined)) return;
    this.#renewal = setTimeout(() => this.#link?.again(), renewAfterMs);
  }

  #join(message: Extract<ServerMessage, { type: 'welcome' }>, task: TaskId): void {
    const [identity, storage, training] = [this.#identity, this.#storage, this.#training];
    if (!identity || !storage || !training) return;
    const { description, membership, iceServers } = message;
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
            onTraining: (progress) => this.#later({ training: progress }),
            onSealing: (sealing) => this.#later({ sealing }),
          },
        ),
        ...seedPort(task),
        ...scoreboard.port(),
      },
    });
    this.#tab = tab;
    this.#scoreboard = scoreboard;
    asker.join({ self: identity.id, description, tab, storage });
    const opened = Promise.resolve(training.open(description));
    opened
      .then(async () => {
        await this.#openCrs(task, description, storage, training);
        tab.handle({ type: 'crs-ready' });
      })
      .catch((thrown: unknown) => this.#log('error', messageOf(thrown)));
    askToPersist().catch((thrown: unknown) => this.#log('warn', messageOf(thrown)));
    this.#log('info', `joined “${description.name}” as ${shortId(identity.id)}`);
    opened
      .then(async () => store.setState({ device: await training.device() }))
      .catch((thrown: unknown) => this.#log('error', messageOf(thrown)));
    if (description.data.kind === 'image' && description.data.builtIn) this.useBuiltIn();
  }

  /** Gets the task's CRS; without it there is nothing that this tab can do. */
  async #openCrs(
    task: TaskId,
    description: TaskDescription,
    storage: Remote<StorageService>,
    training: Remote<TrainingService>,
  ): Promise<void> {
    const start = performance.now();
    const { ownerKey, crs } = description;
    const pinned = { task, ownerKey, settings: settingsDigest(description), crs };
    const loaded = await storage.join(pinned);
    if (!loaded.ok) {
      this.#stopUnverified(loaded.error);
      throw new Error(loaded.error);
    }
    void this.#verifyCrs(storage, training, loaded.value.isVerified, start);
  }

  /** Verifies the CRS while the tab trains; it commits to nothing before. */
  async #verifyCrs(
    storage: Remote<StorageService>,
    training: Remote<TrainingService>,
    cached: boolean,
    start: number,
  ): Promise<void> {
    const onProgress = (share: number) =>
      this.#scoreboard?.proofs({ crs: { state: 'verifying', share } });
    const file = await storage.verifyCrs(proxy(onProgress)).catch((thrown: unknown) => {
      return { ok: false as const, error: messageOf(thrown) };
    });
    if (!file.ok) {
      this.#stopUnverified(file.error);
      return;
    }
    const ms = performance.now() - start;
    const threads = committingThreads(navigator.hardwareConcurrency);
    const computedBy = await training.openCrs(file.value, threads);
    this.#scoreboard?.proofs({ crs: { state: 'ready', ms, cached } });
    this.#log('info', `CRS ${cached ? 'loaded' : 'loaded and verified'} in ${Math.round(ms)} ms`);
    if (computedBy === 'BigInt') {
      this.#log('warn', 'commitments and proofs are slow: there is no WebAssembly here');
    } else {
      this.#log(
        'info',
        `commitments by ${computedBy}, ${threads === 1 ? '1 thread' : `${threads} threads`}`,
      );
    }
  }

  #stopUnverified(reason: string): void {
    this.#stop(`Nothing of this task can be verified: ${reason}.`);
  }

  /** The values by which a batch, or a round's sum, is proved; null if it is not here any more. */
  details(header: HeaderId): HeaderDetails | null {
    const batches = this.#tab?.snapshot().swarm.batches ?? [];
    return this.#proofBook.details(header, batches.map((each) => each.header)); // prettier-ignore
  }

  /** For what changes many times a second. */
  #later(change: Partial<AppState>): void {
    this.#waiting = { ...this.#waiting, ...change };
  }

  #publish(): void {
    this.store.setState(this.#waiting);
    this.#scoreboard?.proofs(this.#counted);
    this.#waiting = {};
    this.#counted = {};
    if (this.#tab && this.#link) publish(this.store, this.#tab, this.#link);
    if (Date.now() >= this.#measuredAt + measureEveryMs) {
      this.#measuredAt = Date.now();
      diskSpace()
        .then((space) => this.store.setState(({ disk }) => ({ disk: { ...disk, space } })))
        .catch(() => undefined); // a browser that does not say
    }
    const [storage, training] = [this.#storage, this.#training];
    if (!storage || !training || this.#counting) return;
    this.#counting = true; // a busy worker is not asked again before it answered
    void Promise.all([storage.totals(), training.totals()])
      .then(([{ ms, headers, chunks }, { commit }]) => {
        this.#counted = { verifyMs: ms, headers, chunks, commitMs: commit };
      })
      .catch(() => undefined)
      .finally(() => (this.#counting = false));
  }

  #log(level: 'info' | 'warn' | 'error', text: string): void {
    addLog(this.store, level, text);
  }

  /** Nothing more happens until the user does something about it. */
  #stop(reason: string): void {
    this.#link?.close();
    this.#tab?.close('the tab stopped');
    void this.#training?.cancel();
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
