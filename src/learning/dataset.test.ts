import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../lib/index.ts';
import { classCounts, selectRows, splitValidation, type Dataset } from './dataset.ts';

/** Row r has the features r, 100 + r and the class r mod 3. */
function numbered(rows: number): Dataset {
  return {
    rows,
    width: 2,
    features: Float32Array.from({ length: 2 * rows }, (_, i) => (i >> 1) + 100 * (i & 1)),
    featureScale: 1,
    targets: Float32Array.from({ length: rows }, (_, row) => row % 3),
    targetKind: 'class',
  };
}

/** Which row of `numbered` each row is; fails if a row was torn apart. */
function rowsOf(dataset: Dataset): number[] {
  return Array.from({ length: dataset.rows }, (_, i) => {
    const row = dataset.features[2 * i] ?? NaN;
    const torn = dataset.features[2 * i + 1] !== row + 100 || dataset.targets[i] !== row % 3;
    if (torn) throw new Error(`row ${i} is torn apart`);
    return row;
  });
}

describe('selectRows', () => {
  it('keeps features and targets together, in the order asked for', () => {
    const picked = selectRows(numbered(9), [7, 0, 7]);
    expect(rowsOf(picked)).toEqual([7, 0, 7]);
    expect(rowsOf(selectRows(numbered(9), Uint32Array.of(8)))).toEqual([8]);
  });

  it('keeps the kind of the features, bytes or floats', () => {
    const bytes = { ...numbered(3), features: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(selectRows(bytes, [2]).features).toEqual(Uint8Array.of(5, 6));
    expect(selectRows(numbered(3), [2]).features).toBeInstanceOf(Float32Array);
  });

  it('refuses a row that is not there', () => {
    expect(() => selectRows(numbered(3), [3])).toThrow('out of range');
  });
});

describe('splitValidation', () => {
  it('deals every row to one part, neither of them empty, in the share asked for', () => {
    const shares = fc.double({ min: 0.001, max: 0.9, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 200 }), shares, fc.nat(), (rows, share, seed) => {
        const split = splitValidation(numbered(rows), share, seededRandom(seed));
        const [training, validation] = [rowsOf(split.training), rowsOf(split.validation)];
        const all = [...training, ...validation].sort((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: rows }, (_, row) => row));
        expect(training.length).toBeGreaterThan(0);
        expect(validation.length).toBeGreaterThan(0);
        expect(Math.abs(validation.length - share * rows)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('trains and measures on all rows where none can be held out', () => {
    for (const [rows, share] of [
      [1, 0.5],
      [5, 0],
    ] as const) {
      const split = splitValidation(numbered(rows), share, seededRandom(1));
      expect([split.training.rows, split.validation.rows]).toEqual([rows, rows]);
    }
  });
});

describe('classCounts', () => {
  it('counts every class, also those that are not there', () => {
    expect(classCounts(numbered(8), 5)).toEqual([3, 3, 2, 0, 0]);
  });
});
