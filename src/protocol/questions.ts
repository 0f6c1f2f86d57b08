import * as v from 'valibot';
import {
  auditAnswerSchema,
  auditRequestSchema,
  queryAnswerSchema,
  queryRequestSchema,
  witnessSchema,
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
