import { shortId, type PeerId } from '../../lib/index.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import { isTooFew, type IssuedManifest } from '../manifest-maker.ts';
import type { Next } from './phase.ts';

/** The exchange one revision higher, without `dropped`; or the failure, if too little is left. */
export function goOnWithout(
  context: CoordinatorContext,
  issued: IssuedManifest,
  dropped: readonly PeerId[],
): Next {
  const headers = new Map([...issued.headers].filter(([author]) => !dropped.includes(author)));
  if (isTooFew(context, issued.weights, headers)) {
    return { to: 'failed', reason: 'too few updates can be had' };
  }
  const { round } = issued.attempt;
  context.warn(`round ${round} goes on without ${dropped.map(shortId).join(', ')}`);
  return {
    to: 'exchanging',
    round: { ...issued, headers },
    revision: issued.manifest.revision + 1,
  };
}
