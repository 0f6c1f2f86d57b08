import swagger from '@fastify/swagger';
import { toJsonSchema } from '@valibot/to-json-schema';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteShorthandOptions } from 'fastify'; // prettier-ignore
import { timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { decodeCanonical, encodeCanonical, encodeScalar } from '../src/crypto/index.ts';
import { bytesToHex, hexToBytes, type HeaderId, type PeerId } from '../src/lib/index.ts';
import { ownerApi, type OwnerApi, type Question, type Verdict } from '../src/protocol/index.ts';
import { encodeExportedRound, type ExportedRound } from '../src/rounds/index.ts';
import { decodeHeader, headerId, signedHeaderSchema, type Crs, type SignedHeader, type StateUpdate } from '../src/vds/index.ts'; // prettier-ignore
import { sampleColumns } from './auditor.ts';
import { tokenHash } from './data-folder.ts';
import { maxFileBytes } from './owner-desk.ts';
import type { TaskRoom } from './task-room.ts';
import type { Traffic } from './traffic.ts';

type QueryWeights = Extract<Question, { kind: 'query' }>['request']['weights'];

const asBytes = 'application/octet-stream';

export interface OwnerApiOptions {
  readonly room: TaskRoom;
  readonly crs: Crs;
  readonly traffic: Traffic;
  /** SHA-256 of the token: who has that may revoke and replace. */
  readonly tokenHash: Uint8Array;
}

/** Something that the caller can put right. */
class ApiError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/**
 * The HTTP API of a task's Data Owner: what everybody may read, and what takes its token. It is
 * described, from the schemas that check it, at /api/openapi.json.
 */
export async function addOwnerApi(
  server: FastifyInstance,
  options: OwnerApiOptions,
): Promise<void> {
  const { room, crs, traffic } = options;
  server.setValidatorCompiler<v.GenericSchema>(({ schema, httpPart }) => (input) => {
    const parsed = v.safeParse(schema, input);
    if (parsed.success) return { value: parsed.output };
    return { error: new ApiError(400, `${httpPart ?? 'request'}: ${v.summarize(parsed.issues)}`) };
  });
  server.setSerializerCompiler(() => (data) => JSON.stringify(data));
  server.addContentTypeParser(asBytes, { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body);
  });
  server.setErrorHandler<Error & { statusCode?: number }>((thrown, request, reply) => {
    const status = thrown.statusCode ?? 500;
    if (status >= 500) request.log.error(thrown);
    const error = status >= 500 ? 'the server failed; its log says why' : thrown.message;
    return reply.code(status).send({ error });
  });
  await server.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'Data Owner of a Murmuration task', version: '1' },
      components: { securitySchemes: { owner: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url }) => ({ schema: describe(schema), url }),
  });

  const isOwner = ownerCheck(options.tokenHash);
  /** Readable by everybody. */
  const open = (summary: string, schema: FastifySchema, max = 120): RouteShorthandOptions => ({
    config: { rateLimit: { max, timeWindow: 60_000 } },
    schema: { summary, ...schema },
    preHandler: isOfTask(room),
  });
  /** For the Data Owner. */
  const owned = (summary: string, schema: FastifySchema, max = 120): RouteShorthandOptions => ({
    ...open(summary, { security: [{ owner: [] }], ...schema }, max),
    onRequest: isOwner,
  });
  const { task: params, batch } = ownerApi;
  const base = '/api/tasks/:task';

  server.get('/api/openapi.json', { schema: { hide: true } }, () => server.swagger());

  server.get(
    '/api/tasks',
    {
      config: { rateLimit: { max: 120, timeWindow: 60_000 } },
      schema: { summary: 'The tasks of this server', response: { 200: ownerApi.tasks } },
    },
    (): OwnerApi<'tasks'> => ({ tasks: [{ task: room.id, name: room.description.name }] }),
  );
  server.get(
    `${base}/global-key`,
    open('The Data Owner’s public keys', { params, response: { 200: ownerApi.globalKey } }),
    async (): Promise<OwnerApi<'globalKey'>> => {
      const key = await room.desk.globalKey();
      return {
        task: key.task,
        name: room.description.name,
        ownerKey: key.ownerKey,
        scalars: key.scalars,
        crs: bytesToHex(key.crs),
        accumulatorKey: bytesToHex(key.accumulatorKey),
        epoch: room.epoch,
      };
    },
  );
  server.get(
    `${base}/crs`,
    open('The common reference string, a file', { params, produces: [asBytes] }),
    (_request, reply) => {
      traffic.out(crs.file.length);
      void reply.header('cache-control', 'public, max-age=31536000, immutable');
      return reply.type(asBytes).send(Buffer.from(crs.file));
    },
  );
  server.get(
    `${base}/state`,
    open('What is revoked, signed', { params, response: { 200: ownerApi.state } }),
    async () => stateBody(await room.desk.state()),
  );
  server.get<{ Params: OwnerApi<'chunk'> }>(
    `${base}/batches/:header/chunks/:index`,
    open('A chunk of a newest model or a file', { params: ownerApi.chunk, produces: [asBytes] }, 12_000), // prettier-ignore
    async ({ params: { header, index } }, reply) => {
      const chunk = await room.chunk(header as HeaderId, Number(index));
      if (chunk === null) throw new ApiError(404, 'no such chunk: only the newest models and files are seeded'); // prettier-ignore
      traffic.out(chunk.length);
      return reply.type(asBytes).send(Buffer.from(chunk));
    },
  );

  server.get<{ Params: OwnerApi<'roundNumber'> }>(
    `${base}/rounds/:round`,
    open('How a round was closed: manifest and headers', { params: ownerApi.roundNumber, response: { 200: ownerApi.round } }, 60), // prettier-ignore
    async ({ params: { round } }): Promise<OwnerApi<'round'>> => {
      const { record, manifest, updates, sum, model } = await exportedOf(room, crs, round);
      const { attempt, revision, authors, digest } = record;
      return {
        ...{ round: record.round, attempt, revision, authors: [...authors] },
        digest: bytesToHex(digest),
        manifest: Buffer.from(manifest.bytes).toString('base64'),
        manifestSignature: bytesToHex(manifest.signature),
        updates: updates.map(encodedHeader),
        sum: encodedHeader(sum),
        model: encodedHeader(model),
      };
    },
  );
  server.get<{ Params: OwnerApi<'roundNumber'> }>(
    `${base}/rounds/:round/export`,
    open('All by which a round is proved, a file: npm run verify checks it', { params: ownerApi.roundNumber, produces: [asBytes] }, 12), // prettier-ignore
    async ({ params: { round } }, reply) => {
      const file = encodeExportedRound(await exportedOf(room, crs, round));
      traffic.out(file.length);
      const name = `attachment; filename="round-${Number(round)}.murmuration"`;
      return reply.header('content-disposition', name).type(asBytes).send(Buffer.from(file));
    },
  );
  server.get<{ Params: OwnerApi<'roundNumber'> }>(
    `${base}/models/:round`,
    open('The model after a round: float32, little-endian', { params: ownerApi.roundNumber, produces: [asBytes] }, 60), // prettier-ignore
    async ({ params: { round } }, reply) => {
      const bytes = await room.desk.modelBytes(Number(round));
      if (bytes === null) throw new ApiError(404, 'no model of that round');
      traffic.out(bytes.length);
      return reply.type(asBytes).send(Buffer.from(bytes));
    },
  );
  server.get<{ Params: OwnerApi<'batch'> }>(
    `${base}/batches/:header/witness`,
    open('Proof that a batch is not revoked', { params: batch, response: { 200: ownerApi.witness } }, 60), // prettier-ignore
    async ({ params: { header } }): Promise<OwnerApi<'witness'>> => {
      const found = await room.desk.witness(header as HeaderId);
      if (!found.ok) throw new ApiError(409, found.error);
      const { epoch, witness, remainder } = found.value;
      return { epoch, witness: bytesToHex(witness), remainder: bytesToHex(remainder) };
    },
  );
  server.get(
    `${base}/members`,
    owned('Connected members, whom one may ask, and excluded ones', { params, response: { 200: ownerApi.members } }), // prettier-ignore
    () => membersBody(room),
  );
  server.post<{ Params: OwnerApi<'member'> }>(
    `${base}/members/:member/exclude`,
    owned('Refuses all that a member authors from now on', { params: ownerApi.member, response: { 200: ownerApi.members } }), // prettier-ignore
    async ({ params: { member } }) => {
      const excluded = await room.exclude(member as PeerId);
      if (!excluded.ok) throw new ApiError(409, excluded.error);
      return membersBody(room);
    },
  );
  server.post<{ Params: OwnerApi<'member'> }>(
    `${base}/members/:member/readmit`,
    owned('Takes an exclusion back', { params: ownerApi.member, response: { 200: ownerApi.members } }), // prettier-ignore
    async ({ params: { member } }) => {
      await room.desk.readmit(member as PeerId);
      return membersBody(room);
    },
  );
  server.get<{ Querystring: OwnerApi<'page'> }>(
    `${base}/batches`,
    owned('Admitted batches, newest first', { params, querystring: ownerApi.page, response: { 200: ownerApi.batches } }), // prettier-ignore
    async ({ query: { limit = '50', offset = '0' } }): Promise<OwnerApi<'batches'>> => {
      const page = { limit: Math.min(200, Number(limit)), offset: Number(offset) };
      const batches = await room.desk.batches(page);
      return {
        batches: batches.map((each) => ({ ...each, admittedAt: each.admittedAt.toISOString() })),
      };
    },
  );
  server.post<{ Body: Buffer }>(
    `${base}/files`,
    {
      ...owned('Commits to a file and admits it', { params, consumes: [asBytes], response: { 201: ownerApi.admitted } }, 30), // prettier-ignore
      bodyLimit: maxFileBytes,
    },
    async ({ body }, reply) => {
      if (!Buffer.isBuffer(body) || body.length === 0) throw new ApiError(400, `send the file’s bytes as ${asBytes}`); // prettier-ignore
      const made = await room.desk.createFile(new Uint8Array(body));
      if (!made.ok) throw new ApiError(409, made.error);
      return reply.code(201).send(admittedBody(made.value));
    },
  );
  server.post<{ Body: OwnerApi<'admission'> }>(
    `${base}/admissions`,
    owned('Verifies and countersigns a header', { params, body: ownerApi.admission, response: { 200: ownerApi.admitted } }), // prettier-ignore
    async ({ body }) => {
      const admitted = await room.desk.admit(signedHeaderOf(body.signed));
      if (!admitted.ok) throw new ApiError(409, admitted.error);
      return admittedBody(admitted.value.signed);
    },
  );
  server.post<{ Params: OwnerApi<'batch'> }>(
    `${base}/batches/:header/revoke`,
    owned('Revokes a batch', { params: batch, response: { 200: ownerApi.state } }),
    async ({ params: { header } }) => {
      const revoked = await room.revoke(header as HeaderId);
      if (!revoked.ok) throw new ApiError(409, revoked.error);
      return stateBody(revoked.value);
    },
  );
  server.post<{ Params: OwnerApi<'batch'>; Body: unknown }>(
    `${base}/batches/:header/replace`,
    {
      ...owned('Replaces the current model or a file', { params: batch, consumes: [asBytes, 'application/json'], response: { 200: ownerApi.state } }, 30), // prettier-ignore
      bodyLimit: 4 * room.parameters.length + maxFileBytes,
    },
    async ({ params: { header }, body }) => {
      const replaced = await room.replace(header as HeaderId, await contentOf(room, body));
      if (!replaced.ok) throw new ApiError(409, replaced.error);
      return stateBody(replaced.value);
    },
  );
  server.post<{ Params: OwnerApi<'batch'>; Body: OwnerApi<'audit'> }>(
    `${base}/batches/:header/audits`,
    owned('Asks a member to prove that it holds a batch', { params: batch, body: ownerApi.audit, response: { 200: ownerApi.verdict } }, 60), // prettier-ignore
    async ({ params: { header }, body: { holder, columns } }) => {
      const count = await columnCount(room, header as HeaderId);
      const { verdict, ms } = await room.auditor.audit(
        holder as PeerId,
        header as HeaderId,
        columns ?? sampleColumns(count),
        room.epoch,
      );
      return verdictBody(verdict, ms);
    },
  );
  server.get(
    `${base}/audits`,
    owned('Audits, the newest first', { params, response: { 200: ownerApi.audits } }),
    (): OwnerApi<'audits'> => ({
      audits: room.auditor.records.map(({ at, holder, header, columns, verdict, ms }) => ({
        ...{ at: new Date(at).toISOString(), holder, header, columns: [...columns] },
        ...{ holds: verdict.ok, reason: verdict.ok ? null : verdict.error, ms },
      })),
    }),
  );
  server.post<{ Params: OwnerApi<'batch'>; Body: OwnerApi<'query'> }>(
    `${base}/batches/:header/queries`,
    owned('Asks a member for a linear combination of values', { params: batch, body: ownerApi.query, response: { 200: ownerApi.verdict } }, 60), // prettier-ignore
    async ({ params: { header }, body: { holder, columns, weights } }) => {
      const request = { columns, weights: weightsOf(weights) };
      return ask(room, holder as PeerId, header as HeaderId, { kind: 'query', request });
    },
  );
}

