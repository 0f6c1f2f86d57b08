import type { HeaderId, PeerId } from '../../lib/index.ts';
import type { RoundRecord } from '../../protocol/index.ts';
import type { SignedHeader } from '../../vds/index.ts';
import type { Attempt, SealedRound } from '../attempt.ts';
import type { RoundMessage, Trained } from '../coordinator-state.ts';
import type { IssuedManifest } from '../manifest-maker.ts';
import type { Vouches } from '../vouches.ts';

/** What a phase hears: the messages that are about the open round. */
export type PhaseMessage = Exclude<RoundMessage, { type: 'ready' | 'rest' | 'bye' | 'metrics' }>;

/** What follows a phase; the coordinator makes it so. */
export type Next =
  | { readonly to: 'training'; readonly cohort: readonly PeerId[] }
  | {
      readonly to: 'sealing';
      readonly attempt: Attempt;
      readonly trained: ReadonlyMap<PeerId, Trained>;
    }
  | { readonly to: 'exchanging'; readonly round: SealedRound }
  | {
      readonly to: 'collecting';
      /** What is final. */
      readonly issued: IssuedManifest;
      readonly vouches: Vouches;
    }
  | {
      readonly to: 'closed';
      readonly record: RoundRecord;
      readonly model: SignedHeader;
      readonly sum: SignedHeader;
    }
  | { readonly to: 'failed'; readonly reason: string }
  | { readonly to: 'finished' };

/** One phase of a round: takes what is told and the time, says what follows. */
export interface Phase {
  readonly name: 'waiting' | 'training' | 'sealing' | 'exchanging' | 'collecting' | 'finished';
  /** The attempt that is open; null between two. */
  readonly attempt: Attempt | null;
  /** When `step` wants to be called at the latest, or null. ms */
  readonly deadline: number | null;
  /** Takes a message of a member that is online. */
  hear(peer: PeerId, message: PhaseMessage, now: number): void;
  /** What follows, if it is due. */
  step(now: number): Next | null;
  /** Tells a member of the attempt that is back where the round is. */
  catchUp(peer: PeerId, now: number): void;
  /** The Data Owner revoked these; what follows from it. */
  revoked(headers: readonly HeaderId[], now: number): Next | null;
}
