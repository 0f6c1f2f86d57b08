import type { PeerId } from '../lib/index.ts';
import type { Topology } from '../protocol/index.ts';

/** A member that is online, as far as connections go. */
export interface Placed {
  readonly peer: PeerId;
  /** Whether it has data and takes part in rounds. */
  readonly ready: boolean;
}

/**
 * The members that `self` is to be connected with: symmetric, connected, and every tab finds the
 * same from the same list. Updates go to members of a round alone, so those that take part are
 * connected among themselves, and all with each other.
 *
 * @param members in the order in which they came
 */
export function neighbours(topology: Topology, members: readonly Placed[], self: PeerId): PeerId[] {
  const everybody = members.map(({ peer }) => peer);
  const ready = members.filter((member) => member.ready).map(({ peer }) => peer);
  const found = new Set<PeerId>();
  // Most of the time all are ready, which is the same twice.
  for (const group of ready.length < everybody.length ? [everybody, ready] : [everybody]) {
    if (group.includes(self)) for (const peer of among(topology, group, self)) found.add(peer);
  }
  found.delete(self);
  return [...found];
}

function among(topology: Topology, group: readonly PeerId[], self: PeerId): Iterable<PeerId> {
  switch (topology.kind) {
    case 'mesh':
      return group;
    case 'random-regular':
      return group.length <= topology.degree + 1 ? group : expander(group, self, topology.degree);
    case 'ring':
      return besides(cycle(group, 0), self);
    case 'star':
      return group[0] === self ? group : group.slice(0, 1);
  }
}

/**
 * A union of degree/2 random cycles through all members is an expander with high probability (Law
 * and Siu, Distributed construction of random expander networks, 2003). Who comes or goes changes
 * one connection of each cycle. Where cycles coincide, a member has fewer neighbours than its degree.
 */
function expander(group: readonly PeerId[], self: PeerId, degree: number): PeerId[] {
  const cycles = Array.from({ length: degree / 2 }, (_, i) => cycle(group, i));
  return cycles.flatMap((each) => besides(each, self));
}

/** Members in an order of their own for each number, which depends on who is there alone. */
function cycle(group: readonly PeerId[], number: number): PeerId[] {
  const placed = group.map((peer) => ({ peer, place: placeOf(peer, number) }));
  placed.sort((a, b) => a.place - b.place || (a.peer < b.peer ? -1 : 1));
  return placed.map(({ peer }) => peer);
}

/** Evenly spread (murmur3's finaliser); ids are public keys, so anybody may choose their place. */
function placeOf(peer: PeerId, number: number): number {
  let hash = (Number.parseInt(peer.slice(0, 8), 16) ^ Math.imul(number, 0x9e3779b9)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function besides(circle: readonly PeerId[], self: PeerId): PeerId[] {
  const place = circle.indexOf(self);
  const [before, after] = [circle.at(place - 1), circle[(place + 1) % circle.length]];
  return [before, after].filter((peer) => peer !== undefined);
}

/** Of a pair, the lower id offers: nobody offers speculatively, so offers never cross. */
export function offers(self: PeerId, other: PeerId): boolean {
  return self < other;
}