/** Refuses a request without the token; compares in constant time. */
function ownerCheck(expected: Uint8Array) {
  return (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => {
    const [, given = ''] = /^Bearer (.*)$/.exec(request.headers.authorization ?? '') ?? [];
    if (timingSafeEqual(tokenHash(given), expected)) done();
    else done(new ApiError(401, 'this takes the Data Owner’s token: Authorization: Bearer …'));
  };
}

function isOfTask(room: TaskRoom) {
  return (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) => {
    const { task } = request.params as { readonly task: string };
    done(task === room.id ? undefined : new ApiError(404, 'this server does not have the task'));
  };
}

/** Asks a member, and says what its answer proves. */
async function ask(
  room: TaskRoom,
  holder: PeerId,
  header: HeaderId,
  question: Question,
): Promise<OwnerApi<'verdict'>> {
  const start = performance.now();
  const answer = await room.ask(holder, header, question);
  const verdict = answer.ok
    ? await room.desk.judge(header, holder, question, answer.value)
    : answer;
  return verdictBody(verdict, Math.round(performance.now() - start));
}

function verdictBody(verdict: Verdict, ms: number): OwnerApi<'verdict'> {
  const nothing = { values: [], lanes: null, lanesMissing: null };
  if (!verdict.ok) return { holds: false, reason: verdict.error, ...nothing, ms };
  const { values, lanes } = verdict.value;
  return {
    holds: true,
    reason: null,
    values: [...values],
    lanes: lanes.ok ? lanes.value.map((each) => [...each]) : null,
    lanesMissing: lanes.ok ? null : lanes.error,
    ms,
  };
}

function weightsOf(weights: OwnerApi<'query'>['weights']): QueryWeights {
  if (typeof weights === 'string') return { kind: 'seed', seed: hexToBytes(weights) };
  const entries = weights.map(({ index, weight }) => ({ index, weight: scalarOf(weight) }));
  return { kind: 'sparse', entries };
}

async function exportedOf(room: TaskRoom, crs: Crs, round: string): Promise<ExportedRound> {
  const exported = await room.desk.exportRound(Number(round), crs.file);
  if (exported === null) throw new ApiError(404, 'no such round was closed, or its proofs were not kept'); // prettier-ignore
  return exported;
}

async function columnCount(room: TaskRoom, id: HeaderId): Promise<number> {
  const signed = await room.desk.header(id);
  const header = signed && decodeHeader(signed.header);
  if (!header?.ok) throw new ApiError(404, 'no such batch was admitted');
  return header.value.columns.length;
}

/** Parameters or a file, as bytes; or those of a round's model. */
async function contentOf(room: TaskRoom, body: unknown): Promise<Uint8Array> {
  if (Buffer.isBuffer(body)) return new Uint8Array(body);
  const parsed = v.safeParse(ownerApi.rollBack, body);
  if (!parsed.success) {
    throw new ApiError(400, `send bytes as ${asBytes}, or {"round": …}: ${v.summarize(parsed.issues)}`); // prettier-ignore
  }
  const bytes = await room.desk.modelBytes(parsed.output.round);
  if (bytes === null) throw new ApiError(404, 'there is no model of that round');
  return bytes;
}

function scalarOf(decimal: string): Uint8Array {
  const value = BigInt(decimal);
  if (value >= 1n << 254n) throw new ApiError(400, 'a weight must be below 2^254');
  return encodeScalar(value);
}

/** A header of kind 'file': the others are made in rounds. */
function signedHeaderOf(encoded: string): SignedHeader {
  const decoded = decodeCanonical(new Uint8Array(Buffer.from(encoded, 'base64')));
  const parsed = decoded.ok ? v.safeParse(signedHeaderSchema, decoded.value) : null;
  if (!parsed?.success) throw new ApiError(400, 'that is not a signed header in canonical CBOR');
  const header = decodeHeader(parsed.output.header);
  if (!header.ok) throw new ApiError(400, header.error);
  if (header.value.kind !== 'file') throw new ApiError(400, 'only headers of kind “file” are admitted here'); // prettier-ignore
  return parsed.output;
}

function membersBody(room: TaskRoom): OwnerApi<'members'> {
  return { members: room.connected, excluded: [...room.desk.excluded] };
}

const encodedHeader = (signed: SignedHeader) =>
  Buffer.from(encodeCanonical(signed)).toString('base64');

function admittedBody(signed: SignedHeader): OwnerApi<'admitted'> {
  return { header: headerId(signed.header), signed: encodedHeader(signed) };
}

function stateBody({ core, freshness, revoked, keys }: StateUpdate): OwnerApi<'state'> {
  return {
    epoch: revoked.length,
    revoked: [...revoked],
    core: Buffer.from(core.bytes).toString('base64'),
    coreSignature: bytesToHex(core.signature),
    freshness: Buffer.from(freshness.bytes).toString('base64'),
    freshnessSignature: bytesToHex(freshness.signature),
    keys: keys.map(bytesToHex),
  };
}

/** The schemas of a route, as OpenAPI wants them. */
function describe(schema: FastifySchema): FastifySchema {
  const json = (value: unknown) =>
    toJsonSchema(value as v.GenericSchema, { target: 'openapi-3.0', errorMode: 'ignore' });
  const { params, querystring, body, response, ...rest } = schema;
  const responses = Object.entries((response ?? {}) as Record<string, unknown>);
  return {
    ...rest,
    ...(params ? { params: json(params) } : {}),
    ...(querystring ? { querystring: json(querystring) } : {}),
    ...(body ? { body: json(body) } : {}),
    response: {
      ...Object.fromEntries(responses.map(([code, value]) => [code, json(value)])),
      '4xx': json(ownerApi.error),
    },
  };
}
