import { identityOf, sha256, type Identity } from '../crypto/index.ts';
import { at, seededRandom, utf8ToBytes, type TaskId } from '../lib/index.ts';
import { Verifier, type VerifiedHeader } from '../vds/index.ts';
import { admit, crs, scalars, seal, seedOf, type Sealed } from './sealing.ts';

export type Kind = 'update' | 'model';

/** A batch that is signed, admitted and cut. */
export interface SimulatedBatch {
  readonly header: VerifiedHeader;
  readonly payloads: readonly Uint8Array[];
}

/** Sealing costs milliseconds: batches are made once for all networks of a process. */
const made = new Map<string, SimulatedBatch>();

/** Whoever has this name in a simulation. */
export function named(name: string): Identity {
  return identityOf(sha256(utf8ToBytes(`simulated ${name}`)));
}

/** Batches of random lanes, one of each author, admitted by the Data Owner, all verified at once. */
export function makeBatches(
  { task, owner }: { readonly task: TaskId; readonly owner: Identity },
  authors: readonly string[],
  chunks: number,
  kind: Kind,
): SimulatedBatch[] {
  const nameOf = (author: string) => `${author} ${chunks} ${kind}`;
  const unmade = authors.filter((author) => !made.has(nameOf(author)));
  const sealOf = (author: string): Sealed => {
    const writer = kind === 'model' ? owner : named(author);
    const full = scalars * (kind === 'model' ? 30 : 15);
    const lanes = new Uint8Array(full * chunks - 7);
    // The same batch in whatever order networks ask for theirs.
    const seed = seedOf(nameOf(author));
    const random = seededRandom(seed);
    // The first bytes of each chunk: zeros after them cost nothing to commit to and to open.
    for (let i = 0; i < lanes.length; i++) if (i % full < 32) lanes[i] = random.uint32() & 255;
    return seal({ task, round: 1, kind }, lanes, writer, seed);
  };
  const sealed = unmade.map(sealOf);
  const verifier = new Verifier({ crs, task, ownerKey: owner.id, random: seededRandom(1), allowTestCrs: true }); // prettier-ignore
  const headers = admit(sealed.map(({ signed }) => signed), owner, verifier); // prettier-ignore
  unmade.forEach((author, i) => {
    made.set(nameOf(author), { header: at(headers, i), payloads: at(sealed, i).payloads });
  });
  return authors.flatMap((author) => made.get(nameOf(author)) ?? []);
}
