import { shortId, type HeaderId, type PeerId } from '../../lib/index.ts';
import type { VerifiedHeader } from '../../vds/index.ts';
import type { SealedRound } from '../attempt.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { Relayed } from '../coordinator-state.ts';
import {
  isTooFew,
  issueManifest,
  manifestMessage,
  type IssuedManifest,
} from '../manifest-maker.ts';
import { Relays } from '../relays.ts';
import { Vouches } from '../vouches.ts';
import type { Next, Phase, PhaseMessage } from './phase.ts';

/**
 * The members of the manifest exchange its chunks and vouch for them (VDS.md, “Sums” 1–3), until
 * every chunk of every author that stays was found to hold by somebody else.
 */
export class Exchanging implements Phase {
  readonly name = 'exchanging';
  readonly #context: CoordinatorContext;
  readonly #issued: IssuedManifest;
  readonly #vouches: Vouches;
  readonly #relays: Relays;
  /** ms; from then on who said nothing is not waited for, and what somebody still lacks is relayed. */
  readonly #firstDeadline: number;
  /** ms; then what is not settled is dropped. */
  readonly #lastDeadline: number;
  #isPastFirst = false;
  /** Checkers that are not waited for in this attempt. */
  readonly #off = new Set<PeerId>();
  /** Authors whose update the Data Owner revoked. */
  readonly #revoked = new Set<PeerId>();

  constructor(context: CoordinatorContext, sealed: SealedRound, now: number) {
    this.#context = context;
    this.#issued = issueManifest(context, sealed, 1);
    this.#vouches = new Vouches(sealed.attempt.opening, sealed.headers.values());
    this.#relays = new Relays(context, sealed.attempt);
    const { exchangeMs } = context.description.deadlines;
    this.#firstDeadline = now + exchangeMs / 2;
    this.#lastDeadline = now + exchangeMs;
    for (const author of sealed.headers.keys()) this.catchUp(author);
  }

  get attempt() {
    return this.#issued.attempt;
  }

