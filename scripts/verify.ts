import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { secureRandom } from '../signaling/secure-random.ts';
import { checkExportedRound, decodeExportedRound, type Check } from '../src/rounds/index.ts';

const usage = `npm run verify -- FILE [--json]

Checks an exported round with nothing but its file, and says line by line what holds. The page of
a task's coordinator gives such files at /api/tasks/TASK/rounds/N/export.
`;

/** Says how far the CRS is, where somebody watches. */
function tellProgress(share: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(
    share < 1 ? `\rverifying the CRS: ${Math.floor(share * 100)} %` : '\r\x1b[K',
  );
}

const line = ({ what, result, asOf }: Check) =>
  result.ok
    ? `holds   ${what}${asOf === undefined ? '' : `, as of ${new Date(1000 * asOf).toISOString()}`}`
    : `FAILS   ${what}: ${result.error}`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  const [path] = positionals;
  if (values.help === true || path === undefined) {
    console.log(usage);
    return values.help === true ? 0 : 1;
  }
  const exported = decodeExportedRound(new Uint8Array(readFileSync(path)));
  if (!exported.ok) {
    console.error(`${path}: ${exported.error}`);
    return 1;
  }
  const checks: Check[] = [];
  for await (const check of checkExportedRound(exported.value, secureRandom(), tellProgress)) {
    checks.push(check);
    if (values.json !== true) console.log(line(check));
  }
  const failed = checks.filter(({ result }) => !result.ok);
  if (values.json === true) {
    const all = checks.map(({ what, result }) => ({ what, holds: result.ok, reason: result.ok ? null : result.error })); // prettier-ignore
    console.log(JSON.stringify({ holds: failed.length === 0, checks: all }));
  } else {
    console.log(failed.length === 0 ? `\nall ${checks.length} hold` : `\n${failed.length} of ${checks.length} fail`); // prettier-ignore
  }
  return failed.length === 0 ? 0 : 2;
}

main().then(
  (code) => (process.exitCode = code),
  (thrown: unknown) => {
    console.error(thrown instanceof Error ? thrown.message : thrown);
    process.exitCode = 1;
  },
);
