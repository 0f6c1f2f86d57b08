/**
 * The new list, with the old object in place of every one that says the same, and the old list if
 * all do: what did not change is not drawn again.
 */
export function keepEqual<T>(
  before: readonly T[],
  after: readonly T[],
  same: (a: T, b: T) => boolean,
): readonly T[] {
  const kept = after.map((each) => before.find((known) => same(known, each)) ?? each);
  const isSame = kept.length === before.length && kept.every((each, i) => each === before[i]);
  return isSame ? before : kept;
}

/** Whether two flat objects have equal values. */
export function sameFields<T extends object>(a: T, b: T): boolean {
  const keys = Object.keys(a) as (keyof T)[];
  return keys.length === Object.keys(b).length && keys.every((key) => Object.is(a[key], b[key]));
}
