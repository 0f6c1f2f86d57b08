import type { Bitfield, HeaderId, PeerId } from '../lib/index.ts';
import type { ClientMessage, Metrics, Readers, VerifiedManifest } from '../protocol/index.ts';
import type { SignedHeader, VerifiedHeader } from '../vds/index.ts';
import type { VerifiedMessage } from './verify-message.ts';

/** Names one try at one round. */
export interface RoundRef {
  readonly round: number;
  readonly attempt: number;
}

export type MemberEvent =
  | { readonly type: 'message'; readonly message: VerifiedMessage }
  /** The user's data: how many samples to train on, or null for none (or a pause). */
  | { readonly type: 'data'; readonly samples: number | null }
  /** What the store holds of a batch; answers `fetch`. */
  | { readonly type: 'held'; readonly header: HeaderId; readonly bits: Bitfield }
  /** A chunk did not hold as a peer sent it. */
  | {
      readonly type: 'refused';
      readonly header: HeaderId;
      readonly index: number;
      readonly from: PeerId;
      readonly reason: string;
    }
  /** One more verified chunk is stored. */
  | { readonly type: 'stored'; readonly header: HeaderId; readonly index: number }
  /** There is no more room to store anything. */
  | { readonly type: 'full' }
  /** A chunk that was stored is not there any more; `stored` follows when it is again. */
  | { readonly type: 'lost'; readonly header: HeaderId; readonly index: number }
  | ({
      readonly type: 'trained';
      readonly metrics: Metrics;
      readonly magnitudes: readonly number[];
    } & RoundRef)
  | ({ readonly type: 'train-failed' } & RoundRef)
  | ({ readonly type: 'sealed'; readonly signed: SignedHeader } & RoundRef)
  | ({
      readonly type: 'aggregated';
      readonly revision: number;
      readonly digest: Uint8Array;
    } & RoundRef)
  /** Answers `aggregate` or `upload`: it cannot be done with what is there. */
  | ({ readonly type: 'sum-failed'; readonly revision: number } & RoundRef)
  | { readonly type: 'evaluated'; readonly round: number; readonly metrics: Metrics }
  | { readonly type: 'tick' };

export type MemberEffect =
  | { readonly type: 'send'; readonly message: ClientMessage }
  /** Get the batch from the swarm, and serve it. Answered by `held`. */
  | { readonly type: 'fetch'; readonly header: VerifiedHeader; readonly readers: Readers }
  /** Drop every batch but these. */
  | { readonly type: 'keep'; readonly headers: readonly HeaderId[] }
  | ({ readonly type: 'train'; readonly model: VerifiedHeader } & RoundRef)
  | { readonly type: 'cancel-training' }
  /** Training does not work: no part is taken until the user says so. */
  | { readonly type: 'pause' }
  /** Quantise, cut, sign and store the trained update. */
  | ({
      readonly type: 'seal';
      readonly opening: Uint8Array;
      readonly scales: readonly number[];
    } & RoundRef)
  | {
      readonly type: 'aggregate';
      readonly manifest: VerifiedManifest;
      readonly model: VerifiedHeader;
      readonly headers: readonly VerifiedHeader[];
    }
  /** Send the coordinator a chunk that it asked for. */
  | ({
      readonly type: 'relay';
      readonly header: HeaderId;
      readonly index: number;
    } & RoundRef)
  /** A chunk that came through the coordinator: verify and store it. */
  | {
      readonly type: 'take';
      readonly header: HeaderId;
      readonly index: number;
      readonly payload: Uint8Array;
    }
  /** Commit to the sum, prove it, and send it to the coordinator. */
  | { readonly type: 'upload'; readonly manifest: VerifiedManifest }
  /** Drop these: the Data Owner revoked them, or dropped their author. */
  | { readonly type: 'drop'; readonly headers: readonly HeaderId[] }
  /** Keep the quantiser's error of a round that counted; forget that of one that did not. */
  | ({ readonly type: 'feedback'; readonly included: boolean } & RoundRef)
  /** The aggregate became the model: store its chunks. `fetch` of it follows. */
  | { readonly type: 'install'; readonly model: VerifiedHeader; readonly round: number }
  /** Measure the model on the validation data. */
  | { readonly type: 'evaluate'; readonly model: VerifiedHeader }
  | { readonly type: 'log'; readonly text: string };

/** What the tab is doing for the round. */
export type Step =
  | { readonly name: 'idle' }
  | ({ readonly name: 'waiting-for-model'; readonly scales: readonly number[] | null } & RoundRef)
  | ({ readonly name: 'training'; readonly scales: readonly number[] | null } & RoundRef)
  | ({ readonly name: 'trained'; readonly report: ClientMessage } & RoundRef)
  | ({ readonly name: 'sealing' } & RoundRef)
  | ({ readonly name: 'sealed'; readonly report: ClientMessage } & RoundRef)
  | ({ readonly name: 'exchanging' | 'aggregating' } & Exchange)
  | ({ readonly name: 'done'; readonly report: ClientMessage; readonly digest: Uint8Array } & Exchange); // prettier-ignore

export interface Exchange extends RoundRef {
  readonly manifest: VerifiedManifest;
  readonly headers: readonly VerifiedHeader[];
  /** The manifest is final: its sum may be opened. */
  readonly frozen: boolean;
  /** The coordinator asked for the sum. */
  readonly asked: boolean;
}
