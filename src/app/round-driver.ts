import { proxy, type Remote } from 'comlink';
import { now, type StorageService, type TrainingService } from '../adapters/index.ts';
import type { Identity } from '../crypto/index.ts';
import { messageOf, ok, type HeaderId, type PeerId, type TaskId } from '../lib/index.ts';
import type { ClientMessage, Metrics, VerifiedManifest } from '../protocol/index.ts';
import { isUnsigned, RoundMember, type MemberEffect, type MemberEvent, type RoundServerMessage, type VerifiedMessage } from '../rounds/index.ts'; // prettier-ignore
import { headerId } from '../vds/index.ts';
import { RoundClock } from './round-clock.ts';
import type { RoundTiming } from './state.ts';
import type { SwarmDriver } from './swarm-driver.ts';

export interface RoundDriverOptions {
  readonly identity: Identity;
  readonly task: TaskId;
  readonly storage: Remote<StorageService>;
  readonly training: Remote<TrainingService>;
  readonly swarm: SwarmDriver;
  readonly send: (message: ClientMessage) => void;
  /** Done when the task's CRS is there: nothing can be verified before. */
  readonly ready: Promise<void>;
  readonly onTraining: (progress: { done: number; total: number; loss: number } | null) => void;
  /** Training failed: the tab takes no part until the user says so. */
  readonly onPaused: () => void;
  /** The model that we arrived at ourselves, before anybody told us what it should be. */
  readonly onAggregated: (round: number, digest: Uint8Array) => void;
  /** A model on our own validation data. */
  readonly onEvaluated: (round: number, metrics: Metrics) => void;
  /** A message of the coordinator that holds. */
  readonly onVerified: (message: VerifiedMessage) => void;
  /** A message of the coordinator that does not hold, and is not followed. */
  readonly onRefused: (type: RoundServerMessage['type'], reason: string) => void;
  /** Progress of committing, 0…1; null when it is over. */
  readonly onSealing: (share: number | null) => void;
  /** A round is closed: where its time went in this tab. */
  readonly onTimed: (round: number, timing: RoundTiming) => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', text: string) => void;
}

type Effect<T extends MemberEffect['type']> = Extract<MemberEffect, { type: T }>;

/** Drives a tab's round machine: carries its effects out on the workers and the swarm. */
export class RoundDriver {
  readonly #options: RoundDriverOptions;
  readonly #member: RoundMember;
  /** Messages are verified, and what changes the store is done, in the order it came. */
  #verifying: Promise<void>;
  #storing: Promise<void> = Promise.resolve();
  /** Batches that this tab made itself and has not begun to serve. */
  readonly #made = new Set<HeaderId>();
  readonly #progress: ReturnType<typeof setInterval>;
  readonly #clock = new RoundClock(now());
  /** When the round was opened, as seen from here. ms */
  #openedAt = 0;

  constructor(options: RoundDriverOptions) {
    this.#options = options;
    this.#member = new RoundMember(options.identity);
    this.#verifying = options.ready;
    // Progress that was held back is sent; nothing else waits for this tick.
    this.#progress = setInterval(() => this.#handle({ type: 'tick' }), 500);
  }

  /** Takes a message from the coordinator, once its signatures hold. */
  receive(message: RoundServerMessage): void {
    const { storage, onVerified, onRefused, onLog } = this.#options;
    this.#verifying = this.#verifying
      .then(async () => {
        const verified = isUnsigned(message) ? ok(message) : await storage.verify(message);
        if (!verified.ok) {
          onRefused(message.type, verified.error);
          return;
        }
        if (verified.value.type === 'open') this.#openedAt = now();
        onVerified(verified.value);
        this.#handle({ type: 'message', message: verified.value });
        if (verified.value.type === 'closed') await this.#timed(verified.value.record.round);
      })
      .catch((thrown: unknown) => onLog('error', messageOf(thrown)));
  }

  /** @param samples to train on; null for none, or for a pause */
  setData(samples: number | null): void {
    this.#handle({ type: 'data', samples });
  }

  lost(header: HeaderId, index: number): void {
    this.#handle({ type: 'lost', header, index });
  }

  stored(header: HeaderId, index: number): void {
    this.#handle({ type: 'stored', header, index });
  }

  /** A chunk does not hold as a peer sent it. */
  refused(header: HeaderId, index: number, from: PeerId, reason: string): void {
    this.#handle({ type: 'refused', header, index, from, reason });
  }

  snapshot() {
    return this.#member.snapshot();
  }

