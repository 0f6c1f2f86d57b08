import { encodeCanonical, sha256, type Identity } from '../crypto/index.ts';
import { bytesToHex, seededRandom, utf8ToBytes, type HeaderId, type TaskId } from '../lib/index.ts';
import { admitHeader, CommitmentKey, Crs, cutPayloads, drawBlinders, noOpening, sealAtOnce, signHeader } from '../vds/index.ts'; // prettier-ignore
import type { SignedHeader, VerifiedHeader, Verifier } from '../vds/index.ts';

/** n of the simulations: the smallest, so that sealing costs little. */
export const scalars = 256;

/** The CRS for tests and its table, once for all simulations of a process. */
export const crs = await Crs.forTests(scalars);
const key = await CommitmentKey.build(crs);

/** What a simulated member or Data Owner seals, cut, signed and admitted, for real. */
export interface Sealed {
  readonly signed: SignedHeader;
  readonly payloads: readonly Uint8Array[];
}

interface About {
  readonly task: TaskId;
  readonly round: number;
  readonly kind: 'model' | 'update' | 'sum';
  readonly opening?: Uint8Array;
  readonly replaces?: HeaderId;
  /** Of a sum: the manifest's digest. */
  readonly manifest?: Uint8Array;
}

const formats = { model: 'bytes', update: 'update', sum: 'sum' } as const;

/**
 * What was sealed, by all that it depends on: sealing costs some 20 ms, and simulations that start
 * alike seal the same.
 */
const made = new Map<string, Sealed>();

/** A short name for a value, the same for equal ones only. */
export function nameOf(value: unknown): string {
  return bytesToHex(sha256(encodeCanonical(value)));
}

/** A seed for everything that has this name. */
export function seedOf(name: string): number {
  return new DataView(sha256(utf8ToBytes(name)).buffer).getUint32(0);
}

/**
 * Seals lanes as their author; what members compute by themselves is not blinded.
 *
 * @param seed of the blindings of an update
 */
export function seal(about: About, lanes: Uint8Array, author: Identity, seed: number): Sealed {
  const update = about.kind === 'update';
  const random = seededRandom(seed);
  const blinding = update ? drawBlinders(lanes.length, scalars, 'update', random) : null;
  const payloads = cutPayloads(lanes, scalars, formats[about.kind], blinding);
  return sealCut(about, payloads, author, seed);
}

/** As {@link seal}, of payloads that are cut already. */
export function sealCut(
  about: About,
  payloads: readonly Uint8Array<ArrayBuffer>[],
  author: Identity,
  seed: number,
): Sealed {
  const name = nameOf([{ ...about }, author.id, payloads, seed]);
  const known = made.get(name);
  if (known) return known;
  const { opening = noOpening, manifest, ...rest } = about;
  const chunks = payloads.map((_, index) => index);
  const sum = manifest ? { sum: { manifest, chunks } } : {};
  const random = seededRandom(seed + 1);
  const time = about.kind === 'update' ? { seconds: () => 1, random } : null;
  const { header } = sealAtOnce(
    key,
    { ...rest, opening, author: author.id, ...sum },
    payloads,
    time,
  );
  const sealed = { signed: signHeader(header, author), payloads };
  made.set(name, sealed);
  return sealed;
}

/** Admits what was sealed, and verifies it as everybody does. */
export function admit(
  sealed: readonly SignedHeader[],
  owner: Identity,
  verifier: Verifier,
): VerifiedHeader[] {
  const admitted = sealed.map((each) => admitHeader(each, owner));
  return verifier.verifyHeaders(admitted, 'admitted').map((verified) => {
    if (!verified.ok) throw new Error(`bug: what the simulation seals verifies: ${verified.error}`);
    return verified.value;
  });
}
