import type { HeaderId, PeerId } from '../lib/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import { describeHeader, type HeaderDetails } from './header-details.ts';
import type { RefusalView } from './state.ts';
import type { AppStore } from './store.ts';

/** Sums whose proof is kept, refusals that are remembered. */
const keptSums = 100;
const keptRefusals = 50;

/** What was proved in this tab and what was not, for people to look at. */
export class ProofBook {
  readonly #store: AppStore;
  readonly #sums = new Map<HeaderId, VerifiedHeader>();
  #nextRefusal = 0;

  constructor(store: AppStore) {
    this.#store = store;
  }

  /** Something did not hold. */
  refused(from: PeerId | null, what: string, check: string, by: RefusalView['by']): void {
    const refusal = { id: this.#nextRefusal++, at: Date.now(), from, what, check, by };
    this.#store.setState(({ proofs }) => ({
      proofs: { ...proofs, refusals: [refusal, ...proofs.refusals].slice(0, keptRefusals) },
    }));
  }

  /** A round is closed. @param sum null if it could not be checked here */
  closed(round: number, sum: VerifiedHeader | null): void {
    if (sum !== null) this.#sums.set(sum.id, sum);
    const [oldest] = this.#sums.keys();
    if (this.#sums.size > keptSums && oldest !== undefined) this.#sums.delete(oldest);
    const view = sum && { header: sum.id, author: sum.author };
    this.#store.setState(({ proofs }) => ({
      proofs: {
        ...proofs,
        sums: new Map([...proofs.sums, [round, view] as const].slice(-keptSums)),
      },
    }));
  }

  /** The values of a sum, or of one of these batches; null if it is not here any more. */
  details(id: HeaderId, batches: readonly VerifiedHeader[]): HeaderDetails | null {
    const header = this.#sums.get(id) ?? batches.find((each) => each.id === id);
    return header ? describeHeader(header) : null;
  }
}
