import { Bitfield, equalBytes, unreachable, type HeaderId, type PeerId } from '../lib/index.ts';
import type { ClientMessage, VerifiedManifest } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import type { MemberEffect, MemberEvent, RoundRef, Step } from './member-state.ts';
import type { VerifiedMessage } from './verify-message.ts';

/** ms between two reports of what this tab holds. */
const progressEveryMs = 400;

/**
 * A tab's side of a task's rounds (DESIGN.md §3): takes events and the time, returns effects,
 * does no I/O.
 *
 * Invariants:
 *  1. Every event changes state first; then one `evaluate` decides what follows.
 *  2. An answer that names another round or attempt than the step's is void.
 *  3. A message that arrives twice (after a reconnection) is answered again and changes nothing.
 *  4. Training starts, and a sum is made, only from a model whose chunks are all verified.
 */
export class RoundMember {
  readonly #self: PeerId;
  /** What the headers of the attempt that was opened last name. */
  #opening: Uint8Array | null = null;
  #step: Step = { name: 'idle' };
  #model: VerifiedHeader | null = null;
  #samples: number | null = null;
  /** What the store holds of the batches that matter now. */
  readonly #held = new Map<HeaderId, Bitfield>();
  /** Headers by round, for retention: this round's and the one's before. */
  readonly #rounds = new Map<number, Set<HeaderId>>();
  #progressAt = -Infinity;
  #progressDue = false;
  #toEvaluate = false;
  #effects: MemberEffect[] = [];

  constructor(self: PeerId) {
    this.#self = self;
  }

