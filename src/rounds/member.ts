import type { Identity } from '../crypto/index.ts';
import { Bitfield, chunkKey, equalBytes, shortId, unreachable, type ChunkKey, type HeaderId, type PeerId } from '../lib/index.ts'; // prettier-ignore
import { limits, signStatement, type ClientMessage, type Readers, type Statement, type VerifiedManifest } from '../protocol/index.ts'; // prettier-ignore
import type { VerifiedHeader } from '../vds/index.ts';
import type { MemberEffect, MemberEvent, Exchange, RoundRef, Step } from './member-state.ts';
import type { VerifiedMessage } from './verify-message.ts';

/** ms between two vouches; the last one, for all that there is, goes at once. */
const vouchEveryMs = 1_000;

/**
 * A tab's side of a task's rounds (DESIGN.md §3): takes events and the time, returns effects,
 * does no I/O.
 *
 * Invariants:
 *  1. Every event changes state first; then one `evaluate` decides what follows.
 *  2. An answer that names another round or attempt than the step's is void.
 *  3. A message that arrives twice (after a reconnection) is answered again and changes nothing.
 *  4. Training starts, and a sum is made, only from a model whose chunks are all verified.
 *  5. A sum is made, and opened, of the frozen manifest alone.
 */
export class RoundMember {
  readonly #identity: Identity;
  /** What the headers of the attempt that was opened last name. */
  #opening: Uint8Array | null = null;
  #step: Step = { name: 'idle' };
  /** Of the coordinator that welcomed this tab last. */
  #boot: Uint8Array | null = null;
  #model: VerifiedHeader | null = null;
  #samples: number | null = null;
  /** What the store holds of the batches that matter now. */
  readonly #held = new Map<HeaderId, Bitfield>();
  /** Headers by round, for retention: this round's and the one's before. */
  readonly #rounds = new Map<number, Set<HeaderId>>();
  #vouchedAt = -Infinity;
  /** Chunks held of others when we last vouched; −1 before: who can have none says that it is there. */
  #vouchedFor = -1;
  /** Chunks of this attempt that we complained of, or gave to the coordinator. */
  readonly #complained = new Set<ChunkKey>();
  readonly #relayed = new Set<ChunkKey>();
  #toEvaluate = false;
  /** The model at whose time everything was dropped that is not known here. */
  #sweptFor: HeaderId | null = null;
  /** When there is something to do even if nothing happens. ms */
  #wake = Infinity;
  #effects: MemberEffect[] = [];

