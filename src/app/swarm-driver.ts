import { transfer, type Remote } from 'comlink';
import { Alarm, fetchSeed, now, PeerLinks, systemRandom } from '../adapters/index.ts';
import type { StorageService } from '../adapters/index.ts';
import type { Identity } from '../crypto/index.ts';
import { Bitfield, messageOf, ownBytes, shortId } from '../lib/index.ts';
import type { HeaderId, PeerId, TaskId } from '../lib/index.ts';
import type { Answer, Question, Readers, Signed, TaskDescription } from '../protocol/index.ts';
import { memberCredentials, neighbours, SwarmEngine } from '../swarm/index.ts';
import type { SwarmEffect, SwarmEvent } from '../swarm/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

export interface SwarmDriverOptions {
  readonly identity: Identity;
  readonly task: TaskId;
  readonly description: TaskDescription;
  readonly membership: Signed;
  readonly iceServers: RTCIceServer[];
  readonly storage: Remote<StorageService>;
  /** Sends a signaling message through the coordinator. */
  readonly signal: (to: PeerId, session: number, data: string) => void;
  /** One more chunk is verified and kept. */
  readonly onStored: (header: HeaderId, index: number) => void;
  /** A chunk does not hold as a peer sent it. */
  readonly onRefused: (header: HeaderId, index: number, from: PeerId, reason: string) => void;
  readonly onLog: (level: 'info' | 'warn' | 'error', text: string) => void;
}

/** Drives the swarm engine: carries its effects out on WebRTC and on the storage worker. */
export class SwarmDriver {
  readonly #options: SwarmDriverOptions;
  readonly #engine: SwarmEngine;
  readonly #links: PeerLinks;
  readonly #alarm = new Alarm(() => this.#handle({ type: 'tick' }));
  /** Our questions under way. */
  readonly #questions = new Map<number, (answer: Answer) => void>();
  #nextQuestion = 0;
  readonly #events: SwarmEvent[] = [];
  #isHandling = false;
  readonly counters = { resumed: 0, seeded: 0, seededBytes: 0 };

