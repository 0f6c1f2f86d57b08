import { expect, test } from 'vitest';
import { err, ok } from '../lib/index.ts';
import { testPeer } from '../swarm/testing.ts';
import { payloadBytes } from '../vds/index.ts';
import { SumCollection, type Collect } from './sum-collection.ts';

const [asked, other] = [testPeer(1), testPeer(2)];
const about = { round: 1, attempt: 1, revision: 2 };
const scalars = 256;
const length = 6_000;

/** Of a sum of two chunks. */
function collection(): SumCollection {
  const tensor = { name: 'w', shape: [length], offset: 0, length, fanIn: 1, fanOut: 1 };
  return new SumCollection({ type: 'collect', from: asked, ...about } as Collect, [tensor], scalars); // prettier-ignore
}

const chunk = (index: number, bytes = payloadBytes(2 * length, scalars, 'sum', index)) =>
  ({ type: 'sum', ...about, index, payload: new Uint8Array(bytes) }) as const;

test('a chunk of the sum that was asked for is taken, and is not all of it', () => {
  expect(collection().take(asked, chunk(0))).toEqual(ok(null));
});

test('what no chunk of it can be is refused, and it says why', () => {
  const wrong = (index: number, bytes?: number) => collection().take(asked, chunk(index, bytes));
  expect(wrong(0, 100)).toEqual(err('sum chunk 0 has a wrong length'));
  expect(wrong(9, 100)).toEqual(err('sum chunk 9 is out of range'));
  expect(collection().take(other, chunk(0))).toEqual(err('a sum from somebody who was not asked'));
});

test('what was asked for before is passed over', () => {
  expect(collection().take(other, { ...chunk(0, 5), revision: 1 })).toEqual(ok(null));
});
