/** A fixed number of bits, the first in the highest place of the first byte (as in BEP 3). */
export class Bitfield {
  readonly length: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #count = 0;

  constructor(length: number) {
    this.length = length;
    this.#bytes = new Uint8Array(Math.ceil(length / 8));
  }

  /** All bits set. */
  static full(length: number): Bitfield {
    const field = new Bitfield(length);
    for (let i = 0; i < length; i++) field.set(i);
    return field;
  }

  /** null if the number of bytes is wrong or a spare bit is set. */
  static fromBytes(bytes: Uint8Array, length: number): Bitfield | null {
    const field = new Bitfield(length);
    if (bytes.length !== field.#bytes.length) return null;
    for (let i = 0; i < bytes.length * 8; i++) {
      if ((((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1) === 0) continue;
      if (i >= length) return null;
      field.set(i);
    }
    return field;
  }

  copy(): Bitfield {
    return Bitfield.fromBytes(this.#bytes, this.length) ?? new Bitfield(this.length);
  }

  /** How many bits are set. */
  get count(): number {
    return this.#count;
  }

  get complete(): boolean {
    return this.#count === this.length;
  }

  has(index: number): boolean {
    return (((this.#bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1;
  }

  /** Sets a bit; false if it was set already or is out of range. */
  set(index: number): boolean {
    if (index < 0 || index >= this.length || this.has(index)) return false;
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] ?? 0) | (1 << (7 - (index & 7)));
    this.#count++;
    return true;
  }

  /** Clears a bit; false if it was not set. */
  clear(index: number): boolean {
    if (index < 0 || index >= this.length || !this.has(index)) return false;
    this.#bytes[index >> 3] = (this.#bytes[index >> 3] ?? 0) & ~(1 << (7 - (index & 7)));
    this.#count--;
    return true;
  }

  /** The bits that are set, ascending. */
  indices(): number[] {
    return Array.from({ length: this.length }, (_, index) => index).filter((i) => this.has(i));
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice();
  }
}
