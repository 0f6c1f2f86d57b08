import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, equalBytes } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';
import { Packer } from './packer.ts';

/** Lengths of messages: mostly small ones, and pieces. */
const lengths = fc.array(
  fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: 1, max: 70_000 })), // prettier-ignore
  { maxLength: 600, size: 'max' },
);

test('messages go in their order, in frames that every peer takes', () => {
  fc.assert(
    fc.property(lengths, (all) => {
      const [packer, room] = [new Packer(), new Uint8Array(70_000)];
      const frames: { bytes: Uint8Array; messages: number }[] = [];
      let waiting = 0;
      const messages = all.map((length, i) => new Uint8Array(length).fill(i));
      for (const message of messages) {
        const now = packer.add(room.subarray(0, message.length).fill(message[0] ?? 0));
        const isAlone = packer.bytes === 0;
        now.forEach((bytes, i) => {
          const isLong = isAlone && i === now.length - 1;
          // What is given back is sent before anything else is written there.
          frames.push({ bytes: bytes.slice(), messages: isLong ? 1 : waiting });
        });
        waiting = isAlone ? 0 : now.length > 0 ? 1 : waiting + 1;
      }
      const last = packer.take();
      if (last !== null) frames.push({ bytes: last, messages: waiting });
      const sent = concatBytes(...frames.map(({ bytes }) => bytes));
      expect(equalBytes(sent, concatBytes(...messages))).toBe(true);
      for (const { bytes, messages: count } of frames) {
        expect(count).toBeLessThanOrEqual(limits.messagesPerFrame);
        if (count > 1) expect(bytes.length).toBeLessThanOrEqual(limits.leastFrameBytes);
      }
      expect(packer.take()).toBeNull();
      expect(packer.bytes).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('what fits goes together', () => {
  const packer = new Packer();
  for (let i = 0; i < 10; i++) expect(packer.add(new Uint8Array(100))).toEqual([]);
  expect(packer.bytes).toBe(1_000);
  expect(packer.take()?.length).toBe(1_000);
});

test('a long message goes at once, after what waits', () => {
  const packer = new Packer();
  packer.add(Uint8Array.of(1, 2));
  const long = new Uint8Array(20_000);
  expect(packer.add(long).map(({ length }) => length)).toEqual([2, 20_000]);
  expect(packer.add(long)[0]).toBe(long);
  expect(packer.take()).toBeNull();
});
