import { unreachable, type PeerId } from '../lib/index.ts';
import type { PeerMessage } from '../protocol/index.ts';
import type { Announcer } from './announcer.ts';
import type { Coming } from './coming.ts';
import type { Inventory } from './inventory.ts';
import type { Connections } from './connections.ts';
import type { Peer } from './peer.ts';
import type { Questions } from './questions.ts';
import type { Requester } from './requester.ts';
import type { Heard } from './session.ts';
import type { Slots } from './slots.ts';
import type { Uploader } from './uploader.ts';

interface Parts {
  readonly inventory: Inventory;
  readonly coming: Coming;
  readonly announcer: Announcer;
  readonly requester: Requester;
  readonly uploader: Uploader;
  readonly questions: Questions;
  readonly connections: Connections;
  readonly slots: Slots;
}

/** What peers say: each message goes to the part that it is for. Who breaks the protocol is closed. */
export class Hearing {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  message(id: PeerId, message: PeerMessage, now: number): void {
    const { connections } = this.#parts;
    const peer = connections.get(id);
    if (!peer) return;
    peer.heardAt = now;
    const heard = peer.session.hear(message);
    const breach = heard.ok ? this.#heard(peer, heard.value, now) : heard.error;
    if (breach !== null) connections.close(id, breach);
  }

  /** @returns how the peer broke the protocol, or null */
  #heard(peer: Peer, heard: Heard, now: number): string | null {
    const { inventory, coming, announcer, requester, uploader, questions, connections, slots } =
      this.#parts;
    switch (heard.type) {
      case 'ready':
        slots.setDue();
        for (const batch of inventory.batches) announcer.introduce(peer, batch);
        return null;
      case 'bits':
        inventory.claimed(peer.holdings, heard.header, heard.bits);
        announcer.remind(peer, heard.header);
        return null;
      case 'have':
        inventory.claimedMore(peer.holdings, heard.header, heard.indices);
        return null;
      case 'sending':
        if (coming.promised(peer, heard.header, heard.index)) announcer.foretell(now);
        return null;
      case 'dont-have':
        inventory.withdrawn(peer.holdings, heard.header, heard.indices);
        requester.withdrawn(peer, heard.header, heard.indices);
        if (heard.indices !== null) announcer.remind(peer, heard.header);
        return null;
      case 'forgotten':
        for (const header of heard.headers) {
          inventory.withdrawn(peer.holdings, header, null);
          requester.withdrawn(peer, header, null);
        }
        return null;
      case 'interest':
        peer.isInterested = heard.isInterested;
        slots.setDue();
        return null;
      case 'choking':
        peer.isChokingUs = heard.isChoking;
        return null;
      case 'request':
        return breachOf(uploader.requested(peer, heard, connections.all.values()));
      case 'cancel':
        uploader.cancelled(peer, heard);
        return null;
      case 'piece':
        return breachOf(requester.piece(peer, heard, now));
      case 'reject':
        return breachOf(requester.rejected(peer, heard, now));
      case 'ask':
        questions.asked(peer, heard, now);
        return null;
      case 'answer':
        return breachOf(questions.take(peer.id, heard.answer));
      case 'bye':
        connections.left(peer.id, heard.reason);
        return null;
      case 'nothing':
        return null;
      default:
        return unreachable(heard);
    }
  }
}

function breachOf(result: { readonly ok: true } | { readonly ok: false; readonly error: string }) {
  return result.ok ? null : result.error;
}
