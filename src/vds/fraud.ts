import * as v from 'valibot';
import { sha256 } from '../crypto/index.ts';
import { at, bytesUpTo, equalBytes, err, ok, whole } from '../lib/index.ts';
import type { PeerId, Result } from '../lib/index.ts';
import { verifyChunk } from './batch.ts';
import { maxColumns, signedHeaderSchema, verifySignatures, type HeaderExpectations } from './header.ts'; // prettier-ignore
import { blindingBytes, chunkLaneBytes } from './lanes.ts';

/**
 * A payload that has the digest which its author signed and not the value (VDS.md, "Header and its
 * one opening"): with the signed header, that is a proof that the author lied.
 */
export const fraudProofSchema = v.strictObject({
  signed: signedHeaderSchema,
  column: whole(0, maxColumns - 1),
  payload: bytesUpTo(blindingBytes + chunkLaneBytes(4096, 'bytes')),
});
export type FraudProof = v.InferOutput<typeof fraudProofSchema>;

/**
 * Who lied, by a proof from anybody: one Horner evaluation, no pairing. An error if it proves
 * nothing: other bytes than were signed may be the holder's fault or the network's.
 */
export function verifyFraud(
  { signed, column, payload }: FraudProof,
  expected: Omit<HeaderExpectations, 'admitted'>,
): Result<PeerId> {
  const verified = verifySignatures(signed, { ...expected, admitted: false });
  if (!verified.ok) return err(`fraud proof: ${verified.error}`);
  const header = verified.value;
  if (column >= header.columns.length) return err('fraud proof: no such column');
  if (!equalBytes(sha256(payload), at(header.columns, column).digest)) {
    return err('fraud proof: not the payload that the author signed');
  }
  // The digest being the author's, a wrong length is its lie as much as a wrong value.
  return verifyChunk(header, column, payload).ok
    ? err('fraud proof: the payload is what the header says')
    : ok(header.author);
}

/** The proof of what {@link verifyChunk} found, if it is one. */
export function proveFraud(
  proof: FraudProof,
  expected: Omit<HeaderExpectations, 'admitted'>,
): FraudProof | null {
  return verifyFraud(proof, expected).ok ? proof : null;
}
