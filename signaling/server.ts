import rateLimit from '@fastify/rate-limit';
import fastifyStatic from '@fastify/static';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isHeaderId } from '../src/lib/index.ts';
import { limits, type RoundRecord } from '../src/protocol/index.ts';
import { SetupError, type Config } from './config.ts';
import { serveConnection } from './connection.ts';
import { openDataFolder } from './data-folder.ts';
import { digitsTask, openTask, type TaskSettings } from './default-task.ts';
import { Store } from './store/store.ts';
import { TaskRoom } from './task-room.ts';
import { Traffic } from './traffic.ts';

/** A running coordinator. */
export interface Coordinator {
  readonly url: string;
  readonly room: TaskRoom;
  readonly traffic: Traffic;
  close(): Promise<void>;
}

/** Isolation gives WebAssembly its threads; the policy keeps the page to its own origin. */
const headers = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "connect-src 'self' ws: wss:",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * Starts a coordinator with its one task.
 *
 * @param task what to train; the built-in digits unless given
 * @throws SetupError with one clear line if the configuration cannot work on this machine
 */
export async function startCoordinator(
  config: Config,
  app: {
    readonly folder: string;
    readonly task?: TaskSettings;
    readonly onModel?: (record: RoundRecord, parameters: Float32Array) => void;
  },
): Promise<Coordinator> {
  if (!existsSync(resolve(app.folder, 'index.html'))) {
    throw new SetupError(`the app is not built: ${app.folder} has no index.html; npm run build`);
  }
  const folder = openDataFolder(config.dataFolder);
  const server = fastify({
    logger: { level: config.logLevel, base: null },
    bodyLimit: limits.serverFrameBytes,
  });
  let store: Store | undefined;
  try {
    store = await Store.open(folder.database);
    const { id, description } = await openTask(store, app.task ?? digitsTask(config), folder.owner);
    const room = await TaskRoom.open({
      id,
      description,
      store,
      owner: folder.owner,
      iceServers: config.iceServers,
      log: server.log,
      now: () => performance.timeOrigin + performance.now(),
      ...(app.onModel ? { onModel: app.onModel } : {}),
    });
    const traffic = new Traffic();
    await addRoutes(server, room, traffic, app.folder);
    const url = await listen(server, config);
    return {
      url,
      room,
      traffic,
      async close() {
        room.close();
        await server.close();
        await store?.close();
        folder.release();
      },
    };
  } catch (thrown) {
    await server.close();
    await store?.close();
    folder.release();
    throw thrown;
  }
}

async function addRoutes(
  server: FastifyInstance,
  room: TaskRoom,
  traffic: Traffic,
  appFolder: string,
): Promise<void> {
  server.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(headers);
    done();
  });
  await server.register(rateLimit, { global: false });
  await server.register(websocket, { options: { maxPayload: limits.serverFrameBytes } });
  await server.register(fastifyStatic, {
    root: resolve(appFolder),
    cacheControl: false, // set below
    setHeaders(response, path) {
      // Vite puts a hash into the name of everything under assets.
      const forever = /[\\/]assets[\\/]/.test(path);
      response.setHeader('cache-control', forever ? 'public, max-age=31536000, immutable' : 'no-cache'); // prettier-ignore
    },
  });

  const rooms = {
    find: (task: string | null) => (task === null || task === room.id ? room : null),
  };
  server.get('/ws', { websocket: true }, (socket) => serveConnection(socket, rooms, traffic));
  server.get('/healthz', () => ({ ok: true }));
  server.get<{ Params: { task: string; header: string; index: string } }>(
    '/api/tasks/:task/batches/:header/chunks/:index',
    { config: { rateLimit: { max: 2_000, timeWindow: 10_000 } } },
    async (request, reply) => {
      const { task, header, index } = request.params;
      const chunk =
        task === room.id && isHeaderId(header) && /^\d{1,4}$/.test(index)
          ? room.chunk(header, Number(index))
          : null;
      if (chunk === null) {
        return reply.code(404).send({ error: 'no such chunk: only the newest models are seeded' });
      }
      traffic.out(chunk.length);
      return reply.type('application/octet-stream').send(Buffer.from(chunk));
    },
  );
}

async function listen(server: FastifyInstance, { port, host }: Config): Promise<string> {
  try {
    await server.listen({ port, host });
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
    const reasons: Partial<Record<string, string>> = {
      EADDRINUSE: `port ${port} is taken; stop what uses it or set PORT`,
      EACCES: `port ${port} may not be used without more rights; set PORT to 1024 or above`,
      EADDRNOTAVAIL: `this machine has no address ${host}; set HOST`,
      ENOTFOUND: `the host name ${host} is not known; set HOST`,
    };
    throw new SetupError(reasons[code] ?? `cannot listen on ${host}:${port}: ${String(thrown)}`);
  }
  const address = server.server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${bound}/`;
}
