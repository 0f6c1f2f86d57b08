import type { Identity } from '../crypto/index.ts';
import type { PeerId, Result } from '../lib/index.ts';
import type { ClientMessage, Metrics, RoundRecord, ServerMessage, TaskDescription } from '../protocol/index.ts'; // prettier-ignore
import type { SignedHeader, StateUpdate, SumOrder, VerifiedHeader } from '../vds/index.ts';

/** The messages that drive rounds; signaling and sums are the shell's business. */
export type RoundMessage = Extract<
  ClientMessage,
  { type: 'ready' | 'rest' | 'trained' | 'header' | 'progress' | 'done' | 'metrics' | 'bye' }
>;

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
  readonly result: Result<VerifiedHeader>;
}

/** Answers `collect`: sum and new model, verified, signed and stored; or why they could not be had. */
export interface Collected extends CollectedSum {
  readonly type: 'collected';
  readonly result: Result<{ readonly model: SignedHeader; readonly sum: SignedHeader }>;
}

/** The Data Owner revoked something or signed its state anew. */
export interface StateChanged {
  readonly type: 'state';
  readonly update: StateUpdate;
  /** What takes the place of the current model, if it was that which was revoked. */
  readonly replacement: SignedHeader | null;
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
      /** What the new model must hash to; hex. */
      readonly digest: string;
      readonly record: RoundRecord;
    } & CollectedSum)
  | { readonly type: 'save-record'; readonly record: RoundRecord }
  | { readonly type: 'log'; readonly level: 'info' | 'warn'; readonly text: string };

export interface CoordinatorOptions {
  readonly description: TaskDescription;
  readonly owner: Identity;
  /** The model that the next round starts from, signed and admitted. */
  readonly model: SignedHeader;
  /** What is revoked. */
  readonly state: StateUpdate;
  /** Rounds closed so far, in order. */
  readonly history: readonly RoundRecord[];
  readonly iceServers: Extract<ServerMessage, { type: 'welcome' }>['iceServers'];
}

export interface Trained {
  readonly metrics: Metrics;
  readonly magnitudes: readonly number[];
}
