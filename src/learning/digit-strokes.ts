/**
 * How the ten digits are drawn: for each, several ways in which people write it, and each way as
 * strokes through points of a unit square (x to the right, y down). A `curve` is smooth through
 * its points, a `line` has corners at them.
 */
export interface Stroke {
  readonly kind: 'curve' | 'line';
  readonly points: readonly (readonly [x: number, y: number])[];
}

const curve = (...points: [number, number][]): Stroke => ({ kind: 'curve', points });
const line = (...points: [number, number][]): Stroke => ({ kind: 'line', points });

const ring = (cx: number, cy: number, rx: number, ry: number, from: number, turn: number): Stroke =>
  curve(
    ...Array.from({ length: 10 }, (_, i): [number, number] => {
      const angle = from + (turn * i) / 9;
      return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
    }),
  );

export const digitStrokes: readonly (readonly (readonly Stroke[])[])[] = [
  // 0: closed, narrow, with the ends crossing, and not quite closed
  [
    [ring(0.5, 0.5, 0.38, 0.5, -1.6, 6.28)],
    [ring(0.5, 0.5, 0.26, 0.5, -1.6, 6.28)],
    [ring(0.5, 0.5, 0.36, 0.48, -2.1, 6.9)],
    [ring(0.5, 0.5, 0.42, 0.46, -1.2, 5.9)],
  ],
  // 1: a stroke, with a flag, with flag and foot
  [
    [line([0.5, 0], [0.5, 1])],
    [line([0.5, 0], [0.5, 1])],
    [line([0.32, 0.2], [0.52, 0], [0.52, 1])],
    [line([0.3, 0.22], [0.52, 0], [0.52, 1]), line([0.28, 1], [0.76, 1])],
  ],
  // 2: with a corner, with a loop at the foot, round
  [
    [curve([0.12, 0.25], [0.3, 0.03], [0.62, 0.02], [0.82, 0.24], [0.68, 0.52], [0.4, 0.78], [0.1, 1]), line([0.1, 1], [0.92, 0.98])], // prettier-ignore
    [curve([0.15, 0.2], [0.42, 0], [0.75, 0.14], [0.72, 0.45], [0.45, 0.75], [0.15, 0.95], [0.1, 0.82], [0.3, 0.78], [0.55, 0.95], [0.92, 0.9])], // prettier-ignore
    [curve([0.1, 0.3], [0.25, 0.06], [0.6, 0.02], [0.78, 0.28], [0.6, 0.6], [0.25, 0.92], [0.5, 0.92], [0.95, 0.94])], // prettier-ignore
  ],
  // 3: two bows, a flat top, flat bows
  [
    [curve([0.15, 0.14], [0.45, 0], [0.78, 0.12], [0.74, 0.36], [0.42, 0.48]), curve([0.42, 0.48], [0.76, 0.56], [0.86, 0.78], [0.6, 0.98], [0.3, 0.98], [0.1, 0.86])], // prettier-ignore
    [line([0.15, 0.03], [0.8, 0.03], [0.42, 0.4]), curve([0.42, 0.4], [0.75, 0.48], [0.84, 0.75], [0.6, 0.98], [0.15, 0.92])], // prettier-ignore
    [curve([0.2, 0.06], [0.58, 0], [0.8, 0.2], [0.6, 0.42], [0.36, 0.48], [0.66, 0.52], [0.8, 0.76], [0.55, 0.98], [0.12, 0.94])], // prettier-ignore
  ],
  // 4: open with square shoulders, open and round, closed
  [
    [line([0.2, 0.02], [0.14, 0.54], [0.86, 0.52]), line([0.74, 0.04], [0.7, 1])],
    [curve([0.2, 0.02], [0.1, 0.35], [0.2, 0.56], [0.5, 0.56], [0.76, 0.46]), line([0.8, 0.02], [0.68, 1])], // prettier-ignore
    [line([0.66, 1], [0.66, 0], [0.08, 0.66], [0.94, 0.66])],
    [line([0.3, 0.04], [0.1, 0.5], [0.8, 0.48]), line([0.76, 0], [0.6, 1])],
  ],
  // 5: with a bar of its own, in one go, round
  [
    [line([0.3, 0.04], [0.24, 0.44]), curve([0.24, 0.44], [0.55, 0.36], [0.84, 0.56], [0.76, 0.88], [0.42, 1], [0.1, 0.9]), line([0.3, 0.04], [0.86, 0.02])], // prettier-ignore
    [line([0.84, 0.03], [0.28, 0.05], [0.22, 0.42]), curve([0.22, 0.42], [0.6, 0.4], [0.8, 0.68], [0.58, 0.96], [0.12, 0.96])], // prettier-ignore
    [curve([0.9, 0], [0.4, 0.06], [0.28, 0.36], [0.5, 0.46], [0.74, 0.66], [0.62, 0.94], [0.2, 0.96])], // prettier-ignore
  ],
  // 6: a bow into a ring, a straight back, a small ring
  [
    [curve([0.7, 0.02], [0.34, 0.2], [0.14, 0.58], [0.24, 0.92], [0.6, 0.98], [0.82, 0.74], [0.62, 0.52], [0.32, 0.58], [0.18, 0.74])], // prettier-ignore
    [curve([0.5, 0], [0.25, 0.4], [0.2, 0.8], [0.45, 1], [0.75, 0.88], [0.76, 0.62], [0.48, 0.54], [0.22, 0.7])], // prettier-ignore
    [curve([0.78, 0.06], [0.4, 0.12], [0.16, 0.5], [0.2, 0.88], [0.5, 1], [0.74, 0.84], [0.6, 0.64], [0.3, 0.68], [0.18, 0.82])], // prettier-ignore
  ],
  // 7: plain, with a bar, bent, with a hook
  [
    [line([0.1, 0.06], [0.86, 0.04], [0.4, 1])],
    [line([0.12, 0.06], [0.86, 0.04], [0.42, 1]), line([0.3, 0.5], [0.8, 0.48])],
    [line([0.1, 0.1], [0.84, 0.06]), curve([0.84, 0.06], [0.62, 0.4], [0.48, 0.7], [0.44, 1])],
    [line([0.12, 0.22], [0.14, 0.05], [0.84, 0.05], [0.5, 1])],
  ],
  // 8: one line crossing itself, two rings, a slim one
  [
    [curve([0.74, 0.14], [0.5, 0], [0.24, 0.16], [0.4, 0.42], [0.7, 0.62], [0.72, 0.88], [0.46, 1], [0.22, 0.86], [0.34, 0.58], [0.66, 0.36], [0.76, 0.16])], // prettier-ignore
    [ring(0.5, 0.25, 0.26, 0.25, 1.57, 6.28), ring(0.5, 0.75, 0.32, 0.26, -1.57, 6.28)],
    [curve([0.66, 0.08], [0.4, 0.04], [0.32, 0.26], [0.54, 0.5], [0.64, 0.8], [0.48, 1], [0.32, 0.84], [0.46, 0.52], [0.66, 0.26], [0.66, 0.08])], // prettier-ignore
  ],
  // 9: ring and a straight tail, a bent tail, a hook
  [
    [ring(0.46, 0.28, 0.3, 0.27, -0.3, -6.1), line([0.76, 0.14], [0.72, 1])],
    [ring(0.46, 0.28, 0.3, 0.26, -0.3, -6.1), curve([0.76, 0.2], [0.74, 0.6], [0.62, 0.88], [0.3, 1])], // prettier-ignore
    [curve([0.76, 0.16], [0.48, 0], [0.2, 0.22], [0.3, 0.46], [0.6, 0.44], [0.78, 0.18], [0.7, 0.6], [0.5, 1])], // prettier-ignore
  ],
];
