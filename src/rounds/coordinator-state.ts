import type { Identity } from '../crypto/index.ts';
import type { HeaderId, PeerId, Result } from '../lib/index.ts';
import type { ClientMessage, Metrics, RoundRecord, ServerMessage, Signed, TaskDescription } from '../protocol/index.ts'; // prettier-ignore
import type { SignedHeader, StateUpdate, SumOrder, VerifiedHeader } from '../vds/index.ts';

/** The messages that drive rounds; signaling and sums are the shell's business. */
export type RoundMessage = Extract<
  ClientMessage,
  {
    type:
      | 'ready'
      | 'rest'
      | 'trained'
      | 'header'
      | 'vouch'
      | 'complaint'
      | 'relayed'
      | 'done'
      | 'no-sum'
      | 'metrics'
      | 'bye';
  }
>;

/** A chunk that came through the coordinator. */
export type Relayed = Extract<RoundMessage, { type: 'relayed' }>;

/** A round's record before its model is known. */
export type UnfinishedRecord = Omit<RoundRecord, 'digest' | 'ms'> & {
  /** When the attempt was opened. ms */
  readonly openedAt: number;
};

/** Which sum: of whom, for which manifest. */
export interface CollectedSum {
  readonly from: PeerId;
  readonly round: number;
  readonly attempt: number;
  readonly revision: number;
}

/** Answers `verify-header`. */
export interface HeaderVerified {
  readonly type: 'header-verified';
  readonly peer: PeerId;
  readonly round: number;
  readonly attempt: number;
  /** null: the shell could not judge or keep it, which is nobody's fault. */
  readonly result: Result<VerifiedHeader> | null;
}

/** Answers `collect`. */
export interface Collected extends CollectedSum {
  readonly type: 'collected';
  readonly outcome:
    /** Sum and new model are verified, signed and stored. */
    | {
        readonly type: 'closed';
        readonly record: RoundRecord;
        readonly model: SignedHeader;
        readonly sum: SignedHeader;
      }
    /** What the member sent is not the sum. */
    | { readonly type: 'refused'; readonly reason: string }
    /** Nobody's sum would do: the model is not finite, or cannot be stored. */
    | { readonly type: 'failed'; readonly reason: string };
}

/** The Data Owner revoked something or signed its state anew. */
export interface StateChanged {
  readonly type: 'state';
  readonly update: StateUpdate;
  /** What takes the place of the current model, if it was that which was revoked. */
  readonly replacement: SignedHeader | null;
  /** Rounds whose models were made with what was revoked. */
  readonly marked: readonly Marked[];
}

/** A model that was made with updates that are revoked by now. */
export interface Marked {
  readonly round: number;
  readonly revokedUpdates: number;
}

export type CoordinatorEvent =
  | { readonly type: 'joined'; readonly peer: PeerId }
  | { readonly type: 'left'; readonly peer: PeerId }
  | { readonly type: 'message'; readonly peer: PeerId; readonly message: RoundMessage }
  | HeaderVerified
  /** All chunks of a sum are there; `collected` follows, whatever happens. */
  | ({ readonly type: 'delivered' } & CollectedSum)
  | Collected
  | StateChanged
  /** Somebody asks that a batch be revoked; answered by `revoke` once its attempt's sum is not open. */
  | { readonly type: 'revoke'; readonly header: HeaderId }
  /** The Data Owner lets the task go on until then; null: without end. */
  | { readonly type: 'last-round'; readonly lastRound: number | null }
  | { readonly type: 'tick' };

export type CoordinatorEffect =
  | { readonly type: 'send'; readonly to: PeerId; readonly message: ServerMessage }
  | { readonly type: 'refuse'; readonly to: PeerId; readonly reason: string }
  | {
      readonly type: 'verify-header';
      readonly peer: PeerId;
      readonly round: number;
      readonly attempt: number;
      readonly signed: SignedHeader;
    }
  /** Take the sum from a member, verify it against the summands, apply it, store and sign the model. */
  | ({
      readonly type: 'collect';
      readonly scales: readonly number[];
      /** The manifest, its updates and their weights. */
      readonly order: SumOrder;
      /** The manifest itself, frozen. */
      readonly manifest: Signed;
      readonly record: UnfinishedRecord;
    } & CollectedSum)
  /** Revoke a batch, now that no open sum depends on it; `state` follows. */
  | { readonly type: 'revoke'; readonly header: HeaderId }
  | { readonly type: 'save-record'; readonly record: RoundRecord }
  | { readonly type: 'log'; readonly level: 'info' | 'warn'; readonly text: string };

export interface CoordinatorOptions {
  /** 16 random bytes: by them members know that nothing was forgotten meanwhile. */
  readonly boot: Uint8Array;
  readonly description: TaskDescription;
  readonly owner: Identity;
  /** The model that the next round starts from, signed and admitted. */
  readonly model: SignedHeader;
  /** What is revoked. */
  readonly state: StateUpdate;
  /** Rounds closed so far, in order. */
  readonly history: readonly RoundRecord[];
  /** The round after which the task is finished; null: none. */
  readonly lastRound: number | null;
  /** What a member is told of STUN and TURN servers. @param now s since 1970 */
  readonly iceServers: (
    peer: PeerId,
    now: number,
  ) => Extract<ServerMessage, { type: 'welcome' }>['iceServers'];
}

export interface Trained {
  readonly metrics: Metrics;
  readonly magnitudes: readonly number[];
}
