import { at, shuffle, type Random } from '../lib/index.ts';

/** Samples in memory; rows of `width` features each. */
export interface Dataset {
  readonly rows: number;
  /** Features of a row. */
  readonly width: number;
  /** rows × width, row by row. */
  readonly features: Uint8Array | Float32Array;
  /** A stored feature times this is what the model sees: 1/255 for bytes, 1 for floats. */
  readonly featureScale: number;
  /** Class index of each row, or its standardised value. */
  readonly targets: Float32Array;
  readonly targetKind: 'class' | 'value';
}

/** The named rows, in their order. */
export function selectRows(dataset: Dataset, rows: ArrayLike<number>): Dataset {
  const { width, features, targets } = dataset;
  const picked =
    features instanceof Uint8Array
      ? new Uint8Array(rows.length * width)
      : new Float32Array(rows.length * width);
  const pickedTargets = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const row = at(rows, i);
    picked.set(features.subarray(row * width, (row + 1) * width), i * width);
    pickedTargets[i] = at(targets, row);
  }
  return { ...dataset, rows: rows.length, features: picked, targets: pickedTargets };
}

/**
 * Splits off a random `share` of the rows for validation. Neither part is empty where there are
 * two rows and a share. With a single row, or without a share, both parts are all rows, so that
 * there is always something to train on and to measure with.
 */
export function splitValidation(
  dataset: Dataset,
  share: number,
  random: Random,
): { readonly training: Dataset; readonly validation: Dataset } {
  const { rows } = dataset;
  if (rows < 2 || share === 0) return { training: dataset, validation: dataset };
  const order = shuffle(
    Uint32Array.from({ length: rows }, (_, row) => row),
    random,
  );
  const held = Math.min(rows - 1, Math.max(1, Math.round(rows * share)));
  return {
    training: selectRows(dataset, order.subarray(held)),
    validation: selectRows(dataset, order.subarray(0, held)),
  };
}

/** How many rows each class has. */
export function classCounts(dataset: Dataset, classes: number): number[] {
  const counts = Array.from({ length: classes }, () => 0);
  for (const target of dataset.targets) counts[target] = (counts[target] ?? 0) + 1;
  return counts;
}
