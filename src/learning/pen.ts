import { at } from '../lib/index.ts';

/** y points down. */
export type Point = readonly [x: number, y: number];
/** Where the pen is and how broad it draws from there on. pixels */
export type PenPoint = readonly [x: number, y: number, radius: number];

/** Width and height of a picture. pixels */
export const side = 28;

/**
 * Draws polylines with a round pen: a picture of {@link side} × {@link side}, row by row, of how
 * far each pixel is covered, 0…1, falling off over one pixel at the edge.
 *
 * @param lines what is outside of the picture is cut off
 */
export function draw(lines: readonly (readonly PenPoint[])[]): Float32Array {
  const ink = new Float32Array(side * side);
  for (const points of lines) {
    for (let i = 0; i + 1 < points.length; i++) {
      drawSegment(ink, at(points, i), at(points, i + 1));
    }
  }
  return ink;
}

function drawSegment(ink: Float32Array, [ax, ay, radius]: PenPoint, [bx, by]: PenPoint): void {
  const reach = radius + 0.5;
  const left = Math.max(0, Math.floor(Math.min(ax, bx) - reach));
  const right = Math.min(side - 1, Math.floor(Math.max(ax, bx) + reach));
  const top = Math.max(0, Math.floor(Math.min(ay, by) - reach));
  const bottom = Math.min(side - 1, Math.floor(Math.max(ay, by) + reach));
  const [dx, dy] = [bx - ax, by - ay];
  const square = dx * dx + dy * dy;
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const px = x + 0.5 - ax;
      const py = y + 0.5 - ay;
      const along = square === 0 ? 0 : (px * dx + py * dy) / square;
      const t = along < 0 ? 0 : along > 1 ? 1 : along;
      const ex = px - t * dx;
      const ey = py - t * dy;
      const cover = Math.min(1, reach - Math.sqrt(ex * ex + ey * ey));
      const place = y * side + x;
      if (cover > (ink[place] ?? 0)) ink[place] = cover;
    }
  }
}

/** Where a picture's ink is on average, pixels; the middle of an empty one. */
export function centreOfMass(ink: Float32Array): Point {
  let [mass, mx, my] = [0, 0, 0];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const shade = ink[y * side + x] ?? 0;
      mass += shade;
      mx += shade * (x + 0.5);
      my += shade * (y + 0.5);
    }
  }
  return mass === 0 ? [side / 2, side / 2] : [mx / mass, my / mass];
}
