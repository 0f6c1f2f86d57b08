type Numbers = Readonly<Record<string, number>>;

/** What a bench prints as its last line. Ratios are against a baseline of the same run. */
export interface BenchResult<V = Numbers | Readonly<Record<string, number | Numbers>>> {
  readonly ratios: Numbers;
  readonly values: V;
}

/** As {@link BenchResult}, with one number a name. */
export type FlatResult = BenchResult<Numbers>;
