import * as v from 'valibot';
import { decodeG1, decodeScalar, encodeCanonical, encodeG1, encodeScalar, G1, groupOrder, hashToScalar, arithmetic, pointBytes, randomScalar, scalarBytes, toAffinePoints } from '../crypto/index.ts'; // prettier-ignore
import { bytesOf, err, hexToBytes, ok, whole } from '../lib/index.ts';
import type { PeerId, Random, Result, TaskId } from '../lib/index.ts';
import type { Crs } from './crs.ts';
import type { VerifiedHeader } from './header.ts';
import { claimsHold } from './opening.ts';
import { combinePolynomials, evaluate, payloadPolynomial, powers, quotient } from './polynomial.ts';
import { askedColumnsSchema, columnCommitments } from './query.ts';

/** A challenge to a holder: prove that you still have these columns. */
export const auditRequestSchema = v.strictObject({
  /** Fresh and random: an answer to an older one is worth nothing. */
  nonce: bytesOf(32),
  /** Of the Data Owner's state, as the auditor knows it. */
  epoch: whole(0, 0xffffffff),
  columns: askedColumnsSchema,
});
export type AuditRequest = v.InferOutput<typeof auditRequestSchema>;

/** 128 bytes: R, v and π. */
export const auditAnswerSchema = v.strictObject({
  /** R: the commitment of the mask. */
  mask: bytesOf(pointBytes.g1),
  /** v */
  value: bytesOf(scalarBytes),
  /** π */
  proof: bytesOf(pointBytes.g1),
});
export type AuditAnswer = v.InferOutput<typeof auditAnswerSchema>;

/**
 * Who asks whom. The holder puts in its own id and the id at the other end of the link, so that
 * nobody answers an audit that is meant for somebody else.
 */
export interface AuditParties {
  readonly task: TaskId;
  readonly auditor: PeerId;
  readonly holder: PeerId;
}

/** z, and the factors that combine the columns: nobody knows them before the nonce. */
function challengeOf(header: VerifiedHeader, request: AuditRequest, parties: AuditParties) {
  const point = hashToScalar(
    'audit-z',
    hexToBytes(parties.task),
    request.nonce,
    hexToBytes(parties.auditor),
    hexToBytes(parties.holder),
    encodeCanonical(request.epoch),
    hexToBytes(header.id),
    encodeCanonical(request.columns),
  );
  // With factors that are the same for every audit, one folded column would pass for all.
  const factors = powers(hashToScalar('audit-rho', encodeScalar(point)), request.columns.length);
  return { point, factors };
}

/** χ: how much of the columns is in what is opened, known only after the mask was fixed. */
function maskFactor(point: bigint, mask: Uint8Array): bigint {
  return hashToScalar('audit-mask', encodeScalar(point), mask);
}

/**
 * Answers an audit from the payloads of the asked columns, in order (VDS.md, "Audit"; proofs of
 * retrievability by polynomial commitments, Xu and Chang 2012): opens
 * `r₀ + r₁·X + χ·Σρ^j·P_j` at z. One sum of N points. The mask is fresh in every answer, so that
 * no number of audits tells anything of the data.
 *
 * Not covered: holders who collude, and one that fetches the data again before the deadline.
 *
 * @param random must be cryptographically secure
 */
export function answerAudit(
  crs: Crs,
  header: VerifiedHeader,
  request: AuditRequest,
  parties: AuditParties,
  payloads: readonly Uint8Array[],
  random: Random,
): AuditAnswer {
  const { point, factors } = challengeOf(header, request, parties);
  const [secretR0, secretR1] = [randomScalar(random), randomScalar(random)];
  const mask = encodeG1(G1.BASE.multiply(secretR0).add(crs.g1(1).multiply(secretR1)));
  const chi = maskFactor(point, mask);
  const polynomials = payloads.map((each) => payloadPolynomial(each, header.lanes, crs.scalars));
  const scaled = factors.map((factor) => (factor * chi) % groupOrder);
  const masked = combinePolynomials([...polynomials, [secretR0, secretR1]], [...scaled, 1n]);
  const proof = arithmetic.multiScalarMultiply(crs.openingPowers, quotient(masked, point));
  return { mask, value: encodeScalar(evaluate(masked, point)), proof: encodeG1(proof) };
}

/** Whether an answer proves possession of the columns now; checked like a header's opening. */
export function verifyAudit(
  crs: Crs,
  header: VerifiedHeader,
  request: AuditRequest,
  parties: AuditParties,
  answer: AuditAnswer,
  random: Random,
): Result<null> {
  const beyond = request.columns.find((column) => column >= header.columns.length);
  if (beyond !== undefined) return err(`audit: column ${beyond} is not in the header`);
  const value = decodeScalar(answer.value);
  if (!value.ok) return err(`audit: value: ${value.error}`);
  const mask = decodeG1(answer.mask, 'identity refused');
  if (!mask.ok) return err(`audit: mask: ${mask.error}`);
  const proof = decodeG1(answer.proof, 'identity allowed');
  if (!proof.ok) return err(`audit: proof: ${proof.error}`);
  const { point, factors } = challengeOf(header, request, parties);
  const chi = maskFactor(point, answer.mask);
  const columns = columnCommitments(header, request.columns);
  const own = toAffinePoints([mask.value]);
  const claim = {
    commitments: { xs: [...own.xs, ...columns.xs], ys: [...own.ys, ...columns.ys] },
    factors: [1n, ...factors.map((factor) => (factor * chi) % groupOrder)],
    point,
    value: value.value,
    proof: proof.value,
  };
  return claimsHold(crs, [claim], random) ? ok(null) : err('audit: the proof does not hold');
}
