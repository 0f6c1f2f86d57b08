import { proxy, type Remote } from 'comlink';
import { CoordinatorLink, databaseOf, openIdentity, seedOf, startStorage, startTraining } from '../adapters/index.ts'; // prettier-ignore
import type { DataSummary, StorageService, TrainingService } from '../adapters/index.ts';
import { sign, type Identity } from '../crypto/index.ts';
import { bytesToHex, concatBytes, hexToBytes, isTaskId, messageOf, shortId, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { protocolVersion, taskIdOf } from '../protocol/index.ts';
import type { Metrics, RoundRecord, ServerMessage } from '../protocol/index.ts';
import { publish } from './publish.ts';
import { RoundDriver } from './round-driver.ts';
import { addLog, addNotice, createAppStore, type AppStore } from './store.ts';
import { SwarmDriver } from './swarm-driver.ts';

const publishEveryMs = 250;

/**
 * The tab: its identity, its connection to the coordinator, its workers, its part in the swarm
 * and in the rounds. Writes the store that the dashboard shows.
 */
export class Participant {
  readonly store: AppStore = createAppStore();
  readonly #wanted: TaskId | null;
  #identity: Identity | null = null;
  #link: CoordinatorLink | null = null;
  #storage: Remote<StorageService> | null = null;
  #training: Remote<TrainingService> | null = null;
  #swarm: SwarmDriver | null = null;
  #rounds: RoundDriver | null = null;

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
    this.#storage = startStorage();
    this.#training = startTraining();
    await this.#storage.open(
      databaseOf(identity),
      proxy((problem: string) => {
        addNotice(this.store, `Chunks are kept in memory only: ${problem}`);
      }),
    );
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
    const { own, digests, batches, ...state } = this.store.getState();
    return {
      ...state,
      own: Object.fromEntries(own),
      digests: Object.fromEntries(digests),
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
        this.#hello(message);
        return;
      case 'refused':
        if (!message.again) this.#stop(`The coordinator refused: ${message.reason}.`);
        else this.#log('warn', `the coordinator closed the connection: ${message.reason}`);
        return;
      case 'welcome':
        if (!this.#welcome(message)) return;
        break;
      case 'signal':
        this.#swarm?.signal(message.from, message.session, message.data);
        return;
      case 'members':
        this.store.setState({ members: message.members });
        this.#swarm?.setMembers(message.members.filter((m) => m.online).map((m) => m.peer));
        break;
      case 'open':
        this.#log('info', `round ${message.round} opened with ${message.cohort.length} members`);
        this.store.setState({ cohort: message.cohort });
        break;
      case 'closed':
        this.#record(message.record);
        break;
      case 'failed':
        this.#log('warn', `round ${message.round} failed: ${message.reason}`);
        break;
      case 'metrics':
        this.#measured(message.round, message.metrics);
        break;
      case 'finished':
        this.store.setState({ finished: true });
        break;
      case 'quantise':
      case 'manifest':
      case 'upload':
        break;
    }
    this.#rounds?.receive(message);
  }

  #hello({ nonce, version }: Extract<ServerMessage, { type: 'challenge' }>): void {
    const identity = this.#identity;
    if (!identity) return;
    if (version !== protocolVersion) {
      this.#stop(
        `This page is of version ${protocolVersion}, the coordinator of ${version}: reload.`,
      );
      return;
    }
    const signature = sign('hello', concatBytes(nonce, hexToBytes(identity.id)), identity);
    this.#link?.send({
      type: 'hello',
      version,
      task: this.store.getState().task?.id ?? this.#wanted,
      peer: identity.id,
      signature,
      client: `murmuration/${__VERSION__}`,
    });
  }

  /** First welcome: builds the tab's part in the task. Later ones come after a reconnection. */
  #welcome(message: Extract<ServerMessage, { type: 'welcome' }>): boolean {
    const { description, history } = message;
    const id = taskIdOf(description);
    const known = this.store.getState().task?.id ?? this.#wanted;
    if (known !== null && known !== id) {
      this.#stop('The coordinator offers another task than the one that the link names.');
      return false;
    }
    this.store.setState({ connection: { state: 'online' }, task: { id, description }, history });
    if (this.#rounds === null) this.#join(message, id);
    return true;
  }

  #join(message: Extract<ServerMessage, { type: 'welcome' }>, task: TaskId): void {
    const [identity, storage, training] = [this.#identity, this.#storage, this.#training];
    if (!identity || !storage || !training) return;
    const { description, membership, iceServers } = message;
    const onLog = (level: 'info' | 'warn' | 'error', text: string) => this.#log(level, text);
    this.#swarm = new SwarmDriver({
      ...{ self: identity.id, task, description, membership, iceServers, storage, onLog },
      signal: (to, session, data) => this.#link?.send({ type: 'signal', to, session, data }),
      onStored: (header, index) => this.#rounds?.stored(header, index),
    });
    this.#rounds = new RoundDriver({
      ...{ identity, task, description, storage, training, onLog },
      swarm: this.#swarm,
      send: (outgoing) => this.#link?.send(outgoing),
      onTraining: (progress) => this.store.setState({ training: progress }),
      onPaused: () => this.store.setState({ active: false }),
      onAggregated: (round, digest) => {
        const hex = bytesToHex(digest);
        this.store.setState(({ digests }) => ({ digests: new Map(digests).set(round, hex) }));
      },
      onEvaluated: (round, metrics) => {
        this.store.setState(({ own }) => ({ own: new Map(own).set(round, metrics) }));
      },
    });
    this.#log('info', `joined “${description.name}” as ${shortId(identity.id)}`);
    const opened = training.open(description);
    opened
      .then(async () => this.store.setState({ device: await training.device() }))
      .catch((thrown: unknown) => this.#log('error', messageOf(thrown)));
    if (description.data.kind === 'image' && description.data.builtIn) this.useBuiltIn();
  }

  #record(record: RoundRecord): void {
    this.#log('info', `round ${record.round} closed: ${record.authors.length} updates`);
    this.store.setState(({ history }) => ({
      history: [...history.filter((each) => each.round !== record.round), record],
    }));
  }

  #measured(round: number, metrics: Metrics): void {
    this.store.setState(({ history }) => ({
      history: history.map((each) => (each.round === round ? { ...each, metrics } : each)),
    }));
  }

  #publish(): void {
    if (this.#swarm && this.#rounds && this.#link) {
      publish(this.store, this.#swarm, this.#rounds, this.#link);
    }
  }

  #log(level: 'info' | 'warn' | 'error', text: string): void {
    addLog(this.store, level, text);
  }

  /** Nothing more happens until the user does something about it. */
  #stop(reason: string): void {
    this.#link?.close();
    this.#swarm?.close();
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
