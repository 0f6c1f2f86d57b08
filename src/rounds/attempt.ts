import { encodeCanonical, sha256, type Identity, type Signed } from '../crypto/index.ts';
import { concatBytes, type PeerId, type TaskId } from '../lib/index.ts';
import { openingOf, signOpen, type ServerMessage } from '../protocol/index.ts';
import { headerId, type SignedHeader, type VerifiedHeader } from '../vds/index.ts';
import type { CoordinatorContext } from './coordinator-context.ts';
import type { Trained } from './coordinator-state.ts';

/** One try at a round, as its signed `round.open` tells it. */
export interface Attempt {
  readonly round: number;
  /** How often the round was opened. */
  readonly attempt: number;
  /** Whom the round counts on. */
  readonly cohort: readonly PeerId[];
  /** ms */
  readonly openedAt: number;
  /** The `round.open`, made once, sent to all byte for byte. */
  readonly open: Signed;
  /** Its digest: what the attempt's headers name. */
  readonly opening: Uint8Array;
}

/** A round whose quantiser is fixed, and the updates that were admitted for it. */
export interface SealedRound {
  readonly attempt: Attempt;
  readonly trained: ReadonlyMap<PeerId, Trained>;
  /** float32 step of each tensor's quantiser */
  readonly scales: readonly number[];
  /** a_k of those that trained, 256 in all; 0: its update is not asked for. */
  readonly weights: ReadonlyMap<PeerId, number>;
  readonly headers: ReadonlyMap<PeerId, VerifiedHeader>;
}

/** Opens an attempt at the ledger's next round. */
export function openAttempt(
  { task, owner, settings, description, ledger }: CoordinatorContext,
  attempt: number,
  cohort: readonly PeerId[],
  now: number,
): Attempt {
  const { round } = ledger;
  const open = signOpen(
    {
      ...{ type: 'round.open', version: 1, task, round, attempt, settings },
      base: headerId(ledger.model.header),
      draw: sha256(drawSecret(owner, { task, round, attempt }, now)),
      cohort: [...cohort].sort(),
      openedAt: Math.round(now),
      durations: { ...description.deadlines },
    },
    owner,
  );
  return { round, attempt, cohort, openedAt: now, open, opening: openingOf(open) };
}

/**
 * q of an attempt, 32 bytes: nobody can foresee it, and a coordinator that starts again computes
 * it anew.
 */
function drawSecret(
  { secret }: Identity,
  about: { readonly task: TaskId; readonly round: number; readonly attempt: number },
  openedAt: number,
): Uint8Array {
  const of = encodeCanonical({ type: 'draw', ...about, openedAt: Math.round(openedAt) });
  return sha256(concatBytes(secret, of));
}

/** Tells that an attempt is open, and from which model it starts. */
export function openMessage(
  { open }: Attempt,
  model: SignedHeader,
  remainingMs: number,
): ServerMessage {
  return { type: 'open', open, model, remainingMs: Math.max(0, Math.round(remainingMs)) };
}
