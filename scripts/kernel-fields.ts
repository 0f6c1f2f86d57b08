/**
 * Emits the part of the kernel that is unrolled, in AssemblyScript: arithmetic modulo a prime p on
 * residues in memory, `limbs` of 28 bits, a u32 each, in Montgomery form with R = 2^(28·limbs)
 * (Montgomery 1985).
 *
 * A residue is *reduced* if its limbs are below 2²⁸ and it is below 2p, *loose* if its limbs are
 * below 2³⁰ and it is below 32p. 28 bits, because a column of products then needs no carry:
 * measured for 14 limbs on V8, 141 ns a multiplication, where 12 limbs of 32 bits took 242 ns.
 */
interface Field {
  /** What the names of its functions end with. */
  readonly name: string;
  /** p, with 2^11·p below R. */
  readonly prime: bigint;
  readonly limbs: number;
}

const radix = 28n;
const mask = (1n << radix) - 1n;

function places({ limbs }: Field): number[] {
  return Array.from({ length: limbs }, (_, i) => i);
}

function digits(field: Field, value: bigint): bigint[] {
  return places(field).map((i) => (value >> (radix * BigInt(i))) & mask);
}

/** −1/p mod 2²⁸; each step doubles the bits that are right. */
function montgomeryFactor({ prime }: Field): bigint {
  let inverse = 1n;
  for (let bits = 1; bits < Number(radix); bits *= 2) {
    inverse = (inverse * (2n - prime * inverse)) & mask;
  }
  return -inverse & mask;
}

const lines = (of: readonly string[]) => of.join('\n');

/** p, 1, p − 2, R² mod p and, to move a number by all limbs but one, R·2^(28·(limbs − 1)) mod p; as limbs. */
export function constants(field: Field): string {
  const { name, prime, limbs } = field;
  const one = (1n << (radix * BigInt(limbs))) % prime;
  const constant = (suffix: string, value: bigint) =>
    `export const ${name}${suffix}: usize = memory.data<u32>([${digits(field, value).join(', ')}]);`;
  return lines([
    constant('Prime', prime),
    constant('One', one),
    constant('PrimeLessTwo', prime - 2n),
    constant('Square', (one * one) % prime),
    constant('Shift', (one << (radix * BigInt(limbs - 1))) % prime),
  ]);
}

/**
 * `multiply`: a·b/R of loose residues, reduced; it may write where it reads. A column sums up
 * products below 2⁶⁰ (at most 14 of them), as many below 2⁵⁶ and a carry below 2³⁶: below 2⁶⁴.
 * The result is below ab/R + p, with ab below 2^10·p² and R above 2^11·p: below 2p. In constant
 * time.
 */
export function multiplication(field: Field): string {
  const { name, prime, limbs } = field;
  const p = digits(field, prime);
  const limbsOf = (of: string) => places(field).map((i) => `${of}${i}`);
  const product = karatsuba(limbsOf('a'), limbsOf('b'), 'ab');
  const column = (k: number, known: number) =>
    [
      ...product.columns.slice(k, k + 1),
      ...places(field).flatMap((i) => (i < known && k - i in p ? [`m${i} * ${p[k - i]}`] : [])),
    ].join(' + ');
  const load = (of: string, i: number) => `  const ${of}${i} = <u64>load<u32>(${of}, ${4 * i});`;
  const low = (k: number) => `  t += ${column(k, k)};
  const m${k} = (t * ${montgomeryFactor(field)}) & ${mask};
  t = (t + m${k} * ${p[0]}) >> ${radix};`;
  const high = (k: number) => `  t += ${column(limbs + k, limbs)};
  store<u32>(out, <u32>(t & ${mask}), ${4 * k});
  t >>= ${radix};`;
  return lines([
    `export function multiply${name}(out: usize, a: usize, b: usize): void {`,
    ...['a', 'b'].flatMap((of) => places(field).map((i) => load(of, i))),
    ...product.steps,
    '  let t: u64 = 0;',
    ...places(field).map(low),
    ...places(field).slice(0, -1).map(high),
    `  store<u32>(out, <u32>t, ${4 * (limbs - 1)});`,
    '}',
  ]);
}

/** Limbs up to which a product is taken limb by limb. */
const leaf = 3;

/**
 * The columns of a product of limbs (Karatsuba and Ofman 1962): a processor does one
 * multiplication of words at a time, and there are 99 of them for 14 limbs instead of 196.
 * Differences may be negative and their products wrap modulo 2⁶⁴; so do the sums, and a column is
 * below 2⁶⁴. Measured on V8: 112 ns a multiplication in the field instead of 142 ns.
 */
