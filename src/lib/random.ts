import { assert } from './assert.ts';

/** A source of randomness. The core never reaches for one: it is handed one. */
export interface Random {
  /** Uniform in [0, 2³²). */
  uint32(): number;
}

/** `length` uniform bytes; as secret as the source is. */
export function randomBytes(random: Random, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = random.uint32() >>> 24;
  return bytes;
}

/** Uniform in [0, 1) with 32 bits; exact on every machine. */
export function uniform(random: Random): number {
  return random.uint32() / 4294967296;
}

/** Uniform integer in [0, bound), without modulo bias. */
export function randomInt(random: Random, bound: number): number {
  assert(bound >= 1, 'there is a number below the bound');
  const limit = 4294967296 - (4294967296 % bound);
  for (;;) {
    const value = random.uint32();
    if (value < limit) return value % bound;
  }
}

/** Standard normal (Box–Muller). Uses Math.log and Math.cos, so not bit-exact across engines. */
export function normal(random: Random): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(random)));
  return radius * Math.cos(2 * Math.PI * uniform(random));
}

/** Shuffles in place (Fisher–Yates) and returns its argument. */
export function shuffle<T extends { [index: number]: unknown; readonly length: number }>(
  items: T,
  random: Random,
): T {
  for (let i = items.length - 1; i > 0; i--) {
    const j = randomInt(random, i + 1);
    const held = items[i];
    items[i] = items[j];
    items[j] = held;
  }
  return items;
}

/**
 * A fast, seeded, insecure generator (xoshiro128**, Blackman and Vigna 2018), its state filled
 * from `seed` by splitmix32. For data, shuffles and simulations; never for keys or blinding.
 */
export function seededRandom(seed: number): Random {
  let mix = seed >>> 0;
  const splitmix = () => {
    mix = (mix + 0x9e3779b9) >>> 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let d = splitmix();
  const rotl = (x: number, k: number) => ((x << k) | (x >>> (32 - k))) >>> 0;
  return {
    uint32() {
      const result = Math.imul(rotl(Math.imul(b, 5) >>> 0, 7), 9) >>> 0;
      const t = (b << 9) >>> 0;
      c = (c ^ a) >>> 0;
      d = (d ^ b) >>> 0;
      b = (b ^ c) >>> 0;
      a = (a ^ d) >>> 0;
      c = (c ^ t) >>> 0;
      d = rotl(d, 11);
      return result;
    },
  };
}
