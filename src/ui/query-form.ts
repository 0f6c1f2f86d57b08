import { err, ok, type Result } from '../lib/index.ts';
import { limits } from '../protocol/index.ts';

/** Weights of one query; the others are 0. */
const maxWeights = 256;

/** `0, 2-4` as columns of a batch of `chunks`, in ascending order. The error is for the form. */
export function parseColumns(text: string, chunks: number): Result<readonly number[]> {
  const columns = new Set<number>();
  for (const part of text.split(',').map((each) => each.trim())) {
    const range = /^(\d{1,4})(?:\s*-\s*(\d{1,4}))?$/.exec(part);
    if (range === null) return err('Numbers of chunks, such as 0, 2-4');
    const [from, to] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (to < from) return err(`${part}: the first is above the last`);
    if (to >= chunks) return err(`The batch has chunks 0 to ${chunks - 1}`);
    for (let column = from; column <= to; column++) columns.add(column);
  }
  if (columns.size > limits.askedColumns) return err(`At most ${limits.askedColumns} chunks`);
  return ok([...columns].sort((a, b) => a - b));
}

export interface Weight {
  readonly index: number;
  readonly weight: bigint;
}

/** `1:5, 2:-1` as weights t_i of scalars i = 1 … n, in ascending order. The error is for the form. */
export function parseWeights(text: string, scalars: number): Result<readonly Weight[]> {
  const weights = new Map<number, bigint>();
  for (const part of text.split(',').map((each) => each.trim())) {
    const pair = /^(\d{1,4})\s*:\s*(-?\d{1,70})$/.exec(part);
    if (pair === null) return err('Pairs of position and weight, such as 1:5, 2:-1');
    const [index, weight] = [Number(pair[1]), BigInt(pair[2] ?? '0')];
    if (index < 1 || index > scalars) return err(`A chunk has scalars 1 to ${scalars}`);
    if (weights.has(index)) return err(`Position ${index} stands there twice`);
    weights.set(index, weight);
  }
  if (weights.size > maxWeights) return err(`At most ${maxWeights} weights`);
  const entries = [...weights].map(([index, weight]) => ({ index, weight }));
  return ok(entries.sort((a, b) => a.index - b.index));
}

/** `3, 17` as an index into a tensor of this shape, row by row. The error is for the form. */
export function parsePosition(text: string, shape: readonly number[]): Result<number> {
  const parts = text.split(',').map((each) => each.trim());
  const example = shape.map(() => '0').join(', ');
  if (parts.length !== shape.length || !parts.every((part) => /^\d{1,9}$/.test(part))) {
    return err(`A position of ${shape.join(' × ')}, such as ${example}`);
  }
  let index = 0;
  for (const [axis, size] of shape.entries()) {
    const place = Number(parts[axis]);
    if (place >= size) return err(`${place}: the last one is ${size - 1}`);
    index = index * size + place;
  }
  return ok(index);
}
