import * as v from 'valibot';
import { decodeCanonical, decodeScalar, decodeUncompressedG1s, decodeUncompressedG2, encodeCanonical, pointAt, pointBytes, scalarBytes, sha256, sign, verifySignature } from '../crypto/index.ts'; // prettier-ignore
import type { AffinePoints, Identity } from '../crypto/index.ts';
import { at, bytesOf, bytesToHex, bytesUpTo, equalBytes, err, headerIdField, isAscending, ok, peerIdField, taskIdField, whole } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, PeerId, Result, TaskId } from '../lib/index.ts';
import { chunkCount, scalarCounts, type LaneFormat } from './lanes.ts';
import { openingFactors, openingPoint, type OpeningClaim } from './opening.ts';
import { dot } from './polynomial.ts';

/** bytes of lanes a batch may have: 16 Mi float32 parameters. */
export const maxBatchBytes = 67_108_864;

/** columns of one header; what 16 Mi parameters take at n = 4096 is 273, as a model 546. */
export const maxColumns = 1024;

const columnSchema = v.strictObject({
  /** d_j: SHA-256 of the payload. */
  digest: bytesOf(32),
  /**
   * C_j; null in a sum, whose commitments the verifier computes. Uncompressed: points that are
   * decoded side by side share the inversions of the subgroup test (measured 0.4 ms each), and
   * compressed ones would cost a square root each on top (1 ms).
   */
  commitment: v.nullable(bytesOf(pointBytes.g1Uncompressed)),
});

const kinds = ['model', 'update', 'sum', 'file'] as const;

/** How a batch of a kind carries its lanes. */
export function formatOf(kind: (typeof kinds)[number]): LaneFormat {
  return kind === 'update' || kind === 'sum' ? kind : 'bytes';
}

/** What a sum is a sum of, and which of its chunks these are. */
const sumSchema = v.strictObject({
  /** SHA-256 of the signed bytes of the manifest. */
  manifest: bytesOf(32),
  /** Indices of the chunks, in ascending order: one column each. */
  chunks: v.pipe(
    v.array(whole(0, maxColumns - 1)),
    v.minLength(1),
    v.maxLength(maxColumns),
    v.check((numbers) => isAscending(numbers), 'chunks are not in ascending order'),
  ),
});

/**
 * What an author says of a batch, and signs (VDS.md, "Header and its one opening"). Every column
 * carries the digest of its payload and the commitment to it; one opening ties both together.
 */
export const headerSchema = v.pipe(
  v.strictObject({
    type: v.literal('header'),
    version: v.literal(3),
    suite: v.literal('bls12-381'),
    task: taskIdField,
    /**
     * SHA-256 of the `round.open` that it answers, so that an attempt's header cannot serve
     * another; zeros where there was none. A replacement keeps that of the old header.
     */
    opening: bytesOf(32),
    round: whole(0, 0xffffffff),
    kind: v.picklist(kinds),
    author: peerIdField,
    /** n: scalars per chunk. */
    scalars: v.picklist(scalarCounts),
    lanes: v.picklist(['update', 'sum', 'bytes']),
    /** bytes of lanes in all chunks, without the blinders; of a sum, in those of others too. */
    byteLength: whole(1, maxBatchBytes),
    /** SHA-256 of the CRS. */
    crs: bytesOf(32),
    columns: v.pipe(v.array(columnSchema), v.minLength(1), v.maxLength(maxColumns)),
    /** C_time, uncompressed: updates carry it, what everybody can compute does not. */
    time: v.nullable(bytesOf(pointBytes.g2Uncompressed)),
    /** The batch that this one takes the place of. */
    replaces: v.nullable(headerIdField),
    sum: v.nullable(sumSchema),
    /** y_j = P_j(z), one per column. */
    y: v.pipe(v.array(bytesOf(scalarBytes)), v.minLength(1), v.maxLength(maxColumns)),
    /** π, one for all columns; uncompressed, so that it is decoded along with the commitments. */
    pi: bytesOf(pointBytes.g1Uncompressed),
  }),
  v.check(
    ({ columns, sum, byteLength, scalars, lanes }) =>
      sum === null
        ? columns.length === chunkCount(byteLength, scalars, lanes)
        : columns.length === sum.chunks.length &&
          (sum.chunks.at(-1) ?? 0) < chunkCount(byteLength, scalars, lanes),
    'the number of columns does not fit the byte length',
  ),
  v.check(
    ({ y, columns }) => y.length === columns.length,
    'the opening does not have one value per column',
  ),
  v.check(
    ({ kind, time }) => (kind === 'update') === (time !== null),
    'an update has a time commitment, and nothing else has',
  ),
  v.check(
    ({ kind, columns, scalars }) => kind !== 'update' || columns.length <= scalars,
    'an update has more columns than times can be committed to',
  ),
  v.check(
    ({ kind, lanes, sum }) => (kind === 'sum') === (sum !== null) && lanes === formatOf(kind),
    'kind, lanes and sum do not fit each other',
  ),
  v.check(
    ({ kind, columns }) =>
      columns.every(({ commitment }) => (commitment === null) === (kind === 'sum')),
    'a sum has no commitments, and everything else has',
  ),
);
export type Header = v.InferOutput<typeof headerSchema>;

