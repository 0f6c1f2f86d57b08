import { bytesToHex, type HeaderId, type PeerId } from '../lib/index.ts';
import { openingPointOf, type VerifiedHeader } from '../vds/index.ts';

/** The values by which a header proves its chunks, in hex. */
export interface HeaderDetails {
  readonly header: HeaderId;
  readonly kind: VerifiedHeader['kind'];
  readonly round: number;
  readonly author: PeerId;
  /** z: the point that everything in the header but y and π decides. */
  readonly point: string;
  /** π: the proof of all values at once, in G1. */
  readonly proof: string;
  /** C_time, in G2; null but in updates. */
  readonly time: string | null;
  readonly columns: readonly {
    /** C_j in G1; of a sum Σ a_k·C_k,j, which was computed here. */
    readonly commitment: string;
    /** y_j = P_j(z) */
    readonly value: string;
    /** d_j = SHA-256 of the payload */
    readonly digest: string;
  }[];
}

export function describeHeader(header: VerifiedHeader): HeaderDetails {
  const hex = (bytes: Uint8Array | undefined) => bytesToHex(bytes ?? new Uint8Array());
  return {
    ...{ header: header.id, kind: header.kind, round: header.round, author: header.author },
    point: openingPointOf(header).toString(16).padStart(64, '0'),
    proof: hex(header.pi),
    time: header.time && hex(header.time),
    columns: header.columns.map(({ digest }, j) => ({
      commitment: hex(header.commitments[j]),
      value: hex(header.y[j]),
      digest: hex(digest),
    })),
  };
}
