import { randomBytes } from 'node:crypto';
import type { WebSocket } from '@fastify/websocket';
import { concatBytes, hexToBytes, type PeerId } from '../src/lib/index.ts';
import { verifySignature } from '../src/crypto/index.ts';
import { clientCodec, limits, protocolVersion, serverCodec } from '../src/protocol/index.ts';
import type { ClientMessage, ServerMessage } from '../src/protocol/index.ts';
import type { Seat, TaskRoom } from './task-room.ts';
import type { Traffic } from './traffic.ts';

const helloWithinMs = 10_000;
const pingEveryMs = 15_000;
const tenSecondsMs = 10_000;

/**
 * Speaks with one tab: challenge, hello, then messages of its room. Whatever it sends, it can
 * only lose its own connection.
 */
export function serveConnection(
  socket: WebSocket,
  rooms: { find(task: string | null): TaskRoom | null },
  traffic: Traffic,
): void {
  const nonce = new Uint8Array(randomBytes(32));
  let member: { readonly peer: PeerId; readonly room: TaskRoom } | null = null;
  /** Who is to show a state, or whose state is being looked at, before it becomes a member. */
  let showing: { readonly peer: PeerId; readonly room: TaskRoom; state: 'asked' | 'judged' } | null = null; // prettier-ignore
  let alive = true;
  let recent = 0;

  const seat: Seat = {
    send(message) {
      // A tab that reads nothing must not fill our memory.
      if (socket.bufferedAmount > 8 * limits.serverFrameBytes) socket.terminate();
      else transmit(message);
    },
    close(reason, again) {
      transmit({ type: 'refused', reason: reason.slice(0, 500), again });
      socket.close();
    },
  };
  const transmit = (message: ServerMessage) => {
    if (socket.readyState !== socket.OPEN) return;
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
    const signed = concatBytes(nonce, hexToBytes(message.peer));
    if (!verifySignature('hello', signed, message.signature, message.peer)) {
      refuse('the hello is not signed by its key');
      return;
    }
    const room = rooms.find(message.task);
    if (room === null) {
      refuse('this server does not have the task that the link names');
      return;
    }
    const { peer, core } = message;
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
    if (socket.readyState !== socket.OPEN) return; // gone meanwhile
    if (room.join(peer, seat)) member = { peer, room };
  };

  const inOrder = (work: () => Promise<void>) => {
    work().catch(() => seat.close('the server could not look at the state', true));
  };

  const greeting = setTimeout(() => seat.close('no hello came', true), helloWithinMs);
  const refill = setInterval(() => (recent = 0), tenSecondsMs);
  const heartbeat = setInterval(() => {
    if (!alive) socket.terminate();
    alive = false;
    socket.ping();
  }, pingEveryMs);
  socket.on('pong', () => (alive = true));

  socket.on('message', (data: Buffer, isBinary) => {
    alive = true;
    traffic.in(data.length);
    if (++recent > limits.messagesPerTenSeconds) return seat.close('too many messages', true);
    if (!isBinary) return refuse('not a binary message');
    const isHello = member === null && showing === null;
    if (isHello && data.length > limits.helloFrameBytes) return refuse('too long a hello');
    const decoded = clientCodec.decode(data);
    if (!decoded.ok) return refuse(decoded.error);
    const message = decoded.value;
    if (showing !== null) shown(message);
    else if (member === null) hello(message);
    else if (message.type === 'hello') refuse('a second hello');
    else member.room.receive(member.peer, message);
  });
  socket.on('error', () => socket.terminate());
  socket.on('close', () => {
    clearTimeout(greeting);
    clearInterval(refill);
    clearInterval(heartbeat);
    member?.room.leave(member.peer, seat);
  });

  transmit({ type: 'challenge', version: protocolVersion, nonce });
}
