import {
  allGather,
  home,
  oneSeed,
  type SwarmOutcome,
  type SwarmSettings,
} from '../src/sim/index.ts';
import type { BenchResult } from './result.ts';

type Scenario = (settings: SwarmSettings) => SwarmOutcome;

const seed = 1;
const chunks = 64;
/** Of a thousand peers: 8 neighbours each, for the time that it takes to simulate them. */
const many = { peers: 1_000, degree: 8 };

/** Links so many times as fast as {@link home}, and no nearer. */
const faster = (times: number) => ({ ...home, up: times * home.up, down: times * home.down });

/**
 * How long simulated swarms take, compared with what they need at least (SWARM.md, "Simulation"):
 * links of 1 Mbit/s up and four times as much down, 20 ms, 12 neighbours, 9 slots, chunks of 15,456 bytes.
 * What comments say of a hundred peers with and without a rule was measured with 20 neighbours and 12 slots.
 * Two are smaller than all-gather of 64 chunks each: 100 peers have 16 chunks, and of 1,000 peers 16
 * have 4; all of it would be 640,000 and 64 million deliveries.
 */
export function sim(): Promise<BenchResult> {
  const run = (name: string, scenario: Scenario, settings: Omit<SwarmSettings, 'seed'>) => {
    const started = performance.now();
    const outcome = scenario({ seed, ...settings });
    const ratio = outcome.ms / outcome.boundMs;
    const seconds = ((performance.now() - started) / 1_000).toFixed(1);
    console.error(`${name}: ${ratio.toFixed(3)} times the bound, simulated in ${seconds} s`);
    return { ...outcome, ratio };
  };
  const seed10 = run('one seed, 10', oneSeed, { peers: 10, chunks });
  const seed100 = run('one seed, 100', oneSeed, { peers: 100, chunks });
  const gather10 = run('all-gather, 10', allGather, { peers: 10, chunks });
  const gather100 = run('all-gather, 100', allGather, { peers: 100, chunks: 16 });
  const churn100 = run('one seed, 100, a fifth leaves', oneSeed, { peers: 100, chunks, leaving: 0.2 }); // prettier-ignore
  const seed100x4 = run('one seed, 100, 4 Mbit/s', oneSeed, { peers: 100, chunks, link: faster(4) }); // prettier-ignore
  const seed100x16 = run('one seed, 100, 16 Mbit/s', oneSeed, { peers: 100, chunks, link: faster(16) }); // prettier-ignore
  const lying = run('one seed, 100, 30 % lie', oneSeed, { peers: 100, chunks, lying: 0.3 });
  const seed1000 = run('one seed, 1,000', oneSeed, { ...many, chunks });
  const gather1000 = run('gather of 16, 1,000', allGather, { ...many, chunks: 4, authors: 16 });
  const controlBytes = Math.max(seed100.controlShare, gather10.controlShare, gather100.controlShare); // prettier-ignore
  return Promise.resolve({
    ratios: {
      ...{ seed10: seed10.ratio, seed100: seed100.ratio, seed1000: seed1000.ratio },
      ...{ gather10: gather10.ratio, gather100: gather100.ratio, gather1000: gather1000.ratio },
      ...{ churn100: churn100.ratio, controlBytes },
      ...{ seed100x4: seed100x4.ratio, seed100x16: seed100x16.ratio, lying100: lying.ratio },
    },
    values: { honestFinishedShare: lying.finishedShare },
  });
}