  constructor(identity: Identity) {
    this.#identity = identity;
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
        break;
      case 'refused':
        this.#complain(event);
        break;
      case 'stored':
        this.#held.get(event.header)?.set(event.index);
        break;
      case 'trained':
        this.#trained(event);
        break;
      case 'lost':
        this.#held.get(event.header)?.clear(event.index);
        break;
      case 'full':
        this.#makeRoom();
        break;
      case 'train-failed':
        this.#trainFailed(event);
        break;
      case 'sealed':
        if (!this.#at('sealing', event)) break;
        this.#report('sealed', event, { type: 'header', ...refOf(event), signed: event.signed });
        break;
      case 'aggregated':
        this.#aggregated(event);
        break;
      case 'sum-failed':
        this.#sumFailed(event);
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

  /** When `handle` wants to be called again at the latest: ms, or Infinity. */
  get nextWake(): number {
    return this.#wake;
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
        // After a mere reconnection the round goes on where it was.
        if (!this.#boot || !equalBytes(this.#boot, message.boot)) this.#drop();
        this.#boot = message.boot;
        this.#forget(message.revoked);
        this.#adopt(message.model);
        this.#reportReadiness();
        break;
      case 'state':
        this.#forget(message.revoked);
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
      case 'frozen':
        if (
          'manifest' in this.#step &&
          equalBytes(this.#step.manifest.digest, message.freeze.manifest)
        ) {
          this.#step = { ...this.#step, frozen: true };
        }
        break;
      case 'relay':
        this.#relay(message);
        break;
      case 'chunk': {
        const { header, index, payload } = message;
        if (this.#held.get(header)?.has(index) !== false) break;
        this.#effects.push({ type: 'take', header, index, payload });
        break;
      }
      case 'upload':
        this.#asked(message);
        break;
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
      case 'marked':
      case 'last-round':
        break; // for the dashboard
      default:
        unreachable(message);
    }
  }

  /** The coordinator wants our sum: now, or as soon as it is made. */
  #asked(message: Extract<VerifiedMessage, { type: 'upload' }>) {
    const step = this.#step;
    if (!('manifest' in step) || !isSame(step, message)) return;
    const { manifest } = step;
    if (!step.frozen || manifest.revision !== message.revision) return;
    // All was here when this tab vouched for it.
    if (!this.#holdsAll(step)) this.#sendNoSum(manifest);
    else if (step.name === 'done') this.#effects.push({ type: 'upload', manifest });
    else this.#step = { ...step, asked: true };
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

  /** Where the model is not there any more, training begins again once it is. */
  #trainFailed(event: Extract<MemberEvent, { type: 'train-failed' }>) {
    const step = this.#step;
    if (step.name !== 'training' || !isSame(step, event)) return;
    if (this.#model !== null && !this.#holds(this.#model)) {
      this.#step = { ...step, name: 'waiting-for-model' };
      return;
    }
    this.#effects.push({ type: 'pause' });
    this.#data(null);
  }

  #seal(ref: RoundRef, scales: readonly number[]) {
    if (this.#opening === null) return;
    this.#step = { name: 'sealing', ...refOf(ref) };
    this.#effects.push({ type: 'seal', ...refOf(ref), opening: this.#opening, scales });
  }

  #exchange(manifest: VerifiedManifest, headers: readonly VerifiedHeader[]) {
    const step = this.#step;
    if (this.#model?.id !== manifest.model) return;
    const authors = new Set(manifest.entries.map(({ author }) => author));
    if ('manifest' in step && isSame(step, manifest)) {
      if (step.manifest.revision > manifest.revision) return;
      if (step.manifest.revision === manifest.revision) {
        this.#vouchedFor = -1; // the coordinator may have forgotten
        if (step.name === 'done') this.#send(step.report);
        return;
      }
      this.#dropAuthors(step, authors);
    } else {
      this.#complained.clear();
      this.#relayed.clear();
    }
    if (step.name === 'training') this.#effects.push({ type: 'cancel-training' });
    this.#step = {
      name: 'exchanging',
      ...refOf(manifest),
      manifest,
      headers,
      frozen: false,
      asked: false,
    };
    for (const header of headers) this.#fetch(header, authors);
    this.#vouchedAt = -Infinity;
    this.#vouchedFor = -1;
  }

  #aggregated(event: Extract<MemberEvent, { type: 'aggregated' }>) {
    const step = this.#step;
    if (step.name !== 'aggregating' || !isSame(step, event)) return;
    if (step.manifest.revision !== event.revision) return;
    const { revision, digest } = event;
    const report: ClientMessage = { type: 'done', ...refOf(event), revision, digest };
    this.#step = { ...step, name: 'done', digest, report };
    this.#send(report);
    if (step.asked) this.#effects.push({ type: 'upload', manifest: step.manifest });
  }

  /** With chunks that were lost the exchange goes on; else the others do without this sum. */
  #sumFailed(event: Extract<MemberEvent, { type: 'sum-failed' }>) {
    const step = this.#step;
    if ((step.name !== 'aggregating' && step.name !== 'done') || !isSame(step, event)) return;
    const { manifest, headers, frozen } = step;
    if (manifest.revision !== event.revision) return;
    if (step.asked || step.name === 'done') this.#sendNoSum(manifest);
    if (this.#holdsAll(step)) this.#drop();
    else this.#step = { name: 'exchanging', ...refOf(step), manifest, headers, frozen, asked: false }; // prettier-ignore
  }

  #sendNoSum({ round, attempt, revision }: VerifiedManifest) {
    this.#send({ type: 'no-sum', round, attempt, revision });
  }

  #closed({ record, model }: Extract<VerifiedMessage, { type: 'closed' }>) {
    const step = this.#step;
    const mine =
      step.name === 'done' && isSame(step, record) && equalBytes(step.digest, record.digest);
    const included = record.authors.includes(this.#identity.id);
    this.#effects.push({ type: 'feedback', ...refOf(record), included });
    if ('manifest' in step && isSame(step, record)) this.#dropAuthors(step, new Set(record.authors)); // prettier-ignore
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
    this.#fetch(model, null);
    if (!reloaded) this.#forgetRounds((round) => round < model.round - 1);
  }

  /** Forgets the updates of authors that do not count any more: nobody is to have them. */
  #dropAuthors({ headers }: Exchange, remaining: ReadonlySet<PeerId>) {
    this.#forget(headers.filter(({ author }) => !remaining.has(author)).map(({ id }) => id));
  }

