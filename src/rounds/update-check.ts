import { equalBytes, type PeerId } from '../lib/index.ts';
import type { Header } from '../vds/index.ts';

/** What a round asks of a member's update. */
interface Asked {
  readonly author: PeerId;
  /** Of the attempt; see `openingOf`. */
  readonly opening: Uint8Array;
  readonly round: number;
  /** Scalars per chunk. */
  readonly scalars: number;
  /** One byte each. */
  readonly parameters: number;
}

/** Why a header whose signature holds is not what the round asked for; null if it is. */
export function unfitness(header: Header, asked: Asked): string | null {
  if (header.author !== asked.author) return 'by another author';
  if (header.round !== asked.round) return 'of another round';
  if (!equalBytes(header.opening, asked.opening)) return 'of another attempt';
  if (header.kind !== 'update') return 'not an update';
  if (header.scalars !== asked.scalars) return 'another chunk size';
  if (header.byteLength !== asked.parameters) return `not of ${asked.parameters} parameters`;
  return null;
}
