import { chunkKey, err, ok, type ChunkKey, type HeaderId, type PeerId, type Result } from '../lib/index.ts'; // prettier-ignore
import { verifyChunk, type VerifiedHeader } from '../vds/index.ts';
import type { Attempt } from './attempt.ts';
import type { CoordinatorContext } from './coordinator-context.ts';
import type { Relayed } from './coordinator-state.ts';
import { patience } from './patience.ts';

/** Chunks on their way through the coordinator at a time: each is held for an answer's while. */
const atOnce = 4;

interface Relay {
  readonly header: VerifiedHeader;
  readonly index: number;
  readonly from: PeerId;
  /** Who is asked next. */
  readonly others: readonly PeerId[];
  /** ms */
  readonly deadline: number;
}

/**
 * The chunks that go through the coordinator, because somebody cannot have them or finds that they
 * do not hold: each once an attempt, a few at a time.
 */
export class Relays {
  readonly #context: CoordinatorContext;
  readonly #attempt: Attempt;
  readonly #open = new Map<ChunkKey, Relay>();
  /** Asked for in this attempt. */
  readonly #asked = new Set<ChunkKey>();
  readonly #failed = new Set<HeaderId>();

  constructor(context: CoordinatorContext, attempt: Attempt) {
    this.#context = context;
    this.#attempt = attempt;
  }

  /** When the next answer is due, or null. ms */
  get deadline(): number | null {
    const deadlines = [...this.#open.values()].map(({ deadline }) => deadline);
    return deadlines.length === 0 ? null : Math.min(...deadlines);
  }

  get isFull(): boolean {
    return this.#open.size >= atOnce;
  }

  /** Whether a chunk of the batch could be had of nobody. */
  hasFailed(header: HeaderId): boolean {
    return this.#failed.has(header);
  }

  /** Asks for a chunk, unless it was asked for before or enough are on their way. */
  ask(header: VerifiedHeader, index: number, sources: readonly PeerId[], now: number) {
    const key = chunkKey(header.id, index);
    if (this.isFull || this.#asked.has(key)) return;
    this.#asked.add(key);
    this.#askNext(key, { header, index, others: sources }, now);
  }

  /** Asks others in the place of those that did not answer in time. */
  expire(now: number) {
    for (const [key, relay] of this.#open) {
      if (now >= relay.deadline) this.#askNext(key, relay, now);
    }
  }

  /** The chunk that an answer brought, if it was asked for and holds. */
  take(
    from: PeerId,
    message: Relayed,
    now: number,
  ): Result<Pick<Relay, 'header' | 'index'>> | null {
    const key = chunkKey(message.header, message.index);
    const relay = this.#open.get(key);
    if (relay?.from !== from) return null;
    const { payload } = message;
    const verdict = payload && verifyChunk(relay.header, relay.index, payload);
    if (verdict?.ok) {
      this.#open.delete(key);
      return ok(relay);
    }
    this.#askNext(key, relay, now);
    return verdict && err(verdict.error);
  }

  #askNext(
    key: ChunkKey,
    { header, index, others: sources }: Omit<Relay, 'from' | 'deadline'>,
    now: number,
  ) {
    const [from, ...others] = sources.filter((peer) => this.#context.members.isOnline(peer));
    if (from === undefined) {
      this.#open.delete(key);
      this.#failed.add(header.id);
      return;
    }
    this.#open.set(key, { header, index, from, others, deadline: now + patience.relayMs });
    const { round, attempt } = this.#attempt;
    this.#context.send(from, { type: 'relay', round, attempt, header: header.id, index });
  }
}
