import { coordinator } from './coordinator.ts';
import { digits } from './digits.ts';
import { phases } from './phases.ts';
import { roles } from './roles.ts';
import { sim } from './sim.ts';
import { swarm } from './swarm.ts';
import { vds } from './vds.ts';

import type { BenchResult } from './result.ts';
const benches: Partial<Record<string, (args: readonly string[]) => Promise<BenchResult>>> = {
  coordinator,
  digits,
  phases,
  roles,
  sim,
  swarm,
  vds,
};

const [name = '', ...args] = process.argv.slice(2);
const bench = benches[name];
if (bench === undefined) {
  console.error(`npm run bench -- NAME, one of: ${Object.keys(benches).join(', ')}`);
  process.exit(1);
}
console.log(JSON.stringify({ bench: name, ...(await bench(args)) }));
