import { describe, expect, test } from 'vitest';
import { Bitfield, ok, type TaskId } from '../lib/index.ts';
import type { PeerMessage } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import { Batch } from './batch.ts';
import type { Block } from './events.ts';
import { Inventory } from './inventory.ts';
import { Outbox } from './outbox.ts';
import { Peer } from './peer.ts';
import { Session } from './session.ts';
import { testHeader, testPeer } from './testing.ts';
import { Uploader } from './uploader.ts';

const blockBytes = 5_000;

function bitsOf(index: number): Bitfield {
  const bits = new Bitfield(3);
  bits.set(index);
  return bits;
}

/** A batch of three chunks, and two peers that may ask for them. */
function serving() {
  const [outbox, inventory] = [new Outbox(), new Inventory()];
  const uploader = new Uploader(inventory, outbox);
  const header: VerifiedHeader = Object.assign(testHeader(1, 3), { byteLength: 3 * 15 * 1_024, scalars: 1_024, lanes: 'update', sum: null }); // prettier-ignore
  inventory.add(new Batch(header, Bitfield.full(3), null, 0));
  const peers = [1, 2].map((name) => {
    const id = testPeer(name);
    const nothing = { bytes: new Uint8Array(0), signature: new Uint8Array(64) };
    const credentials = {
      self: testPeer(9),
      introduce: () => ({ membership: nothing, signature: nothing.signature }),
      check: () => ok(null),
    };
    const ends = { own: new Uint8Array(32), other: new Uint8Array(32) };
    const session = new Session({ task: '' as TaskId, credentials, peer: id, ends, columnsOf: () => 3 }); // prettier-ignore
    const totals = { uploaded: 0, downloaded: 0, verified: 0, rejected: 0 };
    const peer = new Peer(session, inventory.join(id), totals, 0);
    session.number(header.id);
    peer.isChoked = false;
    return peer;
  });
  const [first, second] = peers;
  if (!first || !second) throw new Error('two peers');
  const ask = (peer: Peer, index: number, offset = 0) => {
    const asked = { type: 'request', batch: 0, index, offset, length: blockBytes } as const;
    return uploader.requested(peer, { type: 'request', header: header.id, asked }, [first, second]);
  };
  /** A block that was read. */
  const send = (peer: Peer, index: number, now: number, offset = 0) => {
    const block = { batch: 0, header: header.id, index, offset, length: blockBytes };
    uploader.blockRead(peer, { type: 'block', peer: peer.id, block, bytes: new Uint8Array(blockBytes) }, now); // prettier-ignore
  };
  /** So much is in the channels already that sending it takes a while. */
  const fill = () => [first, second].forEach((peer) => (peer.buffered = 60_000));
  /** What was sent to a peer, and what is read for it. */
  const said = () =>
    outbox.empty().map((effect) => {
      const named = (what: string, { index, offset }: Pick<Block, 'index' | 'offset'>) =>
        `${what} ${index}${offset > 0 ? `+${offset}` : ''}`;
      if (effect.type === 'read') return named('read', effect.block);
      const message: PeerMessage | null = effect.type === 'send' ? effect.message : null;
      return message?.type === 'reject' ? named('reject', message) : message?.type;
    });
  /** They say that they have a chunk. */
  const claim = (index: number) => {
    for (const { holdings } of [first, second]) {
      inventory.claimed(holdings, header.id, bitsOf(index));
    }
  };
  return { uploader, first, second, ask, said, send, fill, claim };
}

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
