import { assert } from '../lib/index.ts';

/** How good a model's outputs are. */
export interface Score {
  /** Classes: mean cross-entropy, nats. Values: mean squared error of the standardised target. */
  readonly loss: number;
  /** Classes: share of rows read right. Values: R², 1 at best, 0 for always guessing the mean. */
  readonly accuracy: number;
}

/** Turns each row of `classes` logits into probabilities, in place. */
export function softmaxRows(logits: Float32Array, classes: number): void {
  for (let from = 0; from < logits.length; from += classes) {
    let largest = -Infinity;
    for (let i = from; i < from + classes; i++) largest = Math.max(largest, logits[i] ?? 0);
    let sum = 0;
    for (let i = from; i < from + classes; i++) sum += Math.exp((logits[i] ?? 0) - largest);
    for (let i = from; i < from + classes; i++) {
      logits[i] = Math.exp((logits[i] ?? 0) - largest) / sum;
    }
  }
}

/**
 * @param logits float32[rows × classes]
 * @param targets class index of each row
 */
export function scoreClasses(logits: Float32Array, targets: Float32Array, classes: number): Score {
  assert(targets.length > 0, 'scoring no rows');
  let right = 0;
  let loss = 0;
  targets.forEach((target, row) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    let best = 0;
    for (let i = 1; i < classes; i++) if ((own[i] ?? 0) > (own[best] ?? 0)) best = i;
    if (best === target) right++;
    // log Σ exp, shifted by the largest: finite however sure the model is of the wrong class.
    const largest = own[best] ?? 0;
    const sum = own.reduce((total, logit) => total + Math.exp(logit - largest), 0);
    loss += largest + Math.log(sum) - (own[target] ?? 0);
  });
  return { loss: loss / targets.length, accuracy: right / targets.length };
}

/** R² is 0 where all targets are equal, as nothing is there to explain. */
export function scoreValues(values: Float32Array, targets: Float32Array): Score {
  assert(targets.length > 0, 'scoring no rows');
  const mean = targets.reduce((sum, target) => sum + target, 0) / targets.length;
  let residual = 0;
  let variance = 0;
  targets.forEach((target, row) => {
    residual += (target - (values[row] ?? 0)) ** 2;
    variance += (target - mean) ** 2;
  });
  return {
    loss: residual / targets.length,
    accuracy: variance === 0 ? 0 : 1 - residual / variance,
  };
}
