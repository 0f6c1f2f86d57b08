import type { Bitfield, HeaderId, PeerId, Result } from '../lib/index.ts';
import type { ClientMessage, Manifest, Metrics, RoundRecord, ServerMessage, Signed } from '../protocol/index.ts'; // prettier-ignore
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

export type CoordinatorEvent =
  | { readonly type: 'joined'; readonly peer: PeerId }
  | { readonly type: 'left'; readonly peer: PeerId }
  | { readonly type: 'message'; readonly peer: PeerId; readonly message: RoundMessage }
  /** Answers `verify-header`. */
  | {
      readonly type: 'header-verified';
      readonly peer: PeerId;
      readonly round: number;
      readonly attempt: number;
      readonly result: Result<VerifiedHeader>;
    }
  /** All chunks of a sum are there; `collected` follows, whatever happens. */
  | ({ readonly type: 'delivered' } & CollectedSum)
  /** Answers `collect`: sum and new model, verified, signed and stored; or why they could not be had. */
  | ({
      readonly type: 'collected';
      readonly result: Result<{ readonly model: SignedHeader; readonly sum: SignedHeader }>;
    } & CollectedSum)
  /** The Data Owner revoked something or signed its state anew. */
  | {
      readonly type: 'state';
      readonly update: StateUpdate;
      /** What takes the place of the current model, if it was that which was revoked. */
      readonly replacement: SignedHeader | null;
    }
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

export interface Trained {
  readonly metrics: Metrics;
  readonly magnitudes: readonly number[];
}

interface RoundPhase {
  readonly openedAt: number;
  readonly deadline: number;
  readonly cohort: readonly PeerId[];
  /** The signed `round.open`, which goes to all byte for byte. */
  readonly open: Signed;
}

/** A round whose quantiser is fixed. */
export interface ScaledPhase extends RoundPhase {
  readonly trained: ReadonlyMap<PeerId, Trained>;
  /** float32 step of each tensor's quantiser */
  readonly scales: readonly number[];
  /** a_k of those that trained, 256 in all; 0: its update is not asked for. */
  readonly weights: ReadonlyMap<PeerId, number>;
}

/** A round whose manifest is out. */
export interface ManifestPhase extends ScaledPhase {
  readonly manifest: Manifest;
  readonly signed: Signed;
  readonly headers: ReadonlyMap<PeerId, VerifiedHeader>;
  /** hex digest that each member arrived at */
  readonly done: Map<PeerId, string>;
  readonly held: Map<PeerId, Map<HeaderId, Bitfield>>;
}

/** Where the round is. */
export type Phase =
  | { readonly name: 'waiting'; readonly notBefore: number }
  | ({ readonly name: 'training'; readonly trained: Map<PeerId, Trained> } & RoundPhase)
  | ({
      readonly name: 'sealing';
      readonly headers: Map<PeerId, VerifiedHeader>;
      readonly verifying: Set<PeerId>;
    } & ScaledPhase)
  | ({ readonly name: 'exchanging' } & ManifestPhase)
  | ({
      readonly name: 'collecting';
      readonly digest: string;
      readonly from: PeerId;
      readonly record: RoundRecord;
      /** Members that agree on the digest and have not been asked yet. */
      readonly candidates: readonly PeerId[];
      /** All of the sum has come, and is being judged. */
      readonly delivered: boolean;
    } & ManifestPhase)
  | { readonly name: 'finished' };
