import { bls12_381 } from '@noble/curves/bls12-381.js';
import { assert } from '../../lib/index.ts';
import type { AffinePoints } from '../affine.ts';
import { kernelBase64 } from './module.ts';

/** What the module exports: addresses and counts are u32, see assembly/. */
export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly firstFree: () => number;
  readonly importPoints: (out: number, bytes: number, count: number) => void;
  readonly doublePoints: (
    from: number,
    to: number,
    count: number,
    times: number,
    scratch: number,
  ) => void;
  readonly sumBuckets: (
    out: number,
    items: number,
    count: number,
    sizes: number,
    windows: number,
    perWindow: number,
    width: number,
    scratch: number,
  ) => number;
  readonly evaluateBytes: (
    out: number,
    z: number,
    bytes: number,
    length: number,
    perScalar: number,
    stride: number,
  ) => void;
  // Reached by tests only.
  readonly addFp: (out: number, a: number, b: number) => void;
  readonly subtractFp: (out: number, a: number, b: number) => void;
  readonly multiplyFp: (out: number, a: number, b: number) => void;
  readonly multiplyFr: (out: number, a: number, b: number) => void;
  readonly reduceFp: (x: number) => void;
  readonly isZeroFp: (x: number) => number;
  readonly invertFp: (out: number, x: number) => void;
}

/** The part of WebAssembly's interface that is used; in no library of the language itself. */
interface WebAssemblyApi {
  Module: new (binary: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: unknown };
}

const { ORDER: p } = bls12_381.fields.Fp;

const pageBytes = 65_536;
/** bytes of a coordinate in the kernel: 14 limbs of 28 bits, a u32 each; of an affine point. */
const coordinateBytes = 56;
export const kernelPointBytes = 2 * coordinateBytes;
/** Limbs of 28 bits of a scalar. */
export const scalarLimbs = 10;

/** Points to add up by bucket: see {@link Kernel.sum}. */
export interface Buckets {
  /** Addresses of points; one more than it for the point's negative. */
  readonly items: Uint32Array;
  /** Which bucket each item belongs to: window · perWindow + digit − 1. */
  readonly buckets: Uint32Array;
  readonly windows: number;
  readonly perWindow: number;
  /** bits of a window. */
  readonly width: number;
}

let compiled: object | undefined;

/**
 * The WebAssembly kernel (assembly/) with a memory of its own: points that are kept, and room for
 * one call at a time behind them. What it takes depends on the values, but for
 * {@link evaluateBytes}: they must be public, or known to whoever can measure.
 */
export class Kernel {
  readonly exports: KernelExports;
  /** Where memory is free from. */
  #free: number;

  private constructor(exports: KernelExports) {
    this.exports = exports;
    this.#free = exports.firstFree();
  }

  /** A new instance, or null where there is no WebAssembly, or none that may be compiled. */
  static create(): Kernel | null {
    const { WebAssembly, atob } = globalThis as unknown as {
      WebAssembly?: WebAssemblyApi;
      atob: (base64: string) => string;
    };
    if (WebAssembly === undefined) return null;
    try {
      const binary = () => Uint8Array.from(atob(kernelBase64), (char) => char.charCodeAt(0));
      compiled ??= new WebAssembly.Module(binary());
      const { exports } = new WebAssembly.Instance(compiled);
      return new Kernel(exports as KernelExports);
    } catch {
      return null; // no SIMD, or a content security policy without 'wasm-unsafe-eval'
    }
  }

  /** Room for so many bytes. @returns its address, a multiple of 8 */
  allocate(bytes: number): number {
    const address = this.#free;
    this.#free += Math.ceil(bytes / 8) * 8;
    this.#grow(this.#free);
    return address;
  }

  /** Runs some work; what it allocates is free again afterwards. */
  temporarily<T>(work: () => T): T {
    const free = this.#free;
    try {
      return work();
    } finally {
      this.#free = free;
    }
  }

