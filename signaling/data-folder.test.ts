import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { identityOf } from '../src/crypto/index.ts';
import { hexToBytes } from '../src/lib/index.ts';
import { SetupError } from './config.ts';
import { openDataFolder } from './data-folder.ts';

let parent: string;
beforeEach(() => (parent = mkdtempSync(join(tmpdir(), 'murmuration-folder-'))));
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const mode = (path: string) => statSync(path).mode & 0o777;

const onLost = (): void => undefined;
const quick = { beatMs: 20, watchMs: 200 };
/** Released after the test, if it is not before. */
const open = async (path: string, lost = onLost) => {
  const folder = await openDataFolder(path, { onLost: lost, ...quick });
  releases.push(() => folder.release());
  return folder;
};
let releases: (() => void)[] = [];
afterEach(() => {
  for (const release of releases) release();
  releases = [];
});

/** The one line that opening this folder ends with. */
async function complaint(path: string): Promise<string> {
  try {
    (await open(path)).release();
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(SetupError);
    const { message } = thrown as SetupError;
    expect(message).not.toMatch(/[\r\n]/);
    return message;
  }
  return 'opened';
}

/** The id of a process that has ended. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid ?? 0;
}

describe('a data folder', () => {
  test('is made, for its owner alone, with a key for its owner alone', async () => {
    const path = join(parent, 'deep', 'data');
    const folder = await open(path);
    expect(mode(path)).toBe(0o700);
    expect(mode(join(path, 'owner.key'))).toBe(0o600);
    expect(folder.database.startsWith(path)).toBe(true);
    const hex = readFileSync(join(path, 'owner.key'), 'utf8');
    expect(identityOf(hexToBytes(hex)).id).toBe(folder.owner.id);
  });

  test('keeps its key; another folder has another', async () => {
    const first = await open(join(parent, 'a'));
    first.release();
    const again = await open(join(parent, 'a'));
    const other = await open(join(parent, 'b'));
    expect(again.owner).toEqual(first.owner);
    expect(other.owner.id).not.toBe(first.owner.id);
  });

  test('takes the rights of others from a key that was copied without care', async () => {
    const path = join(parent, 'data');
    (await open(path)).release();
    chmodSync(join(path, 'owner.key'), 0o644);
    (await open(path)).release();
    expect(mode(join(path, 'owner.key'))).toBe(0o600);
  });

  test('a key with a line end is read', async () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'owner.key'), `${'07'.repeat(32)}\n`);
    expect((await open(path)).owner.id).toBe(identityOf(new Uint8Array(32).fill(7)).id);
  });
});

describe('the lock', () => {
  /** What this process would write, but for what is said. */
  let own = '';
  beforeEach(async () => {
    const folder = await open(join(parent, 'another'));
    own = readFileSync(join(folder.path, 'lock'), 'utf8');
    folder.release();
  });
  const lockOf = (but: object) => JSON.stringify({ ...(JSON.parse(own) as object), ...but });

  test('of this very process keeps a second server out', async () => {
    const path = join(parent, 'data');
    const folder = await open(path);
    expect(await complaint(path)).toContain(`in use by another server (process ${process.pid})`);
    folder.release();
    expect(await complaint(path)).toBe('opened');
  });

  test('of an earlier process with our number is taken over', async () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'lock'), lockOf({ nonce: 'of before' }));
    expect(await complaint(path)).toBe('opened');
  });

  test('of another container keeps us out while it is touched, whatever its process number', async () => {
    const path = join(parent, 'data');
    const lock = join(path, 'lock');
    mkdirSync(path);
    for (const pid of [process.pid, await deadProcess()]) {
      const theirs = lockOf({ pid, place: 'elsewhere' });
      writeFileSync(lock, theirs);
      let touches = 0;
      const beat = setInterval(() => utimesSync(lock, 1e9, 1e9 + ++touches), quick.beatMs);
      expect(await complaint(path)).toContain('in use by another server, in another container');
      expect(readFileSync(lock, 'utf8')).toBe(theirs);
      clearInterval(beat);
      expect(await complaint(path)).toBe('opened');
    }
  });

  test('that was taken by another server stops this one', async () => {
    const path = join(parent, 'data');
    const lock = join(path, 'lock');
    const lost = new Promise<void>((resolve) => void open(path, resolve));
    await vi.waitFor(() => expect(existsSync(lock)).toBe(true));
    const theirs = lockOf({ nonce: 'of another' });
    writeFileSync(lock, theirs);
    await lost;
    expect(readFileSync(lock, 'utf8')).toBe(theirs);
  });

  test.each([1, 2, 3])(
    'that is stale is taken over by one of several that start at once (%i)',
    async () => {
      const path = join(parent, 'data');
      mkdirSync(path);
      writeFileSync(join(path, 'lock'), lockOf({ pid: await deadProcess() }));
      const script = fileURLToPath(new URL('./folder-lock.ts', import.meta.url));
      const starters = Array.from({ length: 4 }, () => {
        const code = `import { takeLock } from ${JSON.stringify(script)};
        const taken = await takeLock(${JSON.stringify(join(path, 'lock'))}, () => {}).catch(() => null);
        process.stdout.write(taken === null ? 'refused ' : 'taken ');
        setInterval(() => {}, 1000);`;
        const child = spawn(process.execPath, [
          '--import',
          'tsx',
          '--input-type=module',
          '-e',
          code,
        ]);
        releases.push(() => void child.kill('SIGKILL'));
        return once(child.stdout, 'data').then(([said]) => String(said));
      });
      const said = await Promise.all(starters);
      expect(said.filter((word) => word === 'taken ')).toHaveLength(1);
      expect(readdirSync(path)).toEqual(['lock']);
    },
  );
  test('of a process that lives keeps a second server out, and names it', async () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    const lock = lockOf({ pid: process.ppid });
    writeFileSync(join(path, 'lock'), lock);
    expect(await complaint(path)).toBe(
      `the data folder ${path} is in use by another server (process ${process.ppid}); ` +
        'stop it or set MURMURATION_DATA_FOLDER',
    );
    expect(readFileSync(join(path, 'lock'), 'utf8')).toBe(lock);
    expect(existsSync(join(path, 'owner.key'))).toBe(false);
  });

  test('of a process that was killed is taken over', async () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'lock'), lockOf({ pid: await deadProcess() }));
    const folder = await open(path);
    expect(readFileSync(join(path, 'lock'), 'utf8')).toContain(`"pid":${process.pid},`);
    folder.release();
    expect(existsSync(join(path, 'lock'))).toBe(false);
  });

  test.each(['', 'nonsense', '-1', '0', '1.5'])('that says %j is nobody’s', async (contents) => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'lock'), contents);
    expect(await complaint(path)).toBe('opened');
  });

  test('is let go of, so that the next server has the folder', async () => {
    const path = join(parent, 'data');
    (await open(path)).release();
    expect(existsSync(join(path, 'lock'))).toBe(false);
    expect(await complaint(path)).toBe('opened');
  });
});

