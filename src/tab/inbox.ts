import { limits } from '../protocol/index.ts';
import type { RoundServerMessage } from '../rounds/index.ts';

/** Messages of the coordinator's in the order in which they came: one at a time is verified. */
export class Inbox {
  readonly #waiting: RoundServerMessage[] = [];
  /** Nothing can be verified before the CRS is there. */
  #isOpen = false;
  #isVerifying = false;

  /** False if there are too many: then all are gone, and are to be said again. */
  add(message: RoundServerMessage): boolean {
    if (this.#waiting.length < limits.unverifiedMessages) {
      this.#waiting.push(message);
      return true;
    }
    this.#waiting.length = 0;
    return false;
  }

  open(): void {
    this.#isOpen = true;
  }

  /** The next message to be dealt with, unless one is being verified. */
  next(): RoundServerMessage | undefined {
    return this.#isOpen && !this.#isVerifying ? this.#waiting.shift() : undefined;
  }

  /** The others wait until {@link verified}. */
  verifying(): void {
    this.#isVerifying = true;
  }

  verified(): void {
    this.#isVerifying = false;
  }
}
