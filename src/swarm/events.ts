import type { Bitfield, HeaderId, PeerId } from '../lib/index.ts';
import type { Answer, PeerMessage, Question, Readers } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import type { ChannelEnds } from './credentials.ts';

/** A part of a chunk. `offset` and `length` in bytes of the payload. */
export interface Block {
  /** Our number of the batch, by which it was asked for. */
  readonly batch: number;
  readonly header: HeaderId;
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

export type SwarmEvent =
  /** The peers that the topology wants this one connected to. */
  | { readonly type: 'neighbours'; readonly peers: readonly PeerId[] }
  | { readonly type: 'connected'; readonly peer: PeerId; readonly ends: ChannelEnds }
  | { readonly type: 'disconnected'; readonly peer: PeerId }
  | { readonly type: 'message'; readonly peer: PeerId; readonly message: PeerMessage }
  /** A frame that did not decode. */
  | { readonly type: 'malformed'; readonly peer: PeerId; readonly reason: string }
  /** What the peer's channel has not sent yet, and how much that may be. bytes */
  | {
      readonly type: 'buffered';
      readonly peer: PeerId;
      readonly bytes: number;
      readonly window: number;
    }
  /** A verified batch to complete and to serve, and what the store holds of it. */
  | {
      readonly type: 'batch';
      readonly header: VerifiedHeader;
      readonly held: Bitfield;
      /** Who may have it; null: every member. */
      readonly readers: Readers;
    }
  /** Every other batch is dropped. A new round: strikes are forgiven. */
  | { readonly type: 'keep'; readonly headers: readonly HeaderId[] }
  /** These were revoked, or nobody is to have them any more. */
  | { readonly type: 'drop'; readonly headers: readonly HeaderId[] }
  /** Ask a holder to prove something; `id` is the asker's. */
  | {
      readonly type: 'ask';
      readonly id: number;
      readonly peer: PeerId;
      readonly header: HeaderId;
      readonly question: Question;
    }
  /** Answers `answer`. */
  | {
      readonly type: 'answered';
      readonly peer: PeerId;
      readonly id: number;
      readonly answer: Answer;
    }
  /** Answers `store`: the chunk was verified and is stored. */
  | {
      readonly type: 'stored';
      readonly header: HeaderId;
      readonly index: number;
      /** null: the coordinator, as the seed of last resort. */
      readonly from: PeerId | null;
    }
  /** A chunk that was stored is not there any more. */
  | { readonly type: 'lost'; readonly header: HeaderId; readonly index: number }
  /** Answers `store`: the chunk failed verification. */
  | {
      readonly type: 'refused';
      readonly header: HeaderId;
      readonly index: number;
      readonly from: PeerId | null;
      readonly reason: string;
    }
  /** Answers `read`; null if the chunk is not there any more. */
  | {
      readonly type: 'block';
      readonly peer: PeerId;
      readonly block: Block;
      readonly bytes: Uint8Array | null;
    }
  /** Answers `seed`; null if the coordinator could not deliver. */
  | {
      readonly type: 'seeded';
      readonly header: HeaderId;
      readonly index: number;
      readonly payload: Uint8Array | null;
    }
  /** The tab goes: neighbours are told, so that they need not wait. */
  | { readonly type: 'leave'; readonly reason: string }
  | { readonly type: 'tick' };

export type SwarmEffect =
  | { readonly type: 'send'; readonly peer: PeerId; readonly message: PeerMessage }
  | { readonly type: 'close'; readonly peer: PeerId; readonly reason: string }
  /** Verify the payload against the header; store it if it holds. */
  | {
      readonly type: 'store';
      readonly header: VerifiedHeader;
      readonly index: number;
      readonly payload: Uint8Array;
      readonly from: PeerId | null;
    }
  | { readonly type: 'read'; readonly peer: PeerId; readonly block: Block }
  /** Answer a question of a peer's from what is stored. */
  | {
      readonly type: 'answer';
      readonly peer: PeerId;
      readonly id: number;
      readonly header: HeaderId;
      readonly question: Question;
    }
  /** What became of a question of ours; the answer is not verified yet. */
  | { readonly type: 'asked'; readonly id: number; readonly answer: Answer }
  /** Ask the coordinator for a chunk that no neighbour has. */
  | { readonly type: 'seed'; readonly header: HeaderId; readonly index: number }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn';
      readonly peer: PeerId | null;
      readonly text: string;
    };
