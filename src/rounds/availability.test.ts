import { describe, expect, test } from 'vitest';
import { Bitfield, type HeaderId, type PeerId } from '../lib/index.ts';
import { lostAuthors, unreachedAuthors } from './availability.ts';

const peer = (name: string) => name.repeat(64) as PeerId;
const [a, b, c] = [peer('a'), peer('b'), peer('c')];
const header = (author: PeerId) => author as string as HeaderId;
const wanted = [a, b, c].map((author) => ({ author, header: header(author), chunks: 4 }));
const bits = (...indices: number[]) => {
  const field = new Bitfield(4);
  for (const index of indices) field.set(index);
  return field;
};
const all = bits(0, 1, 2, 3);

describe('lost authors', () => {
  test('an author that is there is not lost, whatever others hold', () => {
    expect(lostAuthors(wanted, new Map(), () => true)).toEqual([]);
  });

  test('one that is gone is lost unless the others hold every chunk between them', () => {
    const holdings = (second: Bitfield) =>
      new Map([
        [a, new Map([[header(c), bits(0, 1)]])],
        [b, new Map([[header(c), second]])],
      ]);
    const present = (peer: PeerId) => peer !== c;
    expect(lostAuthors(wanted, holdings(bits(2, 3)), present)).toEqual([]);
    expect(lostAuthors(wanted, holdings(bits(2)), present)).toEqual([c]);
  });

  test('what somebody who is gone holds does not count', () => {
    const holdings = new Map([[b, new Map([[header(c), all]])]]);
    expect(lostAuthors(wanted, holdings, (peer) => peer === a)).toEqual([b, c]);
  });
});

describe('unreached authors', () => {
  test('are those whose batch more than half of the others lack', () => {
    const holdings = new Map([
      [a, new Map([[header(a), all]])],
      [b, new Map([[header(a), all], [header(b), all]])], // prettier-ignore
      [c, new Map([[header(a), bits(0)], [header(b), all], [header(c), all]])], // prettier-ignore
    ]);
    // a: one of two lacks it; b: one of two lacks it; c: both lack it.
    expect(unreachedAuthors(wanted, holdings, [a, b, c])).toEqual([c]);
  });
});
