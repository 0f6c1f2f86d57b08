import { Bitfield, type HeaderId, type PeerId } from '../lib/index.ts';

/** A batch of the manifest, as far as availability goes. */
export interface Wanted {
  readonly author: PeerId;
  readonly header: HeaderId;
  readonly chunks: number;
}

/** What each member said it holds. */
export type Holdings = ReadonlyMap<PeerId, ReadonlyMap<HeaderId, Bitfield>>;

/**
 * The authors whose batch cannot be completed from the members that are present: gone themselves,
 * and not every chunk of theirs is held by somebody who is still there.
 */
export function lostAuthors(
  wanted: readonly Wanted[],
  holdings: Holdings,
  present: (peer: PeerId) => boolean,
): PeerId[] {
  return wanted
    .filter(({ author, header, chunks }) => {
      if (present(author)) return false;
      const union = new Bitfield(chunks);
      for (const [peer, held] of holdings) {
        const bits = present(peer) ? held.get(header) : undefined;
        if (bits === undefined) continue;
        for (let i = 0; i < chunks; i++) if (bits.has(i)) union.set(i);
      }
      return !union.complete;
    })
    .map(({ author }) => author);
}

/**
 * The authors whose batch more than half of the other members that are present still lack:
 * there, perhaps, but not to be reached.
 */
export function unreachedAuthors(
  wanted: readonly Wanted[],
  holdings: Holdings,
  present: readonly PeerId[],
): PeerId[] {
  return wanted
    .filter(({ author, header }) => {
      const others = present.filter((peer) => peer !== author);
      const lacking = others.filter((peer) => holdings.get(peer)?.get(header)?.complete !== true);
      return lacking.length * 2 > others.length;
    })
    .map(({ author }) => author);
}
