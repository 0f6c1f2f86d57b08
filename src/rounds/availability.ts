import { Bitfield, type HeaderId, type PeerId } from '../lib/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/** A batch of the manifest, as far as availability goes. */
interface Wanted {
  readonly author: PeerId;
  readonly header: HeaderId;
  readonly chunks: number;
}

/** What each member said it holds. */
type Holdings = ReadonlyMap<PeerId, ReadonlyMap<HeaderId, Bitfield>>;

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

/** The batches that every member of the manifest is to get. */
export function wantedBatches(headers: ReadonlyMap<PeerId, VerifiedHeader>): Wanted[] {
  return [...headers].map(([author, { id, columns }]) => ({
    author,
    header: id,
    chunks: columns.length,
  }));
}

/** What members reported, and what they must hold: who is done everything, an author its own. */
export function reportedHoldings(phase: {
  readonly headers: ReadonlyMap<PeerId, VerifiedHeader>;
  readonly held: Holdings;
  readonly done: ReadonlyMap<PeerId, string>;
}): Holdings {
  const full = (header: VerifiedHeader) => Bitfield.full(header.columns.length);
  return new Map(
    [...phase.headers].map(([peer, own]) => {
      const held = new Map(phase.held.get(peer)).set(own.id, full(own));
      if (phase.done.has(peer)) for (const h of phase.headers.values()) held.set(h.id, full(h));
      return [peer, held];
    }),
  );
}
