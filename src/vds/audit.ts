import * as v from 'valibot';
import {
  decodeG1,
  decodeScalar,
  encodeCanonical,
  encodeG1,
  encodeScalar,
  hashToScalar,
  multiScalarMultiply,
  pointBytes,
  scalarBytes,
} from '../crypto/index.ts';
import { err, hexToBytes, ok, type Random, type Result } from '../lib/index.ts';
import type { Crs } from './crs.ts';
import type { VerifiedHeader } from './header.ts';
import { claimsHold } from './opening.ts';
import { combinePolynomials, evaluate, payloadPolynomial, powers, quotient } from './polynomial.ts';
import { askedColumnsSchema, columnCommitments } from './query.ts';

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');
const bytesOf = (length: number) => v.pipe(byteArray, v.length(length));

/** A challenge to a holder: prove that you still have these columns. */
export const auditRequestSchema = v.strictObject({
  /** Fresh and random: an answer to an older one is worth nothing. */
  nonce: bytesOf(32),
  /** Of the Data Owner's state, as the auditor knows it. */
  epoch: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff)),
  columns: askedColumnsSchema,
});
export type AuditRequest = v.InferOutput<typeof auditRequestSchema>;

/** 80 bytes: (Q(z), π). */
export const auditAnswerSchema = v.strictObject({
  value: bytesOf(scalarBytes),
  proof: bytesOf(pointBytes.g1),
});
export type AuditAnswer = v.InferOutput<typeof auditAnswerSchema>;

/** z, and the factors that combine the columns: nobody knows them before the nonce. */
function challengeOf(header: VerifiedHeader, request: AuditRequest) {
  const bound = [request.nonce, encodeCanonical(request.epoch), hexToBytes(header.id), encodeCanonical(request.columns)]; // prettier-ignore
  const point = hashToScalar('audit', ...bound);
  const factors = powers(hashToScalar('audit-rho', ...bound), request.columns.length);
  return { point, factors };
}

/**
 * Answers an audit from the payloads of the asked columns, in order (VDS.md, "Audit").
 */
export function answerAudit(
  crs: Crs,
  header: VerifiedHeader,
  request: AuditRequest,
  payloads: readonly Uint8Array[],
): AuditAnswer {
  const { point, factors } = challengeOf(header, request);
  const polynomials = payloads.map((payload) => payloadPolynomial(payload, header.lanes));
  const combined = combinePolynomials(polynomials, factors);
  const proof = multiScalarMultiply(crs.committingPowers, quotient(combined, point));
  return { value: encodeScalar(evaluate(combined, point)), proof: encodeG1(proof) };
}

/** Whether an answer proves possession of the columns now; checked like a header's opening. */
export function verifyAudit(
  crs: Crs,
  header: VerifiedHeader,
  request: AuditRequest,
  answer: AuditAnswer,
  random: Random,
): Result<null> {
  const value = decodeScalar(answer.value);
  if (!value.ok) return err(`audit: value: ${value.error}`);
  const proof = decodeG1(answer.proof, 'identity allowed');
  if (!proof.ok) return err(`audit: proof: ${proof.error}`);
  const commitments = columnCommitments(header, request.columns);
  if (!commitments.ok) return err(`audit: ${commitments.error}`);
  const { point, factors } = challengeOf(header, request);
  const claim = { commitments: commitments.value, factors, point, value: value.value, proof: proof.value }; // prettier-ignore
  return claimsHold(crs, [claim], random) ? ok(null) : err('audit: the proof does not hold');
}