  /** Forgets what the Data Owner revoked, or dropped; what became useless is dropped later. */
  #forget(dropped: readonly HeaderId[]) {
    const headers = dropped.filter((header) => this.#held.delete(header));
    for (const known of this.#rounds.values()) for (const header of headers) known.delete(header);
    if (headers.length > 0) this.#effects.push({ type: 'drop', headers });
  }

  /** The oldest round goes that is not needed for the one under way; else what this page knows nothing of. */
  #makeRoom() {
    const model = this.#model;
    if (model === null) return;
    const rounds = [...this.#rounds].sort(([a], [b]) => a - b);
    for (const [round, known] of rounds) {
      const spare = [...known].filter((header) => round <= model.round && header !== model.id);
      if (spare.length === 0) continue;
      this.#log(`there is no more room: what was kept of round ${round} goes`);
      this.#forget(spare);
      return;
    }
    if (this.#sweptFor === model.id) return;
    this.#sweptFor = model.id;
    this.#keepKnown();
  }

  /** Drops the batches of rounds that nobody needs any more. */
  #forgetRounds(isOver: (round: number) => boolean) {
    for (const [round, headers] of this.#rounds) {
      if (!isOver(round)) continue;
      this.#rounds.delete(round);
      for (const header of headers) this.#held.delete(header);
    }
    this.#keepKnown();
  }

  #keepKnown() {
    const headers = [...this.#rounds.values()].flatMap((each) => [...each]);
    this.#effects.push({ type: 'keep', headers });
  }

  /** @param readers of an update: the members of its manifest, as it was at first */
  #fetch(header: VerifiedHeader, readers: Readers) {
    const known = this.#rounds.get(header.round) ?? new Set();
    this.#rounds.set(header.round, known.add(header.id));
    if (this.#held.has(header.id)) return;
    this.#held.set(header.id, new Bitfield(header.columns.length));
    this.#effects.push({ type: 'fetch', header, readers });
  }

  #holds(header: VerifiedHeader): boolean {
    return this.#held.get(header.id)?.complete === true;
  }

  /** All that the sum of a manifest, and the model after it, are made of. */
  #holdsAll({ headers }: Exchange): boolean {
    return [this.#model, ...headers].every((header) => header !== null && this.#holds(header));
  }

  /** Decides what follows from the state. */
  #evaluate(now: number) {
    this.#wake = Infinity;
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
      this.#vouch(step, now);
      if (step.frozen && this.#holdsAll(step)) {
        this.#step = { ...step, name: 'aggregating' };
        const { manifest, headers } = step;
        this.#effects.push({ type: 'aggregate', manifest, model, headers });
      }
    }
  }

  /** Tells which chunks of others passed our checks: nobody vouches for itself. */
  #vouch({ manifest, headers, ...ref }: Exchange, now: number) {
    const others = headers.filter(({ author }) => author !== this.#identity.id);
    const held = others.map(({ id }) => ({ header: id, field: this.#held.get(id) }));
    const count = held.reduce((sum, { field }) => sum + (field?.count ?? 0), 0);
    if (count === this.#vouchedFor) return;
    const isAll = others.every((header) => this.#holds(header));
    if (!isAll && now - this.#vouchedAt < vouchEveryMs) {
      this.#wake = this.#vouchedAt + vouchEveryMs;
      return;
    }
    this.#vouchedFor = count;
    this.#vouchedAt = now;
    const batches = held.flatMap(({ header, field }) =>
      field && field.count > 0 ? [{ header, bits: field.toBytes() }] : [],
    );
    const signed = this.#state('vouch', manifest, batches);
    this.#send({ type: 'vouch', ...refOf(ref), signed });
  }

  /** Tells that a chunk does not hold as its own author sends it: others can be asked for it. */
  #complain({ header, index, from, reason }: Extract<MemberEvent, { type: 'refused' }>) {
    const step = this.#step;
    if (!('manifest' in step)) return;
    const about = step.headers.find(({ id }) => id === header);
    const key = chunkKey(header, index);
    if (about?.author !== from || this.#complained.has(key)) return;
    this.#complained.add(key);
    const bits = new Bitfield(about.columns.length);
    bits.set(index);
    const signed = this.#state('complaint', step.manifest, [{ header, bits: bits.toBytes() }]);
    const told = `chunk ${index} of ${shortId(from)}: ${reason}`.slice(0, limits.reasonLength);
    this.#send({ type: 'complaint', ...refOf(step), signed, reason: told });
  }

  #state(type: Statement['type'], { opening }: VerifiedManifest, batches: Statement['batches']) {
    const peer = this.#identity.id;
    return signStatement({ type, opening, peer, batches }, this.#identity);
  }

  /** Gives the coordinator a chunk that it asks for: of the manifest, and each once an attempt. */
  #relay({ header, index, ...ref }: Extract<VerifiedMessage, { type: 'relay' }>) {
    const step = this.#step;
    if (!('manifest' in step) || !isSame(step, ref)) return;
    if (!step.headers.some(({ id }) => id === header)) return;
    const key = chunkKey(header, index);
    if (this.#relayed.has(key)) return;
    this.#relayed.add(key);
    this.#log(`the coordinator asked for chunk ${index} of ${shortId(header)}`);
    this.#effects.push({ type: 'relay', ...refOf(ref), header, index });
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
