import { describe, expect, it } from 'vitest';
import { limits, type ImageData, type TableData } from '../protocol/index.ts';
import { parseCsv } from './csv.ts';
import type { IdxArray } from './idx.ts';
import { fitImages, fitTable } from './importers.ts';

const images: ImageData = {
  kind: 'image',
  width: 3,
  height: 2,
  channels: 1,
  classes: ['cat', 'dog'],
  builtIn: null,
};
const idx = (...shape: number[]): IdxArray => ({
  type: 'uint8',
  shape,
  data: Uint8Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
});
const labels = (...data: number[]): IdxArray => ({
  type: 'uint8',
  shape: [data.length],
  data: Uint8Array.from(data),
});

describe('fitImages', () => {
  const errorOf = (data: ImageData, pixels: IdxArray, classes: IdxArray) => {
    const fitted = fitImages(data, pixels, classes);
    return fitted.ok ? 'no error' : fitted.error;
  };

  it('makes a dataset of bytes', () => {
    expect(fitImages(images, idx(2, 2, 3), labels(1, 0))).toEqual({
      ok: true,
      value: {
        rows: 2,
        width: 6,
        features: idx(2, 2, 3).data,
        featureScale: 1 / 255,
        targets: Float32Array.of(1, 0),
        targetKind: 'class',
      },
    });
  });

  it('takes colour images', () => {
    const fitted = fitImages({ ...images, channels: 3 }, idx(1, 2, 3, 3), labels(0));
    expect(fitted.ok && fitted.value.width).toBe(18);
  });

  it('says what the task wants and what the file has', () => {
    expect(errorOf(images, idx(1, 32, 32), labels(0))).toBe(
      'the task wants images of 3×2 pixels, this file has 32×32',
    );
    expect(errorOf(images, idx(1, 3, 2), labels(0))).toMatch('wants images of 3×2 pixels, this file has 2×3'); // prettier-ignore
    expect(errorOf(images, idx(1, 2, 3, 3), labels(0))).toMatch('has 3×2 with 3 channels');
    expect(errorOf({ ...images, channels: 3 }, idx(1, 2, 3), labels(0))).toMatch('in colour');
    expect(errorOf(images, idx(4, 6), labels(0, 0, 0, 0))).toMatch('this file has shape 4×6');
    expect(errorOf(images, labels(1, 0), idx(2, 2, 3))).toMatch('swapped');
    expect(errorOf(images, idx(2, 2, 3), idx(2, 2, 3))).toMatch('labels are a list of numbers, this file has shape 2×2×3'); // prettier-ignore
    expect(errorOf(images, idx(2, 2, 3), labels(1))).toBe('there are 2 images and 1 labels');
    expect(errorOf(images, idx(0, 2, 3), labels())).toMatch('no images');
    expect(errorOf(images, idx(2, 2, 3), labels(1, 2))).toMatch('label 2 of image 2 is not a class; the task has 2'); // prettier-ignore
  });
});

describe('fitTable', () => {
  const task: TableData = {
    kind: 'table',
    columns: [
      { kind: 'categorical', name: 'sex', values: ['F', 'I', 'M'] },
      { kind: 'numeric', name: 'weight', mean: 2, deviation: 0.5 },
    ],
    target: { kind: 'numeric', name: 'rings', mean: 10, deviation: 2 },
  };
  const fit = (text: string, data = task) => {
    const table = parseCsv(text);
    if (!table.ok) throw new Error(table.error);
    return fitTable(data, table.value);
  };
  const errorOf = (text: string) => {
    const fitted = fit(text);
    return fitted.ok ? 'no error' : fitted.error;
  };

  it("standardises by the task's statistics and unfolds categories, in the task's order", () => {
    expect(fit('rings,note,weight,sex\n12,a,3,M\n8,b,2,F')).toEqual({
      ok: true,
      value: {
        rows: 2,
        width: 4,
        features: Float32Array.of(0, 0, 1, 2, 1, 0, 0, 0),
        featureScale: 1,
        targets: Float32Array.of(1, -1),
        targetKind: 'value',
      },
    });
  });

  it('puts columns beside each other in whatever order the task names them', () => {
    const columns = [...task.columns].reverse();
    const length = { kind: 'numeric' as const, name: 'length', mean: 0, deviation: 1 };
    const fitted = fit('sex,length,weight,rings\nI,7,3,10', {
      ...task,
      columns: [length, ...columns],
    });
    expect(fitted.ok && [...fitted.value.features]).toEqual([7, 2, 0, 1, 0]);
  });

  it('makes classes of a categorical target', () => {
    const target = { kind: 'categorical' as const, name: 'rings', values: ['few', 'many'] };
    const fitted = fit('sex,weight,rings\nM,2,many\nM,2,few', { ...task, target });
    expect(fitted.ok && [fitted.value.targetKind, ...fitted.value.targets]).toEqual(['class', 1, 0]); // prettier-ignore
  });

  it('says which column is missing', () => {
    expect(errorOf('sex,length,rings\nM,1,1')).toBe(
      "column 'weight' is missing; the file has: sex, length, rings",
    );
    expect(errorOf('sex,weight\nM,1')).toMatch("column 'rings' is missing");
  });

  it('says which field is wrong, and on which line', () => {
    const header = 'sex,weight,rings\nM,1,1\n\n';
    expect(errorOf(`${header}M,abc,1`)).toBe("line 4: 'abc' in column 'weight' is not a number");
    expect(errorOf(`${header}M,,1`)).toBe("line 4: '' in column 'weight' is not a number");
    expect(errorOf(`${header}X,1,1`)).toBe(
      "line 4: unknown value 'X' in column 'sex'; the task knows F, I, M",
    );
    expect(errorOf(`${header}M,1,1e300`)).toMatch("line 4: 1e300 in column 'rings' is too far");
  });

  it('refuses a table that would not fit once its categories are unfolded', () => {
    const values = Array.from({ length: limits.classes }, (_, i) => `v${i}`);
    const columns = Array.from({ length: 700 }, (_, i) => ({
      ...{ kind: 'categorical' as const, name: `c${i}`, values },
    }));
    const table = {
      header: [...columns.map(({ name }) => name), 'rings'],
      rows: Array.from({ length: 200 }, () => [...columns.map(() => 'v1'), '1']),
    };
    const fitted = fitTable({ ...task, columns }, table);
    expect(fitted.ok ? '' : fitted.error).toMatch('200 rows of 700000 features');
  });
});
