import { Bitfield, chunkKey, ok, type HeaderId, type PeerId, type TaskId } from '../lib/index.ts';
import type { PeerMessage } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import { Batch } from './batch.ts';
import { Coming } from './coming.ts';
import type { Credentials } from './credentials.ts';
import { Download } from './download.ts';
import type { Block } from './events.ts';
import { Inventory } from './inventory.ts';
import { Outbox } from './outbox.ts';
import { Peer } from './peer.ts';
import { Session } from './session.ts';
import { Uploader } from './uploader.ts';

/** What stands for a verified header where nothing is verified. */
export function testHeader(
  name: number,
  columns: number,
  kind: VerifiedHeader['kind'] = 'update',
): VerifiedHeader {
  const id = name.toString(16).padStart(64, '0') as HeaderId;
  const about = {
    ...{ id, kind, columns: Array.from({ length: columns }, () => ({})) },
    ...{ byteLength: columns * 15 * 256, scalars: 256, lanes: 'update', sum: null },
  };
  return about as unknown as VerifiedHeader;
}

export function testPeer(name: number): PeerId {
  return name.toString(16).padStart(64, 'a') as PeerId;
}

/**
 * A neighbour that introduced itself and said nothing else.
 *
 * @param features that it knows; all that we know, unless given
 */
export function testNeighbour(name: number, inventory: Inventory, features?: string[]): Peer {
  const [self, id] = [testPeer(0), testPeer(name)];
  const ends = { own: new Uint8Array(32), other: new Uint8Array(32) };
  const columnsOf = (header: HeaderId) => inventory.columnsOf(header);
  const about = { task: 'ab'.repeat(16) as TaskId, ends, columnsOf };
  const session = new Session({ ...about, credentials: believed(self), peer: id });
  const other = new Session({ ...about, credentials: believed(id), peer: self });
  const introduction = other.handshake('test');
  session.hear(features === undefined ? introduction : Object.assign(introduction, { features }));
  const totals = { uploaded: 0, downloaded: 0, verified: 0, rejected: 0 };
  return new Peer(session, inventory.join(id), totals, 0);
}

/** An introduction that everybody believes. */
export function believed(self: PeerId): Credentials {
  const nothing = { bytes: new Uint8Array(0), signature: new Uint8Array(64) };
  const introduction = { membership: nothing, signature: new Uint8Array(64) };
  return { self, introduce: () => introduction, check: () => ok(null) };
}

/** bytes of what is asked for, unless given */
export const blockBytes = 5_000;

/** One of three chunks. */
export function bitsOf(index: number): Bitfield {
  const bits = new Bitfield(3);
  bits.set(index);
  return bits;
}

/** A batch of three chunks, of which some are held, and two peers that may ask for them. */
export function serving(held = Bitfield.full(3)) {
  const [outbox, inventory] = [new Outbox(), new Inventory()];
  const coming = new Coming(inventory);
  const uploader = new Uploader(inventory, coming, outbox);
  const header: VerifiedHeader = Object.assign(testHeader(1, 3), { byteLength: 3 * 15 * 1_024, scalars: 1_024, lanes: 'update', sum: null }); // prettier-ignore
  inventory.add(new Batch(header, held, null, 0));
  const peers = [1, 2].map((name) => {
    const peer = testNeighbour(name, inventory);
    peer.session.number(header.id);
    peer.isChoked = false;
    return peer;
  });
  const [first, second] = peers;
  if (!first || !second) throw new Error('two peers');
  const ask = (peer: Peer, index: number, offset = 0, length = blockBytes) => {
    const asked = { type: 'request', batch: 0, index, offset, length } as const;
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
  /** The second one is asked for a chunk, and says that it sends it: neighbours are told. */
  const foretell = (index: number) => {
    const download = new Download({ header, index, peer: second.id }, 1, 1, 0);
    second.pipeline.downloads.set(chunkKey(header.id, index), download);
    const chunk = inventory.chunk(header.id, index);
    if (chunk) inventory.setPending(chunk);
    coming.promised(second, header.id, index);
    coming.tell(0);
  };
  const store = (index: number) => inventory.setHeld(header.id, index);
  const withdraw = (index: number) => uploader.withdraw(header.id, index, [first, second]);
  return { header, uploader, first, second, ask, said, send, fill, claim, foretell, store, withdraw }; // prettier-ignore
}
