import type { FastifyInstance } from 'fastify';
import { bytesToHex, type HeaderId } from '../../src/lib/index.ts';
import { ownerApi, type OwnerApi } from '../../src/protocol/index.ts';
import { encodeExportedRound, type ExportedRound } from '../../src/rounds/index.ts';
import type { Crs } from '../../src/vds/index.ts';
import type { TaskRoom } from '../task-room.ts';
import { ApiError, asBytes, encodedHeader, stateBody } from './bodies.ts';
import { base, type Routes } from './options.ts';

/** What everybody may read of a task. */
export function addReads(server: FastifyInstance, { room, crs, traffic, open }: Routes): void {
  const { task: params, batch } = ownerApi;
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
      const { attempt, revision, authors, digest, revokedUpdates } = record;
      return {
        ...{ round: record.round, attempt, revision, authors: [...authors] },
        ...{ digest: bytesToHex(digest), revokedUpdates },
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
      if (bytes === null)
        throw new ApiError(404, 'no model of that round: the newest are kept, and the best');
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
}

async function exportedOf(room: TaskRoom, crs: Crs, round: string): Promise<ExportedRound> {
  const exported = await room.desk.exportRound(Number(round), crs.file);
  if (exported === null) throw new ApiError(404, 'no such round was closed, or its model is not kept any more'); // prettier-ignore
  return exported;
}
