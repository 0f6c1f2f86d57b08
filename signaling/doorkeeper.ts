import { Budget, type PeerId } from '../src/lib/index.ts';
import { limits } from '../src/protocol/index.ts';

/** A connection that is no member's: it has yet to say who it is, or was refused. */
export interface Stranger {
  /** Ends it at once. */
  end(): void;
}

/**
 * Keeps strangers from being many and hellos from being frequent: both cost the server, and
 * nobody can be made to answer for them. Members pay from budgets of their own, so that a crowd at
 * the door does not keep out who belongs here.
 */
export class Doorkeeper {
  /** In the order in which they came. */
  readonly #strangers = new Set<Stranger>();
  readonly #now: () => number;
  readonly #newcomers: Budget;
  /** Of members that come back. */
  readonly #returns = new Map<PeerId, Budget>();

  /** @param now ms */
  constructor(now: () => number) {
    this.#now = now;
    this.#newcomers = new Budget(limits.joinsPerTenSeconds, now());
  }

  /** There is one more; beyond the bound the one that has stood there longest is ended. */
  came(stranger: Stranger): void {
    this.#strangers.add(stranger);
    const [oldest] = this.#strangers;
    if (this.#strangers.size <= limits.strangers || oldest === undefined) return;
    this.#strangers.delete(oldest);
    oldest.end();
  }

  /** It is a member now, or its connection is gone. */
  went(stranger: Stranger): void {
    this.#strangers.delete(stranger);
  }

  /** Whether the hello of somebody who says it is `peer` is looked at. */
  hears(peer: PeerId, isMember: boolean): boolean {
    const now = this.#now();
    if (!isMember) return this.#newcomers.take(now);
    const budget = this.#returns.get(peer) ?? new Budget(limits.returnsPerTenSeconds, now);
    this.#returns.delete(peer);
    this.#returns.set(peer, budget);
    const [longest] = this.#returns.keys();
    if (this.#returns.size > limits.members && longest !== undefined) this.#returns.delete(longest);
    return budget.take(now);
  }
}