  handle(event: MemberEvent, now: number): MemberEffect[] {
    switch (event.type) {
      case 'message':
        this.#message(event.message);
        break;
      case 'data':
        this.#data(event.samples);
        break;
      case 'held':
        if (this.#held.has(event.header)) this.#held.set(event.header, event.bits);
        this.#progressDue = true;
        break;
      case 'stored':
        this.#held.get(event.header)?.set(event.index);
        this.#progressDue = true;
        break;
      case 'trained':
        this.#trained(event);
        break;
      case 'train-failed':
        if (this.#at('training', event)) this.#data(null);
        break;
      case 'sealed':
        if (!this.#at('sealing', event)) break;
        this.#report('sealed', event, { type: 'header', ...refOf(event), signed: event.signed });
        break;
      case 'aggregated':
        this.#aggregated(event);
        break;
      case 'evaluated':
        this.#send({ type: 'metrics', round: event.round, metrics: event.metrics });
        break;
      case 'tick':
        break;
      default:
        unreachable(event);
    }
    this.#evaluate(now);
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** The step, the model and what is held, for the dashboard. */
  snapshot() {
    return { step: this.#step, model: this.#model, held: this.#held };
  }

  /** Without samples the tab is a member that seeds and verifies. */
  #data(samples: number | null) {
    this.#samples = samples;
    const { name } = this.#step;
    if (samples === null && (name === 'waiting-for-model' || name === 'training')) this.#drop();
    if (this.#model) this.#reportReadiness();
  }

  #message(message: VerifiedMessage) {
    switch (message.type) {
      case 'welcome':
        // A coordinator that was restarted counts attempts anew: what it says next is what holds.
        this.#drop();
        this.#revoke(message.revoked);
        this.#adopt(message.model);
        this.#reportReadiness();
        break;
      case 'state':
        this.#revoke(message.revoked);
        break;
      case 'replaced':
        this.#adopt(message.model);
        break;
      case 'open':
        this.#open(message);
        break;
      case 'quantise':
        this.#quantise(message);
        break;
      case 'manifest':
        this.#exchange(message.manifest, message.headers);
        break;
      case 'upload': {
        const step = this.#step;
        if (step.name !== 'done' || !isSame(step, message)) break;
        if (step.manifest.revision !== message.revision) break;
        this.#effects.push({ type: 'upload', manifest: step.manifest });
        break;
      }
      case 'closed':
        this.#closed(message);
        break;
      case 'failed':
        if (this.#step.name !== 'idle' && isSame(this.#step, message)) this.#drop();
        break;
      case 'finished':
        this.#drop();
        break;
      case 'members':
      case 'caught':
      case 'metrics':
        break; // for the dashboard
      default:
        unreachable(message);
    }
  }

  #open({ open, model }: Extract<VerifiedMessage, { type: 'open' }>) {
    const step = this.#step;
    const known = this.#opening !== null && equalBytes(this.#opening, open.opening);
    if (step.name !== 'idle' && isSame(step, open) && known) {
      if (step.name === 'trained') this.#send(step.report);
      return;
    }
    this.#drop();
    this.#opening = open.opening;
    this.#adopt(model);
    // What an attempt that failed exchanged is of no use to this one.
    if (this.#rounds.has(open.round)) this.#forgetRounds((round) => round === open.round);
    this.#step = { name: 'waiting-for-model', ...refOf(open), scales: null };
  }

  #quantise(message: Extract<VerifiedMessage, { type: 'quantise' }>) {
    const step = this.#step;
    if (step.name === 'idle' || !isSame(step, message)) return;
    switch (step.name) {
      case 'waiting-for-model':
      case 'training':
        this.#step = { ...step, scales: message.scales };
        break;
      case 'trained':
        this.#seal(step, message.scales);
        break;
      case 'sealed':
        this.#send(step.report);
        break;
      default:
        break;
    }
  }

  #trained(event: Extract<MemberEvent, { type: 'trained' }>) {
    const step = this.#step;
    if (step.name !== 'training' || !isSame(step, event)) return;
    const { metrics, magnitudes } = event;
    this.#report('trained', event, {
      type: 'trained',
      ...refOf(event),
      metrics,
      magnitudes: [...magnitudes],
    });
    if (step.scales !== null) this.#seal(step, step.scales);
  }

  #seal(ref: RoundRef, scales: readonly number[]) {
    if (this.#opening === null) return;
    this.#step = { name: 'sealing', ...refOf(ref) };
    this.#effects.push({ type: 'seal', ...refOf(ref), opening: this.#opening, scales });
  }

  #exchange(manifest: VerifiedManifest, headers: readonly VerifiedHeader[]) {
    const step = this.#step;
    if (this.#model?.id !== manifest.model) return;
    if ('manifest' in step && isSame(step, manifest)) {
      if (step.manifest.revision > manifest.revision) return;
      if (step.manifest.revision === manifest.revision) {
        this.#progressDue = true;
        if (step.name === 'done') this.#send(step.report);
        return;
      }
    }
    if (step.name === 'training') this.#effects.push({ type: 'cancel-training' });
    this.#step = { name: 'exchanging', ...refOf(manifest), manifest, headers };
    for (const header of headers) this.#fetch(header);
    this.#progressAt = -Infinity;
    this.#progressDue = true;
  }

  #aggregated(event: Extract<MemberEvent, { type: 'aggregated' }>) {
    const step = this.#step;
    if (step.name !== 'aggregating' || !isSame(step, event)) return;
    if (step.manifest.revision !== event.revision) return;
    const { revision, digest } = event;
    const report: ClientMessage = { type: 'done', ...refOf(event), revision, digest };
    this.#step = { ...step, name: 'done', digest, report };
    this.#send(report);
  }

  #closed({ record, model }: Extract<VerifiedMessage, { type: 'closed' }>) {
    const step = this.#step;
    const mine =
      step.name === 'done' && isSame(step, record) && equalBytes(step.digest, record.digest);
    const included = record.authors.includes(this.#self);
    this.#effects.push({ type: 'feedback', ...refOf(record), included });
    if (mine) this.#effects.push({ type: 'install', model, round: record.round });
    else if (step.name === 'done') this.#log(`round ${record.round}: the model differs from mine`);
    this.#drop();
    this.#adopt(model);
  }

  /** Ends whatever is done for a round. */
  #drop() {
    if (this.#step.name === 'training') this.#effects.push({ type: 'cancel-training' });
    this.#step = { name: 'idle' };
  }

