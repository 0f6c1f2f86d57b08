import * as v from 'valibot';
import { openSigned, signValue, type Identity, type Signed } from '../crypto/index.ts';
import { equalBytes, err, type PeerId, type Result } from '../lib/index.ts';
import { bytesUpTo, digest, headerIdField, peerId } from './fields.ts';
import { limits } from './limits.ts';

const batchesSchema = v.pipe(
  v.array(v.strictObject({ header: headerIdField, bits: bytesUpTo(limits.columns / 8) })),
  v.maxLength(limits.members),
  v.check(
    (batches) => new Set(batches.map(({ header }) => header)).size === batches.length,
    'a batch appears twice',
  ),
);

const statementSchema = v.strictObject({
  type: v.picklist(['vouch', 'complaint']),
  /** Of the attempt: what its headers name. */
  opening: digest,
  /** Who says so. */
  peer: peerId,
  /** Which chunks of which batches, first bit first. */
  batches: batchesSchema,
});

/**
 * A member's signed word on chunks of other members (VDS.md, “Sums”): a `vouch` that they passed
 * every check and are held, a `complaint` that they do not hold or cannot be had of their author.
 * They are facts about headers: they hold across a manifest's revisions.
 */
export type Statement = v.InferOutput<typeof statementSchema>;

export function signStatement(statement: Statement, by: Identity): Signed {
  return signValue(statement.type, statement, by);
}

/** Checks signature, schema, kind, speaker and attempt. */
export function verifyStatement(
  signed: Signed,
  expected: {
    readonly type: Statement['type'];
    readonly peer: PeerId;
    readonly opening: Uint8Array;
  },
): Result<Statement> {
  const opened = openSigned(expected.type, signed, expected.peer, statementSchema);
  if (!opened.ok) return opened;
  const { type, peer, opening } = opened.value;
  if (type !== expected.type || peer !== expected.peer) return err(`${expected.type}: of another`);
  if (!equalBytes(opening, expected.opening)) return err(`${type}: of another attempt`);
  return opened;
}
