/**
 * How a chunk's payload carries values (VDS.md, "Chunks as scalars"): `γ₀ ‖ γ₁ ‖ γ₂ ‖ lanes`, n
 * scalars to a chunk. A scalar takes `bytesPerScalar` bytes of lanes, `byteStride` bytes apart, in
 * little-endian order.
 */
export const laneFormats = {
  /** One byte per parameter, room for 16 bits: quantised updates, whose commitments add up. */
  update: { bytesPerScalar: 15, byteStride: 2 },
  /** Two bytes per parameter: a weighted sum of updates, lane by lane. */
  sum: { bytesPerScalar: 30, byteStride: 1 },
  /** Any bytes: a model, a file. */
  bytes: { bytesPerScalar: 30, byteStride: 1 },
} as const;

export type LaneFormat = keyof typeof laneFormats;

/** Bits and number of the lanes that a scalar is made of: a lane of updates is one parameter. */
export const laneLayouts = {
  update: { bits: 16n, count: 15 },
  sum: { bits: 16n, count: 15 },
  bytes: { bits: 8n, count: 30 },
} as const;

/** Where lane `k` of a batch is: in which chunk, in which of its scalars (from 1), as which lane. */
export function laneAddress(
  k: number,
  scalars: number,
  format: LaneFormat,
): { readonly column: number; readonly scalar: number; readonly lane: number } {
  const { count } = laneLayouts[format];
  const whole = Math.floor(k / count);
  return { column: Math.floor(whole / scalars), scalar: (whole % scalars) + 1, lane: k % count };
}

/**
 * γ₀, γ₁, γ₂: a published evaluation takes one away, an opened sum another, and one is left
 * that hides the data.
 */
export const blinders = 3;

/** bytes of the blinders, which every payload begins with. */
export const blindingBytes = blinders * 32;

/** The chunk sizes a task may choose from: scalars per chunk, n in VDS.md. */
export const scalarCounts = [256, 512, 1024, 2048, 4096] as const;
export type ScalarCount = (typeof scalarCounts)[number];

/** bytes of lanes in a full chunk. */
export function chunkLaneBytes(scalars: number, format: LaneFormat): number {
  return scalars * laneFormats[format].bytesPerScalar;
}

/** Chunks that `byteLength` bytes of lanes take; at least one. */
export function chunkCount(byteLength: number, scalars: number, format: LaneFormat): number {
  return Math.max(1, Math.ceil(byteLength / chunkLaneBytes(scalars, format)));
}

/** bytes of the payload of chunk `index`: all chunks are full but the last. */
export function payloadBytes(
  byteLength: number,
  scalars: number,
  format: LaneFormat,
  index: number,
): number {
  const full = chunkLaneBytes(scalars, format);
  return blindingBytes + Math.min(full, byteLength - index * full);
}

/** The largest n that still cuts an update of `parameters` into at least 8 chunks, else 256. */
export function chooseScalars(parameters: number): ScalarCount {
  const fitting = scalarCounts.filter((n) => chunkCount(parameters, n, 'update') >= 8);
  return fitting.at(-1) ?? scalarCounts[0];
}
