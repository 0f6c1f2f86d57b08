import { encodeCanonical, sha256, type Identity, type Signed } from '../crypto/index.ts';
import {
  Bitfield,
  at,
  bytesToHex,
  concatBytes,
  hexToBytes,
  shortId,
  unreachable,
} from '../lib/index.ts';
import type { HeaderId, PeerId, TaskId } from '../lib/index.ts';
import {
  parameterCount,
  scalesOf,
  tensorsOf,
  totalOf,
  weightsBySamples,
} from '../learning/index.ts';
import {
  limits,
  manifestDigest,
  openingOf,
  settingsDigest,
  signManifest,
  signOpen,
  signMembership,
  taskIdOf,
} from '../protocol/index.ts';
import type {
  Manifest,
  Metrics,
  RoundRecord,
  ServerMessage,
  TaskDescription,
} from '../protocol/index.ts';
import {
  decodeHeader,
  headerId,
  type SignedHeader,
  type StateUpdate,
  type VerifiedHeader,
} from '../vds/index.ts';
import { lostAuthors, reportedHoldings, unreachedAuthors, wantedBatches } from './availability.ts';
import type { CollectedSum, CoordinatorEffect, CoordinatorEvent, ManifestPhase, Phase, RoundMessage, ScaledPhase } from './coordinator-state.ts'; // prettier-ignore
import { Members } from './members.ts';
import { meanMetrics } from './metrics.ts';
import { settle } from './settlement.ts';
import { unfitness } from './update-check.ts';
import { summandsOf } from './verify-message.ts';

/** A of a manifest: below it too much of the round was lost. */
const leastWeight = 128;

/** How patient the coordinator is, in ms. */
const patience = {
  /** A connection that was lost may come back so late before the round goes on without it. */
  graceMs: 5_000,
  /** A member asked for its sum has so long before another one is asked. */
  collectMs: 20_000,
  /** After a failed round, times the failures in a row, at most ten times. */
  retryMs: 1_000,
} as const;

export interface CoordinatorOptions {
  readonly description: TaskDescription;
  readonly owner: Identity;
  /** The model that the next round starts from, signed and admitted. */
  readonly model: SignedHeader;
  /** What is revoked. */
  readonly state: StateUpdate;
  /** Rounds closed so far, in order. */
  readonly history: readonly RoundRecord[];
  readonly iceServers: Extract<ServerMessage, { type: 'welcome' }>['iceServers'];
}

/**
 * The coordinator's side of a task's rounds (DESIGN.md §3): takes events and the time, returns
 * effects, does no I/O.
 *
 * Invariants:
 *  1. Every event changes state first; then one `evaluate` decides what follows.
 *  2. Every phase but 'waiting' without members and 'finished' has a deadline, so a round ends;
 *     a sum that was delivered is judged by the shell, which always answers.
 *  3. The model changes in two places only: when a collected sum was proved and hashed to the
 *     agreed digest, and when the Data Owner replaces it.
 *  4. A message that names another round, attempt or revision than the current one is void.
 */
export class RoundCoordinator {
  readonly task: TaskId;
  readonly #options: CoordinatorOptions;
  /** SHA-256 of the description. */
  readonly #settings: Uint8Array;
  readonly #history: RoundRecord[];
  readonly #members = new Members(patience.graceMs);
  /** Metrics of the newest model by member. */
  readonly #metrics = new Map<PeerId, Metrics>();
  #model: SignedHeader;
  #state: StateUpdate;
  #phase: Phase = { name: 'waiting', notBefore: 0 };
  #attempt = 0;
  #failures = 0;
  #effects: CoordinatorEffect[] = [];
  readonly #tensors: number;
  readonly #parameters: number;

