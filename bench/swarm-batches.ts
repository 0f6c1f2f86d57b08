import { G1, identityOf, sha256 } from '../src/crypto/index.ts';
import {
  bytesToHex,
  concatBytes,
  seededRandom,
  utf8ToBytes,
  type Random,
  type TaskId,
} from '../src/lib/index.ts';
import { CommitmentKey, Crs, cutPayloads, maxColumns, noOpening, payloadBytes, sealPayloads, signHeader, type ScalarCount } from '../src/vds/index.ts'; // prettier-ignore

/** What pages load: one task for each n, and batches. */
export interface BenchBatches {
  readonly task: TaskId;
  readonly crs: Crs;
  /** bytes of a chunk that is not the last of its batch */
  readonly chunkBytes: number;
  /** Makes batches of random bytes by a tab; their names. @param bytes of lanes in all */
  make(author: number, bytes: number): Promise<readonly string[]>;
}

/** What is served, by path. */
export type Served = Map<string, Uint8Array>;

/**
 * Batches of n scalars a chunk. Their columns are not committed to, for which 64 MiB would take a
 * minute: a header's opening is checked once a batch, and is not what the bench is of. What is checked
 * of each chunk, digest and evaluation, is as real as can be.
 */
export async function benchBatches(scalars: ScalarCount, served: Served): Promise<BenchBatches> {
  const crs = await Crs.generate(scalars, seededRandom(scalars));
  const key = await CommitmentKey.build(crs);
  const task = bytesToHex(sha256(utf8ToBytes(`bench ${scalars}`)).subarray(0, 16)) as TaskId;
  served.set(`/api/tasks/${task}/crs`, crs.file);
  const chunkBytes = payloadBytes(Number.MAX_SAFE_INTEGER, scalars, 'bytes', 0);
  let made = 0;
  const makeOne = async (author: number, bytes: number): Promise<string> => {
    const name = `${scalars}-${made++}`;
    const lanes = randomBytes(bytes, seededRandom(made));
    const payloads = cutPayloads(lanes, scalars, 'bytes', null);
    const identity = identityOf(sha256(utf8ToBytes(`bench tab ${author}`)));
    const about = {
      task,
      round: 1,
      kind: 'file',
      author: identity.id,
      opening: noOpening,
    } as const;
    const uncommitted = () => Promise.resolve(payloads.map(() => G1.BASE));
    const { header } = await sealPayloads(key, about, payloads, null, undefined, uncommitted);
    served.set(`/batches/${name}/header`, signHeader(header, identity).header);
    served.set(`/batches/${name}/payloads`, concatBytes(...payloads));
    return name;
  };
  return {
    task,
    crs,
    chunkBytes,
    async make(author, bytes) {
      const most = maxColumns * 30 * scalars;
      const names: string[] = [];
      for (let left = bytes; left > 0; left -= most) names.push(await makeOne(author, Math.min(left, most))); // prettier-ignore
      return names;
    },
  };
}

function randomBytes(length: number, random: Random): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.uint32();
  return new Uint8Array(words.buffer, 0, length);
}