describe('a folder that cannot be used is named in one line', () => {
  test('a file has its name', async () => {
    const path = join(parent, 'data');
    writeFileSync(path, '');
    expect(await complaint(path)).toBe(
      `the data folder ${path} cannot be made: a file with its name is in the way`,
    );
  });

  test('a file is a part of its path', async () => {
    writeFileSync(join(parent, 'file'), '');
    const path = join(parent, 'file', 'data');
    expect(await complaint(path)).toBe(
      `the data folder ${path} cannot be made: a part of its path is a file`,
    );
  });

  if (process.platform === 'linux') {
    // Not even root may write here.
    test('it is on a file system that takes no folders', async () => {
      expect(await complaint('/proc/murmuration')).toMatch(
        /^the data folder \/proc\/murmuration cannot be made: /,
      );
    });
  }

  test.each(['', 'short', 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64)])(
    'its key is %j',
    async (contents) => {
      const path = join(parent, 'data');
      mkdirSync(path);
      writeFileSync(join(path, 'owner.key'), contents);
      expect(await complaint(path)).toContain(`the key ${join(path, 'owner.key')} is damaged: put a copy`); // prettier-ignore
      expect(readFileSync(join(path, 'owner.key'), 'utf8')).toBe(contents);
    },
  );

  test('a key is all there or not at all, whenever the machine stopped', async () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'owner.key.new'), 'abc'); // what a crash leaves
    const { owner } = await open(path);
    expect(identityOf(hexToBytes(readFileSync(join(path, 'owner.key'), 'utf8'))).id).toBe(owner.id);
    expect(existsSync(join(path, 'owner.key.new'))).toBe(false);
  });

  test('a refused opening does not leave the folder locked', async () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'owner.key'), 'damaged');
    await complaint(path);
    expect(existsSync(join(path, 'lock'))).toBe(false);
  });
});
