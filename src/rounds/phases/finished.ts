import type { PeerId } from '../../lib/index.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { Phase } from './phase.ts';

/** The last round is closed, until the Data Owner lets the task go on. */
export class Finished implements Phase {
  readonly name = 'finished';
  readonly attempt = null;
  readonly deadline = null;
  readonly #context: CoordinatorContext;

  constructor(context: CoordinatorContext) {
    this.#context = context;
    context.broadcast({ type: 'finished' });
  }

  hear() {
    // No round is open.
  }

  step() {
    return null;
  }

  catchUp(peer: PeerId) {
    this.#context.send(peer, { type: 'finished' });
  }

  revoked() {
    return null;
  }
}
