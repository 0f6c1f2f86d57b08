import { proxy, transfer, type Remote } from 'comlink';
import { committingThreads, CoordinatorLink, databaseOf, openIdentity, seedOf, startStorage, startTraining } from '../adapters/index.ts'; // prettier-ignore
import type { DataSummary, StorageService, TrainingService } from '../adapters/index.ts';
import { sign, type Identity } from '../crypto/index.ts';
import { bytesToHex, concatBytes, hexToBytes, isTaskId, messageOf, shortId, type HeaderId, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { settingsDigest, limits, protocolVersion, taskIdOf } from '../protocol/index.ts';
import type {
  Answer,
  Metrics,
  RoundRecord,
  ServerMessage,
  TaskDescription,
} from '../protocol/index.ts';
import type { VerifiedMessage } from '../rounds/index.ts';
import { Asker } from './asker.ts';
import type { HeaderDetails } from './header-details.ts';
import { OwnerDriver } from './owner-driver.ts';
import { publish } from './publish.ts';
import { ProofBook } from './proof-book.ts';
import { RoundDriver } from './round-driver.ts';
import type { AppState, ProofsView } from './state.ts';
import { addLog, addNotice, createAppStore, type AppStore } from './store.ts';
import { SwarmDriver } from './swarm-driver.ts';

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
  readonly #wanted: TaskId | null;
  #identity: Identity | null = null;
  #link: CoordinatorLink | null = null;
  #storage: Remote<StorageService> | null = null;
  #training: Remote<TrainingService> | null = null;
  #swarm: SwarmDriver | null = null;
  #rounds: RoundDriver | null = null;
  /** Questions of the coordinator's that are being answered. */
  #answering = 0;
  #counting = false;
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
    await this.#startWorkers(identity);
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
    addEventListener('pagehide', () => this.#swarm?.close('the tab was closed'));
    addEventListener('pageshow', ({ persisted }) => {
      if (persisted) location.reload();
    });
  }

  /** Rejects if a worker's script cannot be loaded: it would answer nothing, ever. */
  async #startWorkers(identity: Identity): Promise<void> {
    const [storage, training] = [startStorage(), startTraining()];
    this.#storage = storage.service;
    this.#training = training.service;
    const broken = Promise.race([storage.broken, training.broken]);
    await Promise.race([this.#open(identity, storage.service, training.service), broken]);
    broken.catch((thrown: unknown) => this.#log('error', messageOf(thrown)));
  }

  async #open(
    identity: Identity,
    storage: Remote<StorageService>,
    training: Remote<TrainingService>,
  ): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    await Promise.all([
      storage.connect(transfer(port1, [port1])),
      training.connect(transfer(port2, [port2])),
    ]);
    await storage.open(
      databaseOf(identity),
      proxy((problem: string) => {
        addNotice(this.store, `Chunks are kept in memory only: ${problem}`);
      }),
      proxy((header: HeaderId, index: number) => {
        this.#swarm?.lost(header, index);
        this.#rounds?.lost(header, index);
      }),
    );
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
    this.#rounds?.setData(data.state === 'ready' && active ? data.summary.training : null);
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
      case 'ask':
        void this.#answer(message);
        return;
      case 'signal':
        this.#swarm?.signal(message.from, message.session, message.data);
        return;
      case 'members':
        this.store.setState({ members: message.members });
        this.#swarm?.setMembers(message.members.filter(({ online }) => online));
        break;
      case 'caught':
        this.#log('warn', `${message.what} of ${shortId(message.peer)} refused: ${message.reason}`);
        this.#proofBook.refused(message.peer, message.what, message.reason, 'owner');
        break;
      case 'failed':
        this.#log('warn', `round ${message.round} failed: ${message.reason}`);
        break;
      case 'metrics':
        void this.owner.refresh(); // the round's audit is done by then
        this.#measured(message.round, message.metrics);
        break;
      case 'marked':
        this.#marked(message.round, message.revokedUpdates);
        break;
      case 'finished':
        this.store.setState({ finished: true });
        break;
      case 'last-round':
        this.#lastRound(message.lastRound);
        break;
      case 'open':
      case 'closed':
      case 'state':
      case 'replaced':
      case 'quantise':
      case 'manifest':
      case 'frozen':
      case 'relay':
      case 'chunk':
      case 'upload':
        break;
    }
    this.#rounds?.receive(message);
  }

  /** Proves something to the coordinator; a few questions at a time. */
  async #answer({ id, header, question }: Extract<ServerMessage, { type: 'ask' }>): Promise<void> {
    const [identity, task] = [this.#identity, this.store.getState().task];
    if (!this.#storage || !identity || !task || this.#answering >= limits.questions) {
      const reason = 'too many questions: ask again later';
      this.#link?.send({ type: 'answer', id, answer: { kind: 'refused', reason } });
      return;
    }
    this.#answering++;
    const parties = { auditor: task.description.ownerKey, holder: identity.id };
    const answer = await this.#storage
      .answer(header, question, parties)
      .catch((thrown: unknown): Answer => {
        return { kind: 'refused', reason: messageOf(thrown).slice(0, 500) };
      });
    this.#answering--;
    this.#link?.send({ type: 'answer', id, answer });
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
    if (this.#rounds === null) this.#join(message, id);
    return true;
  }

  #join(message: Extract<ServerMessage, { type: 'welcome' }>, task: TaskId): void {
    const [identity, storage, training] = [this.#identity, this.#storage, this.#training];
    if (!identity || !storage || !training) return;
    const { description, membership, iceServers } = message;
    const onLog = (level: 'info' | 'warn' | 'error', text: string) => this.#log(level, text);
    const opened = Promise.resolve(training.open(description));
    this.#swarm = new SwarmDriver({
      ...{ identity, task, description, membership, iceServers, storage, onLog },
      signal: (to, session, data) => this.#link?.send({ type: 'signal', to, session, data }),
      onStored: (header, index) => this.#rounds?.stored(header, index),
      onRefused: (header, index, from, reason) => {
        this.#proofBook.refused(from, `chunk ${index} of ${shortId(header)}`, reason, 'tab');
        this.#rounds?.refused(header, index, from, reason);
      },
    });
    this.asker.join({ self: identity.id, description, swarm: this.#swarm, storage });
    this.#rounds = new RoundDriver({
      ...{ identity, task, storage, training, onLog },
      ready: opened.then(() => this.#openCrs(task, description, storage, training)),
      swarm: this.#swarm,
      send: (outgoing) => this.#link?.send(outgoing),
      onTraining: (training) => this.#later({ training }),
      onPaused: () => this.store.setState({ active: false }),
      onAggregated: (round, digest) => {
        const hex = bytesToHex(digest);
        this.store.setState(({ digests }) => ({ digests: new Map(digests).set(round, hex) }));
      },
      onVerified: (verified) => this.#verified(verified),
      onRefused: (type, reason) => this.#refused(type, reason),
      onSealing: (sealing) => this.#later({ sealing }),
      onTimed: (round, timing) => {
        this.store.setState(({ timings }) => ({
          timings: new Map([...timings, [round, timing] as const].slice(-limits.historyRounds)),
        }));
      },
      onEvaluated: (round, metrics) => {
        this.store.setState(({ own }) => ({ own: new Map(own).set(round, metrics) }));
      },
    });
    this.#log('info', `joined “${description.name}” as ${shortId(identity.id)}`);
    opened
      .then(async () => this.store.setState({ device: await training.device() }))
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
    const onProgress = (share: number) => this.#proofs({ crs: { state: 'verifying', share } });
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
    this.#proofs({ crs: { state: 'ready', ms, cached } });
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

  #verified(message: VerifiedMessage): void {
    if (message.type === 'welcome' || message.type === 'state') this.#revocations(message);
    if (message.type === 'manifest') {
      this.asker.learnScales(message.manifest.round, message.manifest.scales);
    }
    if (message.type === 'open') {
      const { round, cohort } = message.open;
      this.#log('info', `round ${round} opened with ${cohort.length} members`);
      this.store.setState({ cohort });
    }
    if (message.type === 'replaced') {
      this.#log('warn', `the Data Owner replaced the model of round ${message.model.round}`);
    }
    if (message.type !== 'closed') return;
    this.#record(message.record);
    void this.owner.refresh();
    this.#proofBook.closed(message.record.round, message.sum);
  }

  #revocations({ revoked, asOf }: { revoked: readonly HeaderId[]; asOf: number }): void {
    const before = this.store.getState().proofs.revoked;
    for (const header of revoked) {
      if (before.includes(header)) continue;
      this.#log('warn', `batch ${shortId(header)} is revoked by the Data Owner`);
    }
    this.#proofs({ revoked, epoch: revoked.length, asOf: asOf * 1000 });
  }

  /** The coordinator said something that does not hold: it is not followed, and people are told. */
  #refused(type: string, reason: string): void {
    this.#log('error', `the coordinator's ${type} was refused: ${reason}`);
    // The first hello names no task: now that it is known, the coordinator is told what this tab knows.
    if (type === 'welcome' && !this.#hasShownCore) {
      this.#link?.again();
      return;
    }
    this.#proofBook.refused(null, type, reason, 'tab');
    addNotice(
      this.store,
      `The coordinator said something that does not hold (${type}): ${reason}.`,
    );
    if (type === 'closed') this.setActive(false); // a model that nobody proved is not trained on
  }

  #proofs(change: Partial<ProofsView>): void {
    if (Object.keys(change).length === 0) return;
    this.store.setState(({ proofs }) => ({ proofs: { ...proofs, ...change } }));
  }

  /** The values by which a batch, or a round's sum, is proved; null if it is not here any more. */
  details(header: HeaderId): HeaderDetails | null {
    const batches = this.#swarm?.snapshot().batches ?? [];
    return this.#proofBook.details(header, batches.map((each) => each.header)); // prettier-ignore
  }

  #record(record: RoundRecord): void {
    this.#log('info', `round ${record.round} closed: ${record.authors.length} updates`);
    this.store.setState(({ history }) => ({
      history: [...history.filter((each) => each.round !== record.round), record].slice(
        -limits.historyRounds,
      ),
    }));
  }

  /** A model turns out to have been made with updates that are revoked. */
  #marked(round: number, revokedUpdates: number): void {
    this.#log(
      'warn',
      `model ${round} was made with ${revokedUpdates === 1 ? 'an update' : `${revokedUpdates} updates`} revoked since`,
    );
    this.store.setState(({ history }) => ({
      history: history.map((each) => (each.round === round ? { ...each, revokedUpdates } : each)),
    }));
  }

  /** The Data Owner lets the task go on. */
  #lastRound(lastRound: number | null): void {
    const { history } = this.store.getState();
    const isFinished = lastRound !== null && (history.at(-1)?.round ?? 0) >= lastRound;
    this.store.setState({ lastRound, finished: isFinished });
    this.#log(
      'info',
      `the task goes on ${lastRound === null ? 'without a last round' : `until round ${lastRound}`}`,
    );
  }

  #measured(round: number, metrics: Metrics): void {
    this.store.setState(({ history }) => ({
      history: history.map((each) => (each.round === round ? { ...each, metrics } : each)),
    }));
  }

  /** For what changes many times a second. */
  #later(change: Partial<AppState>): void {
    this.#waiting = { ...this.#waiting, ...change };
  }

  #publish(): void {
    this.store.setState(this.#waiting);
    this.#proofs(this.#counted);
    this.#waiting = {};
    this.#counted = {};
    if (this.#swarm && this.#rounds && this.#link) {
      publish(this.store, this.#swarm, this.#rounds, this.#link);
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
    this.#swarm?.close('the tab stopped');
    this.#rounds?.close();
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
