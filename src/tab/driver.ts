import { messageOf } from '../lib/index.ts';
import type { TabEffect, TabEvent } from './events.ts';
import type { Answer, Ports } from './ports.ts';
import type { Tab } from './tab.ts';

/** The time, and one wake-up. */
export interface TabClock {
  /** ms */
  now(): number;
  /** Calls `tick` then, at about that time; takes the place of what was asked before. */
  wakeAt(time: number | null): void;
}

/**
 * Runs a tab on its ports, in a browser or in a simulation. One step at a time: what it decided is
 * carried out before what comes of it is heard.
 */
export class TabDriver {
  readonly #tab: Tab;
  readonly #ports: Ports;
  readonly #clock: TabClock;
  /** One for all effects: who carries several out together answers them together. */
  readonly #answer: Answer = (...events) => this.handle(...events);
  readonly #events: (readonly TabEvent[])[] = [];
  #isHandling = false;

  constructor(tab: Tab, ports: Ports, clock: TabClock) {
    this.#tab = tab;
    this.#ports = ports;
    this.#clock = clock;
  }

  /** @param events that came together, as those of one frame: one step */
  handle(...events: readonly TabEvent[]): void {
    this.#events.push(events);
    if (this.#isHandling) return;
    this.#isHandling = true;
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) {
        for (const effect of this.#tab.handle(next, this.#clock.now())) this.#carryOut(effect);
      }
    } finally {
      this.#isHandling = false; // a step that throws is a bug, and must not be the last one
    }
    this.#clock.wakeAt(this.#tab.nextWake(this.#clock.now()));
  }

  #carryOut(effect: TabEffect): void {
    const carryOut = this.#ports[effect.type];
    try {
      // The compiler cannot see that a handler and its effect have the same name.
      carryOut(effect as never, this.#answer);
    } catch (thrown) {
      // The others' effects are not lost with it.
      this.handle({ type: 'failed', effect, reason: messageOf(thrown) });
    }
  }
}
