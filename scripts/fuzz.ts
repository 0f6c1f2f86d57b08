import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fuzzCoordinator, fuzzEngine, fuzzFiles, fuzzTab } from '../src/sim/index.ts';

const usage = `npm run fuzz -- [--seconds 600] [--seed S] [--only NAME --inputs N]

  Sends frames that are wrong to a coordinator, an engine and a tab of the simulator, and files to
  the importers. Ends with an error where somebody who did nothing wrong is harmed.

  --seconds S   how long
  --seed S      where to begin; else at random
  --only NAME   coordinator, engine, tab or files: one run of N inputs, to see a failure again
`;

/** Each with so many inputs that a run of it takes some seconds. */
const fuzzers = {
  coordinator: { run: fuzzCoordinator, inputs: 10_000 },
  engine: { run: fuzzEngine, inputs: 20_000 },
  tab: { run: fuzzTab, inputs: 5_000 },
  files: { run: fuzzFiles, inputs: 20_000 },
};
type Name = keyof typeof fuzzers;
const names = Object.keys(fuzzers) as Name[];

/** bytes; what is used after a run besides what was before may be so much. */
const growth = 64 * 2 ** 20;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

function readOptions() {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { seconds: text, seed: text, only: text, inputs: text },
  });
  const number = (value: string | undefined, otherwise: number) => {
    const parsed = value === undefined ? otherwise : Number(value);
    if (!Number.isInteger(parsed) || parsed < 0) throw new Error(usage);
    return parsed;
  };
  const only = names.find((name) => name === values.only);
  if (values.only !== undefined && only === undefined) throw new Error(usage);
  return {
    seconds: number(values.seconds, 600),
    seed: number(values.seed, randomBytes(4).readUInt32LE() >>> 1),
    only: only ?? null,
    inputs: values.inputs === undefined ? null : number(values.inputs, 0),
  };
}

function main(): void {
  const { seconds, seed, only, inputs } = readOptions();
  const totals = { inputs: 0, accepted: 0 };
  const end = performance.now() + seconds * 1000;
  const run = (name: Name, at: number) => {
    const fuzzer = fuzzers[name];
    const count = inputs ?? fuzzer.inputs;
    try {
      const report = fuzzer.run(at, count);
      totals.inputs += report.inputs;
      totals.accepted += report.accepted;
    } catch (thrown) {
      console.error(thrown);
      console.error(`See it again: npm run fuzz -- --only ${name} --seed ${at} --inputs ${count}`);
      process.exit(1);
    }
  };
  let before = Infinity;
  for (let turn = 0; turn === 0 || (only === null && performance.now() < end); turn++) {
    for (const name of only === null ? names : [only]) run(name, seed + turn);
    const used = heapUsed();
    if (turn === 0) before = used;
    if (used > before + growth) {
      console.error(`the heap grew from ${before} to ${used} bytes, from seed ${seed} on`);
      process.exit(1);
    }
    console.error(
      `${totals.inputs} inputs, ${totals.accepted} of them readable; heap ${Math.round(used / 2 ** 20)} MiB`,
    );
  }
  console.log(JSON.stringify({ seed, ...totals }));
}

try {
  main();
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
}
