import { concatBytes, uint16ToBytes } from '../lib/index.ts';
import { sumUpdates } from '../learning/index.ts';
import { blindingBytes, cutPayloads, sumBlinders } from '../vds/index.ts';
import { scalars, type Sealed } from './sealing.ts';

/** An update of a manifest, as the member that adds up holds it. */
export interface SumTerm {
  readonly payloads: readonly Uint8Array[];
  readonly weight: number;
}

/** What a sum is sealed from: S, and the blinders of each of its chunks. */
export interface SumParts {
  readonly lanes: Uint16Array;
  readonly blinding: readonly (readonly bigint[])[];
}

/** How a member makes the sum that it delivers; `seal` signs whatever it is given. */
export type SumMaker = (
  terms: readonly SumTerm[],
  seal: (parts: SumParts, round?: number) => Sealed,
) => Sealed;

/** Σ a_k·u_k and Σ a_k·γ_k. */
export function sumOf(terms: readonly SumTerm[]): SumParts {
  const updates = terms.map(({ payloads }) => lanesOf(payloads));
  const weights = terms.map(({ weight }) => weight);
  return { lanes: sumUpdates(updates, weights), blinding: sumBlinders(terms) };
}

/** What an honest member delivers. */
export const honestly: SumMaker = (terms, seal) => seal(sumOf(terms));

export function cutSum({ lanes, blinding }: SumParts): Uint8Array<ArrayBuffer>[] {
  return cutPayloads(uint16ToBytes(lanes), scalars, 'sum', blinding);
}

/** The lanes of a batch, from its payloads in order. */
export function lanesOf(payloads: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...payloads.map((payload) => payload.subarray(blindingBytes)));
}
