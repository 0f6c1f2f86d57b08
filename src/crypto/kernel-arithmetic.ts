import { assert } from '../lib/index.ts';
import type { AffinePoints } from './affine.ts';
import { tableRows, type Arithmetic, type ByteLayout, type ByteTable } from './arithmetic.ts';
import { littleEndian } from './bigint-arithmetic.ts';
import { G1, type G1Point } from './groups.ts';
import { Kernel, kernelPointBytes, scalarLimbs } from './kernel/kernel.ts';
import { groupOrder, scalarBytes } from './scalar.ts';

/** What Pippenger's windows cost, in multiplications: an addition to a bucket, a bucket. */
const cost = { addition: 7, bucket: 24 };

/** By the WebAssembly kernel; null where there is none. */
export function createKernelArithmetic(): Arithmetic | null {
  const shared = Kernel.create();
  if (shared === null) return null;
  return {
    name: 'WebAssembly',
    multiScalarMultiply: (points, scalars) => multiScalarMultiply(shared, points, scalars),
    buildTable: (points, onProgress) => KernelTable.build(points, onProgress),
    evaluateBytes: (bytes, layout, z) => evaluateBytes(shared, bytes, layout, z),
  };
}

/** By buckets with signed digits, all windows side by side so that their additions share inversions. */
function multiScalarMultiply(
  kernel: Kernel,
  { xs, ys }: AffinePoints,
  scalars: readonly bigint[],
): G1Point {
  const some = scalars.flatMap((scalar, i) => (scalar === 0n || ys[i] === 0n ? [] : [i]));
  const pick = <T>(of: readonly T[]) => some.map((i) => of[i] as T);
  const factors = pick(scalars);
  const bits = factors.reduce((most, scalar) => Math.max(most, scalar.toString(2).length), 0);
  const width = chooseWidth(some.length, bits);
  // The highest digit may carry into one window more.
  const windows = Math.floor(bits / width) + 1;
  const perWindow = 1 << (width - 1);
  return kernel.temporarily(() => {
    const base = kernel.storePoints({ xs: pick(xs), ys: pick(ys) });
    const items = new Uint32Array(some.length * windows);
    const buckets = new Uint32Array(some.length * windows);
    const scalar = new DataView(new ArrayBuffer(scalarBytes + 8));
    let used = 0;
    factors.forEach((factor, i) => {
      for (let word = 0; word < 4; word++) {
        scalar.setBigUint64(8 * word, factor >> BigInt(64 * word), true);
      }
      let carry = 0;
      for (let w = 0; w < windows; w++) {
        const bit = w * width;
        const rest = scalar.getUint32(bit >> 3, true) >>> (bit & 7);
        let digit = (rest & (2 * perWindow - 1)) + carry;
        carry = digit > perWindow ? 1 : 0;
        if (carry === 1) digit -= 2 * perWindow;
        if (digit === 0) continue;
        const negative = digit < 0 ? 1 : 0;
        items[used] = base + i * kernelPointBytes + negative;
        buckets[used++] = w * perWindow + Math.abs(digit) - 1;
      }
    });
    return pointOf(
      kernel.sum({
        items: items.subarray(0, used),
        buckets: buckets.subarray(0, used),
        windows,
        perWindow,
        width,
      }),
    );
  });
}

/** The window with the least to do; what is read of a scalar at once has 32 bits. */
function chooseWidth(count: number, bits: number): number {
  const work = (width: number) =>
    (Math.floor(bits / width) + 1) * (count * cost.addition + 2 ** (width - 1) * cost.bucket);
  let best = 2;
  for (let width = 3; width <= 12; width++) if (work(width) < work(best)) best = width;
  return best;
}

/** What bytes are taken relative to. */
const centre = 128;

/** Of how many layouts a table remembers 128·ΣP: full chunks and last ones, of two formats. */
const keptMiddles = 16;

/** The multiples in the memory of a kernel of their own: 112 bytes each, 3.7 MB for 1,026 points. */
class KernelTable implements ByteTable {
  readonly #kernel: Kernel;
  readonly #base: number;
  readonly #count: number;
  /** 128·ΣP by layout. */
  readonly #middles = new Map<string, G1Point>();

  private constructor(kernel: Kernel, base: number, count: number) {
    this.#kernel = kernel;
    this.#base = base;
    this.#count = count;
  }

  static async build(
    points: AffinePoints,
    onProgress: (share: number) => void | Promise<void>,
  ): Promise<ByteTable> {
    const kernel = Kernel.create();
    assert(kernel !== null, 'there was a kernel before');
    const count = points.xs.length;
    const rowBytes = count * kernelPointBytes;
    const base = kernel.storePoints(points);
    for (let l = 1; l < tableRows; l++) {
      const row = kernel.allocate(rowBytes);
      kernel.doublePoints(row - rowBytes, row, count, 8);
      await onProgress(l / (tableRows - 1));
    }
    return new KernelTable(kernel, base, count);
  }

  get bytes(): number {
    return this.#count * tableRows * kernelPointBytes;
  }

  /**
   * As `Σ (m − 128)·P + 128·ΣP`, whose second sum is known by the layout: a quantised update is
   * bell-shaped around 128, and what is exactly there takes no addition.
   */
  sumBytes(bytes: Uint8Array, layout: ByteLayout & { readonly first: number }): G1Point {
    const { first, perScalar, stride } = layout;
    const about = [bytes.length, first, perScalar, stride].join();
    let middle = this.#middles.get(about);
    if (middle === undefined) {
      middle = this.#sumDigits(new Uint8Array(bytes.length).fill(centre), layout, 0);
      if (this.#middles.size < keptMiddles) this.#middles.set(about, middle);
    }
    return middle.add(this.#sumDigits(bytes, layout, centre));
  }

  /** Σ (m − subtracted)·P over the bytes m. */
  #sumDigits(
    bytes: Uint8Array,
    { first, perScalar, stride }: ByteLayout & { readonly first: number },
    subtracted: number,
  ): G1Point {
    const items = new Uint32Array(bytes.length);
    const buckets = new Uint32Array(bytes.length);
    let used = 0;
    for (let k = 0, place = 0, point = first; k < bytes.length; k++) {
      const digit = (bytes[k] as number) - subtracted;
      if (digit !== 0) {
        const item = this.#base + (place * stride * this.#count + point) * kernelPointBytes;
        items[used] = digit < 0 ? item + 1 : item;
        buckets[used++] = Math.abs(digit) - 1;
      }
      if (++place === perScalar) {
        place = 0;
        point++;
      }
    }
    return pointOf(
      this.#kernel.sum({
        items: items.subarray(0, used),
        buckets: buckets.subarray(0, used),
        windows: 1,
        perWindow: centre,
        width: 8,
      }),
    );
  }

  multiply(scalars: readonly bigint[]): G1Point {
    return this.sumBytes(littleEndian(scalars), { first: 0, perScalar: scalarBytes, stride: 1 });
  }
}

function pointOf(coordinates: { x: bigint; y: bigint } | null): G1Point {
  return coordinates === null ? G1.ZERO : G1.fromAffine(coordinates);
}

function evaluateBytes(
  kernel: Kernel,
  bytes: Uint8Array,
  { perScalar, stride }: ByteLayout,
  z: bigint,
): bigint {
  const inMontgomery = (z << BigInt(28 * scalarLimbs)) % groupOrder;
  return kernel.evaluateBytes(bytes, perScalar, stride, inMontgomery) % groupOrder;
}