  constructor(options: CoordinatorOptions) {
    this.task = taskIdOf(options.description);
    this.#settings = settingsDigest(options.description);
    this.#options = options;
    this.#history = [...options.history];
    this.#model = options.model;
    this.#state = options.state;
    const tensors = tensorsOf(options.description.data, options.description.model);
    this.#tensors = tensors.length;
    this.#parameters = parameterCount(tensors);
    if (this.#closedRounds >= options.description.rounds) this.#phase = { name: 'finished' };
  }

  handle(event: CoordinatorEvent, now: number): CoordinatorEffect[] {
    switch (event.type) {
      case 'joined':
        this.#joined(event.peer, now);
        break;
      case 'left':
        this.#lost(event.peer, now, false);
        break;
      case 'message':
        this.#message(event.peer, event.message, now);
        break;
      case 'header-verified':
        this.#headerVerified(event);
        break;
      case 'delivered':
        if (this.isCollecting(event)) this.#delivered();
        break;
      case 'collected':
        this.#collected(event, now);
        break;
      case 'state':
        this.#stateChanged(event, now);
        break;
      case 'tick':
        break;
      default:
        unreachable(event);
    }
    while (this.#evaluate(now));
    if (this.#members.takeChanged()) {
      this.#broadcast({ type: 'members', members: this.#members.list() });
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `handle` wants to be called again at the latest, or null. ms */
  nextWake(now: number): number | null {
    const phase = this.#phase;
    const times = [this.#members.nextGraceEnd(now)];
    if (phase.name === 'waiting') times.push(phase.notBefore);
    else if (phase.name === 'collecting' && phase.delivered) times.push(null);
    else if (phase.name !== 'finished') times.push(phase.deadline);
    const future = times.filter((time) => time !== null && time > now) as number[];
    return future.length === 0 ? null : Math.min(...future);
  }

  /** For the log, the metrics page and tests. */
  snapshot() {
    return {
      phase: this.#phase.name,
      round: this.#round,
      attempt: this.#attempt,
      members: this.#members.list(),
      history: this.#history,
      model: this.#model,
      /** What headers of the attempt name; null between two. */
      opening: 'open' in this.#phase ? openingOf(this.#phase.open) : null,
    };
  }

  /** Whether this sum is still what the round waits for. */
  isCollecting({ from, ...about }: CollectedSum): boolean {
    const phase = this.#phase;
    if (phase.name !== 'collecting' || !this.#isCurrent(about)) return false;
    return phase.manifest.revision === about.revision && phase.from === from;
  }

  isMember(peer: PeerId): boolean {
    return this.#members.isOnline(peer);
  }

  /** The round that is open or opens next. */
  get #round(): number {
    return this.#closedRounds + 1;
  }

  get #closedRounds(): number {
    return this.#history.at(-1)?.round ?? 0;
  }

  #joined(peer: PeerId, now: number) {
    const online = this.#members.online().length;
    if (!this.isMember(peer) && online >= this.#options.description.members.maximum) {
      const reason = `the task is full: it takes ${online} members`;
      this.#effects.push({ type: 'refuse', to: peer, reason });
      return;
    }
    this.#members.join(peer);
    const membership = signMembership(
      { task: this.task, peer, issuedAt: Math.floor(now / 1000) },
      this.#options.owner,
    );
    this.#send(peer, {
      type: 'welcome',
      now: Math.floor(now / 1000),
      description: this.#options.description,
      membership,
      model: this.#model,
      state: this.#state,
      history: this.#history.slice(-limits.historyRounds),
      iceServers: this.#options.iceServers,
    });
    this.#catchUp(peer, now);
  }

  /** Tells a member that is back where its round is. */
  #catchUp(peer: PeerId, now: number) {
    const phase = this.#phase;
    if (phase.name === 'finished') {
      this.#send(peer, { type: 'finished' });
      return;
    }
    if (phase.name === 'waiting' || !phase.cohort.includes(peer)) return;
    const remainingMs = Math.max(0, Math.round(phase.deadline - now));
    const { name } = phase;
    if (name === 'training' || name === 'sealing') {
      this.#send(peer, this.#openMessage(phase.open, remainingMs));
      if (name === 'sealing') this.#askToQuantise(phase, peer, remainingMs);
    } else if (phase.headers.has(peer)) {
      phase.held.delete(peer);
      phase.done.delete(peer);
      this.#send(peer, this.#manifestMessage(phase));
    }
  }

