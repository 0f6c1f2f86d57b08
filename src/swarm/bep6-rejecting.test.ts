import { describe, expect, test } from 'vitest';
import { blockBytes, serving } from './testing.ts';

describe('one answer for each request', () => {
  test('a choke comes first, then the rejects of all that was queued', () => {
    const { uploader, first, ask, said } = serving();
    for (const index of [0, 1, 2]) ask(first, index);
    uploader.choke(first);
    expect(said()).toEqual(['choke', 'reject 0', 'reject 1', 'reject 2']);
    ask(first, 0);
    expect(said()).toEqual(['reject 0']);
  });

  test('what is being read when a choke comes is still sent', () => {
    const { uploader, first, second, ask, said, send } = serving();
    for (const index of [0, 1]) ask(first, index);
    first.window = 100;
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0']);
    uploader.choke(first);
    send(first, 0, 0);
    expect(said()).toEqual(['choke', 'reject 1', 'piece']);
  });
});

describe('a chunk that nobody else has', () => {
  test('goes to one, and is refused to the next as long as others went to nobody', () => {
    const { uploader, first, second, ask, said, fill } = serving();
    fill();
    ask(first, 0);
    uploader.serve([first, second], 0);
    ask(second, 0);
    ask(second, 1);
    expect(said()).toEqual(['read 0']);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['reject 0', 'read 1']);
    ask(first, 2);
    uploader.serve([first, second], 0);
    ask(second, 0);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 2', 'read 0']); // all went out once
  });

  test('is sent again when who got it had time to pass it on', () => {
    const { uploader, first, second, ask, said, fill } = serving();
    fill();
    ask(first, 0);
    uploader.serve([first, second], 0);
    ask(second, 0);
    said();
    uploader.serve([first, second], 60_000);
    expect(said()).toEqual(['read 0']);
  });
});

describe('a chunk that several others have', () => {
  test('is refused while much waits', () => {
    const { first, second, ask, said, claim } = serving();
    claim(2);
    ask(first, 2);
    for (let k = 0; k < 10; k++) ask(second, 0);
    expect(said()).toEqual([]);
    ask(first, 2);
    expect(said()).toEqual(['reject 2']);
    ask(first, 1); // nobody else has it
    expect(said()).toEqual([]);
  });

  test('is not refused for ever to who gets nothing, but once more for each that it got', () => {
    const { first, second, ask, said, claim, send } = serving();
    claim(2);
    for (let k = 0; k < 10; k++) ask(second, 0);
    for (let k = 0; k < 5; k++) ask(first, 2);
    expect(said()).toEqual(['reject 2', 'reject 2']);
    send(first, 2, 0);
    for (let k = 0; k < 5; k++) ask(first, 2);
    expect(said()).toEqual(['piece', 'reject 2']);
  });
});

describe('what is served next', () => {
  test('is what who waited longest asks for', () => {
    const { uploader, first, second, ask, said } = serving();
    for (const index of [0, 1]) ask(first, index);
    ask(second, 2);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0', 'read 2', 'read 1']);
  });

  test('waits in its queue while a slow link has something to send', () => {
    const { uploader, first, second, ask, said, send } = serving();
    ask(first, 0);
    uploader.serve([first, second], 0);
    send(first, 0, 0);
    expect(first.drained(blockBytes / 2, 8_192)).toBe(false);
    expect(first.drained(0, 8_192)).toBe(false);
    uploader.drained([first, second], false, 1_000); // 5 bytes a ms
    expect(said()).toEqual(['read 0', 'piece']);
    ask(first, 1);
    ask(second, 2);
    uploader.serve([first, second], 1_000);
    expect(said()).toEqual(['read 2']);
    send(second, 2, 1_000);
    uploader.serve([first, second], 1_000);
    expect(said()).toEqual(['piece']);
    second.drained(blockBytes, 8_192);
    uploader.serve([first, second], 1_000);
    expect(said()).toEqual([]);
    second.drained(0, 8_192);
    uploader.serve([first, second], 2_000);
    expect(said()).toEqual(['read 1']);
    send(first, 1, 2_000);
    expect(first.drained(0, 8_192)).toBe(true); // it was empty before it said anything
  });
});

describe('a chunk of several blocks', () => {
  test('is sent whole before another one is begun, though somebody else waits longer', () => {
    const { uploader, first, second, ask, said } = serving();
    for (const offset of [0, blockBytes, 2 * blockBytes]) ask(first, 0, offset);
    ask(second, 1);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0', 'read 0+5000', 'read 0+10000', 'read 1']);
  });

  test('goes first from its beginning only: who asks for ends of chunks waits like anybody', () => {
    const { uploader, first, second, ask, said } = serving();
    for (const index of [0, 1, 2]) ask(first, index, blockBytes);
    ask(second, 1);
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0+5000', 'read 1', 'read 1+5000', 'read 2+5000']);
  });

  test('is refused whole, for one refusal', () => {
    const { first, second, ask, said, claim } = serving();
    claim(2);
    for (let k = 0; k < 10; k++) ask(second, 0);
    for (const offset of [0, blockBytes]) ask(first, 2, offset);
    expect(said()).toEqual(['reject 2', 'reject 2+5000']);
    expect(first.refusals).toBe(1);
  });

  test('is not refused once it is begun, though it was begun for somebody else since', () => {
    const { uploader, first, second, ask, said, fill } = serving();
    for (const peer of [first, second]) {
      peer.window = 100;
      for (const offset of [0, blockBytes]) ask(peer, 0, offset);
    }
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0', 'read 0']);
    fill();
    uploader.serve([first, second], 0);
    expect(said()).toEqual([]);
    for (const peer of [first, second]) peer.window = 200_000;
    uploader.serve([first, second], 0);
    expect(said()).toEqual(['read 0+5000', 'read 0+5000']);
  });
});
