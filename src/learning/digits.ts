import { at, normal, randomInt, uniform, type Random } from '../lib/index.ts';
import type { Dataset } from './dataset.ts';
import { digitStrokes, type Stroke } from './digit-strokes.ts';
import { dirichlet } from './partition.ts';

const side = 28;
const pixels = side * side;
/** MNIST's digits fit a box of this size, and are centred by their mass. pixels */
const box = 20;

type Point = readonly [x: number, y: number];

/**
 * Draws `count` digits that look handwritten: a way of writing the digit, its points shaken,
 * slanted, turned and stretched, bent by a smooth field, drawn with a pen of varying width and
 * pressure, then fitted and centred as MNIST's are. The same seed draws the same digits on one
 * engine; others may differ in a pixel's last bit (Math.cos).
 *
 * @param classShares share of each of the ten digits, adding up to 1
 */
export function generateDigits(
  count: number,
  classShares: readonly number[],
  random: Random,
): Dataset {
  const features = new Uint8Array(count * pixels);
  const targets = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const digit = pickClass(classShares, random);
    targets[row] = digit;
    drawDigit(digit, random, features.subarray(row * pixels, (row + 1) * pixels));
  }
  return {
    rows: count,
    width: pixels,
    features,
    featureScale: 1 / 255,
    targets,
    targetKind: 'class',
  };
}

/** Shares of the ten digits: equal, or one draw from Dirichlet(alpha). */
export function digitShares(alpha: number | null, random: Random): number[] {
  if (alpha === null) return Array.from({ length: 10 }, () => 0.1);
  return dirichlet(alpha, 10, random);
}

function pickClass(shares: readonly number[], random: Random): number {
  let left = uniform(random);
  for (const [digit, share] of shares.entries()) {
    left -= share;
    if (left < 0) return digit;
  }
  return shares.length - 1;
}

function between(low: number, high: number, random: Random): number {
  return low + (high - low) * uniform(random);
}

function drawDigit(digit: number, random: Random, into: Uint8Array): void {
  const ways = at(digitStrokes, digit);
  const strokes = at(ways, randomInt(random, ways.length));
  const warp = randomWarp(random);
  const shaken = strokes.map(({ kind, points }) => ({
    kind,
    points: points.map(([x, y]): Point => [x + 0.035 * normal(random), y + 0.03 * normal(random)]),
  }));
  const lines = fit(shaken.map((stroke) => smooth(stroke).map(warp)));
  paint(lines, between(0.75, 1.75, random), between(0.8, 1, random), random, into);
}

/** Slant, turn and stretch, then a bend by two slow waves: an elastic distortion (Simard 2003). */
function randomWarp(random: Random): (point: Point) => Point {
  const slant = 0.22 * normal(random);
  const turn = 0.12 * normal(random);
  const stretch = Math.exp(0.2 * normal(random));
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  const wave = () => ({
    fx: between(1, 5, random),
    fy: between(1, 5, random),
    phase: between(0, 6.28, random),
    size: 0.03 * normal(random),
  });
  const [bendX, bendY, bendX2, bendY2] = [wave(), wave(), wave(), wave()];
  const bent = ({ fx, fy, phase, size }: ReturnType<typeof wave>, x: number, y: number) =>
    size * Math.sin(fx * x + fy * y + phase);
  return ([px, py]) => {
    const x = (px - 0.5) * stretch - slant * (py - 0.5);
    const y = py - 0.5;
    const [u, v] = [cos * x - sin * y, sin * x + cos * y];
    return [u + bent(bendX, u, v) + bent(bendX2, v, u), v + bent(bendY, u, v) + bent(bendY2, v, u)];
  };
}

/** The stroke as a polyline: a Catmull–Rom spline through the points of a curve. */
function smooth({ kind, points }: Stroke): Point[] {
  const steps = kind === 'curve' ? 5 : 3;
  const fine: Point[] = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const [a, b] = [at(points, i), at(points, i + 1)];
    const before = points[i - 1] ?? a;
    const after = points[i + 2] ?? b;
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

/** Scales to the box, keeping the aspect. */
function fit(lines: readonly Point[][]): Point[][] {
  const all = lines.flat();
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const size = Math.max(Math.max(...xs) - left, Math.max(...ys) - top);
  const scale = (box - 2.2) / size; // the pen's width comes on top
  return lines.map((points) => points.map(([x, y]) => [(x - left) * scale, (y - top) * scale]));
}

/** Draws the lines with a soft round pen, centred by mass, with a little noise where there is ink. */
function paint(
  lines: readonly Point[][],
  penRadius: number,
  pressure: number,
  random: Random,
  into: Uint8Array,
): void {
  const [cx, cy] = centreOf(lines);
  const [dx, dy] = [side / 2 - cx, side / 2 - cy];
  const ink = new Float32Array(pixels);
  const reach = penRadius + 1;
  for (const points of lines) {
    for (let i = 0; i + 1 < points.length; i++) {
      const [ax, ay] = at(points, i);
      const [bx, by] = at(points, i + 1);
      const [x0, y0, x1, y1] = [ax + dx, ay + dy, bx + dx, by + dy];
      const lowX = Math.max(0, Math.floor(Math.min(x0, x1) - reach));
      const highX = Math.min(side - 1, Math.ceil(Math.max(x0, x1) + reach));
      const lowY = Math.max(0, Math.floor(Math.min(y0, y1) - reach));
      const highY = Math.min(side - 1, Math.ceil(Math.max(y0, y1) + reach));
      for (let y = lowY; y <= highY; y++) {
        for (let x = lowX; x <= highX; x++) {
          const distance = distanceTo(x + 0.5, y + 0.5, x0, y0, x1, y1);
          const shade = Math.min(1, Math.max(0, penRadius + 0.6 - distance));
          const place = y * side + x;
          ink[place] = Math.max(ink[place] ?? 0, shade);
        }
      }
    }
  }
  for (let i = 0; i < pixels; i++) {
    const shade = ink[i] ?? 0;
    if (shade > 0) into[i] = Math.max(0, Math.min(255, Math.round(255 * shade * pressure + 12 * normal(random)))); // prettier-ignore
  }
}

/** The centre of mass of lines of even thickness. */
function centreOf(lines: readonly Point[][]): Point {
  let [mass, mx, my] = [0, 0, 0];
  for (const points of lines) {
    for (let i = 0; i + 1 < points.length; i++) {
      const [ax, ay] = at(points, i);
      const [bx, by] = at(points, i + 1);
      const length = Math.hypot(bx - ax, by - ay);
      mass += length;
      mx += (length * (ax + bx)) / 2;
      my += (length * (ay + by)) / 2;
    }
  }
  return [mx / mass, my / mass];
}

function distanceTo(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const [dx, dy] = [bx - ax, by - ay];
  const square = dx * dx + dy * dy;
  const along = square === 0 ? 0 : ((x - ax) * dx + (y - ay) * dy) / square;
  const t = Math.max(0, Math.min(1, along));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}
