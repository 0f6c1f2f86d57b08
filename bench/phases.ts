import { parseArgs } from 'node:util';
import { demo } from '../scripts/demo-run.ts';
import type { BenchResult } from './result.ts';

const rounds = 5;

/**
 * Where a round's time goes: real tabs on the built-in digits, 1,800 each, two epochs. Means over
 * tabs and rounds but the first, in which tabs compile and load. ms; what `commit`, `verify` and
 * `evaluate` say is computed in workers while the tab is in one of the steps.
 */
export async function phases(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { tabs: { type: 'string' } } });
  const peers = Number(values.tabs ?? 4);
  if (!Number.isInteger(peers) || peers < 2 || peers > 16) {
    throw new Error('npm run bench -- phases [--tabs 2…16]');
  }
  const none = {
    topology: 'random-regular',
    alpha: null,
    images: undefined,
    labels: undefined,
    csv: undefined,
    target: undefined,
  };
  const result = await demo({ peers, rounds, epochs: 2, samples: 2000, ...none }, (line) =>
    console.error(line),
  );
  const later = result.rounds.slice(1);
  const timings = result.peers.flatMap((peer) =>
    later.flatMap(({ round }) => peer.timings[round] ?? []),
  );
  const mean = (of: (timing: (typeof timings)[number]) => number | undefined) =>
    timings.reduce((sum, timing) => sum + (of(timing) ?? 0), 0) / timings.length;
  const commitMs = mean(({ work }) => work.commit);
  const verifyMs = mean(({ work }) => work.verify);
  const roundMs = later.reduce((sum, { ms }) => sum + ms, 0) / later.length;
  const trainMs = mean(({ steps }) => steps.training);
  const overheadMs = roundMs - trainMs;
  const long = result.peers.map(({ longTasks }) => longTasks);
  return {
    ratios: {
      overheadVsTraining: overheadMs / trainMs,
      cryptoVsRound: (commitMs + verifyMs) / roundMs,
    },
    values: {
      tabs: peers,
      roundMs,
      trainMs,
      overheadMs,
      overheadWithoutCryptoMs: overheadMs - commitMs - verifyMs,
      fetchMs: mean(({ steps }) => steps['waiting-for-model']),
      waitForOthersMs: mean(({ steps }) => steps.trained),
      quantiseMs: Math.max(0, mean(({ steps }) => steps.sealing) - commitMs),
      commitMs,
      admitMs: mean(({ steps }) => steps.sealed),
      exchangeMs: mean(({ steps }) => steps.exchanging),
      verifyMs,
      aggregateMs: mean(({ steps }) => steps.aggregating),
      settleMs: mean(({ steps }) => steps.done),
      evaluateMs: mean(({ work }) => work.evaluate),
      idleMs: mean(({ steps }) => steps.idle),
      longTasks: long.reduce((sum, { count }) => sum + count, 0),
      longestTaskMs: Math.max(...long.map(({ longestMs }) => longestMs)),
    },
  };
}