  get deadline(): number {
    const next = this.#isPastFirst ? this.#lastDeadline : this.#firstDeadline;
    return Math.min(next, this.#relays.deadline ?? Infinity);
  }

  hear(peer: PeerId, message: PhaseMessage, now: number) {
    if (!this.#issued.headers.has(peer)) return;
    if (message.type === 'vouch' || message.type === 'complaint') {
      const taken = this.#vouches.take(peer, message.type, message.signed);
      if (!taken.ok) this.#context.caught(peer, 'vouch', taken.error);
      else if (message.type === 'complaint') this.#context.warn(`${shortId(peer)} complains: ${message.reason}`); // prettier-ignore
    }
    if (message.type === 'relayed') this.#relayed(peer, message, now);
  }

  step(now: number): Next | null {
    this.#relays.expire(now);
    if (!this.#isPastFirst && now >= this.#firstDeadline) {
      this.#isPastFirst = true;
      const silent = this.#checkers(now).filter((peer) => !this.#vouches.hasSpoken(peer));
      for (const peer of silent) this.#off.add(peer);
    }
    const checkers = this.#checkers(now);
    const isPresent = (peer: PeerId) => this.#context.members.isPresent(peer, now);
    const headers = [...this.#issued.headers.values()];
    const isHopeless = (header: VerifiedHeader) =>
      this.#revoked.has(header.author) ||
      this.#relays.hasFailed(header.id) ||
      !this.#vouches.canBeHad(header, isPresent);
    const hopeless = headers.filter(isHopeless);
    const open = headers.filter(
      (header) => !hopeless.includes(header) && !this.#vouches.isSettled(header, checkers),
    );
    if (open.length === 0) return this.#freeze(hopeless);
    if (now < this.#lastDeadline) {
      this.#relay(open, checkers, now);
      return null;
    }
    this.#nameRefusers(open);
    // Who refuses what the coordinator itself found to hold is not asked. Nobody else's word will do:
    // an author and one that vouches for it blindly would pass what no honest member could have.
    const unsettled = open.filter((header) => !this.#vouches.isChecked(header, checkers));
    return this.#freeze([...hopeless, ...unsettled]);
  }

  catchUp(peer: PeerId) {
    if (!this.#issued.headers.has(peer)) return;
    // A manifest with a revoked header is refused by who knows of it: the next one will do.
    if (this.#revoked.size > 0) this.#off.add(peer);
    else this.#context.send(peer, manifestMessage(this.#issued));
  }

  revoked(revoked: readonly HeaderId[]): Next | null {
    const { headers, weights } = this.#issued;
    for (const [author, { id }] of headers) if (revoked.includes(id)) this.#revoked.add(author);
    const rest = new Map([...headers].filter(([author]) => !this.#revoked.has(author)));
    return isTooFew(this.#context, weights, rest)
      ? { to: 'failed', reason: 'too few updates can be had' }
      : null;
  }

  /** Those that are waited for. */
  #checkers(now: number): PeerId[] {
    const { members } = this.#context;
    return [...this.#issued.headers.keys()].filter(
      (peer) => !this.#off.has(peer) && members.mayStillCome(peer, now),
    );
  }

  /** Lets chunks that somebody complained of, or that a checker lacks too long, come through here. */
  #relay(open: readonly VerifiedHeader[], checkers: readonly PeerId[], now: number) {
    const vouches = this.#vouches;
    const { members } = this.#context;
    for (const header of open) {
      const { id, author, columns } = header;
      const others = checkers.filter((peer) => peer !== author);
      for (const index of columns.keys()) {
        if (this.#relays.isFull) return;
        if (vouches.wasRelayed(id, index)) continue;
        const isLacking =
          others.length === 0 || !others.every((p) => vouches.vouches(p, id, index));
        const isOverdue = isLacking && (this.#isPastFirst || others.length === 0);
        if (!isOverdue && vouches.complainers(id, index).length === 0) continue;
        const sources = [author, ...vouches.vouchers(id, index)];
        // A reload is waited for.
        if (
          !sources.some((p) => members.isOnline(p)) &&
          sources.some((p) => members.isPresent(p, now))
        )
          continue;
        this.#relays.ask(header, index, sources, now);
      }
    }
  }

  /** A chunk that holds counts as vouched for, and goes to those that lack it. */
  #relayed(from: PeerId, message: Relayed, now: number) {
    const taken = this.#relays.take(from, message, now);
    if (taken === null) return;
    if (!taken.ok) {
      this.#context.caught(from, 'chunk', taken.error);
      return;
    }
    const { header, index } = taken.value;
    const { payload, round, attempt } = message;
    this.#vouches.takeRelayed(header, index);
    if (payload === null) return;
    for (const peer of this.#issued.headers.keys()) {
      if (peer === header.author || this.#vouches.vouches(peer, header.id, index)) continue;
      this.#context.send(peer, {
        type: 'chunk',
        round,
        attempt,
        header: header.id,
        index,
        payload,
      });
    }
  }

  /** Who complained of a chunk that holds, and got it, and refuses it still, is named. */
  #nameRefusers(open: readonly VerifiedHeader[]) {
    const refusers = open.flatMap(({ id, columns }) =>
      [...columns.keys()]
        .filter((index) => this.#vouches.wasRelayed(id, index))
        .flatMap((index) => this.#vouches.complainers(id, index)),
    );
    for (const peer of new Set(refusers)) {
      if (this.#context.members.isOnline(peer)) this.#context.caught(peer, 'vouch', 'refuses a chunk that holds'); // prettier-ignore
    }
  }

  /** The manifest without `dropped` is final. */
  #freeze(dropped: readonly VerifiedHeader[]): Next {
    const context = this.#context;
    const vouches = this.#vouches;
    if (dropped.length === 0) return { to: 'collecting', issued: this.#issued, vouches };
    const authors = dropped.map(({ author }) => author);
    const headers = new Map([...this.#issued.headers].filter(([a]) => !authors.includes(a)));
    if (isTooFew(context, this.#issued.weights, headers)) {
      return { to: 'failed', reason: 'too few updates can be had' };
    }
    const { round } = this.attempt;
    context.warn(`round ${round} goes on without ${authors.map(shortId).join(', ')}`);
    const issued = issueManifest(context, { ...this.#issued, headers }, 2);
    for (const author of headers.keys()) context.send(author, manifestMessage(issued));
    return { to: 'collecting', issued, vouches };
  }
}
