import type { PeerId } from '../lib/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/**
 * One chunk on its way from one peer, block by block. A chunk comes from a single peer, so that
 * who sent a bad one is never in doubt.
 */
export class Download {
  readonly header: VerifiedHeader;
  readonly index: number;
  readonly peer: PeerId;
  /** When the first block was asked for. ms */
  readonly startedAt: number;
  /** Whether the peer was told not to send it: it is asked of another one once this one agrees. */
  isRetracted = false;
  readonly #size: number;
  readonly #blockBytes: number;
  readonly #missing = new Set<number>();
  #buffer: Uint8Array<ArrayBuffer> | null = null;

  /** @param size bytes of the chunk, as the signed header says */
  constructor(
    about: { readonly header: VerifiedHeader; readonly index: number; readonly peer: PeerId },
    size: number,
    blockBytes: number,
    now: number,
  ) {
    this.header = about.header;
    this.index = about.index;
    this.peer = about.peer;
    this.startedAt = now;
    this.#size = size;
    this.#blockBytes = blockBytes;
    for (let offset = 0; offset < size; offset += blockBytes) this.#missing.add(offset);
  }

  /** Blocks that have not come yet. */
  get outstanding(): number {
    return this.#missing.size;
  }

  /** Whether a part of it has come, and would be lost. */
  get hasBegun(): boolean {
    return this.#buffer !== null;
  }

  /** bytes that have not come yet. */
  get owed(): number {
    return Math.min(this.#size, this.#missing.size * this.#blockBytes);
  }

  /** The blocks that have not come yet. */
  blocks(): { readonly offset: number; readonly length: number }[] {
    return [...this.#missing].map((offset) => ({ offset, length: this.#lengthAt(offset) }));
  }

  /** Whether this block was asked for and has not come. */
  expects(offset: number, length: number): boolean {
    return this.#missing.has(offset) && this.#lengthAt(offset) === length;
  }

  /** Takes a block; the payload once it is whole. */
  receive(offset: number, bytes: Uint8Array): Uint8Array | null {
    this.#missing.delete(offset);
    if (this.#buffer === null && bytes.length === this.#size) return bytes;
    this.#buffer ??= new Uint8Array(this.#size);
    this.#buffer.set(bytes, offset);
    return this.#missing.size === 0 ? this.#buffer : null;
  }

  /** A block that will not come. */
  reject(offset: number): void {
    this.#missing.delete(offset);
  }

  #lengthAt(offset: number): number {
    return Math.min(this.#blockBytes, this.#size - offset);
  }
}
