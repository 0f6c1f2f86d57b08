/** What a bench prints as its last line. Ratios are against a baseline of the same run. */
export interface BenchResult {
  readonly ratios: Readonly<Record<string, number>>;
  readonly values: Readonly<Record<string, number>>;
}
