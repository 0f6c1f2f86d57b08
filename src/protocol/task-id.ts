import { encodeCanonical, sha256 } from '../crypto/index.ts';
import { bytesToHex, type TaskId } from '../lib/index.ts';
import type { TaskDescription } from './task.ts';

/** The first 16 bytes of the SHA-256 of the canonical description. */
export function taskIdOf(description: TaskDescription): TaskId {
  return bytesToHex(sha256(encodeCanonical(description)).subarray(0, 16)) as TaskId;
}
