import { describe, expect, test } from 'vitest';
import { chunkBytes } from '../vds/index.ts';
import { bitsOf, blockBytes, serving } from './testing.ts';

describe('a chunk that is on its way here', () => {
  test('may be asked for, and is sent when it is here', () => {
    const { uploader, first, second, ask, said, foretell, store } = serving(bitsOf(0));
    ask(first, 1);
    expect(said()).toEqual(['reject 1']);
    foretell(1);
    for (const index of [1, 0]) ask(first, index);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0']); // which is here
    store(1);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 1']);
  });

  test('is not waited for by others', () => {
    const { uploader, first, second, ask, said, foretell } = serving(bitsOf(0));
    foretell(1);
    ask(first, 1);
    ask(second, 0);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0']);
  });

  test('and does not come is rejected, once for each block', () => {
    const { uploader, first, second, ask, said, foretell, withdraw } = serving(bitsOf(0));
    foretell(1);
    for (const offset of [0, blockBytes]) ask(first, 1, offset);
    withdraw(1);
    withdraw(1);
    expect(said()).toEqual(['reject 1', 'reject 1+5000']);
    uploader.serve([first, second], 0);
    expect(said()).toEqual([]);
  });
});

describe('who gets a chunk', () => {
  /** As {@link serving}, on a link of so many bytes a ms. */
  function servingAt(rate: number) {
    const all = serving();
    const { uploader, first, second, ask, send, said } = all;
    ask(first, 2);
    uploader.serve([first, second], 0);
    send(first, 2, 0);
    for (const left of [blockBytes / 2, 0]) first.drained(left, 8_192);
    uploader.drained([first, second], false, blockBytes / rate);
    said();
    for (const peer of [first, second]) peer.window = 200_000;
    const askRest = () => ask(first, 0, blockBytes, chunkBytes(all.header, 0) - blockBytes);
    return { ...all, askRest };
  }

  test('is told before its last block, where that takes a while', () => {
    const { uploader, first, second, ask, askRest, said, send } = servingAt(5);
    ask(first, 0);
    uploader.serve([first, second], 1_000);
    expect(said()).toEqual(['read 0']);
    send(first, 0, 1_000);
    first.drained(0, 200_000);
    askRest();
    uploader.serve([first, second], 2_000);
    expect(said()).toEqual(['piece', 'sending', 'read 0+5000']);
  });

  test('is not told where that takes no time', () => {
    const { uploader, first, second, askRest, said } = servingAt(5_000);
    askRest();
    uploader.serve([first, second], 1_000);
    expect(said()).toEqual(['read 0+5000']);
  });

  test('is not told who would not know what that means', () => {
    const { uploader, first, second, askRest, said } = servingAt(5);
    first.session.knowsSoon = false;
    askRest();
    uploader.serve([first, second], 1_000);
    expect(said()).toEqual(['read 0+5000']);
  });
});
