import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../src/crypto/index.ts';
import { Crs, type ScalarCount } from '../src/vds/index.ts';
import { SetupError } from './config.ts';
import type { OwnerThread } from './owner-thread.ts';

/**
 * The CRS for chunks of `scalars` scalars, as a file: from the folder if it is there, else made
 * (some seconds, in the Data Owner's thread) and kept. Tasks of one server share it.
 *
 * @throws SetupError if the file is damaged
 */
export async function openCrs(
  folder: string,
  scalars: ScalarCount,
  owner: OwnerThread,
): Promise<Crs> {
  const path = join(folder, `crs-${scalars}`);
  const kept = readIfThere(path) ?? (await make(path, scalars, owner));
  const crs = Crs.open(kept, sha256(kept));
  if (!crs.ok || crs.value.scalars !== scalars) {
    throw new SetupError(
      `${path} is damaged: put the file back, or remove it and start a new task`,
    );
  }
  return crs.value;
}

function readIfThere(path: string): Uint8Array<ArrayBuffer> | null {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw new SetupError(`${path} cannot be read: ${String(thrown)}`);
  }
}

/** All of it or nothing: a server that is killed meanwhile leaves no half of a file. */
async function make(path: string, scalars: ScalarCount, owner: OwnerThread) {
  const file = await owner.service.generateCrs(scalars);
  const started = `${path}.${process.pid}`;
  writeFileSync(started, file, { mode: 0o644 });
  renameSync(started, path);
  return file;
}
