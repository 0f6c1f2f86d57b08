import { at, normal, uniform, type Random } from '../lib/index.ts';
import type { DigitForm, Stroke } from './digit-strokes.ts';
import type { Point } from './pen.ts';

/**
 * How differently people write, as standard deviations; lengths in heights of the digit. Found by
 * training on generated digits and reading real ones: with less of it a model learns the forms by
 * heart, with much more they cannot be told apart.
 */
const spread = {
  /** Of each point of a stroke, half of it shared with the point before. */
  point: 0.055,
  pointMemory: 0.42,
  /** By which share of its last piece a stroke ends too soon or too late. */
  end: 0.08,
  lean: 0.2,
  /** radians */
  turn: 0.16,
  /** Of the logarithm of the width. */
  width: 0.22,
  /** How far the waist sits too high or too low. */
  waist: 0.06,
  /** By which share the foot is wider than the top. */
  foot: 0.35,
  wave: 0.07,
};

/** One person's hand: puts a form's strokes on paper as polylines, in heights of the digit. */
export function write(form: DigitForm, strokes: readonly Stroke[], random: Random): Point[][] {
  const warp = randomWarp(form, random);
  return strokes.map((stroke) => smooth(shake(stroke, random)).map(warp));
}

/** Moves a stroke's points about and its ends in or out. */
function shake({ kind, points }: Stroke, random: Random): Stroke {
  const { point, pointMemory, end } = spread;
  const fresh = Math.sqrt(1 - pointMemory * pointMemory);
  let [dx, dy] = [normal(random), normal(random)];
  const moved = points.map(([x, y]): Point => {
    dx = pointMemory * dx + fresh * normal(random);
    dy = pointMemory * dy + fresh * normal(random);
    return [x + point * dx, y + point * dy];
  });
  const stretch = (last: number, inner: number) => {
    const [[ax, ay], [bx, by]] = [at(moved, last), at(moved, inner)];
    const t = end * normal(random);
    moved[last] = [ax + t * (ax - bx), ay + t * (ay - by)];
  };
  stretch(0, 1);
  stretch(moved.length - 1, moved.length - 2);
  return { kind, points: moved };
}

/** Proportions, lean and turn, then a bend by slow waves: an elastic distortion (Simard 2003). */
function randomWarp({ width, lean }: DigitForm, random: Random): (point: Point) => Point {
  const slant = lean + spread.lean * normal(random);
  const turn = spread.turn * normal(random);
  const stretch = width * Math.exp(spread.width * normal(random));
  const waist = spread.waist * normal(random);
  const foot = spread.foot * normal(random);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const wave = () => {
    const fx = 8 * uniform(random) - 4;
    const fy = 10 * uniform(random) - 5;
    const phase = 2 * Math.PI * uniform(random);
    const size = spread.wave * normal(random);
    return (x: number, y: number) => size * Math.sin(fx * x + fy * y + phase);
  };
  const [across, acrossToo, down, downToo] = [wave(), wave(), wave(), wave()];
  return ([px, py]) => {
    const y = py - 0.5 + waist * py * (1 - py);
    const x = (px - 0.5) * stretch * (1 + foot * y) - slant * y;
    const [u, v] = [cos * x - sin * y, sin * x + cos * y];
    return [u + across(u, v) + acrossToo(u, v), v + down(u, v) + downToo(u, v)];
  };
}

/** The stroke as a polyline: a Catmull–Rom spline through the points of a curve. */
function smooth({ kind, points }: Stroke): Point[] {
  const steps = kind === 'curve' ? 5 : 4;
  const fine: Point[] = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const [a, b] = [at(points, i), at(points, i + 1)];
    const [before, after] = [points[i - 1] ?? a, points[i + 2] ?? b];
    for (let step = 0; step < steps; step++) {
      const t = step / steps;
      const blend = (axis: 0 | 1) =>
        kind === 'line'
          ? a[axis] + t * (b[axis] - a[axis])
          : catmullRom(before[axis], a[axis], b[axis], after[axis], t);
      fine.push([blend(0), blend(1)]);
    }
  }
  fine.push(at(points, points.length - 1));
  return fine;
}

function catmullRom(p0: number, p1: number, p2: number, p3: number, t: number): number {
  const slope = p2 - p0;
  const square = 2 * p0 - 5 * p1 + 4 * p2 - p3;
  const cube = 3 * (p1 - p2) + p3 - p0;
  return 0.5 * (2 * p1 + t * (slope + t * (square + t * cube)));
}
