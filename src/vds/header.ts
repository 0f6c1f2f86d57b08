import * as v from 'valibot';
import {
  decodeCanonical,
  encodeCanonical,
  sha256,
  sign,
  verifySignature,
} from '../crypto/index.ts';
import type { Identity } from '../crypto/index.ts';
import { bytesToHex, err, isHeaderId, isPeerId, isTaskId, ok } from '../lib/index.ts';
import type { HeaderId, PeerId, Result, TaskId } from '../lib/index.ts';
import { chunkCount, scalarCounts } from './lanes.ts';

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');
const bytesOf = (length: number) => v.pipe(byteArray, v.length(length));
const count = (low: number, high: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high));

/** bytes of lanes a batch may have: 16 Mi float32 parameters. */
export const maxBatchBytes = 67_108_864;

/**
 * What an author says of a batch, and signs. Columns carry the SHA-256 of their payload; the
 * commitment of each column, the one opening of all and C_time have their places and are null
 * until a task has a CRS.
 */
export const headerSchema = v.pipe(
  v.strictObject({
    type: v.literal('header'),
    version: v.literal(1),
    suite: v.literal('sha256'),
    task: v.pipe(v.string(), v.guard(isTaskId, 'not a task id')),
    round: count(0, 0xffffffff),
    kind: v.picklist(['model', 'update', 'sum']),
    author: v.pipe(v.string(), v.guard(isPeerId, 'not a peer id')),
    /** n: scalars per chunk. */
    scalars: v.picklist(scalarCounts),
    lanes: v.picklist(['update', 'sum', 'bytes']),
    /** bytes of lanes in all chunks, without the blinding. */
    byteLength: count(1, maxBatchBytes),
    crs: v.null(),
    columns: v.pipe(
      v.array(v.strictObject({ digest: bytesOf(32), commitment: v.null() })),
      v.minLength(1),
      v.maxLength(4096),
    ),
    opening: v.null(),
    time: v.null(),
    /** The batch that this one takes the place of. */
    replaces: v.nullable(v.pipe(v.string(), v.guard(isHeaderId, 'not a header id'))),
  }),
  v.check(
    (header) =>
      header.columns.length === chunkCount(header.byteLength, header.scalars, header.lanes),
    'the number of columns does not fit the byte length',
  ),
);
export type Header = v.InferOutput<typeof headerSchema>;

/** A header as it travels: canonical bytes, the author's signature, the Data Owner's admission. */
export const signedHeaderSchema = v.strictObject({
  /** Canonical CBOR of a {@link Header}. */
  header: v.pipe(byteArray, v.maxLength(262_144)),
  signature: bytesOf(64),
  /** σ: the Data Owner's signature over the header's id; null until it is admitted. */
  admission: v.nullable(bytesOf(64)),
});
export type SignedHeader = v.InferOutput<typeof signedHeaderSchema>;

/** A header that was decoded and whose signatures hold. */
export interface VerifiedHeader extends Header {
  readonly id: HeaderId;
  readonly signed: SignedHeader;
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
  /** Whether the Data Owner must have admitted it; false only where the Data Owner itself asks. */
  readonly admitted: boolean;
}

/**
 * Decodes a header strictly and checks task, author's signature and admission. The error names
 * the check that failed.
 */
export function verifyHeader(
  signed: SignedHeader,
  expected: HeaderExpectations,
): Result<VerifiedHeader> {
  const decoded = decodeHeader(signed.header);
  if (!decoded.ok) return decoded;
  const header = decoded.value;
  if (header.task !== expected.task) return err('header of another task');
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
  return ok({ ...header, id: headerId(signed.header), signed });
}
