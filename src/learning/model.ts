import { uniform, type Random } from '../lib/index.ts';
import type { DataDescription, ModelDescription } from '../protocol/index.ts';

/** A tensor's place in the flat vector of parameters. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Index of its first parameter. */
  readonly offset: number;
  /** Number of its parameters. */
  readonly length: number;
}

/** Features of a row: pixels times channels, or columns with categories as one-hot. */
export function featureWidth(data: DataDescription): number {
  if (data.kind === 'image') return data.width * data.height * data.channels;
  return data.columns.reduce((sum, c) => sum + (c.kind === 'numeric' ? 1 : c.values.length), 0);
}

/** Outputs of the model: one a class, or one for a regression. */
export function outputWidth(data: DataDescription): number {
  if (data.kind === 'image') return data.classes.length;
  return data.target.kind === 'categorical' ? data.target.values.length : 1;
}

/** The manifest of the model's tensors: `dense1.weight` [in, out], `dense1.bias` [out], … */
export function tensorsOf(data: DataDescription, model: ModelDescription): Tensor[] {
  const widths = [featureWidth(data), ...model.hidden, outputWidth(data)];
  const tensors: Tensor[] = [];
  let offset = 0;
  const add = (name: string, shape: readonly number[]) => {
    const length = shape.reduce((product, size) => product * size, 1);
    tensors.push({ name, shape, offset, length });
    offset += length;
  };
  widths.slice(1).forEach((outputs, layer) => {
    add(`dense${layer + 1}.weight`, [widths[layer] ?? 0, outputs]);
    add(`dense${layer + 1}.bias`, [outputs]);
  });
  return tensors;
}

/** P: the length of the flat vector. */
export function parameterCount(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, tensor) => sum + tensor.length, 0);
}

/**
 * Starting values: weights uniform in ±√(6/in) (He et al. 2015), biases 0. Uses operations only
 * that IEEE 754 rounds in one way, so that a seed gives the same bits on every engine.
 */
export function initialParameters(
  tensors: readonly Tensor[],
  random: Random,
): Float32Array<ArrayBuffer> {
  const parameters = new Float32Array(parameterCount(tensors));
  for (const { shape, offset, length } of tensors) {
    const [inputs = 1] = shape;
    if (shape.length < 2) continue;
    const bound = Math.sqrt(6 / inputs);
    for (let i = 0; i < length; i++) parameters[offset + i] = (2 * uniform(random) - 1) * bound;
  }
  return parameters;
}
