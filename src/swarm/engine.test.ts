import { expect, test } from 'vitest';
import { Bitfield, seededRandom, type PeerId, type TaskId } from '../lib/index.ts';
import { SwarmEngine } from './engine.ts';
import type { SwarmEffect, SwarmEvent } from './events.ts';
import { believed, testHeader, testPeer } from './testing.ts';

const ends = { own: new Uint8Array(32), other: new Uint8Array(32) };

function engineOf(self: PeerId): SwarmEngine {
  return new SwarmEngine({
    task: 'ab'.repeat(16) as TaskId,
    credentials: believed(self),
    ...{ client: 'test', random: seededRandom(1), uploadSlots: 4 },
  });
}

/** Two engines; what one sends the other hears once it has been told what it is told. */
class Pair {
  readonly ids = [testPeer(1), testPeer(2)] as const;
  readonly #engines = new Map(this.ids.map((id) => [id, engineOf(id)]));
  readonly #onTheWay: (() => void)[] = [];
  readonly effects: (SwarmEffect & { readonly of: PeerId })[] = [];

  /** Both are told that they are connected. */
  meet(): void {
    const [a, b] = this.ids;
    this.#handle(a, { type: 'connected', peer: b, ends });
    this.tell(b, { type: 'connected', peer: a, ends });
  }

  tell(id: PeerId, event: SwarmEvent): void {
    this.#handle(id, event);
    for (let deliver = this.#onTheWay.shift(); deliver; deliver = this.#onTheWay.shift()) deliver();
  }

  #handle(id: PeerId, event: SwarmEvent): void {
    for (const effect of this.#engines.get(id)?.handle([event], 1_000) ?? []) {
      this.effects.push({ ...effect, of: id });
      if (effect.type !== 'send') continue;
      const { peer: to, message } = effect;
      this.#onTheWay.push(() => this.#handle(to, { type: 'message', peer: id, message }));
    }
  }

  sent(id: PeerId, type: string): number {
    return this.effects.filter((each) => each.of === id && each.type === 'send' && each.message.type === type).length; // prettier-ignore
  }

  closes(id: PeerId): string[] {
    return this.effects.flatMap((each) => each.of === id && each.type === 'close' ? [each.reason] : []); // prettier-ignore
  }
}

test('an announcement is remembered over the start of a round that brings the batch', () => {
  const pair = new Pair();
  const [author, other] = pair.ids;
  pair.meet();
  const header = testHeader(7, 3);
  pair.tell(author, { type: 'batch', header, held: Bitfield.full(3), readers: null });
  pair.tell(other, { type: 'keep', headers: [] });
  expect(pair.sent(other, 'interested')).toBe(0);
  pair.tell(other, { type: 'batch', header, held: new Bitfield(3), readers: null });
  expect(pair.sent(other, 'interested')).toBe(1);
});

test('who is banned is let in again with the next round', () => {
  const pair = new Pair();
  const [self, liar] = pair.ids;
  const header = testHeader(7, 3);
  pair.tell(self, { type: 'batch', header, held: new Bitfield(3), readers: null });
  for (const index of [0, 1, 2]) {
    pair.tell(self, { type: 'refused', header: header.id, index, from: liar, reason: 'chunk digest' }); // prettier-ignore
  }
  pair.tell(self, { type: 'connected', peer: liar, ends });
  expect(pair.closes(self)).toEqual(['banned for this round']);
  expect(pair.sent(self, 'handshake')).toBe(0);
  pair.tell(self, { type: 'keep', headers: [header.id] });
  pair.tell(self, { type: 'connected', peer: liar, ends });
  expect(pair.closes(self)).toHaveLength(1);
  expect(pair.sent(self, 'handshake')).toBe(1);
});
