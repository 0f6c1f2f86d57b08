import { scalesOf, weightsBySamples } from '../../learning/index.ts';
import { at, type HeaderId, type PeerId } from '../../lib/index.ts';
import { decodeHeader, type SignedHeader, type VerifiedHeader } from '../../vds/index.ts';
import { openMessage, type Attempt } from '../attempt.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { HeaderVerified, Trained } from '../coordinator-state.ts';
import { isTooFew } from '../manifest-maker.ts';
import { unfitness } from '../update-check.ts';
import type { Next, Phase, PhaseMessage } from './phase.ts';

/** Those that trained quantise, commit and send their headers, which are verified and admitted. */
export class Sealing implements Phase {
  readonly name = 'sealing';
  readonly attempt: Attempt;
  readonly deadline: number;
  readonly #context: CoordinatorContext;
  readonly #trained: Map<PeerId, Trained>;
  readonly #scales: readonly number[];
  readonly #weights: ReadonlyMap<PeerId, number>;
  readonly #headers = new Map<PeerId, VerifiedHeader>();
  readonly #verifying = new Set<PeerId>();

  constructor(
    context: CoordinatorContext,
    attempt: Attempt,
    trained: ReadonlyMap<PeerId, Trained>,
    now: number,
  ) {
    this.#context = context;
    this.attempt = attempt;
    this.deadline = now + context.description.deadlines.admitMs;
    this.#trained = new Map(trained);
    this.#scales = scalesOf([...trained.values()].map((each) => each.magnitudes));
    const ordered = [...trained].sort(([a], [b]) => (a < b ? -1 : 1));
    const shares = weightsBySamples(ordered.map(([, { metrics }]) => metrics.samples));
    this.#weights = new Map(ordered.map(([peer], k) => [peer, at(shares, k)]));
    for (const peer of this.#weights.keys()) this.#ask(peer, now);
  }

  hear(peer: PeerId, message: PhaseMessage) {
    if (message.type !== 'header' || !this.#trained.has(peer)) return;
    if ((this.#weights.get(peer) ?? 0) === 0) return;
    if (this.#headers.has(peer) || this.#verifying.has(peer)) return;
    if (!this.#isFitting(peer, message.signed)) return;
    this.#verifying.add(peer);
    const { round, attempt, signed } = message;
    this.#context.effect({ type: 'verify-header', peer, round, attempt, signed });
  }

  /** Takes what became of a header. */
  verified({ peer, result }: HeaderVerified) {
    if (!this.#verifying.delete(peer)) return;
    if (result === null) this.#trained.delete(peer);
    else if (result.ok) this.#headers.set(peer, result.value);
    else this.#context.caught(peer, 'header', result.error);
  }

  step(now: number): Next | null {
    const { members } = this.#context;
    const asked = [...this.#weights].filter(([p, weight]) => weight > 0 && this.#trained.has(p));
    const awaited = asked.some(
      ([peer]) =>
        this.#verifying.has(peer) || (!this.#headers.has(peer) && members.mayStillCome(peer, now)),
    );
    if (awaited && now < this.deadline) return null;
    const [weights, headers] = [this.#weights, this.#headers];
    if (isTooFew(this.#context, weights, headers)) {
      return { to: 'failed', reason: 'too few updates sealed' };
    }
    const { attempt } = this;
    const round = { attempt, trained: this.#trained, scales: this.#scales, weights, headers };
    return { to: 'exchanging', round };
  }

  catchUp(peer: PeerId, now: number) {
    const { ledger } = this.#context;
    this.#context.send(peer, openMessage(this.attempt, ledger.model, this.deadline - now));
    this.#ask(peer, now);
  }

  revoked(headers: readonly HeaderId[]) {
    for (const [author, { id }] of this.#headers) {
      if (!headers.includes(id)) continue;
      this.#headers.delete(author);
      this.#trained.delete(author);
    }
    return null;
  }

  /** Of weight 0 there is no header and no chunk. */
  #ask(peer: PeerId, now: number) {
    const { round, attempt } = this.attempt;
    const weight = this.#weights.get(peer) ?? 0;
    if (weight === 0) return;
    const remainingMs = Math.max(0, Math.round(this.deadline - now));
    const scales = [...this.#scales];
    this.#context.send(peer, { type: 'quantise', round, attempt, scales, weight, remainingMs });
  }

  /** Whether a header is the update that was asked for; what is not is never countersigned. */
  #isFitting(author: PeerId, signed: SignedHeader): boolean {
    const { description, parameters } = this.#context;
    const { opening, round } = this.attempt;
    const { scalars } = description.exchange;
    const asked = { author, opening, round, scalars, parameters };
    const decoded = decodeHeader(signed.header);
    const problem = decoded.ok ? unfitness(decoded.value, asked) : decoded.error;
    if (problem !== null) this.#context.caught(author, 'header', problem);
    return problem === null;
  }
}
