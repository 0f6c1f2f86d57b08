import { describe, expect, it } from 'vitest';
import { centreOfMass, draw, side, type PenPoint } from './pen.ts';

const pixel = (ink: Float32Array, x: number, y: number) => ink[y * side + x] ?? NaN;

describe('draw', () => {
  it('covers what is within the radius, half of it on the edge, nothing beyond', () => {
    const ink = draw([[[5, 10.5, 2], [20, 10.5, 2]]]); // prettier-ignore
    expect([7, 8, 9, 10, 11, 12, 13].map((y) => pixel(ink, 12, y))).toEqual([
      0, 0.5, 1, 1, 1, 0.5, 0,
    ]);
    // round ends
    expect(pixel(ink, 2, 10)).toBe(0);
    expect(pixel(ink, 3, 10)).toBe(1);
    expect(pixel(ink, 3, 12)).toBeLessThan(0.5);
  });

  it('adds nothing where strokes cross', () => {
    const line: PenPoint[] = [[5, 10.5, 1.3], [20, 10.5, 1.3]]; // prettier-ignore
    expect(draw([line, line])).toEqual(draw([line]));
    const thin = line.map(([x, y]): PenPoint => [x, y, 0.6]);
    expect(draw([line, thin])).toEqual(draw([line]));
  });

  it('is as broad as each piece says', () => {
    const ink = draw([[[6, 14, 1], [14, 14, 4], [22, 14, 4]]]); // prettier-ignore
    expect(pixel(ink, 8, 17)).toBe(0);
    expect(pixel(ink, 20, 17)).toBe(1);
  });

  it('draws a dot, and cuts off what is outside', () => {
    const dot = draw([[[14, 14, 1], [14, 14, 1]]]); // prettier-ignore
    expect(dot.reduce((sum, shade) => sum + shade, 0)).toBeCloseTo(Math.PI, 0);
    const outside = draw([[[-50, -50, 2], [60, 80, 2]], [[100, 100, 2], [101, 101, 2]]]); // prettier-ignore
    expect(outside).toHaveLength(side * side);
    expect(Math.max(...outside)).toBe(1);
  });
});

describe('centreOfMass', () => {
  it('weighs pixels by their ink', () => {
    const ink = new Float32Array(side * side);
    expect(centreOfMass(ink)).toEqual([14, 14]);
    ink[3 * side + 5] = 0.25;
    ink[3 * side + 9] = 0.75;
    expect(centreOfMass(ink)).toEqual([8.5, 3.5]);
  });
});
