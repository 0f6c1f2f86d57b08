import {
  decodeUncompressedG1s,
  decodeUncompressedG2,
  encodeUncompressedG1s,
  G1,
  G2,
  groupOrder,
  hashToScalar,
  arithmetic,
  multiplyG2,
  pairingProductIsOne,
  pointAt,
  pointBytes,
  randomScalar,
  randomWeight,
  sha256,
  toAffinePoints,
  trustedG1s,
  trustedG2,
  type AffinePoints,
  type G1Point,
  type G2Point,
} from '../crypto/index.ts';
import { assert, at, bytesToHex, concatBytes, equalBytes, err, ok, utf8ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { Random, Result } from '../lib/index.ts';
import { scalarCounts, type ScalarCount } from './lanes.ts';

/** Told the share of the work that is done, 0…1; awaited, so that the caller can breathe or stop. */
export type OnProgress = (share: number) => void | Promise<void>;

const magic = utf8ToBytes('MURMCRS2');
const prefixBytes = magic.length + 8;

/** N = n + 2: the highest power of a commitment, the blinders' among them. */
const degreeOf = (scalars: number) => scalars + 2;

/**
 * bytes of the file of a CRS: 8 of magic, n and the number of contributions as u32 big-endian,
 * g_1 … g_2N without g_(N+1) and ĝ_1 … ĝ_N, uncompressed: decompressing one costs 0.5 ms.
 * Contributions are of a ceremony in which every tab makes α its own; until there is one their
 * number is 0.
 */
export function crsBytes(scalars: ScalarCount): number {
  const degree = degreeOf(scalars);
  const g1Bytes = (2 * degree - 1) * pointBytes.g1Uncompressed;
  return prefixBytes + g1Bytes + degree * pointBytes.g2Uncompressed;
}

/** n of a file's first bytes, or why it is no CRS. */
function readPrefix(file: Uint8Array): Result<ScalarCount> {
  if (file.length < prefixBytes) return err('CRS file: too short');
  if (!magic.every((byte, i) => file[i] === byte)) return err('CRS file: not a CRS');
  const numbers = new DataView(file.buffer, file.byteOffset + magic.length);
  const count = numbers.getUint32(0);
  const scalars = scalarCounts.find((each) => each === count);
  if (scalars === undefined) return err(`CRS file: n = ${count} is not offered`);
  if (numbers.getUint32(4) !== 0)
    return err('CRS file: contributions, which this version does not know');
  if (file.length !== crsBytes(scalars)) return err('CRS file: wrong length');
  return ok(scalars);
}

/**
 * The common reference string (VDS.md, CRS; Libert and Yung 2010): with N = n + 2,
 * `g_i = [α^i]₁` for i ∈ [0, 2N] without N+1 and `ĝ_i = [α^i]₂` for i ∈ [0, N], for an α that
 * nobody knows any more. The power N+1 is not there: linear queries are binding only without it,
 * and it keeps the degree of every column that opens at N or below.
 */
export class Crs {
  /** n: scalars per chunk. */
  readonly scalars: ScalarCount;
  /** N = n + 2. */
  readonly degree: number;
  /** What is stored and sent; see {@link crsBytes}. */
  readonly file: Uint8Array<ArrayBuffer>;
  /** SHA-256 of the file, 32 bytes: what a task pins. */
  readonly digest: Uint8Array;
  /** g_0 … g_2N; the place of N+1 holds the identity and is never used. */
  readonly #g1: AffinePoints;
  readonly #g2 = new Map<number, G2Point>();

  private constructor(file: Uint8Array<ArrayBuffer>, scalars: ScalarCount, g1: AffinePoints) {
    this.file = file;
    this.scalars = scalars;
    this.degree = degreeOf(scalars);
    this.digest = sha256(file);
    this.#g1 = g1;
  }

  /** g_i = [α^i]₁; asking for N+1 is a bug. */
  g1(power: number): G1Point {
    assert(power !== this.degree + 1, 'the power N+1 is not published');
    return pointAt(this.#g1, power);
  }

  /** ĝ_i = [α^i]₂, 0 ≤ i ≤ N. */
  g2(power: number): G2Point {
    if (power === 0) return G2.BASE;
    const known = this.#g2.get(power) ?? trustedG2(this.#encodedG2(power));
    this.#g2.set(power, known); // its pairing lines are kept with it
    return known;
  }

  /** g_0 … g_(N−1): what a quotient by X − z is committed with. */
  get openingPowers(): AffinePoints {
    const end = this.degree;
    return { xs: this.#g1.xs.slice(0, end), ys: this.#g1.ys.slice(0, end) };
  }

  /** Σ cᵢ·g_i over i ∈ [0, 2N]; the coefficient of N+1 must be 0. */
  combine(coefficients: readonly bigint[]): G1Point {
    const missing = coefficients[this.degree + 1] ?? 0n;
    assert(missing === 0n, 'a coefficient for the power N+1, which is not published');
    return arithmetic.multiScalarMultiply(this.#g1, coefficients);
  }

  /** Whether this is {@link testCrs}' string, whose trapdoor everybody knows. */
  get isTest(): boolean {
    return this.g1(1).equals(G1.BASE.multiply(testTrapdoor));
  }

  #encodedG2(power: number): Uint8Array {
    const start = prefixBytes + (2 * this.degree - 1) * pointBytes.g1Uncompressed;
    const at = start + (power - 1) * pointBytes.g2Uncompressed;
    return this.file.subarray(at, at + pointBytes.g2Uncompressed);
  }

  /**
   * Draws α, makes the string and forgets α: it leaves this function in no other form.
   *
   * @param random must be cryptographically secure
   */
  static async generate(
    scalars: ScalarCount,
    random: Random,
    onProgress: OnProgress = () => undefined,
  ): Promise<Crs> {
    return powersOf(scalars, randomScalar(random), onProgress).then((file) => Crs.#read(file));
  }

  /** For tests and examples: its trapdoor is public, and what is served to people refuses it. */
  static async forTests(scalars: ScalarCount): Promise<Crs> {
    return powersOf(scalars, testTrapdoor, () => undefined).then((file) => Crs.#read(file));
  }

  /**
   * Reads a file that was verified before, known by its digest: from one's own disk or database.
   * The error says what is wrong with the file.
   */
  static open(file: Uint8Array<ArrayBuffer>, pinned: Uint8Array): Result<Crs> {
    const scalars = readPrefix(file);
    if (!scalars.ok) return scalars;
    if (!equalBytes(sha256(file), pinned)) return err('CRS file: not the one that the task pins');
    return ok(Crs.#read(file));
  }

  /**
   * Reads and verifies a file from somebody else: every point canonical, in its subgroup and not
   * the identity, all different, and powers of one α, by random 128-bit weights (VDS.md, CRS).
   * Takes seconds; the error names the check that failed. @param onProgress may throw to cancel
   */
  static async verify(
    file: Uint8Array<ArrayBuffer>,
    pinned: Uint8Array,
    random: Random,
    onProgress: OnProgress = () => undefined,
  ): Promise<Result<Crs>> {
    const prefix = readPrefix(file);
    if (!prefix.ok) return prefix;
    if (!equalBytes(sha256(file), pinned)) return err('CRS file: not the one that the task pins');
    const degree = degreeOf(prefix.value);
    const g1Count = 2 * degree - 1;
    const g2Start = prefixBytes + g1Count * pointBytes.g1Uncompressed;
    const slice = 64;
    for (let from = 0; from < g1Count; from += slice) {
      const encoded = Array.from({ length: Math.min(slice, g1Count - from) }, (_, k) => {
        const at = prefixBytes + (from + k) * pointBytes.g1Uncompressed;
        return file.subarray(at, at + pointBytes.g1Uncompressed);
      });
      const decoded = decodeUncompressedG1s(encoded);
      if (!decoded.ok) return err(`CRS: G1 from ${from} on, ${decoded.error}`);
      await onProgress((0.3 * from) / g1Count);
    }
    for (let i = 0; i < degree; i++) {
      const at = g2Start + i * pointBytes.g2Uncompressed;
      const decoded = decodeUncompressedG2(file.subarray(at, at + pointBytes.g2Uncompressed));
      if (!decoded.ok) return err(`CRS: G2 power ${i + 1}, ${decoded.error}`);
      if (i % 32 === 0) await onProgress(0.3 + (0.4 * i) / degree);
    }
    const repeated = findRepeated(file, g1Count);
    if (repeated !== null) return err(`CRS: ${repeated}`);
    const crs = Crs.#read(file);
    const chain = await crs.#verifyPowers(random, onProgress);
    return chain.ok ? ok(crs) : chain;
  }

  async #verifyPowers(random: Random, onProgress: OnProgress): Promise<Result<null>> {
    const n = this.degree;
    const weights = Array.from({ length: 2 * n + 1 }, () => randomWeight(random));
    // Σ ρ_i·g_{i+1} against Σ ρ_i·g_i, over the runs 0…N and N+2…2N.
    const inRun = (i: number) => i !== n && i !== n + 1;
    const upper = Array.from({ length: 2 * n + 1 }, (_, i) =>
      i > 0 && inRun(i - 1) ? at(weights, i - 1) : 0n,
    );
    const lower = weights.map((weight, i) => (i < 2 * n && inRun(i) ? weight : 0n));
    const [high, low] = [this.combine(upper), this.combine(lower)];
    await onProgress(0.8);
    const cancels = (a: G1Point, p: G2Point, b: G1Point, q: G2Point) =>
      pairingProductIsOne([
        [a, p],
        [b.negate(), q],
      ]);
    if (!cancels(high, G2.BASE, low, this.g2(1))) return err('CRS: G1 is not powers of one α');
    if (!cancels(this.g1(n + 2), G2.BASE, this.g1(n), this.g2(2))) {
      return err('CRS: G1 above N+1 is not powers of the same α');
    }
    const powers = Array.from({ length: n }, (_, i) => this.g2(i));
    const shifted = Array.from({ length: n }, (_, i) => this.g2(i + 1));
    const g2Weights = weights.slice(0, n);
    const highG2 = multiplyG2(shifted, g2Weights);
    await onProgress(0.9);
    const lowG2 = multiplyG2(powers, g2Weights);
    if (!cancels(G1.BASE, highG2, this.g1(1), lowG2)) return err('CRS: G2 is not powers of α');
    await onProgress(1);
    return ok(null);
  }

  static #read(file: Uint8Array<ArrayBuffer>): Crs {
    const prefix = readPrefix(file);
    if (!prefix.ok) throw new Error(`bug: ${prefix.error}`);
    const scalars = prefix.value;
    const n = degreeOf(scalars);
    const end = prefixBytes + (2 * n - 1) * pointBytes.g1Uncompressed;
    const read = trustedG1s(file.subarray(prefixBytes, end));
    const place = <T>(of: readonly T[], one: T, zero: T) => [one, ...of.slice(0, n), zero, ...of.slice(n)]; // prettier-ignore
    const one = G1.BASE.toAffine();
    return new Crs(file, scalars, { xs: place(read.xs, one.x, 0n), ys: place(read.ys, one.y, 0n) });
  }
}

/** The first point that is there twice, [1]₁ and [1]₂ included, or null: α of a small order. */
function findRepeated(file: Uint8Array, g1Count: number): string | null {
  const g2Start = prefixBytes + g1Count * pointBytes.g1Uncompressed;
  const groups = [
    { name: 'G1', start: prefixBytes, end: g2Start, size: pointBytes.g1Uncompressed, one: G1.BASE },
    { name: 'G2', start: g2Start, end: file.length, size: pointBytes.g2Uncompressed, one: G2.BASE },
  ];
  for (const { name, start, end, size, one } of groups) {
    const seen = new Set([one.toHex(false)]);
    for (let from = start; from < end; from += size) {
      const point = bytesToHex(file.subarray(from, from + size));
      if (seen.has(point)) return `a point of ${name} is there twice`;
      seen.add(point);
    }
  }
  return null;
}

/** @throws if a CRS is the tests', whose trapdoor everybody knows, and was not asked for */
export function refuseTestCrs(options: {
  readonly crs: Crs;
  readonly allowTestCrs?: boolean;
}): void {
  if (!options.crs.isTest || options.allowTestCrs === true) return;
  throw new Error('the CRS is the one for tests: its trapdoor is public, generate another one');
}

/** The trapdoor of the CRS for tests: published here, so it protects nothing. */
export const testTrapdoor = hashToScalar('test-crs');

/** The file of the powers of α. α is secret: its multiples are taken in constant time. */
async function powersOf(
  scalars: ScalarCount,
  alpha: bigint,
  onProgress: OnProgress,
): Promise<Uint8Array<ArrayBuffer>> {
  const g1: G1Point[] = [];
  const g2: Uint8Array[] = [];
  let power = 1n;
  const degree = degreeOf(scalars);
  for (let i = 1; i <= 2 * degree; i++) {
    power = (power * alpha) % groupOrder;
    if (i !== degree + 1) g1.push(G1.BASE.multiply(power));
    if (i <= degree) g2.push(G2.BASE.multiply(power).toBytes(false));
    if (i % 16 === 0) await onProgress(i <= degree ? (0.8 * i) / degree : 0.8 + 0.1 * (i / degree)); // prettier-ignore
  }
  await onProgress(1);
  const count = new Uint8Array(8);
  new DataView(count.buffer).setUint32(0, scalars);
  const file = concatBytes(magic, count, ...encodeUncompressedG1s(toAffinePoints(g1)), ...g2);
  return new Uint8Array(file);
}
