import { Bitfield, bytesToHex, shortId, type HeaderId, type PeerId } from '../../lib/index.ts';
import { lostAuthors, reportedHoldings, unreachedAuthors, wantedBatches } from '../availability.ts';
import type { SealedRound } from '../attempt.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { issueManifest, manifestMessage, type IssuedManifest } from '../manifest-maker.ts';
import { settle } from '../settlement.ts';
import { goOnWithout } from './going-on.ts';
import type { Next, Phase, PhaseMessage } from './phase.ts';

/** The members of the manifest exchange its chunks and add them up. */
export class Exchanging implements Phase {
  readonly name = 'exchanging';
  readonly #context: CoordinatorContext;
  #issued: IssuedManifest;
  #deadline = 0;
  /** hex digest that each member arrived at */
  #done = new Map<PeerId, string>();
  readonly #held = new Map<PeerId, Map<HeaderId, Bitfield>>();

  constructor(context: CoordinatorContext, sealed: SealedRound, revision: number, now: number) {
    this.#context = context;
    this.#issued = this.#issue(sealed, revision, now);
  }

  get attempt() {
    return this.#issued.attempt;
  }

  get deadline(): number {
    return this.#deadline;
  }

  hear(peer: PeerId, message: PhaseMessage) {
    const { headers, manifest } = this.#issued;
    if (!headers.has(peer)) return;
    if (message.type === 'progress') {
      const held = new Map<HeaderId, Bitfield>();
      for (const header of headers.values()) {
        const bits = message.held.find((each) => each.header === header.id)?.bits;
        const field = bits && Bitfield.fromBytes(bits, header.columns.length);
        if (field) held.set(header.id, field);
      }
      this.#held.set(peer, held);
    }
    if (message.type === 'done' && message.revision === manifest.revision) {
      this.#done.set(peer, bytesToHex(message.digest));
    }
  }

  step(now: number): Next | null {
    const { members, quorum } = this.#context;
    const issued = this.#issued;
    const { headers, manifest } = issued;
    const [done, held] = [this.#done, this.#held];
    const wanted = wantedBatches(headers);
    const holdings = reportedHoldings({ headers, held, done });
    const lost = lostAuthors(wanted, holdings, (peer) => members.isPresent(peer, now));
    const awaited = [...headers.keys()].some((p) => !done.has(p) && members.mayStillCome(p, now));
    if (awaited && now < this.#deadline) {
      return lost.length === 0 || done.size > 0 ? null : this.#goOnWithout(lost, now);
    }
    if (done.size >= quorum) {
      const settlement = settle(done, quorum);
      if (settlement === null) {
        return { to: 'failed', reason: 'the members arrived at different models' };
      }
      const { digest, agreeing, dissenting } = settlement;
      for (const peer of dissenting) {
        this.#context.warn(`${shortId(peer)}: arrived at another model than the majority`);
      }
      return { to: 'collecting', issued, digest, candidates: agreeing };
    }
    const present = [...headers.keys()].filter((peer) => members.isPresent(peer, now));
    const dropped = [...new Set([...lost, ...unreachedAuthors(wanted, holdings, present)])];
    if (manifest.revision >= 10 || dropped.length === 0) {
      return { to: 'failed', reason: 'too few members completed the exchange' };
    }
    return this.#goOnWithout(dropped, now);
  }

  catchUp(peer: PeerId) {
    if (!this.#issued.headers.has(peer)) return;
    this.#held.delete(peer);
    this.#done.delete(peer);
    this.#context.send(peer, manifestMessage(this.#issued));
  }

  revoked(revoked: readonly HeaderId[], now: number): Next | null {
    const authors = [...this.#issued.headers].filter(([, { id }]) => revoked.includes(id));
    return authors.length === 0 ? null : this.#goOnWithout(authors.map(([author]) => author), now); // prettier-ignore
  }

  #goOnWithout(dropped: readonly PeerId[], now: number): Next | null {
    const next = goOnWithout(this.#context, this.#issued, dropped);
    if (next.to !== 'exchanging') return next;
    this.#done = new Map();
    this.#issued = this.#issue(next.round, next.revision, now);
    return null;
  }

  #issue(sealed: SealedRound, revision: number, now: number): IssuedManifest {
    const issued = issueManifest(this.#context, sealed, revision);
    this.#deadline = now + issued.manifest.exchangeMs;
    const message = manifestMessage(issued);
    for (const author of sealed.headers.keys()) this.#context.send(author, message);
    return issued;
  }
}
