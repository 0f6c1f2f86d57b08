import type { PeerId } from '../lib/index.ts';
import type { TaskDescription } from '../protocol/index.ts';

export type Topology = TaskDescription['exchange']['topology'];

/** The members that `self` is to be connected with. `members` may or may not name `self`. */
export function neighbours(
  topology: Topology,
  members: readonly PeerId[],
  self: PeerId,
): readonly PeerId[] {
  const all: Record<Topology, () => readonly PeerId[]> = {
    mesh: () => members.filter((member) => member !== self),
  };
  return all[topology]();
}

/** Of a pair, the lower id offers: nobody offers speculatively, so offers never cross. */
export function offers(self: PeerId, other: PeerId): boolean {
  return self < other;
}
