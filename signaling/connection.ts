import { randomBytes } from 'node:crypto';
import type { WebSocket } from '@fastify/websocket';
import {
  Budget,
  concatBytes,
  err,
  hexToBytes,
  type PeerId,
  type Result,
} from '../src/lib/index.ts';
import { verifySignature } from '../src/crypto/index.ts';
import { clientCodec, limits, protocolVersion, serverCodec } from '../src/protocol/index.ts';
import type { ClientMessage, ServerMessage } from '../src/protocol/index.ts';
import type { Doorkeeper } from './doorkeeper.ts';
import type { Seat, TaskRoom } from './task-room.ts';
import type { Traffic } from './traffic.ts';

const helloWithinMs = 10_000;
const pingEveryMs = 15_000;
/** Whoever was refused has so long to take note of it. */
const closeWithinMs = 2_000;

/**
 * Speaks with one tab: challenge, hello, then messages of its room. Whatever it sends, it can
 * only lose its own connection.
 */
export function serveConnection(
  socket: WebSocket,
  rooms: { find(task: string | null): TaskRoom | null },
  { door, traffic }: { readonly door: Doorkeeper; readonly traffic: Traffic },
): void {
  const now = () => performance.now();
  const nonce = new Uint8Array(randomBytes(32));
  let member: { readonly peer: PeerId; readonly room: TaskRoom } | null = null;
  /** Who is to show a state, or whose state is being looked at, before it becomes a member. */
  let showing: { readonly peer: PeerId; readonly room: TaskRoom; state: 'asked' | 'judged' } | null = null; // prettier-ignore
  let alive = true;
  /** Refused: whatever still comes is not looked at. */
  let isOver = false;
  const messages = new Budget(limits.messagesPerTenSeconds, now());
  const work = new Budget(limits.workPerTenSeconds, now());
  const stranger = { end: () => socket.terminate() };
  door.came(stranger);
  let leaving: NodeJS.Timeout | undefined;
  let resting: NodeJS.Timeout | undefined;

  const seat: Seat = {
    send(message) {
      // A tab that reads nothing must not fill our memory.
      if (socket.bufferedAmount > 8 * limits.serverFrameBytes) socket.terminate();
      else transmit(message);
    },
    relay(message) {
      if (socket.bufferedAmount <= limits.relayedBytes) transmit(message);
    },
    close(reason, again) {
      if (isOver) return;
      transmit({ type: 'refused', reason: reason.slice(0, limits.reasonLength), again });
      isOver = true;
      socket.close();
      leaving = setTimeout(() => socket.terminate(), closeWithinMs);
    },
  };
  const transmit = (message: ServerMessage) => {
    if (isOver || socket.readyState !== socket.OPEN) return;
    const frame = serverCodec.encode(message);
    traffic.out(frame.length);
    socket.send(frame);
  };

  const refuse = (reason: string) => seat.close(reason, false);

  const hello = (message: ClientMessage) => {
    if (message.type !== 'hello') {
      refuse('say hello first');
      return;
    }
    if (message.version !== protocolVersion) {
      refuse(
        `this server speaks version ${protocolVersion}, your page ${message.version}: reload it`,
      );
      return;
    }
    const room = rooms.find(message.task);
    if (room === null) {
      refuse('this server does not have the task that the link names');
      return;
    }
    const { peer, core } = message;
    if (!door.hears(peer, room.has(peer))) {
      seat.close('too many come at once', true);
      return;
    }
    if (!verifySignature('hello', concatBytes(nonce, hexToBytes(peer)), message.signature, peer)) {
      refuse('the hello is not signed by its key');
      return;
    }
    if (core === null) {
      join(peer, room);
      return;
    }
    showing = { peer, room, state: 'judged' };
    inOrder(async () => {
      const recognised = await room.recognise(core);
      if (!recognised.ok) seat.close(recognised.error, room.isClosed);
      else if (recognised.value === 'known') join(peer, room);
      else {
        showing = { peer, room, state: 'asked' };
        transmit({ type: 'show-state' });
      }
    });
  };

  /** Takes over what a tab knows and this server does not, and lets it in. */
  const shown = (message: ClientMessage) => {
    if (message.type !== 'shown-state' || showing?.state !== 'asked') {
      refuse('show the state that was asked for');
      return;
    }
    const { peer, room } = showing;
    showing = { peer, room, state: 'judged' };
    inOrder(async () => {
      const taken = await room.takeOver(message.update);
      if (taken.ok) join(peer, room);
      else seat.close(taken.error, room.isClosed);
    });
  };

  const join = (peer: PeerId, room: TaskRoom) => {
    clearTimeout(greeting);
    showing = null;
    if (isOver || socket.readyState !== socket.OPEN) return; // gone meanwhile
    if (!room.join(peer, seat)) return;
    member = { peer, room };
    door.went(stranger);
  };

  const inOrder = (work: () => Promise<void>) => {
    work().catch(() => seat.close('the server could not look at the state', true));
  };

  const greeting = setTimeout(() => seat.close('no hello came', true), helloWithinMs);
  const heartbeat = setInterval(() => {
    if (!alive) socket.terminate();
    alive = false;
    socket.ping();
  }, pingEveryMs);
  socket.on('pong', () => (alive = true));

  const read = (data: Buffer, isBinary: boolean): Result<ClientMessage> => {
    if (!isBinary) return err('not a binary message');
    const isHello = member === null && showing === null;
    if (isHello && data.length > limits.helloFrameBytes) return err('too long a hello');
    return clientCodec.decode(data);
  };
  const handle = (message: ClientMessage) => {
    if (showing !== null) shown(message);
    else if (member === null) hello(message);
    else if (message.type === 'hello') refuse('a second hello');
    else member.room.receive(member.peer, message);
  };
  socket.on('message', (data: Buffer, isBinary) => {
    alive = true;
    traffic.in(data.length);
    if (isOver) return;
    if (!messages.take(now())) {
      seat.close('too many messages', true);
      return;
    }
    const start = now();
    const message = read(data, isBinary);
    if (message.ok) handle(message.value);
    else refuse(message.error);
    const wait = work.spend(now(), now() - start);
    if (wait > 0) rest(wait);
  });
  /** Reads nothing for a while: the others have a right to the server's time, too. */
  const rest = (ms: number) => {
    clearTimeout(resting);
    socket.pause();
    resting = setTimeout(() => {
      alive = true; // a pong may wait among what was not read
      socket.resume();
    }, ms);
  };
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    clearTimeout(greeting);
    clearInterval(heartbeat);
    clearTimeout(leaving);
    clearTimeout(resting);
    door.went(stranger);
    member?.room.leave(member.peer, seat);
  });

  transmit({ type: 'challenge', version: protocolVersion, nonce });
}
