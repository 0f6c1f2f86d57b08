import { assert, at, normal, uniform, type Random } from '../lib/index.ts';
import type { Dataset } from './dataset.ts';
import { digitForms } from './digit-strokes.ts';
import { write } from './handwriting.ts';
import { dirichlet } from './partition.ts';
import { centreOfMass, draw, side, type PenPoint, type Point } from './pen.ts';

const pixels = side * side;
/** MNIST's digits fit a box of this size, and are centred by their mass. pixels */
const box = 20;
/** The thinnest and the thickest pen. pixels */
const thinnest = 0.75;
const thickest = 1.7;
/** Standard deviation of a pen's pressure from one side of the digit to the other. */
const pressureSpread = 0.35;
/** Standard deviation of its pressure from one piece of a stroke to the next: rough edges. */
const unevenness = 0.25;
/** Standard deviation of an inked pixel, of full black. */
const grain = 0.01;

/**
 * Draws `count` digits that look handwritten, 28×28 pixels in one byte each: one of the ways to
 * write the digit, in somebody's hand, with a pen of some width and pressure, fitted and centred
 * as MNIST's are. The same seed draws the same digits on one engine; others may differ in a
 * pixel's last bit (Math.cos, Math.exp).
 *
 * @param classShares how often each of the ten digits comes, relative to the others
 */
export function generateDigits(
  count: number,
  classShares: readonly number[],
  random: Random,
): Dataset {
  const features = new Uint8Array(count * pixels);
  const targets = new Float32Array(count);
  for (let row = 0; row < count; row++) {
    const digit = pick(classShares, random);
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

/** An index, each as often as its share says; never one whose share is 0. */
function pick(shares: readonly number[], random: Random): number {
  let left = uniform(random) * shares.reduce((sum, share) => sum + share, 0);
  const picked = shares.findIndex((share) => (left -= share) < 0);
  assert(picked >= 0, 'all shares are 0');
  return picked;
}

function drawDigit(digit: number, random: Random, into: Uint8Array): void {
  const form = at(digitForms, digit);
  const shares = form.ways.map((way) => way.share);
  const { strokes } = at(form.ways, pick(shares, random));
  const radius = thinnest + (thickest - thinnest) * uniform(random);
  const lines = press(fit(write(form, strokes, random), radius), radius, random);
  const [cx, cy] = centreOfMass(draw(lines));
  const ink = draw(move(lines, side / 2 - cx, side / 2 - cy));
  for (let i = 0; i < pixels; i++) {
    const shade = ink[i] ?? 0;
    if (shade === 0) continue;
    into[i] = Math.max(0, Math.min(255, Math.round(255 * (shade + grain * normal(random)))));
  }
}

/** Scales to the box, the pen's width included, and to the picture's middle; keeps the proportions. */
function fit(lines: readonly Point[][], radius: number): Point[][] {
  const xs = lines.flatMap((points) => points.map(([x]) => x));
  const ys = lines.flatMap((points) => points.map(([, y]) => y));
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const scale = (box - 2 * radius) / Math.max(right - left, bottom - top);
  const [dx, dy] = [(left + right) / 2, (top + bottom) / 2];
  return lines.map((points) =>
    points.map(([x, y]): Point => [(x - dx) * scale + side / 2, (y - dy) * scale + side / 2]),
  );
}

/** Gives each piece of a stroke its breadth. */
function press(lines: readonly Point[][], radius: number, random: Random): PenPoint[][] {
  const [across, down] = [pressureSpread * normal(random), pressureSpread * normal(random)];
  return lines.map((points) =>
    points.map(([x, y]): PenPoint => {
      const tilt = 1 + (across * (x - side / 2) + down * (y - side / 2)) / box;
      return [x, y, radius * Math.max(0.5, tilt * (1 + unevenness * normal(random)))];
    }),
  );
}

function move(lines: readonly PenPoint[][], dx: number, dy: number): PenPoint[][] {
  return lines.map((points) => points.map(([x, y, radius]) => [x + dx, y + dy, radius]));
}