/** What z is drawn from: the canonical header without the keys y and π. */
export function unopenedBytes(header: Omit<Header, 'y' | 'pi'>): Uint8Array {
  const { type, version, suite, task, opening, round, kind, author, scalars } = header;
  const { lanes, byteLength, crs, columns, time, replaces, sum } = header;
  return encodeCanonical({
    ...{ type, version, suite, task, opening, round, kind, author, scalars },
    ...{ lanes, byteLength, crs, columns, time, replaces, sum },
  });
}

/** A header as it travels: canonical bytes, the author's signature, the Data Owner's admission. */
export const signedHeaderSchema = v.strictObject({
  /** Canonical CBOR of a {@link Header}. */
  header: bytesUpTo(262_144),
  signature: bytesOf(64),
  /** σ: the Data Owner's signature over the header's id; null until it is admitted. */
  admission: v.nullable(bytesOf(64)),
});
export type SignedHeader = v.InferOutput<typeof signedHeaderSchema>;

/** A header that was decoded, whose signatures hold and, from a {@link Verifier}, its opening. */
export interface VerifiedHeader extends Header {
  readonly id: HeaderId;
  readonly signed: SignedHeader;
  /** C_j of each column, uncompressed; of a sum, as the verifier computed them. */
  readonly commitments: readonly Uint8Array[];
}

/** SHA-256 of the canonical bytes. */
export function headerId(canonical: Uint8Array): HeaderId {
  return bytesToHex(sha256(canonical)) as HeaderId;
}

/** Encodes and signs a header as its author. */
export function signHeader(header: Header, author: Identity): SignedHeader {
  const canonical = encodeCanonical(header);
  return { header: canonical, signature: sign('header', canonical, author), admission: null };
}

/** Decodes a header's canonical bytes, strictly. Signatures are not looked at. */
export function decodeHeader(canonical: Uint8Array): Result<Header> {
  const decoded = decodeCanonical(canonical);
  if (!decoded.ok) return err(`header encoding: ${decoded.error}`);
  const parsed = v.safeParse(headerSchema, decoded.value);
  return parsed.success ? ok(parsed.output) : err(`header schema: ${v.summarize(parsed.issues)}`);
}

/** Adds the Data Owner's countersignature. The caller has verified the header. */
export function admitHeader(signed: SignedHeader, owner: Identity): SignedHeader {
  return { ...signed, admission: sign('admission', sha256(signed.header), owner) };
}

/** What a verifier knows before it looks at a header. */
export interface HeaderExpectations {
  readonly task: TaskId;
  readonly ownerKey: PeerId;
  /** Digest of the pinned CRS. */
  readonly crs: Uint8Array;
  /** n of the pinned CRS. */
  readonly scalars: number;
  /** Whether the Data Owner must have admitted it; false only where the Data Owner itself asks. */
  readonly admitted: boolean;
}

/**
 * Decodes a header strictly and checks task, CRS, author's signature and admission. Its opening
 * is not looked at. The error names the check that failed.
 */
