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

const nobody: Verdict = { unchoke: [], choke: [] };

/**
 * Decides who is served (BEP 3): some that gave most, and one more that is tried. Every ten seconds
 * anew; in between only slots that became free are given away, and nobody is served outside them.
 * Uninterested peers that would be chosen are unchoked too: it costs nothing until they are
 * interested, and then the least worthy one has to go.
 */
export class Choker {
  readonly #slots: number;
  readonly #random: Random;
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
    this.#isWaiting = false;
    if (wanting.length === 0 && contenders.every(({ isUnchoked }) => isUnchoked)) return nobody;
    const isDue = now >= this.#rechokeAt && wanting.length > this.#slots;
    if (isDue) this.#rechokeAt = now + patience.rechokeMs;
    const regular = isDue
      ? this.#chosen(rank(contenders, this.#slots))
      : this.#chosen(keeping(contenders, this.#optimistic));
    this.#try(wanting, regular, now);
    const served = new Set(regular);
    if (this.#optimistic !== null) served.add(this.#optimistic);
    this.#isWaiting = wanting.some(({ id }) => !served.has(id));
    return {
      unchoke: contenders.filter((each) => !each.isUnchoked && served.has(each.id)).map(({ id }) => id), // prettier-ignore
      choke: contenders.filter((each) => each.isUnchoked && !served.has(each.id)).map(({ id }) => id), // prettier-ignore
    };
  }

  /** When it wants to decide again: while somebody waits. ms */
  get nextWake(): number {
    return this.#isWaiting ? Math.min(this.#rechokeAt, this.#rotateAt) : Infinity;
  }

  /** The first ones, up to as many interested ones as there are slots. */
  #chosen(ranked: readonly Contender[]): Set<PeerId> {
    const chosen = new Set<PeerId>();
    let taken = 0;
    for (const { id, isInterested } of ranked) {
      if (isInterested && taken === this.#slots) break;
      chosen.add(id);
      if (isInterested) taken++;
    }
    return chosen;
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

/** As it is: who is served stays before who waits, the most worthy first; then who waited longest. */
function keeping(contenders: readonly Contender[], optimistic: PeerId | null): Contender[] {
  const isServed = ({ id, isUnchoked }: Contender) => Number(isUnchoked && id !== optimistic);
  return [...contenders].sort(
    (a, b) => isServed(b) - isServed(a) || b.worth - a.worth || b.waitedMs - a.waitedMs,
  );
}
