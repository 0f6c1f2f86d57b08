import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identityOf } from '../src/crypto/index.ts';
import { hexToBytes } from '../src/lib/index.ts';
import { SetupError } from './config.ts';
import { openDataFolder } from './data-folder.ts';

let parent: string;
beforeEach(() => (parent = mkdtempSync(join(tmpdir(), 'murmuration-folder-'))));
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const mode = (path: string) => statSync(path).mode & 0o777;

/** The one line that opening this folder ends with. */
function complaint(path: string): string {
  try {
    openDataFolder(path).release();
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
  test('is made, for its owner alone, with a key for its owner alone', () => {
    const path = join(parent, 'deep', 'data');
    const folder = openDataFolder(path);
    expect(mode(path)).toBe(0o700);
    expect(mode(join(path, 'owner.key'))).toBe(0o600);
    expect(folder.database.startsWith(path)).toBe(true);
    const hex = readFileSync(join(path, 'owner.key'), 'utf8');
    expect(identityOf(hexToBytes(hex)).id).toBe(folder.owner.id);
  });

  test('keeps its key; another folder has another', () => {
    const first = openDataFolder(join(parent, 'a'));
    first.release();
    const again = openDataFolder(join(parent, 'a'));
    const other = openDataFolder(join(parent, 'b'));
    expect(again.owner).toEqual(first.owner);
    expect(other.owner.id).not.toBe(first.owner.id);
  });

  test('takes the rights of others from a key that was copied without care', () => {
    const path = join(parent, 'data');
    openDataFolder(path).release();
    chmodSync(join(path, 'owner.key'), 0o644);
    openDataFolder(path).release();
    expect(mode(join(path, 'owner.key'))).toBe(0o600);
  });

  test('a key with a line end is read', () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'owner.key'), `${'07'.repeat(32)}\n`);
    expect(openDataFolder(path).owner.id).toBe(identityOf(new Uint8Array(32).fill(7)).id);
  });
});

describe('the lock', () => {
  test('of a process that lives keeps a second server out, and names it', () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'lock'), String(process.ppid));
    expect(complaint(path)).toBe(
      `the data folder ${path} is in use by another server (process ${process.ppid}); ` +
        'stop it or set MURMURATION_DATA_FOLDER',
    );
    expect(readFileSync(join(path, 'lock'), 'utf8')).toBe(String(process.ppid));
    expect(existsSync(join(path, 'owner.key'))).toBe(false);
  });

  test('of a process that was killed is taken over', async () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'lock'), String(await deadProcess()));
    const folder = openDataFolder(path);
    expect(readFileSync(join(path, 'lock'), 'utf8')).toBe(String(process.pid));
    folder.release();
    expect(existsSync(join(path, 'lock'))).toBe(false);
  });

  test.each(['', 'nonsense', '-1', '0', '1.5'])('that says %j is nobody’s', (contents) => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'lock'), contents);
    expect(complaint(path)).toBe('opened');
  });

  test('is let go of, so that the next server has the folder', () => {
    const path = join(parent, 'data');
    openDataFolder(path).release();
    expect(existsSync(join(path, 'lock'))).toBe(false);
    expect(complaint(path)).toBe('opened');
  });
});

describe('a folder that cannot be used is named in one line', () => {
  test('a file has its name', () => {
    const path = join(parent, 'data');
    writeFileSync(path, '');
    expect(complaint(path)).toBe(
      `the data folder ${path} cannot be made: a file with its name is in the way`,
    );
  });

  test('a file is a part of its path', () => {
    writeFileSync(join(parent, 'file'), '');
    const path = join(parent, 'file', 'data');
    expect(complaint(path)).toBe(
      `the data folder ${path} cannot be made: a part of its path is a file`,
    );
  });

  if (process.platform === 'linux') {
    // Not even root may write here.
    test('it is on a file system that takes no folders', () => {
      expect(complaint('/proc/murmuration')).toMatch(
        /^the data folder \/proc\/murmuration cannot be made: /,
      );
    });
  }

  test.each(['', 'short', 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64)])(
    'its key is %j',
    (contents) => {
      const path = join(parent, 'data');
      mkdirSync(path);
      writeFileSync(join(path, 'owner.key'), contents);
      expect(complaint(path)).toBe(`the key ${join(path, 'owner.key')} is damaged`);
      expect(readFileSync(join(path, 'owner.key'), 'utf8')).toBe(contents);
    },
  );

  test('a refused opening does not leave the folder locked', () => {
    const path = join(parent, 'data');
    mkdirSync(path);
    writeFileSync(join(path, 'owner.key'), 'damaged');
    complaint(path);
    expect(existsSync(join(path, 'lock'))).toBe(false);
  });
});
