import { encodeCanonical, encodeScalar, encodeUncompressedG1s, identityOf, sha256, sign, toAffinePoints, type Identity } from '../crypto/index.ts'; // prettier-ignore
import { assert, at, bytesToHex, concatBytes, ownBytes, randomBytes, seededRandom, uint16ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, Random, Result, TaskId } from '../lib/index.ts';
import { cutPayloads, drawBlindings, joinLanes, sealAtOnce, type Batch } from './batch.ts';
import { CommitmentKey } from './commitment.ts';
import { Crs } from './crs.ts';
import { DataOwner, type DataOwnerOptions } from './data-owner.ts';
import { admitHeader, headerId, signHeader, unopenedBytes } from './header.ts';
import type { Header, SignedHeader, VerifiedHeader } from './header.ts';
import { openingFactors, openingPoint } from './opening.ts';
import { combinePolynomials, evaluate, payloadPolynomial, quotient } from './polynomial.ts';
import { sumBlindings } from './sum.ts';
import { Verifier } from './verifier.ts';

/** n of the tests: the smallest, so that sealing costs little. */
export const scalars = 256;

/** The CRS for tests and its table, once for all tests of a file. */
export const crs = await Crs.forTests(scalars);
export const key = await CommitmentKey.build(crs);

const random = seededRandom(20_250_101);

/** An identity, a task, a header's id: any, and another one with every call. */
export const makeIdentity = (): Identity => identityOf(randomBytes(random, 32));
export const makeTask = () => bytesToHex(randomBytes(random, 16)) as TaskId;
export const makeHeaderId = () => bytesToHex(randomBytes(random, 32)) as HeaderId;

export const owner = makeIdentity();
export const author = makeIdentity();
export const stranger = makeIdentity();
const identities = [owner, author, stranger];

export const task = makeTask();

/** The time of the tests, in seconds since 1970. */
export const now = 1_760_000_000;

export function makeVerifier(source: Random = random): Verifier {
  return new Verifier({ crs, task, ownerKey: owner.id, random: source });
}

export function makeDataOwner(options: Partial<DataOwnerOptions> = {}): DataOwner {
  return new DataOwner({ crs, task, identity: owner, random, allowTestCrs: true, ...options });
}

/** A batch that is sealed, signed and admitted. */
export interface TestBatch extends Batch {
  readonly signed: SignedHeader;
  /** What a verifier hands out for it; here without its work. */
  readonly verified: VerifiedHeader;
}

interface About {
  readonly kind?: Header['kind'];
  readonly lanes?: Header['lanes'];
  readonly round?: number;
  readonly author?: Identity;
  readonly task?: TaskId;
  readonly replaces?: HeaderId;
}

const formats = { update: 'update', sum: 'sum', model: 'bytes', file: 'bytes' } as const;

/** Seals payloads; an update of round 1 by `author`, unless told otherwise. */
export function sealCut(payloads: readonly Uint8Array<ArrayBuffer>[], about: About = {}) {
  const { kind = 'update', author: by = author } = about;
  const lanes = about.lanes ?? formats[kind];
  const description = { task, round: 1, ...about, kind, lanes, author: by.id };
  const time = kind === 'update' ? { seconds: () => 1, random } : null;
  return signed(sealAtOnce(key, description, payloads, time));
}

/** Seals these lanes, or so many random ones, hidden by random blindings. */
export function makeBatch(lanes: Uint8Array | number, about: About = {}): TestBatch {
  const bytes = typeof lanes === 'number' ? randomBytes(random, lanes) : lanes;
  const format = about.lanes ?? formats[about.kind ?? 'update'];
  const blindings = drawBlindings(bytes.length, scalars, format, random);
  return sealCut(cutPayloads(bytes, scalars, format, blindings), about);
}

/** Seals Σ weight·update. */
export function makeSum(
  summands: readonly { readonly batch: TestBatch; readonly weight: number }[],
  about: About = {},
): TestBatch {
  const lanes = summands.map(({ batch }) => joinLanes(batch.header, batch.payloads));
  const sums = Uint16Array.from(at(lanes, 0), (_, i) =>
    summands.reduce((sum, { weight }, k) => sum + weight * at(at(lanes, k), i), 0),
  );
  const parts = summands.map(({ batch, weight }) => ({ payloads: batch.payloads, weight }));
  const payloads = cutPayloads(uint16ToBytes(sums), scalars, 'sum', sumBlindings(parts));
  return sealCut(payloads, { ...about, kind: 'sum' });
}

/** Signs a header, true or not, as the author it names, and admits it. */
export function signed({ header, payloads }: Batch): TestBatch {
  const by = identities.find(({ id }) => id === header.author);
  assert(by !== undefined, 'the author is one of the tests');
  const admitted = admitHeader(signHeader(header, by), owner);
  const verified = { ...header, id: headerId(admitted.header), signed: admitted };
  return { header, payloads, signed: admitted, verified };
}

/** Signs and admits any value at all as if it were a header. */
export function signAnything(value: unknown, by: Identity = author): SignedHeader {
  const header = encodeCanonical(value);
  return admitHeader({ header, signature: sign('header', header, by), admission: null }, owner);
}

/** Opens payloads at the point that a header has by now, whatever its columns say of them. */
export function openAnew(header: Header, payloads: readonly Uint8Array[]): Header {
  const point = openingPoint(unopenedBytes(header));
  const polynomials = payloads.map((payload) => payloadPolynomial(payload, header.lanes));
  const values = polynomials.map((polynomial) => evaluate(polynomial, point));
  const combined = combinePolynomials(polynomials, openingFactors(point, values));
  const proof = toAffinePoints([key.table.multiply(quotient(combined, point))]);
  const opening = { values: values.map(encodeScalar), proof: at(encodeUncompressedG1s(proof), 0) };
  return { ...header, opening };
}

/** The header with another column in place of one. */
export function withColumn(
  header: Header,
  index: number,
  change: Partial<Header['columns'][number]>,
): Header {
  const columns = header.columns.map((column, i) => (i === index ? { ...column, ...change } : column)); // prettier-ignore
  return { ...header, columns };
}

/** The header's column says of a payload what is true of it, except for the commitment. */
export const withDigestOf = (header: Header, index: number, payload: Uint8Array): Header =>
  withColumn(header, index, { digest: sha256(payload) });

/** The scalar of an encoding, reduced or not. */
export const numberOf = (bytes: Uint8Array) => BigInt(`0x${bytesToHex(bytes)}`);

/** (0, 2) is on the curve of G1, and of order 3: uncompressed and compressed. */
export const ofOrder3 = concatBytes(new Uint8Array(95), new Uint8Array([2]));
export const ofOrder3Compressed = concatBytes(new Uint8Array([0x80]), new Uint8Array(47));

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array<ArrayBuffer> {
  const flipped = ownBytes(bytes);
  flipped[bit >> 3] = at(bytes, bit >> 3) ^ (1 << (bit & 7));
  return flipped;
}

/** What a check said. */
export const errorOf = (result: Result<unknown>): string => (result.ok ? 'accepted' : result.error);

/** What a check accepted. */
export function valueOf<T>(result: Result<T>): T {
  assert(result.ok, `refused: ${errorOf(result)}`);
  return result.value;
}
