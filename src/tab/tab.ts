import type { Identity } from '../crypto/index.ts';
import { unreachable, type HeaderId, type PeerId, type Random, type TaskId } from '../lib/index.ts';
import { limits, type ServerMessage, type TaskDescription, type VerifiedManifest } from '../protocol/index.ts'; // prettier-ignore
import { isUnsigned, RoundMember, type MemberEffect, type MemberEvent, type VerifiedMessage } from '../rounds/index.ts'; // prettier-ignore
import { neighbours, SwarmEngine, type Credentials, type SwarmEvent } from '../swarm/index.ts';
import { headerId } from '../vds/index.ts';
import type { TabEffect, TabEvent } from './events.ts';
import { Inbox } from './inbox.ts';
import { Orders } from './orders.ts';
import { RoundClock } from './round-clock.ts';

type Event<T extends TabEvent['type']> = Extract<TabEvent, { type: T }>;

export interface TabOptions {
  readonly identity: Identity;
  readonly task: TaskId;
  readonly description: TaskDescription;
  /** How it shows neighbours who it is, and looks at who they are. */
  readonly credentials: Credentials;
  /** What neighbours are told of this program. */
  readonly client: string;
  readonly random: Random;
  /** ms, of the clock whose time {@link Tab.handle} is given */
  readonly now: number;
}

/**
 * One tab, once it is a member of a task: its part in the swarm (`swarm/engine`), its part in the
 * rounds (`rounds/member`), and what happens between the two. Takes events and the time, returns
 * effects, does no I/O.
 *
 * Invariants:
 *  1. Nothing signed that the coordinator says is followed before it was verified, and messages are
 *     followed in the order in which they came.
 *  2. What changes the store is done in the order in which it was decided; what is dropped is not
 *     served from the moment on at which that was decided.
 *  3. A chunk is announced, vouched for and added up only after the store said that it was verified
 *     and kept.
 *  4. Whatever cannot be carried out is said, costs what depends on it, and nothing else.
 */
export class Tab {
  readonly #options: TabOptions;
  readonly #engine: SwarmEngine;
  readonly #member: RoundMember;
  readonly #orders = new Orders();
  readonly #clock: RoundClock;
  readonly #inbox = new Inbox();
  /** Batches that are to be had, whether the store was asked for them already or not. */
  #wanted = new Set<HeaderId>();
  /** Batches that this tab made itself and has not begun to serve. */
  readonly #made = new Set<HeaderId>();
  /** When the round was opened, as seen from here. ms */
  #openedAt: number;
  /** Questions of the coordinator's that are being answered. */
  #answering = 0;
  readonly #totals = { resumed: 0, seeded: 0, seededBytes: 0 };
  /** What the engine is told in this step. */
  readonly #toSwarm: SwarmEvent[] = [];
  #effects: TabEffect[] = [];
  #now: number;