  #lost(peer: PeerId, now: number, left: boolean) {
    const phase = this.#phase;
    const kept = 'cohort' in phase && phase.cohort.includes(peer);
    this.#members.lose(peer, { left, kept }, now);
  }

  #message(peer: PeerId, message: RoundMessage, now: number) {
    if (!this.isMember(peer)) return;
    const phase = this.#phase;
    switch (message.type) {
      case 'ready':
        this.#members.setReady(peer, true, message.samples);
        break;
      case 'rest':
        this.#members.setReady(peer, false, 0);
        break;
      case 'bye':
        this.#lost(peer, now, true);
        break;
      case 'trained':
        if (!this.#isCurrent(message) || !('cohort' in phase) || !phase.cohort.includes(peer))
          break;
        if (message.magnitudes.length !== this.#tensors) {
          this.#warn(`${shortId(peer)}: ${message.magnitudes.length} magnitudes, not one a tensor`);
        } else if (phase.name === 'training') {
          phase.trained.set(peer, message);
        }
        break;
      case 'header':
        if (phase.name !== 'sealing' || !this.#isCurrent(message)) break;
        if ((phase.weights.get(peer) ?? 0) === 0) break;
        if (phase.headers.has(peer) || phase.verifying.has(peer)) break;
        if (!this.#isFitting(phase, peer, message.signed)) break;
        phase.verifying.add(peer);
        this.#effects.push({
          type: 'verify-header',
          peer,
          round: message.round,
          attempt: message.attempt,
          signed: message.signed,
        });
        break;
      case 'progress': {
        if (!('held' in phase) || !this.#isCurrent(message) || !phase.headers.has(peer)) break;
        const held = new Map<HeaderId, Bitfield>();
        for (const header of phase.headers.values()) {
          const bits = message.held.find((each) => each.header === header.id)?.bits;
          const field = bits && Bitfield.fromBytes(bits, header.columns.length);
          if (field) held.set(header.id, field);
        }
        phase.held.set(peer, held);
        break;
      }
      case 'done':
        if (phase.name !== 'exchanging' || !this.#isCurrent(message)) break;
        if (message.revision !== phase.manifest.revision || !phase.headers.has(peer)) break;
        phase.done.set(peer, bytesToHex(message.digest));
        break;
      case 'metrics':
        this.#metricsOf(peer, message);
        break;
      default:
        unreachable(message);
    }
  }

  #metricsOf(peer: PeerId, message: Extract<RoundMessage, { type: 'metrics' }>) {
    const last = this.#history.at(-1);
    if (last?.round !== message.round) return;
    this.#metrics.set(peer, message.metrics);
    const metrics = meanMetrics([...this.#metrics.values()]);
    const record = { ...last, metrics };
    this.#history[this.#history.length - 1] = record;
    this.#effects.push({ type: 'save-record', record });
    this.#broadcast({ type: 'metrics', round: record.round, metrics });
  }

  #headerVerified(event: Extract<CoordinatorEvent, { type: 'header-verified' }>) {
    const phase = this.#phase;
    if (phase.name !== 'sealing' || !this.#isCurrent(event)) return;
    if (!phase.verifying.delete(event.peer)) return;
    const { result, peer } = event;
    if (result.ok) phase.headers.set(peer, result.value);
    else this.#caught(peer, 'header', result.error);
  }

  /** Whether a header is the update that was asked for; what is not is never countersigned. */
  #isFitting({ open }: ScaledPhase, author: PeerId, signed: SignedHeader): boolean {
    const { scalars } = this.#options.description.exchange;
    const opening = openingOf(open);
    const asked = { author, opening, round: this.#round, scalars, parameters: this.#parameters };
    const decoded = decodeHeader(signed.header);
    const problem = decoded.ok ? unfitness(decoded.value, asked) : decoded.error;
    if (problem !== null) this.#caught(author, 'header', problem);
    return problem === null;
  }

  #caught(peer: PeerId, what: 'header' | 'sum', reason: string) {
    this.#warn(`${shortId(peer)}: ${what} refused: ${reason}`);
    this.#broadcast({ type: 'caught', peer, what, reason: reason.slice(0, limits.reasonLength) });
  }

  /** From here on the round waits for the shell alone, which always answers. */
  #delivered() {
    if (this.#phase.name === 'collecting') this.#phase = { ...this.#phase, delivered: true };
  }

  #collected(event: Extract<CoordinatorEvent, { type: 'collected' }>, now: number) {
    const phase = this.#phase;
    if (phase.name !== 'collecting' || !this.isCollecting(event)) return;
    if (!event.result.ok) {
      this.#caught(event.from, 'sum', event.result.error);
      this.#askForSum(phase, phase.digest, phase.candidates, now);
      return;
    }
    const { record } = phase;
    const { model, sum } = event.result.value;
    this.#model = model;
    this.#history.push(record);
    this.#metrics.clear();
    this.#failures = 0;
    this.#attempt = 0;
    this.#log(`round ${record.round} closed: ${record.authors.length} updates, ${record.ms} ms`);
    this.#broadcast({ type: 'closed', record, model, sum });
    this.#phase = { name: 'waiting', notBefore: now };
    this.#members.forgetGone();
  }

  /** A revoked update is taken out of the open round; with a revoked model the round starts over. */
  #stateChanged(
    { update, replacement }: Extract<CoordinatorEvent, { type: 'state' }>,
    now: number,
  ) {
    this.#state = update;
    this.#broadcast({ type: 'state', update });
    const phase = this.#phase;
    if (replacement !== null) {
      if ('cohort' in phase) this.#fail('the model was replaced', now);
      this.#model = replacement;
      this.#broadcast({ type: 'replaced', model: replacement });
      return;
    }
    if (!('headers' in phase)) return;
    const revoked = [...phase.headers].filter(([, { id }]) => update.revoked.includes(id));
    if (revoked.length === 0) return;
    const authors = revoked.map(([author]) => author);
    if (phase.name === 'sealing') {
      const isKept = ([author]: readonly [PeerId, unknown]) => !authors.includes(author);
      const trained = new Map([...phase.trained].filter(isKept));
      this.#phase = { ...phase, trained, headers: new Map([...phase.headers].filter(isKept)) };
    } else {
      this.#reissue(phase, authors, now);
    }
  }

  /** Takes one step if one is due; true if it did, so that the next can be looked at. */
  #evaluate(now: number): boolean {
    const phase = this.#phase;
    const members = this.#members;
    const { deadlines, rounds } = this.#options.description;
    const { minimum, quorum } = this.#options.description.members;
    switch (phase.name) {
      case 'finished':
        return false;
      case 'waiting': {
        if (this.#closedRounds >= rounds) {
          this.#phase = { name: 'finished' };
          this.#broadcast({ type: 'finished' });
          return false;
        }
        const cohort = members.ready();
        const first = this.#closedRounds === 0 && this.#attempt === 0;
        if (now < phase.notBefore || cohort.length < (first ? minimum : quorum)) return false;
        this.#attempt++;
        const deadline = now + deadlines.trainMs;
        const open = this.#signOpen(cohort, now);
        this.#phase = {
          name: 'training',
          openedAt: now,
          deadline,
          cohort,
          open,
          trained: new Map(),
        };
        for (const peer of cohort) this.#send(peer, this.#openMessage(open, deadlines.trainMs));
        this.#log(`round ${this.#round} open: ${cohort.length} members`);
        return true;
      }
      case 'training': {
        const awaited = phase.cohort.some(
          (p) => !phase.trained.has(p) && members.isReady(p) && members.mayStillCome(p, now),
        );
        if (awaited && now < phase.deadline) return false;
        if (phase.trained.size < quorum) return this.#fail('too few members trained', now);
        const scales = scalesOf([...phase.trained.values()].map((each) => each.magnitudes));
        const trained = [...phase.trained].sort(([a], [b]) => (a < b ? -1 : 1));
        const shares = weightsBySamples(trained.map(([, { metrics }]) => metrics.samples));
        const weights = new Map(trained.map(([peer], k) => [peer, at(shares, k)]));
        const remainingMs = deadlines.admitMs;
        const sealing = { ...phase, scales, weights };
        this.#phase = {
          ...sealing,
          name: 'sealing',
          deadline: now + remainingMs,
          headers: new Map(),
          verifying: new Set(),
        };
        for (const peer of weights.keys()) this.#askToQuantise(sealing, peer, remainingMs);
        return true;
      }
      case 'sealing': {
        const asked = [...phase.weights].filter(([, weight]) => weight > 0);
        const awaited = asked.some(
          ([peer]) =>
            phase.verifying.has(peer) ||
            (!phase.headers.has(peer) && members.mayStillCome(peer, now)),
        );
        if (awaited && now < phase.deadline) return false;
        if (this.#isTooFew(phase, phase.headers)) return this.#fail('too few updates sealed', now);
        this.#exchange(phase, phase.headers, 1, now);
        return true;
      }
      case 'exchanging': {
        const { done, headers, manifest } = phase;
        const lost = lostAuthors(wantedBatches(headers), reportedHoldings(phase), (peer) =>
          members.isPresent(peer, now),
        );
        const awaited = [...headers.keys()].some(
          (p) => !done.has(p) && members.mayStillCome(p, now),
        );
        if (awaited && now < phase.deadline) {
          if (lost.length === 0 || done.size > 0) return false;
          return this.#reissue(phase, lost, now);
        }
        if (done.size >= quorum) {
          const settlement = settle(done, quorum);
          if (settlement === null)
            return this.#fail('the members arrived at different models', now);
          for (const peer of settlement.dissenting) {
            this.#warn(`${shortId(peer)}: arrived at another model than the majority`);
          }
          this.#askForSum(phase, settlement.digest, settlement.agreeing, now);
          return true;
        }
        const present = [...headers.keys()].filter((peer) => members.isPresent(peer, now));
        const unreached = unreachedAuthors(
          wantedBatches(headers),
          reportedHoldings(phase),
          present,
        );
        const dropped = [...new Set([...lost, ...unreached])];
        if (manifest.revision >= 10 || dropped.length === 0) {
          return this.#fail('too few members completed the exchange', now);
        }
        return this.#reissue(phase, dropped, now);
      }
      case 'collecting':
        if (phase.delivered) return false;
        if (members.mayStillCome(phase.from, now) && now < phase.deadline) return false;
        this.#askForSum(phase, phase.digest, phase.candidates, now);
        return true;
      default:
        return unreachable(phase);
    }
  }

  /** Issues a manifest over `headers` and starts the exchange. */
  #exchange(
    phase: ScaledPhase & Partial<Pick<ManifestPhase, 'held'>>,
    headers: ReadonlyMap<PeerId, VerifiedHeader>,
    revision: number,
    now: number,
  ) {
    const { exchangeMs } = this.#options.description.deadlines;
    const admitted = [...headers.values()].sort((a, b) => (a.author < b.author ? -1 : 1));
    const manifest: Manifest = {
      type: 'manifest',
      task: this.task,
      round: this.#round,
      attempt: this.#attempt,
      revision,
      opening: openingOf(phase.open),
      model: headerId(this.#model.header),
      scales: [...phase.scales],
      entries: admitted.map(({ author, id }) => ({
        author,
        header: id,
        samples: phase.trained.get(author)?.metrics.samples ?? 0,
        weight: phase.weights.get(author) ?? 0,
      })),
      exchangeMs,
    };
    const { openedAt, cohort, open, trained, scales, weights } = phase;
    const next = {
      ...{ openedAt, cohort, open, trained, scales, weights, headers, manifest },
      deadline: now + exchangeMs,
      signed: signManifest(manifest, this.#options.owner),
      done: new Map<PeerId, string>(),
      held: phase.held ?? new Map<PeerId, Map<HeaderId, Bitfield>>(),
    };
    this.#phase = { name: 'exchanging', ...next };
    const message = this.#manifestMessage(next);
    for (const { author } of admitted) this.#send(author, message);
  }

  /** Issues the manifest again, one revision higher, without `dropped`. */
  #reissue(phase: ManifestPhase, dropped: readonly PeerId[], now: number): true {
    const headers = new Map([...phase.headers].filter(([author]) => !dropped.includes(author)));
    if (this.#isTooFew(phase, headers)) {
      return this.#fail('too few updates can be had', now);
    }
    this.#warn(`round ${this.#round} goes on without ${dropped.map(shortId).join(', ')}`);
    this.#exchange(phase, headers, phase.manifest.revision + 1, now);
    return true;
  }

  /** Whether these updates are too few, or have lost too much weight, to make a model. */
  #isTooFew({ weights }: ScaledPhase, headers: ReadonlyMap<PeerId, VerifiedHeader>): boolean {
    const total = totalOf([...headers.keys()].map((author) => weights.get(author) ?? 0));
    return headers.size < this.#options.description.members.quorum || total < leastWeight;
  }

  #askForSum(phase: ManifestPhase, digest: string, candidates: readonly PeerId[], now: number) {
    const [from, ...others] = candidates.filter((peer) => this.isMember(peer));
    if (from === undefined) {
      this.#fail('nobody could deliver the sum', now);
      return;
    }
    const { round, attempt, revision, scales } = phase.manifest;
    const deadline = now + patience.collectMs;
    const record = this.#record(phase, digest, now);
    const collecting = {
      name: 'collecting',
      digest,
      from,
      record,
      candidates: others,
      delivered: false,
    } as const;
    this.#phase = { ...phase, ...collecting, deadline };
    const summands = summandsOf(phase.manifest, [...phase.headers.values()]);
    const order = { manifest: manifestDigest(phase.signed), summands };
    this.#effects.push({
      type: 'collect',
      ...{ from, round, attempt, revision, scales, order, digest, record },
    });
    this.#send(from, { type: 'upload', round, attempt, revision });
  }

  #record(phase: ManifestPhase, digest: string, now: number): RoundRecord {
    return {
      round: this.#round,
      attempt: this.#attempt,
      revision: phase.manifest.revision,
      authors: phase.manifest.entries.map((entry) => entry.author),
      ms: Math.round(now - phase.openedAt),
      digest: hexToBytes(digest),
      metrics: null,
    };
  }

  #fail(reason: string, now: number): true {
    this.#failures++;
    this.#warn(`round ${this.#round}, attempt ${this.#attempt} failed: ${reason}`);
    const message = { type: 'failed', round: this.#round, attempt: this.#attempt, reason } as const;
    this.#broadcast(message);
    const pause = patience.retryMs * Math.min(10, this.#failures);
    this.#phase = { name: 'waiting', notBefore: now + pause };
    this.#members.forgetGone();
    return true;
  }

  #isCurrent(message: { readonly round: number; readonly attempt: number }): boolean {
    return message.round === this.#round && message.attempt === this.#attempt;
  }

  #openMessage(open: Signed, remainingMs: number): ServerMessage {
    return { type: 'open', open, model: this.#model, remainingMs };
  }

  /** The statement of the attempt that begins; made once. */
  #signOpen(cohort: readonly PeerId[], now: number): Signed {
    const { owner, description } = this.#options;
    const about = { task: this.task, round: this.#round, attempt: this.#attempt };
    return signOpen(
      {
        type: 'round.open',
        version: 1,
        ...about,
        base: headerId(this.#model.header),
        settings: this.#settings,
        draw: sha256(drawSecret(owner, about, now)),
        cohort: [...cohort].sort(),
        openedAt: Math.round(now),
        durations: { ...description.deadlines },
      },
      owner,
    );
  }

  /** Of weight 0 there is no header and no chunk. */
  #askToQuantise({ scales, weights }: ScaledPhase, peer: PeerId, remainingMs: number) {
    const [round, attempt, weight] = [this.#round, this.#attempt, weights.get(peer) ?? 0];
    if (weight === 0) return;
    this.#send(peer, {
      type: 'quantise',
      round,
      attempt,
      scales: [...scales],
      weight,
      remainingMs,
    });
  }

  #manifestMessage(phase: Pick<ManifestPhase, 'signed' | 'headers'>): ServerMessage {
    const headers = [...phase.headers.values()].map((header) => header.signed);
    return { type: 'manifest', manifest: phase.signed, headers };
  }

  #broadcast(message: ServerMessage) {
    for (const peer of this.#members.online()) this.#send(peer, message);
  }

  /** To members that are offline nothing is sent: they are told on their return. */
  #send(to: PeerId, message: ServerMessage) {
    if (this.isMember(to)) this.#effects.push({ type: 'send', to, message });
  }

  #log(text: string) {
    this.#effects.push({ type: 'log', level: 'info', text });
  }

  #warn(text: string) {
    this.#effects.push({ type: 'log', level: 'warn', text });
  }
}

/**
 * q of an attempt, 32 bytes: nobody can foresee it, and a coordinator that starts again computes
 * it anew.
 */
function drawSecret(
  { secret }: Identity,
  about: { readonly task: TaskId; readonly round: number; readonly attempt: number },
  openedAt: number,
): Uint8Array {
  const of = encodeCanonical({ type: 'draw', ...about, openedAt: Math.round(openedAt) });
  return sha256(concatBytes(secret, of));
}
