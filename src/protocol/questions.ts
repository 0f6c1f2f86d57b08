import * as v from 'valibot';
import { bytesToHex, err, ok, type PeerId, type Result } from '../lib/index.ts';
import {
  auditAnswerSchema,
  auditRequestSchema,
  decodeLanes,
  queryAnswerSchema,
  queryRequestSchema,
  witnessSchema,
  type AuditParties,
  type VerifiedHeader,
  type Verifier,
} from '../vds/index.ts';
import { reason, whole } from './fields.ts';

/** By which the asking side knows the answer again. */
export const questionId = whole(0, 0xffffffff);

/** What one asks a holder of a batch (VDS.md, "Linear query" and "Audit"). */
export const questionSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('query'), request: queryRequestSchema }),
  v.strictObject({ kind: v.literal('audit'), request: auditRequestSchema }),
]);
export type Question = v.InferOutput<typeof questionSchema>;

/** An answer with its proofs, that of non-revocation included, or why there is none. */
export const answerSchema = v.variant('kind', [
  v.strictObject({
    kind: v.literal('query'),
    ...queryAnswerSchema.entries,
    witness: witnessSchema,
  }),
  v.strictObject({
    kind: v.literal('audit'),
    ...auditAnswerSchema.entries,
    witness: witnessSchema,
  }),
  v.strictObject({ kind: v.literal('refused'), reason }),
]);
export type Answer = v.InferOutput<typeof answerSchema>;

/** Who may have a batch's chunks, and hear what follows from them; null: every member. */
export type Readers = ReadonlySet<PeerId> | null;

/** What an answer proves. */
export interface Proved {
  /** Field elements in hex: x_j of a query, in the order of its columns; v of an audit. */
  readonly values: readonly string[];
  /** The lanes that each value is made of, or why it is a field element and nothing else. */
  readonly lanes: Result<readonly (readonly number[])[]>;
}

/** What came of a question: what was proved, or which check failed. */
export type Verdict = Result<Proved>;

/** Who asks, and who is asked: an audit's answer is for this pair alone. */
export type Parties = Omit<AuditParties, 'task'>;

/** Checks an answer and its proof of non-revocation against a header that was verified. */
export function judgeAnswer(
  verifier: Verifier,
  header: VerifiedHeader,
  question: Question,
  parties: Parties,
  answer: Answer,
): Verdict {
  if (answer.kind === 'refused') return err(`refused: ${answer.reason}`);
  const member = verifier.verifyNonMembership(header.id, answer.witness);
  if (!member.ok) return member;
  if (question.kind === 'query' && answer.kind === 'query') {
    const values = verifier.verifyQuery(header, question.request, answer);
    if (!values.ok) return values;
    const lanes: number[][] = [];
    let opaque: Result<never> | null = null;
    for (const value of values.value) {
      const decoded = decodeLanes(header, question.request, value);
      if (decoded.ok) lanes.push(decoded.value);
      else opaque = decoded;
    }
    return ok({ values: values.value.map((x) => x.toString(16)), lanes: opaque ?? ok(lanes) });
  }
  if (question.kind === 'audit' && answer.kind === 'audit') {
    const held = verifier.verifyAudit(header, question.request, parties, answer);
    return held.ok
      ? ok({ values: [bytesToHex(answer.value)], lanes: err('an audit masks what it proves') })
      : held;
  }
  return err('an answer to another question');
}
