import { randomInt, type PeerId, type Random } from '../lib/index.ts';
import { patience } from './patience.ts';

/** Who may be served, as the choker sees it. */
export interface Contender {
  readonly id: PeerId;
  readonly isInterested: boolean;
  readonly isUnchoked: boolean;
  /** bytes of the last 20 s: what it gave, or what it took while we need nothing. */
  readonly worth: number;
  /** How long it has been interested and choked. ms */
  readonly waitedMs: number;
  readonly isNew: boolean;
}

/** Whom to unchoke and whom to choke. */
export interface Verdict {
  readonly unchoke: readonly PeerId[];
  readonly choke: readonly PeerId[];
}

/**
 * Decides who is served (BEP 3): some that gave most, and one more that is tried. Every ten seconds
 * anew; in between only slots that became free are given away, and nobody is served outside them.
 * An uninterested peer costs nothing and may be unchoked; once it is interested it takes a slot if
 * there is one, or that of a peer that gave much less.
 */
export class Choker {
  readonly #slots: number;
  readonly #random: Random;
  /** Who has a slot: interested and unchoked. */
  #served = new Set<PeerId>();
  #optimistic: PeerId | null = null;
  #rechokeAt = -Infinity;
  #rotateAt = -Infinity;
  #isWaiting = false;

  /** @param slots besides the one of who is tried */
  constructor(slots: number, random: Random) {
    this.#slots = slots;
    this.#random = random;
  }

  decide(contenders: readonly Contender[], now: number): Verdict {
    const wanting = contenders.filter(({ isInterested }) => isInterested);
    const isDue = now >= this.#rechokeAt && wanting.length > this.#slots;
    if (isDue) this.#rechokeAt = now + patience.rechokeMs;
    const ranked = isDue ? rank(contenders, this.#slots) : this.#keeping(contenders);
    const regular = ranked.filter(({ isInterested }) => isInterested).slice(0, this.#slots);
    const chosen = new Set(regular.map(({ id }) => id));
    this.#try(wanting, chosen, now);
    if (this.#optimistic !== null) chosen.add(this.#optimistic);
    this.#served = chosen;
    this.#isWaiting = wanting.length > chosen.size;
    // Who would be served if it were interested.
    const last = regular.at(-1);
    const isFree = regular.length < this.#slots;
    const mayStay = (each: Contender) =>
      isFree || (isDue ? last !== undefined && each.worth > last.worth : each.isUnchoked);
    const isToBe = (each: Contender) => (each.isInterested ? chosen.has(each.id) : mayStay(each));
    return {
      unchoke: contenders.filter((each) => !each.isUnchoked && isToBe(each)).map(({ id }) => id),
      choke: contenders.filter((each) => each.isUnchoked && !isToBe(each)).map(({ id }) => id),
    };
  }

  /** When it wants to decide again: while somebody waits. ms */
  get nextWake(): number {
    return this.#isWaiting ? Math.min(this.#rechokeAt, this.#rotateAt) : Infinity;
  }

  /** As it is: who is served stays, but for who gives twice as much; then who waited longest. */
  #keeping(contenders: readonly Contender[]): Contender[] {
    const isServed = ({ id }: Contender) => this.#served.has(id) && id !== this.#optimistic;
    const claim = (each: Contender) => (isServed(each) ? 1 + 2 * each.worth : each.isUnchoked ? each.worth : 0); // prettier-ignore
    return [...contenders].sort((a, b) => claim(b) - claim(a) || b.waitedMs - a.waitedMs);
  }

  /** Keeps who is tried for 30 s; then, or if it has a slot of its own, another one is. */
  #try(wanting: readonly Contender[], regular: ReadonlySet<PeerId>, now: number): void {
    const left = wanting.filter(({ id }) => !regular.has(id));
    const stays = left.some(({ id }) => id === this.#optimistic) && now < this.#rotateAt;
    if (stays) return;
    this.#rotateAt = now + patience.optimisticMs;
    const others = left.length > 1 ? left.filter(({ id }) => id !== this.#optimistic) : left;
    // A new peer is three times as likely: it has nothing to show yet.
    const drawn = others.flatMap(({ id, isNew }) => (isNew ? [id, id, id] : [id]));
    this.#optimistic = drawn.length === 0 ? null : (drawn[randomInt(this.#random, drawn.length)] ?? null); // prettier-ignore
  }
}

/** Who is worth most, but half of the slots for who waited too long. */
function rank(contenders: readonly Contender[], slots: number): Contender[] {
  const isStarved = ({ isInterested, waitedMs }: Contender) =>
    isInterested && waitedMs >= patience.starvedMs;
  const byWaiting = (a: Contender, b: Contender) => b.waitedMs - a.waitedMs;
  const first = contenders
    .filter(isStarved)
    .sort(byWaiting)
    .slice(0, Math.floor(slots / 2));
  const others = contenders.filter((each) => !first.includes(each));
  return [...first, ...others.sort((a, b) => b.worth - a.worth || byWaiting(a, b))];
}
