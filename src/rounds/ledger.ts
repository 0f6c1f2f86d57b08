import { equalBytes, type PeerId } from '../lib/index.ts';
import { limits, type Metrics, type RoundRecord } from '../protocol/index.ts';
import { decodeHeader, type SignedHeader, type StateUpdate } from '../vds/index.ts';
import { meanMetrics } from './metrics.ts';

/** What a task has come to: the rounds closed, the current model, what is revoked. */
export class Ledger {
  readonly #history: RoundRecord[];
  #model: SignedHeader;
  /** Metrics of the newest model by member. */
  readonly #metrics = new Map<PeerId, Metrics>();
  /** Who reported the newest model after its round was closed. */
  readonly #reported = new Set<PeerId>();
  /** What is revoked. */
  state: StateUpdate;

  /** Rounds that came to a model; of some of them the record may be lost. */
  #closed: number;

  constructor(history: readonly RoundRecord[], model: SignedHeader, state: StateUpdate) {
    this.#history = history.slice(-limits.historyRounds);
    this.#model = model;
    const header = decodeHeader(model.header);
    this.#closed = header.ok ? header.value.round : (history.at(-1)?.round ?? 0);
    this.state = state;
  }

  /** Rounds closed so far, in order. */
  get history(): readonly RoundRecord[] {
    return this.#history;
  }

  get closedRounds(): number {
    return this.#closed;
  }

  /** The round that is open or opens next. */
  get round(): number {
    return this.closedRounds + 1;
  }

  /** The model that the next round starts from, signed and admitted. */
  get model(): SignedHeader {
    return this.#model;
  }

  /** A round made the next model. */
  close(record: RoundRecord, model: SignedHeader) {
    this.#model = model;
    this.#closed = record.round;
    this.#history.push(record);
    if (this.#history.length > limits.historyRounds) this.#history.shift();
    this.#metrics.clear();
    this.#reported.clear();
  }

  /** Whether a report that came after the round was closed is of another model; once a member. */
  isOtherModel(
    peer: PeerId,
    report: { round: number; attempt: number; digest: Uint8Array },
  ): boolean {
    const last = this.#history.at(-1);
    if (last?.round !== report.round || last.attempt !== report.attempt) return false;
    if (!last.authors.includes(peer)) return false; // it was never asked
    if (this.#reported.has(peer)) return false;
    this.#reported.add(peer);
    return !equalBytes(last.digest, report.digest);
  }

  /** The Data Owner put another model in the place of the current one. */
  replace(model: SignedHeader) {
    this.#model = model;
    this.#metrics.clear();
  }

  /** So many of a round's updates are revoked by now; false if the round is not known. */
  mark(round: number, revokedUpdates: number): boolean {
    const place = this.#history.findIndex((record) => record.round === round);
    const record = this.#history[place];
    if (record === undefined) return false;
    this.#history[place] = { ...record, revokedUpdates };
    return true;
  }

  /**
   * What a member found of the newest model, once; the record with all that were found, or null.
   * Who did not author it may measure it, too, while there is room.
   */
  measured(
    peer: PeerId,
    round: number,
    metrics: Metrics,
  ): (RoundRecord & { readonly metrics: Metrics }) | null {
    const last = this.#history.at(-1);
    if (last?.round !== round || this.#metrics.has(peer)) return null;
    const isGuest = !last.authors.includes(peer);
    if (isGuest && this.#metrics.size >= limits.members) return null;
    this.#metrics.set(peer, metrics);
    const record = { ...last, metrics: meanMetrics([...this.#metrics.values()]) };
    this.#history[this.#history.length - 1] = record;
    return record;
  }
}