function karatsuba(
  a: readonly string[],
  b: readonly string[],
  name: string,
): { readonly steps: readonly string[]; readonly columns: readonly string[] } {
  const columns = Array.from({ length: 2 * a.length - 1 }, (_, k) => `${name}_${k}`);
  if (a.length <= leaf) {
    const terms = (k: number) => a.flatMap((x, i) => (k - i in b ? [`${x} * ${b[k - i]}`] : []));
    return {
      columns,
      steps: columns.map((column, k) => `  const ${column} = ${terms(k).join(' + ')};`),
    };
  }
  const half = Math.ceil(a.length / 2);
  const low = karatsuba(a.slice(0, half), b.slice(0, half), `${name}l`);
  const high = karatsuba(a.slice(half), b.slice(half), `${name}h`);
  const difference = (of: readonly string[], i: number) =>
    half + i in of ? `${of[half + i]} - ${of[i]}` : `-${of[i]}`;
  const places = Array.from({ length: half }, (_, i) => i);
  const cross = karatsuba(
    places.map((i) => `${name}x${i}`),
    places.map((i) => `${name}y${i}`),
    `${name}c`,
  );
  const columnOf = (k: number) =>
    [
      ...low.columns.slice(k, k + 1),
      ...[low, high].flatMap((each) =>
        k >= half ? each.columns.slice(k - half, k - half + 1) : [],
      ),
      ...(k >= 2 * half ? high.columns.slice(k - 2 * half, k - 2 * half + 1) : []),
    ].join(' + ');
  const minus = (k: number) =>
    (k >= half ? cross.columns.slice(k - half, k - half + 1) : []).map((c) => ` - ${c}`).join('');
  return {
    columns,
    steps: [
      ...low.steps,
      ...high.steps,
      ...places.map((i) => `  const ${name}x${i} = ${difference(a, i)};`),
      ...places.map((i) => `  const ${name}y${i} = ${difference(b, i)};`),
      ...cross.steps,
      ...columns.map((column, k) => `  const ${column} = ${columnOf(k)}${minus(k)};`),
    ],
  };
}

/**
 * `copy`: 8 bytes at a time; `memory.copy` is a call out of WebAssembly.
 *
 * `add`: limbs and values add up; of reduced residues, loose.
 *
 * `subtract`: a − b + 4p for a reduced b. Limbs grow by 2²⁹ and the value by 4p: of a reduced a,
 * loose; three in a row may follow a reduced a before it is reduced.
 *
 * `reduce`: reduces what is below 64p with limbs below 2³¹, by taking q·p away, where q is a
 * quotient of the top limbs: never above value/p, and below it by less than 1.001.
 *
 * `isZero`: whether a reduced residue is 0; it is then 0 or p.
 */
export function sums(field: Field): string {
  const { name, prime, limbs } = field;
  const p = digits(field, prime);
  const last = limbs - 1;
  const topOfPrime = prime >> (radix * BigInt(last));
  // 4p with limbs that those of a reduced residue do not exceed: each borrows 2²⁸ from the next.
  const spread = digits(field, 4n * prime).map(
    (digit, i) => digit + (i < last ? mask + 1n : 0n) - (i > 0 ? 1n : 0n),
  );
  const each = (line: (i: number) => string) => lines(places(field).map(line));
  return `export function copy${name}(out: usize, a: usize): void {
${lines(
  places(field)
    .filter((i) => i % 2 === 0)
    .map((i) => `  store<u64>(out, load<u64>(a, ${4 * i}), ${4 * i});`),
)}
}

export function add${name}(out: usize, a: usize, b: usize): void {
${each((i) => `  store<u32>(out, load<u32>(a, ${4 * i}) + load<u32>(b, ${4 * i}), ${4 * i});`)}
}

export function subtract${name}(out: usize, a: usize, b: usize): void {
${each((i) => `  store<u32>(out, load<u32>(a, ${4 * i}) + ${spread[i]} - load<u32>(b, ${4 * i}), ${4 * i});`)}
}

export function reduce${name}(x: usize): void {
  const top = <u64>load<u32>(x, ${4 * last}) + <u64>(load<u32>(x, ${4 * (last - 1)}) >> ${radix});
  const q = <i64>((top * ${(1n << 40n) / (topOfPrime + 1n)}) >> 40);
  let t: i64 = 0;
${lines(
  places(field)
    .slice(0, -1)
    .map(
      (i) => `  t += <i64>load<u32>(x, ${4 * i}) - q * ${p[i]};
  store<u32>(x, <u32>(t & ${mask}), ${4 * i});
  t >>= ${radix};`,
    ),
)}
  store<u32>(x, <u32>(t + <i64>load<u32>(x, ${4 * last}) - q * ${p[last]}), ${4 * last});
}

export function isZero${name}(x: usize): bool {
  if (!(${places(field)
    .map((i) => `load<u32>(x, ${4 * i})`)
    .join(' | ')})) return true;
  return !(${places(field)
    .map((i) => `(load<u32>(x, ${4 * i}) ^ ${p[i]})`)
    .join(' | ')});
}`;
}