  constructor(options: TabOptions) {
    const { identity, task, description, credentials, client, random, now } = options;
    this.#options = options;
    this.#member = new RoundMember(identity);
    this.#engine = new SwarmEngine({
      ...{ task, credentials, client, random },
      uploadSlots: description.exchange.uploadSlots,
    });
    this.#clock = new RoundClock(now);
    this.#openedAt = now;
    this.#now = now;
  }

  /** @param events that came together */
  handle(events: readonly TabEvent[], now: number): TabEffect[] {
    this.#now = now;
    for (const event of events) this.#hear(event);
    this.#decideSwarm();
    this.#put(...this.#orders.begin());
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** When `handle` wants to be called again at the latest, or null. ms */
  nextWake(now: number): number | null {
    const next = Math.min(this.#engine.nextWake(now) ?? Infinity, this.#member.nextWake); // prettier-ignore
    return Number.isFinite(next) ? Math.max(next, now + 1) : null;
  }

  /** The round, the swarm and what came from where, for the dashboard. */
  snapshot() {
    return { ...this.#member.snapshot(), swarm: this.#engine.snapshot(), ...this.#totals };
  }

  #hear(event: TabEvent): void {
    switch (event.type) {
      case 'heard':
        this.#listen(event.message);
        break;
      case 'crs-ready':
        this.#inbox.open();
        this.#readOn();
        break;
      case 'verified':
        this.#verified(event);
        break;
      case 'data':
      case 'full':
      case 'trained':
        this.#round(event);
        break;
      case 'fetch':
        this.#fetch(event);
        break;
      case 'forget':
        this.#drop(event.headers);
        break;
      case 'held':
        this.#held(event);
        break;
      case 'dropped':
        this.#orders.done();
        break;
      case 'installed':
        this.#installed(event);
        break;
      case 'stored':
        this.#stored(event);
        break;
      case 'refused':
        this.#refused(event);
        break;
      case 'lost':
        this.#swarm(event);
        this.#round(event);
        break;
      case 'seeded':
        this.#totals.seededBytes += event.payload?.length ?? 0;
        this.#swarm(event);
        break;
      case 'answered':
        this.#answered(event);
        break;
      case 'relayed':
        this.#tell(event);
        break;
      case 'sealed':
        this.#made.add(headerId(event.signed.header));
        this.#round(event);
        break;
      case 'aggregated':
        this.#put({ type: 'computed', round: event.round, digest: event.digest });
        this.#round(event);
        break;
      case 'evaluated':
        this.#put({ type: 'measured', round: event.round, metrics: event.metrics });
        this.#round(event);
        break;
      case 'sum-proved':
        this.#deliver(event);
        break;
      case 'failed':
        this.#failed(event);
        break;
      case 'tick':
        this.#swarm(event);
        this.#round(event);
        break;
      default:
        this.#swarm(event);
    }
  }

  #listen(message: ServerMessage): void {
    switch (message.type) {
      case 'signal':
        this.#put(message);
        return;
      case 'ask':
        this.#asked(message);
        return;
      case 'challenge':
      case 'show-state':
      case 'refused':
        return; // about the connection, which is not the tab's
      case 'members':
        this.#connect(message.members.filter(({ online }) => online));
        break;
      default:
        break;
    }
    if (this.#inbox.add(message)) {
      this.#readOn();
      return;
    }
    // What is left out is said again to who comes back.
    this.#log('warn', 'the coordinator says more than can be verified: connecting anew');
    this.#put({ type: 'reconnect' });
  }

  /** Connects with whom the task's topology says. */
  #connect(members: Parameters<typeof neighbours>[1]): void {
    const { description, identity } = this.#options;
    const peers = neighbours(description.exchange.topology, members, identity.id);
    this.#put({ type: 'neighbours', peers });
    this.#swarm({ type: 'neighbours', peers });
  }

  #readOn(): void {
    for (let next = this.#inbox.next(); next; next = this.#inbox.next()) {
      if (isUnsigned(next)) {
        this.#follow(next);
        continue;
      }
      this.#inbox.verifying();
      this.#put({ type: 'verify', message: next });
    }
  }

  #verified({ result, what }: Event<'verified'>): void {
    this.#inbox.verified();
    if (result.ok) this.#follow(result.value);
    else this.#put({ type: 'not-followed', what, reason: result.error });
    this.#readOn();
  }

  #follow(message: VerifiedMessage): void {
    if (message.type === 'open') this.#openedAt = this.#now;
    this.#put({ type: 'followed', message });
    this.#round({ type: 'message', message });
    if (message.type !== 'closed') return;
    const { round } = message.record;
    this.#put({ type: 'timed', round, steps: this.#clock.close(this.#now) });
  }

  /** The coordinator audits: a few questions at a time are answered. */
  #asked({ id, header, question }: Extract<ServerMessage, { type: 'ask' }>): void {
    if (this.#answering < limits.questions) {
      this.#answering++;
      this.#put({ type: 'answer', peer: null, id, header, question });
      return;
    }
    const answer = { kind: 'refused', reason: 'too many questions: ask again later' } as const;
    this.#tell({ type: 'answer', id, answer });
  }

  #answered({ peer, id, answer }: Event<'answered'>): void {
    if (peer !== null) {
      this.#swarm({ type: 'answered', peer, id, answer });
      return;
    }
    this.#answering--;
    this.#tell({ type: 'answer', id, answer });
  }

  #fetch({ header, readers }: Omit<Event<'fetch'>, 'type'>): void {
    this.#wanted.add(header.id);
    this.#orders.add({ type: 'add', header, readers });
  }

  #drop(headers: readonly HeaderId[]): void {
    for (const header of headers) this.#wanted.delete(header);
    this.#swarm({ type: 'drop', headers });
    this.#orders.add({ type: 'drop', headers });
  }

  /** What the store holds of a batch, which may have been dropped since it was asked for. */
  #held({ header, readers, bits }: Event<'held'>): void {
    this.#orders.done();
    if (!this.#wanted.has(header.id) || this.#orders.isToBeAdded(header.id)) return;
    if (!this.#made.delete(header.id)) this.#totals.resumed += bits.count;
    this.#swarm({ type: 'batch', header, held: bits.copy(), readers });
    this.#round({ type: 'held', header: header.id, bits });
  }

  #installed({ model, isSame }: Event<'installed'>): void {
    this.#orders.done();
    if (isSame) this.#made.add(model.id);
    else this.#log('warn', `model ${model.round} is not the one computed here: fetching it`);
  }

  #stored(event: Event<'stored'>): void {
    if (event.from === null) this.#totals.seeded++;
    this.#swarm(event);
    this.#round(event);
  }

  #refused(event: Event<'refused'>): void {
    const { from } = event;
    this.#swarm(event);
    if (from === null) return;
    this.#put({ ...event, type: 'bad-chunk', from });
    this.#round({ ...event, from });
  }

  /** The sum and its proof, for the coordinator. */
  #deliver({ manifest, signed, payloads }: Event<'sum-proved'>): void {
    const { round, attempt, revision } = manifest;
    const of = { round, attempt, revision };
    this.#tell({ type: 'sum-header', ...of, signed });
    for (const [index, payload] of payloads.entries()) {
      this.#tell({ type: 'sum', ...of, index, payload });
    }
  }

  /** What follows from an effect that could not be carried out. */
  #failed({ effect, reason }: Event<'failed'>): void {
    this.#log('error', `${effect.type}: ${reason}`);
    switch (effect.type) {
      case 'verify':
        this.#inbox.verified();
        this.#readOn();
        break;
      case 'add':
      case 'keep':
      case 'drop':
      case 'install':
        this.#orders.done();
        break;
      case 'store': {
        // Nobody's fault: it is asked for again.
        const { header, index } = effect;
        this.#swarm({ type: 'refused', header: header.id, index, from: null, reason });
        break;
      }
      case 'read':
        this.#swarm({ type: 'block', peer: effect.peer, block: effect.block, bytes: null });
        break;
      case 'seed':
        this.#swarm({ type: 'seeded', header: effect.header, index: effect.index, payload: null });
        break;
      case 'answer': {
        const answer = { kind: 'refused', reason: reason.slice(0, limits.reasonLength) } as const;
        this.#answered({ type: 'answered', peer: effect.peer, id: effect.id, answer });
        break;
      }
      case 'relay':
        this.#tell({ ...effect, type: 'relayed', payload: null });
        break;
      case 'train':
        this.#round({ type: 'train-failed', round: effect.round, attempt: effect.attempt });
        break;
      case 'aggregate':
      case 'prove-sum':
        this.#sumFailed(effect.manifest);
        break;
      default:
        break;
    }
  }

  #sumFailed({ round, attempt, revision }: VerifiedManifest): void {
    this.#round({ type: 'sum-failed', round, attempt, revision });
  }

  #swarm(event: SwarmEvent): void {
    this.#toSwarm.push(event);
  }

  /** What the swarm makes of all that it is told in one step. */
  #decideSwarm(): void {
    if (this.#toSwarm.length === 0) return;
    const effects = this.#engine.handle(this.#toSwarm.splice(0), this.#now);
    for (const effect of effects) this.#put(effect);
  }

  #round(event: MemberEvent): void {
    const effects = this.#member.handle(event, this.#now);
    this.#clock.enter(this.#member.snapshot().step.name, this.#now);
    for (const effect of effects) this.#memberEffect(effect);
  }

  #memberEffect(effect: MemberEffect): void {
    switch (effect.type) {
      case 'send':
        this.#tell(effect.message);
        break;
      case 'fetch':
        this.#fetch(effect);
        break;
      case 'take':
        this.#swarm({ ...effect, type: 'seeded' });
        break;
      case 'keep': {
        const kept = new Set(effect.headers);
        this.#wanted = new Set([...this.#wanted].filter((header) => kept.has(header)));
        this.#swarm(effect);
        this.#orders.add(effect);
        break;
      }
      case 'drop':
        this.#drop(effect.headers);
        break;
      case 'install':
        this.#orders.add(effect);
        break;
      case 'seal':
        this.#put({ ...effect, elapsedMs: Math.max(0, this.#now - this.#openedAt) });
        break;
      case 'upload':
        this.#put({ type: 'prove-sum', manifest: effect.manifest });
        break;
      case 'log':
        this.#log('warn', effect.text);
        break;
      case 'train':
      case 'cancel-training':
      case 'aggregate':
      case 'relay':
      case 'feedback':
      case 'evaluate':
      case 'pause':
        this.#put(effect);
        break;
      default:
        unreachable(effect);
    }
  }

  #tell(message: Extract<TabEffect, { type: 'tell' }>['message']): void {
    this.#put({ type: 'tell', message });
  }

  #log(level: 'info' | 'warn' | 'error', text: string, peer: PeerId | null = null): void {
    this.#put({ type: 'log', level, peer, text });
  }

  #put(...effects: readonly TabEffect[]): void {
    this.#effects.push(...effects);
  }
}
