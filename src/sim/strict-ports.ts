import { messageOf } from '../lib/index.ts';
import type { Ports, TabEvent } from '../tab/index.ts';

/**
 * Ports of a simulation, where what throws is a bug and not a browser's: a tab would take it for an
 * effect that cannot be carried out, and go on.
 */
export class StrictPorts {
  readonly ports: Ports;
  #thrown: Error | null = null;

  constructor(ports: Ports) {
    const strict = Object.entries(ports).map(([type, carryOut]) => {
      const run = carryOut as (effect: unknown, answer: (...events: TabEvent[]) => void) => void;
      return [
        type,
        (...given: Parameters<typeof run>) => {
          try {
            run(...given);
          } catch (thrown) {
            this.#thrown ??= thrown instanceof Error ? thrown : new Error(messageOf(thrown));
            throw thrown;
          }
        },
      ];
    });
    this.ports = Object.fromEntries(strict) as Ports;
  }

  /** Throws what was thrown. */
  check(): void {
    if (this.#thrown !== null) throw this.#thrown;
  }
}
