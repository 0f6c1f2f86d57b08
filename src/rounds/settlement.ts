import type { PeerId } from '../lib/index.ts';

/** The digest that the members agree on, and who reported another one. */
export interface Settlement {
  /** hex SHA-256 of the new model */
  readonly digest: string;
  readonly agreeing: readonly PeerId[];
  readonly dissenting: readonly PeerId[];
}

/**
 * Settles a round by equal digests: honest members compute the same bits, so one digest should
 * be all there is. Where there are several, only one that more than half of the reporters and at
 * least `quorum` of them share is taken; otherwise null.
 */
export function settle(done: ReadonlyMap<PeerId, string>, quorum: number): Settlement | null {
  const groups = new Map<string, PeerId[]>();
  for (const [peer, digest] of done) groups.set(digest, [...(groups.get(digest) ?? []), peer]);
  for (const [digest, agreeing] of groups) {
    if (agreeing.length < quorum || agreeing.length * 2 <= done.size) continue;
    return { digest, agreeing, dissenting: [...done.keys()].filter((p) => !agreeing.includes(p)) };
  }
  return null;
}
