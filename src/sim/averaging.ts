import type { Tensor } from '../learning/index.ts';
import { at, type HeaderId, type PeerId } from '../lib/index.ts';

/** An update as its author made it, before it was cut and committed to. */
export interface SealedUpdate {
  readonly author: PeerId;
  readonly round: number;
  readonly attempt: number;
  readonly header: HeaderId;
  /** u_k */
  readonly codes: Uint8Array;
  readonly scales: readonly number[];
  readonly samples: number;
}

/**
 * a_k by largest remainder (DESIGN.md §4), one unit after the other: written apart from
 * `learning`, to compare with.
 */
function plainWeights(samples: readonly number[]): number[] {
  const total = samples.reduce((sum, each) => sum + each, 0);
  const weights = samples.map((each) => Math.floor((256 * each) / total));
  const owed = (k: number) => 256 * at(samples, k) - total * at(weights, k);
  while (weights.reduce((sum, each) => sum + each, 0) < 256) {
    const next = weights.reduce((best, _, k) => (owed(k) > owed(best) ? k : best), 0);
    weights[next] = at(weights, next) + 1;
  }
  return weights;
}

/**
 * `w + scale·(Σ a_k·u_k − 128·A)/A` of all of these updates, computed plainly.
 *
 * @param asked all that trained: a_k is each one's share among them, whoever is dropped later
 */
export function plainModel(
  base: Float32Array,
  updates: readonly SealedUpdate[],
  asked: readonly { readonly author: PeerId; readonly samples: number }[],
  tensors: readonly Tensor[],
): Float32Array {
  const ordered = [...updates].sort((a, b) => (a.author < b.author ? -1 : 1));
  const trained = [...asked].sort((a, b) => (a.author < b.author ? -1 : 1));
  const shares = plainWeights(trained.map(({ samples }) => samples));
  const weights = ordered.map(({ author }) =>
    at(
      shares,
      trained.findIndex((each) => each.author === author),
    ),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const scaleOf = (i: number) => {
    const place = tensors.findIndex(({ offset, length }) => i >= offset && i < offset + length);
    return at(at(ordered, 0).scales, place);
  };
  return base.map((parameter, i) => {
    const sum = ordered.reduce((s, { codes }, k) => s + at(weights, k) * at(codes, i), 0);
    return Math.fround(parameter + Math.fround((scaleOf(i) * (sum - 128 * total)) / total));
  });
}
