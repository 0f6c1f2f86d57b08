import { describe, expect, it } from 'vitest';
import { scoreClasses, scoreValues, softmaxRows } from './scoring.ts';

describe('softmaxRows', () => {
  it('makes each row add up to 1, also of large logits', () => {
    const rows = Float32Array.of(0, Math.log(3), 1000, 0, -1000, -1000);
    softmaxRows(rows, 2);
    [0.25, 0.75, 1, 0, 0.5, 0.5].forEach((expected, i) => expect(rows[i]).toBeCloseTo(expected, 6));
  });
});

describe('scoreClasses', () => {
  it('is the share read right and the mean cross-entropy', () => {
    // probabilities 1/4 3/4, and 1/2 1/2, where the first of equals is the answer
    const logits = Float32Array.of(0, Math.log(3), 7, 7);
    const score = scoreClasses(logits, Float32Array.of(1, 1), 2);
    expect(score.accuracy).toBe(0.5);
    expect(score.loss).toBeCloseTo((Math.log(4 / 3) + Math.log(2)) / 2, 6);
  });

  it('stays finite when the model is sure of the wrong class', () => {
    expect(scoreClasses(Float32Array.of(1000, -1000), Float32Array.of(1), 2).loss).toBe(2000);
  });
});

describe('scoreValues', () => {
  it('is the mean squared error and R²', () => {
    const targets = Float32Array.of(-1, 0, 1);
    expect(scoreValues(targets, targets)).toEqual({ loss: 0, accuracy: 1 });
    expect(scoreValues(new Float32Array(3), targets)).toEqual({ loss: 2 / 3, accuracy: 0 });
    expect(scoreValues(Float32Array.of(1, 0, -1), targets).accuracy).toBe(-3);
  });

  it('explains nothing where all targets are equal', () => {
    expect(scoreValues(Float32Array.of(1, 2), Float32Array.of(1, 1))).toEqual({ loss: 0.5, accuracy: 0 }); // prettier-ignore
  });
});
