// @ts-check
/**
 * Runs one of the project's commands from a fresh clone: checks Node, installs what package-lock
 * names if it is not there, builds the app if its sources are newer. Needs nothing but Node and npm.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';

/**
 * What each command runs after its set-up: steps one after the other, and beside them what takes
 * long by itself.
 *
 * @type {Record<string, { build: boolean, steps: string[][], beside?: string[] }>}
 */
const commands = {
  start: { build: true, steps: [['tsx', 'signaling/main.ts']] },
  demo: { build: true, steps: [['tsx', 'scripts/demo.ts']] },
  bench: { build: true, steps: [['tsx', 'bench/main.ts']] },
  test: { build: true, steps: [['tsx', 'scripts/test.ts']] },
  screenshots: { build: true, steps: [['tsx', 'scripts/screenshots.ts']] },
  verify: { build: false, steps: [['tsx', 'scripts/verify.ts']] },
  owner: { build: false, steps: [['tsx', 'scripts/owner.ts']] },
  kernel: { build: false, steps: [['tsx', 'scripts/kernel.ts']] },
  faults: { build: false, steps: [['tsx', 'scripts/faults.ts']] },
  fuzz: { build: false, steps: [['tsx', 'scripts/fuzz.ts']] },
  dev: { build: false, steps: [['vite']] },
  check: {
    build: false,
    beside: ['eslint', '.', '--max-warnings', '0'],
    steps: [
      ['tsc', '--build'],
      [
        'depcruise',
        '--config',
        '.dependency-cruiser.cjs',
        'src',
        'signaling',
        'e2e',
        'bench',
        'scripts',
      ],
      ['knip'],
      ['tsx', 'scripts/kernel.ts', '--check'],
      ['prettier', '--check', '--log-level', 'warn', '.'],
    ],
  },
};

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`murmuration: ${message}`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  fail(`Node ${process.versions.node} is too old; 20.19 or newer is needed`);
}

/** Installs when node_modules is not what the lock file says. */
function install() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const wanted = createHash('sha256').update(lock).digest('hex');
  const stamp = join(root, 'node_modules', '.cache', 'installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.error('Installing packages …');
  try {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      shell: windows,
    });
  } catch {
    fail('npm ci failed (see above): is the npm registry reachable?');
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
}

/** When the newest of the app's sources was changed. ms */
function newestSource() {
  let newest = 0;
  const visit = (/** @type {string} */ path) => {
    const stats = statSync(path);
    if (stats.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
    else newest = Math.max(newest, stats.mtimeMs);
  };
  for (const name of [
    'index.html',
    'package-lock.json',
    'package.json',
    'public',
    'src',
    'vite.config.ts',
  ]) {
    visit(join(root, name));
  }
  return newest;
}

function build() {
  const built = join(root, 'dist', 'index.html');
  if (existsSync(built) && statSync(built).mtimeMs > newestSource()) return;
  console.error('Building the app …');
  try {
    execFileSync(process.execPath, [bin('vite'), 'build', '--logLevel', 'warn'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch {
    fail('the build failed (see above)');
  }
}

/**
 * The script behind a package's command, to be run by this Node.
 *
 * @param {string} name
 */
function bin(name) {
  /** @type {Record<string, string>} */
  const packages = { tsc: 'typescript', depcruise: 'dependency-cruiser' };
  const folder = join(root, 'node_modules', packages[name] ?? name);
  const { bin: bins } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bins === 'string' ? bins : bins[name]);
}

/**
 * Runs one step; signals go on to it, so that Ctrl+C ends it tidily.
 *
 * @param {string[]} step
 * @returns {Promise<number>} its exit code
 */
function run([name = '', ...args]) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [bin(name), ...args], { cwd: root, stdio: 'inherit' });
    const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
    process.on('SIGTERM', forward);
    process.on('SIGINT', () => undefined); // the terminal sends it to the child as well
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

const [name = '', ...args] = process.argv.slice(2);
const command = commands[name];
if (command === undefined) fail(`no command ${name}: ${Object.keys(commands).join(', ')}`);
checkNode();
install();
if (command.build) build();
const beside = command.beside ? run(command.beside) : Promise.resolve(0);
let failed = 0;
for (const [index, step] of command.steps.entries()) {
  const last = index === command.steps.length - 1;
  failed = await run(last ? [...step, ...args] : step);
  if (failed !== 0) break;
}
process.exit(failed || (await beside));
