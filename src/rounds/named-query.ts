import { encodeScalar } from '../crypto/index.ts';
import type { Tensor } from '../learning/index.ts';
import { at, err, ok, type Result } from '../lib/index.ts';
import type { Verdict } from '../protocol/index.ts';
import { decodableScalars, laneAddress, maxAskedColumns, type Header, type QueryRequest } from '../vds/index.ts'; // prettier-ignore

/** How a batch is cut. */
type Cut = Pick<Header, 'kind' | 'scalars' | 'byteLength'>;

/** Linear queries that together answer a question about parameters. */
export interface QueryPlan {
  readonly requests: readonly QueryRequest[];
  /**
   * The value asked for: a float32 of a model; of an update a code, −127…127, in steps of its
   * tensor's scale, or a mean of codes.
   *
   * @param lanes that were proved, by request and column
   */
  readonly read: (lanes: readonly (readonly (readonly number[])[])[]) => number;
}

/**
 * Asks all that a plan needs, one after the other: the value, and the last verdict, which is the
 * first that does not hold if there is one.
 */
export async function carryOut(
  { requests, read }: QueryPlan,
  ask: (request: QueryRequest, number: number) => Promise<Verdict>,
): Promise<{ readonly verdict: Verdict; readonly value: number | null }> {
  const lanes: (readonly (readonly number[])[])[] = [];
  let verdict: Verdict = err('nothing was asked');
  for (const [number, request] of requests.entries()) {
    verdict = await ask(request, number);
    if (verdict.ok && !verdict.value.lanes.ok) verdict = verdict.value.lanes;
    if (!verdict.ok || !verdict.value.lanes.ok) return { verdict, value: null };
    lanes.push(verdict.value.lanes.value);
  }
  return { verdict, value: read(lanes) };
}

/** u of int8 codes: they are sent as u8. */
const codeOffset = 128;
/** Lanes of an update's scalar: a parameter each. */
const perScalar = 15;

/** One parameter of a model or an update, by its index in the flat vector. */
export function planParameter(
  { kind, scalars, byteLength }: Cut,
  index: number,
): Result<QueryPlan> {
  const format = kind === 'update' ? 'update' : 'bytes';
  if (kind !== 'update' && kind !== 'model') return err(`a ${kind} has no parameters to ask for`);
  const width = kind === 'update' ? 1 : 4; // bytes
  if (!Number.isSafeInteger(index) || index < 0 || (index + 1) * width > byteLength) {
    return err(`the batch has parameters 0 to ${byteLength / width - 1}`);
  }
  const places = Array.from({ length: width }, (_, byte) =>
    laneAddress(index * width + byte, scalars, format),
  );
  // The bytes of a float32 may be in two scalars: each is asked for by itself.
  const asked = places.filter(
    ({ column, scalar }, k) => k === 0 || at(places, k - 1).scalar !== scalar || at(places, k - 1).column !== column, // prettier-ignore
  );
  return ok({
    requests: asked.map(({ column, scalar }) => unitQuery([column], scalar, scalar)),
    read(lanes) {
      const bytes = places.map(({ column, scalar, lane }) => {
        const request = asked.findIndex((each) => each.column === column && each.scalar === scalar);
        return at(at(at(lanes, request), 0), lane);
      });
      if (kind === 'update') return at(bytes, 0) - codeOffset;
      return new DataView(Uint8Array.from(bytes).buffer).getFloat32(0, true);
    },
  });
}

/**
 * The mean of a tensor of an update, in pieces of at most 257 scalars, beyond which their lanes
 * would carry into each other (VDS.md, “Linear query”). Scalars that the tensor shares with its
 * neighbours are asked for by themselves.
 */
export function planMean({ kind, scalars }: Cut, { offset, length }: Tensor): Result<QueryPlan> {
  if (kind !== 'update') {
    return err(`the mean of a ${kind}’s tensor is no linear function of its bytes: ask for parameters`); // prettier-ignore
  }
  const end = offset + length;
  const first = Math.ceil(offset / perScalar);
  const last = Math.floor(end / perScalar); // the first scalar that is not all the tensor's
  const pieces: { request: QueryRequest; from: number; to: number }[] = [];
  const shared = new Set([first - 1, last].filter((k) => k * perScalar < end && (k + 1) * perScalar > offset)); // prettier-ignore
  for (const k of shared) {
    const { column, scalar } = laneAddress(k * perScalar, scalars, 'update');
    const from = Math.max(0, offset - k * perScalar);
    const to = Math.min(perScalar, end - k * perScalar);
    pieces.push({ request: unitQuery([column], scalar, scalar), from, to });
  }
  for (const { columns, from, to } of runs(first, last, scalars)) {
    for (let low = from; low <= to; low += decodableScalars) {
      const request = unitQuery(columns, low, Math.min(to, low + decodableScalars - 1));
      pieces.push({ request, from: 0, to: perScalar });
    }
  }
  return ok({
    requests: pieces.map(({ request }) => request),
    read(lanes) {
      const sums = pieces.flatMap(({ from, to }, k) => at(lanes, k).flatMap((each) => each.slice(from, to))); // prettier-ignore
      return sums.reduce((sum, lane) => sum + lane, 0) / length - codeOffset;
    },
  });
}

/** The scalars [first, last) by columns; those with the same scalars of each go together. */
function runs(first: number, last: number, scalars: number) {
  const byRange = new Map<string, { columns: number[]; from: number; to: number }[]>();
  for (let start = first; start < last;) {
    const column = Math.floor(start / scalars);
    const stop = Math.min(last, (column + 1) * scalars);
    const [from, to] = [(start % scalars) + 1, stop - column * scalars];
    const same = byRange.get(`${from}-${to}`) ?? [];
    const open = same.at(-1);
    if (open && open.columns.length < maxAskedColumns) open.columns.push(column);
    else same.push({ columns: [column], from, to });
    byRange.set(`${from}-${to}`, same);
    start = stop;
  }
  return [...byRange.values()].flat();
}

/** Weight 1 for the scalars `from` to `to` of each column. */
function unitQuery(columns: readonly number[], from: number, to: number): QueryRequest {
  const entries = Array.from({ length: to - from + 1 }, (_, k) => ({
    index: from + k,
    weight: encodeScalar(1n),
  }));
  return { columns: [...columns], weights: { kind: 'sparse', entries } };
}
