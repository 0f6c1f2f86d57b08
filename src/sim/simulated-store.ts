import { Bitfield, type HeaderId } from '../lib/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/** Chunks in memory, batch by batch; a reload does not forget them. */
export class SimulatedStore {
  /** Payloads of complete batches. */
  readonly held = new Map<HeaderId, readonly Uint8Array[]>();
  readonly #partial = new Map<HeaderId, Map<number, Uint8Array>>();

  put({ id, columns }: VerifiedHeader, index: number, payload: Uint8Array): void {
    if (this.held.has(id)) return;
    const partial = this.#partial.get(id) ?? new Map<number, Uint8Array>();
    this.#partial.set(id, partial.set(index, payload));
    const payloads = columns.flatMap((_, i) => partial.get(i) ?? []);
    if (payloads.length < columns.length) return;
    this.#partial.delete(id);
    this.held.set(id, payloads);
  }

  /** All chunks of a batch. */
  putAll(header: HeaderId, payloads: readonly Uint8Array[]): void {
    this.#partial.delete(header);
    this.held.set(header, payloads);
  }

  get(header: HeaderId, index: number): Uint8Array | null {
    return this.held.get(header)?.[index] ?? this.#partial.get(header)?.get(index) ?? null;
  }

  bits({ id, columns }: VerifiedHeader): Bitfield {
    const bits = new Bitfield(columns.length);
    for (const index of columns.keys()) if (this.get(id, index) !== null) bits.set(index);
    return bits;
  }

  keep(headers: readonly HeaderId[]): void {
    const known = [...this.held.keys(), ...this.#partial.keys()];
    this.drop(known.filter((header) => !headers.includes(header)));
  }

  drop(headers: readonly HeaderId[]): void {
    for (const header of headers) {
      this.held.delete(header);
      this.#partial.delete(header);
    }
  }
}
