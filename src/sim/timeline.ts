import { at } from '../lib/index.ts';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** What is going to happen, on a virtual clock: a binary heap by time, equal times in order. */
export class Timeline {
  /** ms */
  now: number;
  readonly #heap: Entry[] = [];
  #order = 0;

  constructor(now = 0) {
    this.now = now;
  }

  /** When the next thing happens, or Infinity. ms */
  get next(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  /** @param ms from now */
  later(ms: number, run: () => void): void {
    this.when(this.now + ms, run);
  }

  /** @param time ms; what is past happens now */
  when(time: number, run: () => void): void {
    const entry = { at: Math.max(time, this.now), order: this.#order++, run };
    let place = this.#heap.length;
    this.#heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, at(this.#heap, parent))) break;
      this.#heap[place] = at(this.#heap, parent);
      place = parent;
    }
    this.#heap[place] = entry;
  }

  /** Lets the next thing happen; false if nothing will. */
  step(): boolean {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return false;
    if (this.#heap.length > 0) this.#sink(last);
    this.now = Math.max(this.now, first.at);
    first.run();
    return true;
  }

  /** Lets time pass until `done`, or until `limitMs` on the clock; whether it came true. */
  run(done: () => boolean, limitMs: number): boolean {
    while (!done()) {
      if (this.next > limitMs) return false;
      this.step();
    }
    return true;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(at(heap, child + 1), at(heap, child))) child++;
      if (!isBefore(at(heap, child), entry)) break;
      heap[place] = at(heap, child);
      place = child;
    }
    heap[place] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
