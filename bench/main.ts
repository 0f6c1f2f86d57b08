import { channel } from './channel.ts';

/** What a bench prints as its last line. Ratios are against a baseline of the same run. */
export interface BenchResult {
  readonly ratios: Readonly<Record<string, number>>;
  readonly values: Readonly<Record<string, number>>;
}

const benches: Partial<Record<string, () => Promise<BenchResult>>> = { channel };

const [name = ''] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  console.error(`npm run bench -- NAME, one of: ${Object.keys(benches).join(', ')}`);
  process.exit(1);
}
console.log(JSON.stringify({ bench: name, ...(await bench()) }));