export function verifySignatures(
  signed: SignedHeader,
  expected: HeaderExpectations,
): Result<Header> {
  const decoded = decodeHeader(signed.header);
  if (!decoded.ok) return decoded;
  const header = decoded.value;
  if (header.task !== expected.task) return err('header of another task');
  if (!equalBytes(header.crs, expected.crs) || header.scalars !== expected.scalars) {
    return err('header with another CRS than the task pins');
  }
  if (header.kind === 'model' && header.author !== expected.ownerKey) {
    return err('header of a model that is not by the Data Owner');
  }
  if (!verifySignature('header', signed.header, signed.signature, header.author)) {
    return err("header signature is not the author's");
  }
  if (expected.admitted) {
    const admission = signed.admission;
    if (admission === null) return err('header is not admitted by the Data Owner');
    if (!verifySignature('admission', sha256(signed.header), admission, expected.ownerKey)) {
      return err("header admission is not the Data Owner's signature");
    }
  }
  return decoded;
}

/**
 * Decodes the points and scalars of headers strictly; what their openings claim (VDS.md). The
 * claims themselves are still to be checked. All headers at once: their points share the
 * inversions of the subgroup test.
 *
 * @param commitments C_j of each header, uncompressed, in the order of the headers
 */
export function openingClaims(
  headers: readonly Header[],
  commitments: readonly (readonly Uint8Array[])[],
): Result<OpeningClaim>[] {
  const decoded = decodePoints(headers, commitments);
  if (decoded.ok) {
    return headers.map((header, k) => claimOf(header, at(decoded.value, k)));
  }
  // One of them is bad: each by itself, to name it.
  return headers.map((header, k) => {
    const own = decodePoints([header], [at(commitments, k)]);
    return own.ok ? claimOf(header, at(own.value, 0)) : own;
  });
}

/** C_0, C_1, … and π of each header. */
function decodePoints(
  headers: readonly Header[],
  commitments: readonly (readonly Uint8Array[])[],
): Result<AffinePoints[]> {
  // The identity is the proof of constants: a model's chunk may hold nothing but zeros.
  const encoded = headers.flatMap(({ pi }, k) => [...at(commitments, k), pi]);
  const all = decodeUncompressedG1s(encoded, 'identity allowed');
  if (!all.ok) {
    const columns = decodeUncompressedG1s(commitments.flat(), 'identity allowed');
    if (!columns.ok) return err(`header commitments: ${columns.error}`);
    const proofs = decodeUncompressedG1s(headers.map(({ pi }) => pi), 'identity allowed'); // prettier-ignore
    return err(`header opening: proof: ${proofs.ok ? all.error : proofs.error}`);
  }
  let from = 0;
  return ok(
    headers.map(({ columns }) => {
      const end = from + columns.length + 1;
      const [xs, ys] = [all.value.xs.slice(from, end), all.value.ys.slice(from, end)];
      from = end;
      return { xs, ys };
    }),
  );
}

/** z of a header: H(open-z; it without y and π). */
export function openingPointOf(header: Header): bigint {
  return openingPoint(unopenedBytes(header));
}

function claimOf(header: Header, points: AffinePoints): Result<OpeningClaim> {
  const count = header.columns.length;
  for (let j = 0; j < count; j++) {
    // What is blinded never commits to nothing; a model's γ are 0, and its lanes may be.
    if (header.kind !== 'model' && points.xs[j] === 0n && points.ys[j] === 0n) {
      return err(`header commitments: column ${j} is the identity`);
    }
  }
  const values: bigint[] = [];
  for (const [index, encoded] of header.y.entries()) {
    const value = decodeScalar(encoded);
    if (!value.ok) return err(`header opening: value ${index}: ${value.error}`);
    values.push(value.value);
  }
  if (header.time !== null) {
    const time = decodeUncompressedG2(header.time);
    if (!time.ok) return err(`header time: ${time.error}`);
  }
  const proof = pointAt(points, count);
  const commitments = { xs: points.xs.slice(0, -1), ys: points.ys.slice(0, -1) };
  const point = openingPointOf(header);
  if (point === 0n) return err('header opening: z is 0');
  const factors = openingFactors(point, values);
  return ok({ commitments, factors, point, value: dot(values, factors), proof });
}
