import type { PeerId } from '../lib/index.ts';
import { limits, type Member } from '../protocol/index.ts';

interface MemberState {
  online: boolean;
  /** When the connection was lost; meaningless while online. ms */
  lostAt: number;
  /** Said goodbye: nobody waits for it to come back. */
  left: boolean;
  ready: boolean;
  samples: number;
}

/**
 * Who belongs to a task right now. Members that go are forgotten at once, but for those that the
 * open round counts on: these are kept until it ends, so that a reload finds its place again.
 */
export class Members {
  readonly #states = new Map<PeerId, MemberState>();
  readonly #graceMs: number;
  #changed = false;
  /** When the list was told last. ms */
  #toldAt = -Infinity;
  /** Kept when a member goes: coming back forgives nothing. */
  readonly #strikes = new Map<PeerId, number>();
  readonly #late = new Map<PeerId, number>();

  /** @param graceMs how long a lost connection may take to come back */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  join(peer: PeerId) {
    const known = this.#states.get(peer);
    const fresh = { online: true, lostAt: 0, left: false, ready: false, samples: 0 };
    this.#states.set(peer, known ? { ...known, online: true, left: false } : fresh);
    this.#changed = true;
  }

  /** @param kept whether the open round counts on this member */
  lose(peer: PeerId, how: { readonly left: boolean; readonly kept: boolean }, now: number) {
    const member = this.#states.get(peer);
    if (!member?.online) return;
    this.#changed = true;
    if (how.kept) Object.assign(member, { online: false, lostAt: now, left: how.left });
    else this.#states.delete(peer);
  }

  setReady(peer: PeerId, ready: boolean, samples: number) {
    const member = this.#states.get(peer);
    if (!member || (member.ready === ready && member.samples === samples)) return;
    Object.assign(member, { ready, samples });
    this.#changed = true;
  }

  /** The round is over: nobody waits for those that are gone. */
  forgetGone() {
    for (const [peer, member] of this.#states) {
      if (member.online) continue;
      this.#states.delete(peer);
      this.#changed = true;
    }
  }

  /** Those that are connected, and those whose place is kept until the round ends. */
  get size(): number {
    return this.#states.size;
  }

  /** Whether a member has its place, connected or not. */
  has(peer: PeerId): boolean {
    return this.#states.has(peer);
  }

  isOnline(peer: PeerId): boolean {
    return this.#states.get(peer)?.online === true;
  }

  /** Connected, or lost so recently that it may be a reload. */
  isPresent(peer: PeerId, now: number): boolean {
    const member = this.#states.get(peer);
    return member !== undefined && (member.online || now < member.lostAt + this.#graceMs);
  }

  /** Present, and worth waiting for. */
  mayStillCome(peer: PeerId, now: number): boolean {
    return this.isPresent(peer, now) && this.#states.get(peer)?.left !== true;
  }

  /** Wants to train; a member that pauses after its round opened does not. */
  isReady(peer: PeerId): boolean {
    return this.#states.get(peer)?.ready === true;
  }

  online(): PeerId[] {
    return [...this.#states].filter(([, member]) => member.online).map(([peer]) => peer);
  }

  /** Those that want to train, but for who was caught too often. */
  ready(): PeerId[] {
    return this.online().filter(
      (peer) => this.isReady(peer) && this.strikes(peer) < limits.strikes,
    );
  }

  /** What a member sent did not hold. */
  strike(peer: PeerId) {
    countUp(this.#strikes, peer);
  }

  /** A member did not do in time what it was asked for. */
  late(peer: PeerId) {
    countUp(this.#late, peer);
  }

  /** How often a member was caught. */
  strikes(peer: PeerId): number {
    return this.#strikes.get(peer) ?? 0;
  }

  /** How often a member was caught or late: whom to ask last. */
  doubts(peer: PeerId): number {
    return this.strikes(peer) + (this.#late.get(peer) ?? 0);
  }

  list(): Member[] {
    return [...this.#states].map(([peer, { online, ready, samples }]) => ({
      peer,
      online,
      ready,
      samples,
    }));
  }

  /** When everybody is to be told the list, or null if nothing changed since the last time. ms */
  get listDue(): number | null {
    return this.#changed ? this.#toldAt + limits.membersEveryMs : null;
  }

  isListDue(now: number): boolean {
    return this.listDue !== null && now >= this.listDue;
  }

  /** The list, to be told to everybody. */
  takeList(now: number): Member[] {
    this.#changed = false;
    this.#toldAt = now;
    return this.list();
  }

  /** When the next grace runs out after `now`, or null. ms */
  nextGraceEnd(now: number): number | null {
    const ends = [...this.#states.values()]
      .filter((member) => !member.online)
      .map((member) => member.lostAt + this.#graceMs)
      .filter((end) => end > now);
    return ends.length === 0 ? null : Math.min(...ends);
  }
}

/** Counts one more, and remembers so many. */
function countUp(counts: Map<PeerId, number>, peer: PeerId) {
  const count = (counts.get(peer) ?? 0) + 1;
  counts.delete(peer);
  const [oldest] = counts.keys();
  if (counts.size >= limits.rememberedMembers && oldest !== undefined) counts.delete(oldest);
  counts.set(peer, count);
}
