import * as v from 'valibot';
import { limits } from './limits.ts';

const hex = (bytes: number) => {
  const pattern = new RegExp(`^[0-9a-f]{${2 * bytes}}$`);
  return v.pipe(v.string(), v.regex(pattern, `must be ${2 * bytes} lower-case hex digits`));
};
const base64 = v.pipe(v.string(), v.base64('must be base64'), v.maxLength(400_000));
const whole = (low: number, high: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(low), v.maxValue(high));
const decimal = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^\\d{1,${digits}}$`)));
const columns = v.pipe(
  v.array(whole(0, limits.columns - 1)),
  v.minLength(1),
  v.maxLength(limits.askedColumns),
  v.description('Columns in ascending order.'),
);

const holder = v.pipe(hex(32), v.description('A connected member.'));
const weights = v.union([
  v.pipe(
    v.array(v.strictObject({ index: whole(1, 4096), weight: decimal(77) })),
    v.minLength(1),
    v.maxLength(256),
    v.description('t_i of x = Σ t_i·m_i, in ascending order of i; the others are 0.'),
  ),
  v.pipe(hex(32), v.description('A seed: all t_i are drawn from it, a random projection.')),
]);

/**
 * What the Data Owner's HTTP API takes and gives: the server checks with these, describes itself
 * by them (OpenAPI), and the page reads answers with them.
 */
export const ownerApi = {
  error: v.strictObject({ error: v.string() }),
  task: v.strictObject({ task: hex(16) }),
  tasks: v.strictObject({ tasks: v.array(v.strictObject({ task: hex(16), name: v.string() })) }),
  member: v.strictObject({ task: hex(16), member: hex(32) }),
  members: v.strictObject({
    members: v.pipe(v.array(hex(32)), v.description('Connected.')),
    excluded: v.pipe(v.array(hex(32)), v.description('Nothing of theirs is admitted any more.')),
  }),
  batch: v.strictObject({ task: hex(16), header: hex(32) }),
  roundNumber: v.strictObject({ task: hex(16), round: decimal(6) }),
  round: v.strictObject({
    round: v.number(),
    attempt: v.number(),
    revision: v.number(),
    authors: v.array(hex(32)),
    digest: v.pipe(hex(32), v.description('SHA-256 of the model’s parameters.')),
    revokedUpdates: v.pipe(v.number(), v.description('Updates in it that were revoked since.')),
    manifest: v.pipe(base64, v.description('Signed by the Data Owner: canonical CBOR.')),
    manifestSignature: hex(64),
    updates: v.pipe(v.array(base64), v.description('Signed headers, in the manifest’s order.')),
    sum: v.pipe(base64, v.description('The signed header of the sum.')),
    model: v.pipe(base64, v.description('The signed header of the model after the round.')),
  }),
  witness: v.strictObject({
    epoch: v.number(),
    witness: v.pipe(hex(48), v.description('w, compressed.')),
    remainder: v.pipe(hex(32), v.description('u')),
  }),
  chunk: v.strictObject({ task: hex(16), header: hex(32), index: decimal(4) }),
  page: v.strictObject({
    limit: v.optional(v.pipe(decimal(3), v.description('At most 200; 50 unless given.'))),
    offset: v.optional(decimal(9)),
  }),
  globalKey: v.strictObject({
    task: hex(16),
    name: v.string(),
    ownerKey: v.pipe(hex(32), v.description('Ed25519.')),
    scalars: v.pipe(v.number(), v.description('n: scalars per chunk.')),
    crs: v.pipe(hex(32), v.description('SHA-256 of the CRS.')),
    accumulatorKey: v.pipe(hex(96), v.description('[s]₂, compressed.')),
    epoch: v.pipe(v.number(), v.description('Grows by one with every revocation.')),
  }),
  state: v.strictObject({
    epoch: v.number(),
    revoked: v.pipe(v.array(hex(32)), v.description('Revoked batches, in order.')),
    core: v.pipe(base64, v.description('What holds as long as the epoch: canonical CBOR.')),
    coreSignature: v.pipe(hex(64), v.description('The Data Owner’s, over the core.')),
    freshness: v.pipe(base64, v.description('That it is the newest one: canonical CBOR.')),
    freshnessSignature: v.pipe(hex(64), v.description('The Data Owner’s, over the freshness.')),
    keys: v.pipe(v.array(hex(48)), v.description('[s^i]₁, i = 1 … epoch, compressed.')),
  }),
  batches: v.strictObject({
    batches: v.array(
      v.strictObject({
        header: hex(32),
        kind: v.picklist(['model', 'update', 'sum', 'file']),
        round: v.number(),
        author: hex(32),
        admittedAt: v.string(),
        revokedIn: v.pipe(
          v.nullable(v.number()),
          v.description('The epoch that its revocation began.'),
        ),
      }),
    ),
  }),
  admission: v.strictObject({
    signed: v.pipe(
      base64,
      v.description('A header of kind “file” with its author’s signature: canonical CBOR.'),
    ),
  }),
  admitted: v.strictObject({
    header: hex(32),
    signed: v.pipe(base64, v.description('The signed header: canonical CBOR.')),
  }),
  rollBack: v.strictObject({
    round: v.pipe(
      whole(0, 100_000),
      v.description('The model after this round takes the current one’s place.'),
    ),
  }),
  moreRounds: v.strictObject({
    rounds: v.pipe(whole(1, 100_000), v.description('So many more, after the last one.')),
  }),
  rounds: v.strictObject({
    closed: v.number(),
    lastRound: v.pipe(v.nullable(v.number()), v.description('null: there is none.')),
  }),
  audit: v.strictObject({
    holder,
    columns: v.optional(columns),
  }),
  audits: v.strictObject({
    audits: v.array(
      v.strictObject({
        at: v.string(),
        holder: hex(32),
        header: hex(32),
        columns: v.array(v.number()),
        holds: v.boolean(),
        reason: v.nullable(v.string()),
        ms: v.number(),
      }),
    ),
  }),
  query: v.union([
    v.strictObject({
      holder,
      parameter: v.pipe(whole(0, 100_000_000), v.description('Of a model, by its flat index.')),
    }),
    v.strictObject({ holder, columns, weights }),
  ]),
  verdict: v.strictObject({
    holds: v.boolean(),
    reason: v.pipe(v.nullable(v.string()), v.description('Which check failed.')),
    values: v.pipe(
      v.array(v.string()),
      v.description('The values that were proved, one a column: field elements, in hex.'),
    ),
    lanes: v.pipe(
      v.nullable(v.array(v.array(v.number()))),
      v.description('What each value is made of: Σ t_i of the bytes (of a sum: u16) of a scalar.'),
    ),
    parameter: v.pipe(v.nullable(v.number()), v.description('The parameter that was asked for.')),
    lanesMissing: v.pipe(
      v.nullable(v.string()),
      v.description('Why the values are field elements and nothing else.'),
    ),
    ms: v.number(),
  }),
};

export type OwnerApi<K extends keyof typeof ownerApi> = v.InferOutput<(typeof ownerApi)[K]>;
