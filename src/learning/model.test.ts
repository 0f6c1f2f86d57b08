import { describe, expect, it } from 'vitest';
import { bytesToHex, seededRandom } from '../lib/index.ts';
import type { DataDescription } from '../protocol/index.ts';
import { modelDigest } from './aggregation.ts';
import {
  featureWidth,
  initialParameters,
  outputWidth,
  parameterCount,
  tensorsOf,
} from './model.ts';

const images: DataDescription = {
  kind: 'image',
  width: 4,
  height: 3,
  channels: 3,
  classes: ['a', 'b'],
  builtIn: null,
};
const table: DataDescription = {
  kind: 'table',
  columns: [
    { kind: 'numeric', name: 'x', mean: 0, deviation: 1 },
    { kind: 'categorical', name: 'y', values: ['a', 'b', 'c'] },
  ],
  target: { kind: 'numeric', name: 'z', mean: 0, deviation: 1 },
};

describe('widths', () => {
  it('counts pixels times channels, and categories one by one', () => {
    expect([featureWidth(images), outputWidth(images)]).toEqual([36, 2]);
    expect([featureWidth(table), outputWidth(table)]).toEqual([4, 1]);
    const target = { kind: 'categorical' as const, name: 'z', values: ['m', 'f'] };
    expect(outputWidth({ ...table, target })).toBe(2);
  });
});

describe('tensorsOf', () => {
  it('lists weights and biases, one behind the other', () => {
    const tensors = tensorsOf(images, { kind: 'mlp', hidden: [5] });
    expect(tensors).toEqual([
      { name: 'dense1.weight', shape: [36, 5], offset: 0, length: 180 },
      { name: 'dense1.bias', shape: [5], offset: 180, length: 5 },
      { name: 'dense2.weight', shape: [5, 2], offset: 185, length: 10 },
      { name: 'dense2.bias', shape: [2], offset: 195, length: 2 },
    ]);
    expect(parameterCount(tensors)).toBe(197);
  });

  it('makes a linear model of no hidden layer', () => {
    const tensors = tensorsOf(table, { kind: 'mlp', hidden: [] });
    expect(tensors.map(({ name }) => name)).toEqual(['dense1.weight', 'dense1.bias']);
    expect(parameterCount(tensors)).toBe(5);
  });
});

describe('initialParameters', () => {
  const tensors = tensorsOf(images, { kind: 'mlp', hidden: [50] });

  it('draws weights in ±√(6/in) with variance 2/in, and no biases', () => {
    const parameters = initialParameters(tensors, seededRandom(1));
    for (const { shape, offset, length, name } of tensors) {
      const values = [...parameters.subarray(offset, offset + length)];
      if (name.endsWith('bias')) {
        expect(values.every((value) => value === 0)).toBe(true);
        continue;
      }
      const [inputs = 1] = shape;
      expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(Math.sqrt(6 / inputs));
      if (length < 1000) continue;
      const variance = values.reduce((sum, value) => sum + value * value, 0) / length;
      expect(variance / (2 / inputs)).toBeGreaterThan(0.9);
      expect(variance / (2 / inputs)).toBeLessThan(1.1);
    }
  });

  it('gives the bits that every browser gives', () => {
    const digest = modelDigest(initialParameters(tensors, seededRandom(42)));
    expect(bytesToHex(digest)).toBe(
      '086849ac82da2bf962b11432f5244df5bc826d7cc03f115f3e9fde7af5ad02fb',
    );
  });
});
