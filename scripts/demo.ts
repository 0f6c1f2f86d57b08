import { parseArgs } from 'node:util';
import { SetupError } from '../signaling/config.ts';
import { demo, type DemoOptions } from './demo-run.ts';

const usage = `npm run demo -- [options]

  --peers N       tabs, 2 to 16 (4)
  --rounds N      rounds, 1 to 1000 (5)
  --images F      images in the IDX format, plain or .gz; with --labels
  --labels F      their labels
  --csv F         a table; with --target
  --target NAME   the column to predict
  --alpha A       deal classes unevenly, in Dirichlet(A) shares; evenly without it
  --samples N     built-in digits a tab, without files (1500)
  --topology T    who is connected with whom: mesh, random-regular, ring, star (random-regular)
  --epochs N      local epochs of a round (2)
  --json          print one JSON object at the end, progress on standard error
`;

interface Options extends DemoOptions {
  readonly json: boolean;
}

/** Reads the command line. Throws SetupError on anything it does not know. */
function readOptions(args: readonly string[]): Options {
  const text = { type: 'string' } as const;
  let values: Partial<Record<string, string | boolean>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        ...{ peers: text, rounds: text, epochs: text, samples: text, alpha: text },
        ...{ images: text, labels: text, csv: text, target: text, topology: text },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }));
  } catch (thrown) {
    throw new SetupError(`${thrown instanceof Error ? thrown.message : ''}\n\n${usage}`);
  }
  if (values['help']) throw new SetupError(usage);
  const number = (name: string, fallback: number, low: number, high: number, whole = true) => {
    const value = values[name] === undefined ? fallback : Number(values[name]);
    if (value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
    const kind = whole ? 'a whole number' : 'a number';
    throw new SetupError(
      `--${name} takes ${kind} from ${low} to ${high}, not ${String(values[name])}`,
    );
  };
  const string = (name: string) => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const [images, labels, csv, target] = ['images', 'labels', 'csv', 'target'].map(string);
  if ((images === undefined) !== (labels === undefined)) {
    throw new SetupError('--images and --labels go together');
  }
  if ((csv === undefined) !== (target === undefined)) {
    throw new SetupError('--csv and --target go together');
  }
  if (images !== undefined && csv !== undefined) {
    throw new SetupError('give either --images and --labels or --csv and --target');
  }
  return {
    peers: number('peers', 4, 2, 16),
    rounds: number('rounds', 5, 1, 1000),
    epochs: number('epochs', 2, 1, 100),
    samples: number('samples', 1500, 10, 100_000),
    alpha: values['alpha'] === undefined ? null : number('alpha', 1, 0.01, 1000, false),
    ...{ images, labels, csv, target },
    topology: string('topology') ?? 'random-regular',
    json: values['json'] === true,
  };
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  const say = (line: string) => (options.json ? console.error(line) : console.log(line));
  const result = await demo(options, say);
  const payload = result.peers.reduce((sum, peer) => sum + peer.uploaded, 0);
  const { bytesIn, bytesOut } = result.server;
  say(`peer to peer ${megabytes(payload)}, by the server ${megabytes(bytesIn + bytesOut)}`);
  const shares = result.rounds.map(({ crypto }) => crypto.shareOfRound);
  const share = shares.reduce((sum, each) => sum + each, 0) / shares.length;
  say(`commitments and proofs took ${(100 * share).toFixed(1)} % of a round`);
  const long = result.peers.map(({ longTasks }) => longTasks);
  const longest = Math.max(...long.map(({ longestMs }) => longestMs));
  const many = long.reduce((sum, { count }) => sum + count, 0);
  say(`main threads were busy for more than 50 ms ${many} times, ${longest} ms at the longest`);
  say(`all tabs arrived at the same model: ${result.digestsAgree ? 'yes' : 'NO'}`);
  if (options.json) console.log(JSON.stringify(result));
  if (!result.digestsAgree) process.exitCode = 1;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

main().catch((thrown: unknown) => {
  console.error(thrown instanceof SetupError ? thrown.message : thrown);
  process.exit(1);
});
