/** Fails when an invariant of our own does not hold. Remote input never ends here: it is decoded to a {@link Result}. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}

/** The element at `index`; an index out of range is a bug of ours. */
export function at<T>(
  items: { readonly [index: number]: T; readonly length: number },
  index: number,
): T {
  const item = items[index];
  if (item === undefined) throw new Error(`bug: index ${index} out of range 0…${items.length - 1}`);
  return item;
}

/** Proves to the compiler that a union is handled exhaustively. */
export function unreachable(value: never): never {
  throw new Error(`bug: unhandled case ${JSON.stringify(value)}`);
}
