import type { Signed } from '../crypto/index.ts';
import { totalOf } from '../learning/index.ts';
import type { PeerId } from '../lib/index.ts';
import { signManifest, type Manifest, type ServerMessage } from '../protocol/index.ts';
import { headerId, type VerifiedHeader } from '../vds/index.ts';
import type { CoordinatorContext } from './coordinator-context.ts';
import type { SealedRound } from './attempt.ts';

/** A of a manifest: below it too much of the round was lost. */
const leastWeight = 128;

/** A manifest that is out, and what it was made of. */
export interface IssuedManifest extends SealedRound {
  readonly manifest: Manifest;
  readonly signed: Signed;
}

/** Signs the manifest of a round's updates. */
export function issueManifest(
  { task, owner, ledger, description }: CoordinatorContext,
  sealed: SealedRound,
  revision: number,
): IssuedManifest {
  const { attempt, trained, scales, weights } = sealed;
  const admitted = [...sealed.headers.values()].sort((a, b) => (a.author < b.author ? -1 : 1));
  const manifest: Manifest = {
    type: 'manifest',
    ...{ task, round: attempt.round, attempt: attempt.attempt, revision },
    opening: attempt.opening,
    model: headerId(ledger.model.header),
    scales: [...scales],
    entries: admitted.map(({ author, id }) => ({
      author,
      header: id,
      samples: trained.get(author)?.metrics.samples ?? 0,
      weight: weights.get(author) ?? 0,
    })),
    exchangeMs: description.deadlines.exchangeMs,
  };
  return { ...sealed, manifest, signed: signManifest(manifest, owner) };
}

/** Whether these updates are too few, or have lost too much weight, to make a model. */
export function isTooFew(
  { quorum }: CoordinatorContext,
  weights: ReadonlyMap<PeerId, number>,
  headers: ReadonlyMap<PeerId, VerifiedHeader>,
): boolean {
  const total = totalOf([...headers.keys()].map((author) => weights.get(author) ?? 0));
  return headers.size < quorum || total < leastWeight;
}

export function manifestMessage({ signed, headers }: IssuedManifest): ServerMessage {
  const all = [...headers.values()].map((header) => header.signed);
  return { type: 'manifest', manifest: signed, headers: all };
}
