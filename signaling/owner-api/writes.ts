import type { FastifyInstance } from 'fastify';
import * as v from 'valibot';
import { decodeCanonical, encodeScalar } from '../../src/crypto/index.ts';
import { hexToBytes, type HeaderId, type PeerId } from '../../src/lib/index.ts';
import {
  limits,
  ownerApi,
  type OwnerApi,
  type Question,
  type Verdict,
} from '../../src/protocol/index.ts';
import { carryOut, planParameter } from '../../src/rounds/index.ts';
import { decodeHeader, signedHeaderSchema, type Header, type QueryRequest, type SignedHeader } from '../../src/vds/index.ts'; // prettier-ignore
import { sampleColumns } from '../auditor.ts';
import type { TaskRoom } from '../task-room.ts';
import { admittedBody, ApiError, asBytes, membersBody, stateBody, verdictBody } from './bodies.ts';
import { base, type Routes } from './options.ts';

/** What the Data Owner sees and does, with its token. */
export function addOwnersRoutes(server: FastifyInstance, { room, owned }: Routes): void {
  const { task: params, batch } = ownerApi;
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
  server.post<{ Body: OwnerApi<'moreRounds'> }>(
    `${base}/continue`,
    owned('Lets the task go on after its last round', { params, body: ownerApi.moreRounds, response: { 200: ownerApi.rounds } }), // prettier-ignore
    async ({ body: { rounds } }): Promise<OwnerApi<'rounds'>> => {
      const going = await room.goOn(rounds);
      if (!going.ok) throw new ApiError(409, going.error);
      return going.value;
    },
  );
  server.post(
    `${base}/restart`,
    owned('Begins to learn anew, from another starting model', { params, response: { 200: ownerApi.rounds } }, 30), // prettier-ignore
    async (): Promise<OwnerApi<'rounds'>> => {
      const begun = await room.restart();
      if (!begun.ok) throw new ApiError(409, begun.error);
      return begun.value;
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
      bodyLimit: limits.ownerFileBytes,
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
      bodyLimit: 4 * room.parameters.length + limits.ownerFileBytes,
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
      const { columns: all } = await headerOf(room, header as HeaderId);
      const { verdict, ms } = await room.auditor.audit(
        holder as PeerId,
        header as HeaderId,
        columns ?? sampleColumns(all.length),
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
    async ({ params: { header }, body }) => {
      const [id, holder] = [header as HeaderId, body.holder as PeerId];
      const start = performance.now();
      const elapsed = () => Math.round(performance.now() - start);
      if ('columns' in body) {
        const request = { columns: body.columns, weights: weightsOf(body.weights) };
        return verdictBody(await query(room, holder, id, request), elapsed());
      }
      const plan = planParameter(await headerOf(room, id), body.parameter);
      if (!plan.ok) throw new ApiError(409, plan.error);
      const verdict = await carryOut(plan.value, (request) => query(room, holder, id, request));
      return verdictBody(verdict.verdict, elapsed(), verdict.value);
    },
  );
}

/** Asks a member; what its answer proves. */
async function query(
  room: TaskRoom,
  holder: PeerId,
  header: HeaderId,
  request: QueryRequest,
): Promise<Verdict> {
  const question: Question = { kind: 'query', request };
  const answer = await room.ask(holder, header, question);
  return answer.ok ? room.desk.judge(header, holder, question, answer.value) : answer;
}

type AskedWeights = Extract<OwnerApi<'query'>, { columns: unknown }>['weights'];

function weightsOf(weights: AskedWeights): QueryRequest['weights'] {
  if (typeof weights === 'string') return { kind: 'seed', seed: hexToBytes(weights) };
  const entries = weights.map(({ index, weight }) => ({ index, weight: scalarOf(weight) }));
  return { kind: 'sparse', entries };
}

async function headerOf(room: TaskRoom, id: HeaderId): Promise<Header> {
  const signed = await room.desk.header(id);
  const header = signed && decodeHeader(signed.header);
  if (!header?.ok) throw new ApiError(404, 'no such batch was admitted');
  return header.value;
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
