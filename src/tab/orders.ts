import type { HeaderId } from '../lib/index.ts';
import type { TabEffect } from './events.ts';

type Order = Extract<TabEffect, { type: 'add' | 'keep' | 'drop' | 'install' }>;

/** What changes the store: one thing at a time, in order. */
export class Orders {
  readonly #waiting: Order[] = [];
  #isUnderWay = false;

  add(order: Order): void {
    this.#waiting.push(order);
  }

  /** Whether what is said of a batch now will be out of date: it is dropped and added again. */
  isToBeAdded(header: HeaderId): boolean {
    return this.#waiting.some((order) => order.type === 'add' && order.header.id === header);
  }

  /** The one under way was carried out, or cannot be. */
  done(): void {
    this.#isUnderWay = false;
  }

  /** What is to be done now: nothing, or one thing. */
  begin(): readonly Order[] {
    if (this.#isUnderWay) return [];
    const next = this.#waiting.shift();
    if (next === undefined) return [];
    this.#isUnderWay = true;
    return [next];
  }
}
