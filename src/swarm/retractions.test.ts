import { expect, test } from 'vitest';
import { chunkKey } from '../lib/index.ts';
import { Download } from './download.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';
import { Pipeline } from './pipeline.ts';
import { Retractions } from './retractions.ts';
import { testHeader, testPeer } from './testing.ts';

const header = testHeader(1, 3);
const enough = Math.max(patience.leastServiceMs, new Pipeline().lateMs);

/** A peer that three chunks are asked of at 0 ms, and taken back from at 100, 200 and 300. */
function takingBack() {
  const [retractions, pipeline] = [new Retractions(), new Pipeline()];
  const peer = { id: testPeer(1), pipeline } as unknown as Peer;
  for (const index of [0, 1, 2]) {
    const download = new Download({ header, index, peer: peer.id }, 1_000, 1_000, 0);
    pipeline.downloads.set(chunkKey(header.id, index), download);
    retractions.add(peer, download, 100 * (index + 1));
  }
  const due = (now: number) => retractions.due(now).map(({ download }) => download.index);
  return { retractions, pipeline, due };
}

test('what is neither sent nor refused is due when its time is over, and once', () => {
  const { retractions, pipeline, due } = takingBack();
  expect([...pipeline.downloads.values()].every(({ isRetracted }) => isRetracted)).toBe(true);
  expect(retractions.nextWake).toBe(100 + enough);
  expect(due(99 + enough)).toEqual([]);
  expect(due(200 + enough)).toEqual([0, 1]);
  expect(due(200 + enough)).toEqual([]);
  expect(retractions.nextWake).toBe(300 + enough);
});

test('what was sent or refused, or is asked for anew, is not', () => {
  const { retractions, pipeline, due } = takingBack();
  pipeline.downloads.delete(chunkKey(header.id, 0));
  const anew = new Download({ header, index: 1, peer: testPeer(1) }, 1_000, 1_000, 500);
  pipeline.downloads.set(chunkKey(header.id, 1), anew);
  expect(due(10_000)).toEqual([2]);
  expect(retractions.nextWake).toBe(Infinity);
});