  constructor(options: SwarmDriverOptions) {
    this.#options = options;
    const { identity, task, description, membership, iceServers } = options;
    const { ownerKey } = description;
    this.#engine = new SwarmEngine({
      task,
      credentials: memberCredentials({ task, ownerKey, identity, membership }),
      client: `murmuration/${__VERSION__}`,
      random: systemRandom(),
      uploadSlots: description.exchange.uploadSlots,
    });
    this.#links = new PeerLinks(identity.id, iceServers, {
      signal: options.signal,
      connected: (peer, ends) => this.#handle({ type: 'connected', peer, ends }),
      disconnected: (peer) => this.#handle({ type: 'disconnected', peer }),
      message: (peer, message) => this.#handle({ type: 'message', peer, message }),
      malformed: (peer, reason) => this.#handle({ type: 'malformed', peer, reason }),
      buffered: (peer, bytes, window) => this.#handle({ type: 'buffered', peer, bytes, window }),
    });
  }

  /** Connects with whom the task's topology says. @param members those that are online */
  setMembers(members: readonly { readonly peer: PeerId; readonly ready: boolean }[]): void {
    const { description, identity } = this.#options;
    const peers = neighbours(description.exchange.topology, members, identity.id);
    this.#links.setNeighbours(peers);
    this.#handle({ type: 'neighbours', peers });
  }

  signal(from: PeerId, session: number, data: string): void {
    this.#links.signal(from, session, data);
  }

  /** Completes and serves a batch; what the store holds of it already. */
  async add(header: VerifiedHeader, readers: Readers): Promise<Bitfield> {
    const bits = await this.#options.storage.add(header, readers);
    const { length } = header.columns;
    const held = Bitfield.fromBytes(bits, length) ?? new Bitfield(length);
    this.#handle({ type: 'batch', header, held, readers });
    return Bitfield.fromBytes(bits, length) ?? new Bitfield(length);
  }

  async keep(headers: readonly HeaderId[]): Promise<void> {
    this.#handle({ type: 'keep', headers });
    await this.#options.storage.keep(headers);
  }

  /** These are gone at once, and what comes of them is refused. */
  async drop(headers: readonly HeaderId[]): Promise<void> {
    this.#handle({ type: 'drop', headers });
    await this.#options.storage.drop(headers);
  }

  /** Asks a neighbour to prove something of a batch; its answer is yet to be judged. */
  ask(peer: PeerId, header: HeaderId, question: Question): Promise<Answer> {
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      this.#questions.set(id, resolve);
      this.#handle({ type: 'ask', id, peer, header, question });
    });
  }

  /** A chunk that was stored is not there any more. */
  lost(header: HeaderId, index: number): void {
    this.#handle({ type: 'lost', header, index });
  }

  /** A chunk that the coordinator sent. */
  take(header: HeaderId, index: number, payload: Uint8Array): void {
    this.#handle({ type: 'seeded', header, index, payload });
  }

  /** @param reason that neighbours are told */
  close(reason: string): void {
    this.#handle({ type: 'leave', reason });
    this.#alarm.set(null);
    this.#links.closeAll();
  }

  /** Connections, totals and batches, for the dashboard. */
  snapshot() {
    return this.#engine.snapshot();
  }

  /** One event at a time: what a step decided is carried out before what comes of it is heard. */
  #handle(event: SwarmEvent): void {
    this.#events.push(event);
    if (this.#isHandling) return;
    this.#isHandling = true;
    const at = now();
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) this.#step(next, at);
    } finally {
      this.#isHandling = false; // a step that throws is a bug, and must not be the last one
    }
    this.#alarm.set(this.#engine.nextWake(at));
  }

  #step(event: SwarmEvent, at: number): void {
    for (const effect of this.#engine.handle(event, at)) {
      try {
        this.#carryOut(effect);
      } catch (thrown) {
        // The others' effects are not lost with it.
        this.#options.onLog('error', `${effect.type}: ${messageOf(thrown)}`);
      }
    }
  }

  #carryOut(effect: SwarmEffect): void {
    const { onLog } = this.#options;
    switch (effect.type) {
      case 'send':
        this.#links.send(effect.peer, effect.message);
        break;
      case 'close':
        this.#links.close(effect.peer);
        break;
      case 'store':
        this.#guard(this.#store(effect));
        break;
      case 'read':
        this.#guard(this.#read(effect));
        break;
      case 'seed':
        this.#guard(this.#seed(effect));
        break;
      case 'answer':
        this.#guard(this.#answer(effect));
        break;
      case 'asked':
        this.#questions.get(effect.id)?.(effect.answer);
        this.#questions.delete(effect.id);
        break;
      case 'log':
        onLog(effect.level, effect.peer === null ? effect.text : `${shortId(effect.peer)} ${effect.text}`); // prettier-ignore
        break;
    }
  }

  async #store(effect: Extract<SwarmEffect, { type: 'store' }>): Promise<void> {
    const { index, from } = effect;
    const header = effect.header.id;
    const payload = ownBytes(effect.payload);
    const moved = transfer(payload, [payload.buffer]);
    const result = await this.#options.storage.accept(header, index, moved);
    if (!result.ok) {
      const reason = result.error;
      this.#handle({ type: 'refused', header, index, from, reason });
      if (from !== null) this.#options.onRefused(header, index, from, reason);
      return;
    }
    if (from === null) this.counters.seeded++;
    this.#handle({ type: 'stored', header, index, from });
    this.#options.onStored(header, index);
  }

  async #read({ peer, block }: Extract<SwarmEffect, { type: 'read' }>): Promise<void> {
    const { header, index, offset, length } = block;
    const bytes = await this.#options.storage.read(header, index, offset, length);
    this.#handle({ type: 'block', peer, block, bytes });
  }

  async #seed({ header, index }: Extract<SwarmEffect, { type: 'seed' }>): Promise<void> {
    const payload = await fetchSeed(this.#options.task, header, index);
    if (payload !== null) this.counters.seededBytes += payload.length;
    this.#handle({ type: 'seeded', header, index, payload });
  }

  async #answer({ peer, id, header, question }: Extract<SwarmEffect, { type: 'answer' }>) {
    const parties = { auditor: peer, holder: this.#options.identity.id };
    const answer = await this.#options.storage.answer(header, question, parties);
    this.#handle({ type: 'answered', peer, id, answer });
  }

  #guard(work: Promise<void>): void {
    work.catch((thrown: unknown) => this.#options.onLog('error', String(thrown)));
  }
}
