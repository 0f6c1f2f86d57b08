import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { toJsonSchema } from '@valibot/to-json-schema';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema } from 'fastify';
import { timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { ownerApi } from '../../src/protocol/index.ts';
import { tokenHash } from '../data-folder.ts';
import type { TaskRoom } from '../task-room.ts';
import { ApiError, asBytes } from './bodies.ts';
import { addReads } from './reads.ts';
import type { OwnerApiOptions, Routes } from './options.ts';
import { addOwnersRoutes } from './writes.ts';

/**
 * The HTTP API of a task's Data Owner: what everybody may read, and what takes its token. It is
 * described, from the schemas that check it, at /api/openapi.json, and for people at /api/.
 */
export async function addOwnerApi(
  server: FastifyInstance,
  options: OwnerApiOptions,
): Promise<void> {
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

  // The page keeps to the policy of all of this server's pages: nothing of another origin.
  await server.register(swaggerUi, {
    routePrefix: '/api',
    staticCSP: false,
    theme: { title: 'Murmuration: the Data Owner’s API' },
    uiConfig: { layout: 'BaseLayout', docExpansion: 'list', validatorUrl: null },
  });

  const isOwner = ownerCheck(options.tokenHash);
  const open: Routes['open'] = (summary, schema, max = 120) => ({
    config: { rateLimit: { max, timeWindow: 60_000 } },
    schema: { summary, ...schema },
    preHandler: isOfTask(options.room),
  });
  const routes: Routes = {
    ...options,
    open,
    owned: (summary, schema, max) => ({
      ...open(summary, { security: [{ owner: [] }], ...schema }, max),
      onRequest: isOwner,
    }),
  };
  server.get('/api/openapi.json', { schema: { hide: true } }, () => server.swagger());
  addReads(server, routes);
  addOwnersRoutes(server, routes);
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