  /** Takes a header as the current model: an older round's work ends, its chunks are fetched. */
  #adopt(model: VerifiedHeader) {
    if (this.#model?.id === model.id) return;
    if (this.#step.name !== 'idle' && this.#step.round <= model.round) this.#drop();
    // After a reload the store holds batches of the open round that we have yet to be told of.
    const reloaded = this.#model === null;
    this.#model = model;
    this.#toEvaluate = true;
    this.#fetch(model);
    if (!reloaded) this.#forgetRounds((round) => round < model.round - 1);
  }

  /** Forgets what the Data Owner revoked; what it made useless is dropped when it says so. */
  #revoke(revoked: readonly HeaderId[]) {
    const headers = revoked.filter((header) => this.#held.delete(header));
    for (const known of this.#rounds.values()) for (const header of headers) known.delete(header);
    if (headers.length > 0) this.#effects.push({ type: 'drop', headers });
  }

  /** Drops the batches of rounds that nobody needs any more. */
  #forgetRounds(isOver: (round: number) => boolean) {
    for (const [round, headers] of this.#rounds) {
      if (!isOver(round)) continue;
      this.#rounds.delete(round);
      for (const header of headers) this.#held.delete(header);
    }
    const headers = [...this.#rounds.values()].flatMap((each) => [...each]);
    this.#effects.push({ type: 'keep', headers });
  }

  #fetch(header: VerifiedHeader) {
    const known = this.#rounds.get(header.round) ?? new Set();
    this.#rounds.set(header.round, known.add(header.id));
    if (this.#held.has(header.id)) return;
    this.#held.set(header.id, new Bitfield(header.columns.length));
    this.#effects.push({ type: 'fetch', header });
  }

  #holds(header: VerifiedHeader): boolean {
    return this.#held.get(header.id)?.complete === true;
  }

  /** Decides what follows from the state. */
  #evaluate(now: number) {
    const model = this.#model;
    if (model === null) return;
    if (this.#toEvaluate && this.#holds(model) && this.#samples !== null) {
      this.#toEvaluate = false;
      this.#effects.push({ type: 'evaluate', model });
    }
    const step = this.#step;
    if (step.name === 'waiting-for-model' && this.#holds(model) && this.#samples !== null) {
      this.#step = { ...step, name: 'training' };
      this.#effects.push({ type: 'train', ...refOf(step), model });
    }
    if (step.name === 'exchanging') {
      this.#reportProgress(step, now);
      if (this.#holds(model) && step.headers.every((header) => this.#holds(header))) {
        this.#step = { ...step, name: 'aggregating' };
        const { manifest, headers } = step;
        this.#effects.push({ type: 'aggregate', manifest, model, headers });
      }
    }
  }

  #reportProgress(step: Extract<Step, { name: 'exchanging' | 'aggregating' }>, now: number) {
    if (!this.#progressDue || now - this.#progressAt < progressEveryMs) return;
    this.#progressDue = false;
    this.#progressAt = now;
    const held = step.headers.map((header) => ({
      header: header.id,
      bits: this.#held.get(header.id)?.toBytes() ?? new Uint8Array(),
    }));
    this.#send({ type: 'progress', ...refOf(step), held });
  }

  #reportReadiness() {
    if (this.#samples === null) this.#send({ type: 'rest' });
    else this.#send({ type: 'ready', samples: this.#samples });
  }

  #report(name: 'trained' | 'sealed', ref: RoundRef, report: ClientMessage) {
    this.#step = { name, ...refOf(ref), report };
    this.#send(report);
  }

  #at(name: Step['name'], ref: RoundRef): boolean {
    return this.#step.name === name && this.#step.name !== 'idle' && isSame(this.#step, ref);
  }

  #send(message: ClientMessage) {
    this.#effects.push({ type: 'send', message });
  }

  #log(text: string) {
    this.#effects.push({ type: 'log', text });
  }
}

function refOf({ round, attempt }: RoundRef): RoundRef {
  return { round, attempt };
}

function isSame(a: RoundRef, b: RoundRef): boolean {
  return a.round === b.round && a.attempt === b.attempt;
}
