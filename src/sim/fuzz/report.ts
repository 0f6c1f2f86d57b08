/** What a fuzzer did. It throws where something does not hold. */
export interface FuzzReport {
  /** Frames or files. */
  readonly inputs: number;
  /** Of these passed the codec, or the importer. */
  readonly accepted: number;
}

/** Tells that something does not hold, and how to see it again. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