  close(): void {
    clearInterval(this.#progress);
    void this.#options.training.cancel();
  }

  #handle(event: MemberEvent): void {
    const effects = this.#member.handle(event, now());
    this.#clock.enter(this.#member.snapshot().step.name, now());
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: MemberEffect): void {
    const { training, onLog } = this.#options;
    switch (effect.type) {
      case 'send':
        this.#options.send(effect.message);
        break;
      case 'fetch':
        this.#inOrder(async () => {
          const bits = await this.#options.swarm.add(effect.header, effect.readers);
          const { id } = effect.header;
          if (!this.#made.delete(id)) this.#options.swarm.counters.resumed += bits.count;
          this.#handle({ type: 'held', header: id, bits });
        });
        break;
      case 'keep':
        this.#inOrder(() => this.#options.swarm.keep(effect.headers));
        break;
      case 'drop':
        this.#inOrder(() => this.#options.swarm.drop(effect.headers));
        break;
      case 'train':
        this.#guard(this.#train(effect));
        break;
      case 'pause':
        this.#options.onPaused();
        break;
      case 'cancel-training':
        this.#guard(training.cancel());
        break;
      case 'seal':
        this.#inOrder(() => this.#seal(effect));
        break;
      case 'aggregate':
        this.#guard(this.#aggregate(effect), () => this.#sumFailed(effect.manifest));
        break;
      case 'relay':
        this.#guard(this.#relay(effect));
        break;
      case 'take':
        this.#options.swarm.take(effect.header, effect.index, effect.payload);
        break;
      case 'upload':
        this.#guard(this.#upload(effect), () => this.#sumFailed(effect.manifest));
        break;
      case 'feedback':
        this.#guard(training.feedback(effect.included));
        break;
      case 'install':
        this.#inOrder(() => this.#install(effect));
        break;
      case 'evaluate':
        this.#guard(this.#evaluate(effect));
        break;
      case 'log':
        onLog('warn', effect.text);
        break;
    }
  }

  async #train({ round, attempt, model }: Effect<'train'>): Promise<void> {
    const { training, onTraining, onLog } = this.#options;
    try {
      const onProgress = proxy((done: number, total: number, loss: number) =>
        onTraining({ done, total, loss }),
      );
      const result = await training.train(model.id, onProgress);
      if (result !== null) this.#handle({ type: 'trained', round, attempt, ...result });
    } catch (thrown) {
      onLog('error', `training failed: ${messageOf(thrown)}`);
      this.#handle({ type: 'train-failed', round, attempt });
    }
    onTraining(null);
  }

  async #seal({ round, attempt, opening, scales }: Effect<'seal'>): Promise<void> {
    const { training, identity, task, onSealing } = this.#options;
    const elapsedMs = Math.max(0, now() - this.#openedAt);
    const order = { task, round, opening, secret: identity.secret, elapsedMs };
    const signed = await training.seal(order, scales, proxy(onSealing));
    onSealing(null);
    this.#made.add(headerId(signed.header));
    this.#handle({ type: 'sealed', round, attempt, signed });
  }

  async #aggregate({ manifest, model }: Effect<'aggregate'>): Promise<void> {
    const { round, attempt, revision, scales, entries } = manifest;
    const digest = await this.#options.training.aggregate(model.id, entries, scales);
    this.#options.onAggregated(round, digest);
    this.#handle({ type: 'aggregated', round, attempt, revision, digest });
  }

  #sumFailed({ round, attempt, revision }: VerifiedManifest): void {
    this.#handle({ type: 'sum-failed', round, attempt, revision });
  }

  async #relay({ round, attempt, header, index }: Effect<'relay'>): Promise<void> {
    const payload = await this.#options.storage.chunk(header, index);
    this.#options.send({ type: 'relayed', round, attempt, header, index, payload });
  }

  /** Proves the sum against the manifest and sends it. */
  async #upload({ manifest }: Effect<'upload'>): Promise<void> {
    const { training, identity, task, send, onSealing } = this.#options;
    const { round, attempt, revision, entries, opening, digest } = manifest;
    const order = { task, round, opening, manifest: digest, secret: identity.secret };
    const { signed, payloads } = await training.sealSum(order, entries, proxy(onSealing));
    onSealing(null);
    send({ type: 'sum-header', round, attempt, revision, signed });
    payloads.forEach((payload, index) =>
      send({ type: 'sum', round, attempt, revision, index, payload }),
    );
  }

  async #install({ model }: Effect<'install'>): Promise<void> {
    if (await this.#options.training.install(model)) {
      this.#made.add(model.id);
      return;
    }
    this.#options.onLog('warn', `model ${model.round} is not the one computed here: fetching it`);
  }

  async #evaluate({ model }: Effect<'evaluate'>): Promise<void> {
    const metrics = await this.#options.training.evaluate(model.id);
    this.#options.onEvaluated(model.round, metrics);
    this.#handle({ type: 'evaluated', round: model.round, metrics });
  }

  async #timed(round: number): Promise<void> {
    const { storage, training, onTimed } = this.#options;
    const steps = this.#clock.close(now());
    const [{ ms: verify }, { commit, evaluate }] = await Promise.all([
      storage.totals(),
      training.totals(),
    ]);
    onTimed(round, { steps, work: this.#clock.workSince({ commit, verify, evaluate }) });
  }

  #inOrder(work: () => Promise<void>): void {
    this.#storing = this.#storing
      .then(work)
      .catch((thrown: unknown) => this.#options.onLog('error', messageOf(thrown)));
  }

  #guard(work: Promise<void>, onFailed: () => void = () => undefined): void {
    work.catch((thrown: unknown) => {
      this.#options.onLog('error', messageOf(thrown));
      onFailed();
    });
  }
}
