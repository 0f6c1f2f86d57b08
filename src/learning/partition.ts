import { at, normal, randomInt, shuffle, uniform, type Random } from '../lib/index.ts';

/** Deals rows out evenly at random: each row to one part. */
export function dealIid(rows: number, parts: number, random: Random): Uint32Array[] {
  const order = shuffle(
    Uint32Array.from({ length: rows }, (_, row) => row),
    random,
  );
  return Array.from({ length: parts }, (_, part) => order.filter((_row, i) => i % parts === part));
}

/**
 * Deals rows out so that each part has its own mix of classes: every class is spread over the
 * parts in Dirichlet(alpha) shares (Hsu et al. 2019). A part that got nothing takes a row of the
 * largest one, as long as there are rows enough.
 */
export function dealDirichlet(
  labels: Float32Array,
  parts: number,
  alpha: number,
  random: Random,
): Uint32Array[] {
  const hands: number[][] = Array.from({ length: parts }, () => []);
  const byClass = new Map<number, number[]>();
  labels.forEach((label, row) => {
    const rows = byClass.get(label);
    if (rows) rows.push(row);
    else byClass.set(label, [row]);
  });
  for (const rows of byClass.values()) {
    shuffle(rows, random);
    let cumulative = 0;
    let from = 0;
    dirichlet(alpha, parts, random).forEach((share, part) => {
      cumulative += share;
      const to = part === parts - 1 ? rows.length : Math.round(cumulative * rows.length);
      const hand = at(hands, part);
      for (; from < to; from++) hand.push(at(rows, from));
    });
  }
  for (const hand of hands) {
    const largest = hands.reduce((most, each) => (each.length > most.length ? each : most));
    const row = hand.length === 0 && largest.length > 1 ? largest.pop() : undefined;
    if (row !== undefined) hand.push(row);
  }
  return hands.map((hand) => Uint32Array.from(hand));
}

/**
 * A draw from the symmetric Dirichlet distribution: n shares that add up to 1. A very small
 * alpha can leave every draw at 0; one of them, at random, then gets all, as is the limit.
 */
export function dirichlet(alpha: number, n: number, random: Random): number[] {
  const draws = Array.from({ length: n }, () => gamma(alpha, random));
  const sum = draws.reduce((total, draw) => total + draw, 0);
  if (sum > 0) return draws.map((draw) => draw / sum);
  const winner = randomInt(random, n);
  return draws.map((_, i) => (i === winner ? 1 : 0));
}

/** A draw from Gamma(shape, 1) (Marsaglia and Tsang 2000). */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - uniform(random)) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - uniform(random)) < 0.5 * x * x + d - d * v + d * Math.log(v)) {
      return d * v;
    }
  }
}
