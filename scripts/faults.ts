import { parseArgs } from 'node:util';
import { faults, lies, runFaultCase, steps, type FaultCase } from '../src/sim/index.ts';

const usage = `npm run faults -- [--seed 1] [--step STEP] [--fault FAULT] [--lie LIE]

  Every fault at every step of a round, together with every lie of another member, in the simulator;
  prints what was run and how it ended. A word of a fault or a lie is enough to name it.
`;

/** Those that a word names; all without one. */
function named<T extends string>(all: readonly T[], word: string | undefined): readonly T[] {
  const found = all.filter((each) => each.includes(word ?? ''));
  if (found.length === 0) throw new Error(`${word ?? ''} names none of: ${all.join(', ')}\n\n${usage}`); // prettier-ignore
  return found;
}

function run(about: FaultCase): { readonly cell: string; readonly failure: string | null } {
  try {
    const { attempts, ms } = runFaultCase(about);
    return { cell: `${(ms / 1000).toFixed(1)} s${attempts > 1 ? ` ×${attempts}` : ''}`, failure: null }; // prettier-ignore
  } catch (thrown) {
    const { seed, step, fault, lie } = about;
    const again = `npm run faults -- --seed ${seed} --step ${step} --fault '${fault}' --lie '${lie}'`;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { cell: 'FAILED', failure: `${reason}\n  see it again: ${again}` };
  }
}

function main(): void {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { seed: text, step: text, fault: text, lie: text } });
  const seed = Number(values.seed ?? 1);
  if (!Number.isInteger(seed) || seed < 0) throw new Error(usage);
  const chosenLies = named(Object.keys(lies) as FaultCase['lie'][], values.lie);
  const chosenFaults = named(Object.keys(faults) as FaultCase['fault'][], values.fault);
  const failures: string[] = [];
  let cases = 0;
  for (const step of named(steps, values.step)) {
    console.log(`\n${step}: until the round was closed, by its attempts if more than one`);
    console.log(['', ...chosenLies].join(' | '));
    for (const fault of chosenFaults) {
      const cells = chosenLies.map((lie) => {
        const { cell, failure } = run({ seed, step, fault, lie });
        cases++;
        if (failure !== null) failures.push(`${step}, ${fault}, ${lie}: ${failure}`);
        return cell;
      });
      console.log([fault, ...cells].join(' | '));
    }
  }
  console.log(`\n${cases} cases, ${failures.length} failed`);
  for (const failure of failures) console.error(failure);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

try {
  main();
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  process.exitCode = 1;
}