  #grow(end: number): void {
    const { memory } = this.exports;
    const missing = end + pageBytes - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / pageBytes));
  }

  /**
   * Stores points, 112 bytes each, and says where.
   *
   * @param points none of them the identity, which has no affine form here
   */
  storePoints({ xs, ys }: AffinePoints): number {
    const address = this.allocate(xs.length * kernelPointBytes);
    this.temporarily(() => {
      const room = this.allocate(96 * xs.length);
      const words = new DataView(this.exports.memory.buffer, room);
      xs.forEach((x, k) => {
        const y = ys[k] as bigint;
        assert(y !== 0n, 'a point of the kernel is not the identity');
        for (let word = 0; word < 6; word++) {
          const bits = BigInt(64 * word);
          words.setBigUint64(96 * k + 8 * word, x >> bits, true);
          words.setBigUint64(96 * k + 48 + 8 * word, y >> bits, true);
        }
      });
      this.exports.importPoints(address, room, xs.length);
    });
    return address;
  }

  /** Doubles points `times` times, from one address to another. */
  doublePoints(from: number, to: number, count: number, times: number): void {
    this.temporarily(() => {
      const scratch = this.allocate((count + 1) * coordinateBytes);
      this.exports.doublePoints(from, to, count, times, scratch);
    });
  }

  /**
   * `Σ_w 2^(width·w)·Σ_d d·B_(w,d)` where B are the sums of the buckets' points: x and y, or null
   * for the identity.
   */
  sum({ items, buckets, windows, perWindow, width }: Buckets): { x: bigint; y: bigint } | null {
    return this.temporarily(() => {
      const count = items.length;
      const bucketCount = windows * perWindow;
      const out = this.allocate(kernelPointBytes);
      const sorted = this.allocate(4 * count);
      const sizes = this.allocate(4 * bucketCount);
      // Pairs of addresses, the products before each of them, sums.
      const pairs = Math.floor(count / 2) + 1;
      const scratch = this.allocate(pairs * (8 + coordinateBytes) + count * kernelPointBytes);
      const { buffer } = this.exports.memory;
      sortByBucket(items, buckets, new Uint32Array(buffer, sorted, count), new Uint32Array(buffer, sizes, bucketCount)); // prettier-ignore
      const found = this.exports.sumBuckets(out, sorted, count, sizes, windows, perWindow, width, scratch); // prettier-ignore
      if (found === 0) return null;
      const [x, y] = [out, out + coordinateBytes].map((at) => this.readLimbs(at, 14) % p);
      return { x, y } as { x: bigint; y: bigint };
    });
  }

  /**
   * `Σ m_i·z^(i+1)` for the scalars that the bytes are, below 5r. In the same time whatever the
   * bytes are.
   *
   * @param z in Montgomery form: z·2²⁸⁰ mod r
   */
  evaluateBytes(bytes: Uint8Array, perScalar: number, stride: number, z: bigint): bigint {
    return this.temporarily(() => {
      const out = this.allocate(4 * scalarLimbs);
      const factor = this.allocate(4 * scalarLimbs);
      const room = this.allocate(bytes.length);
      new Uint8Array(this.exports.memory.buffer, room).set(bytes);
      this.writeLimbs(factor, scalarLimbs, z);
      this.exports.evaluateBytes(out, factor, room, bytes.length, perScalar, stride);
      return this.readLimbs(out, scalarLimbs);
    });
  }

  /** The number in limbs of 28 bits at an address. */
  readLimbs(address: number, limbs: number): bigint {
    const view = new Uint32Array(this.exports.memory.buffer, address, limbs);
    return view.reduceRight((value, limb) => (value << 28n) + BigInt(limb), 0n);
  }

  /** Writes a number in limbs of 28 bits to an address. */
  writeLimbs(address: number, limbs: number, value: bigint): void {
    const view = new Uint32Array(this.exports.memory.buffer, address, limbs);
    for (let i = 0; i < limbs; i++) view[i] = Number((value >> BigInt(28 * i)) & 0xfffffffn);
  }
}

/** Counting sort: the items of a bucket side by side, and how many each has. */
function sortByBucket(
  items: Uint32Array,
  buckets: Uint32Array,
  sorted: Uint32Array,
  sizes: Uint32Array,
): void {
  sizes.fill(0);
  for (const bucket of buckets) sizes[bucket] = (sizes[bucket] as number) + 1;
  const places = new Uint32Array(sizes.length);
  for (let b = 1; b < sizes.length; b++) {
    places[b] = (places[b - 1] as number) + (sizes[b - 1] as number);
  }
  items.forEach((item, k) => {
    const bucket = buckets[k] as number;
    const place = places[bucket] as number;
    places[bucket] = place + 1;
    sorted[place] = item;
  });
}
