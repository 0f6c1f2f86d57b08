import rateLimit from '@fastify/rate-limit';
import fastifyStatic from '@fastify/static';
import websocket from '@fastify/websocket';
import fastify, { type FastifyInstance } from 'fastify';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { float32ToBytes, type TaskId } from '../src/lib/index.ts';
import { arithmetic } from '../src/crypto/index.ts';
import { noOpening } from '../src/vds/index.ts';
import { limits, type RoundRecord, type TaskDescription } from '../src/protocol/index.ts';
import { SetupError, type Config } from './config.ts';
import { serveConnection } from './connection.ts';
import { makeCrs, openCrs } from './crs.ts';
import { openDataFolder } from './data-folder.ts';
import { Doorkeeper } from './doorkeeper.ts';
import { digitsTask, findTask, scalarsFor, startingParameters, type TaskSettings } from './default-task.ts'; // prettier-ignore
import type { OwnerApiOptions } from './owner-api/options.ts';
import { addOwnerApi } from './owner-api/routes.ts';
import { startOwner, type OwnerThread } from './owner-thread.ts';
import { OwnNames } from './own-names.ts';
import { Store } from './store/store.ts';
import { TaskRoom } from './task-room.ts';
import { Traffic } from './traffic.ts';

/** A running coordinator. */
export interface Coordinator {
  readonly url: string;
  readonly room: TaskRoom;
  readonly traffic: Traffic;
  /** The Data Owner's token where this start drew it: kept nowhere, to be shown once. */
  readonly newToken: string | null;
  /** Once: called again, it waits for the same. */
  close(): Promise<void>;
}

/**
 * The policy keeps the page to its own origin; see {@link policyFor}. No embedder policy: cross-origin isolation would
 * give each tab a pool of threads, and with four tabs on two cores a round then took 5.2 s instead
 * of 3.1 s.
 */
const headers = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** @param host as the request names it: one of this server's own */
function policyFor(host: string): string {
  return [
    "default-src 'self'",
    // Browsers differ in whether 'self' is the WebSocket of the same origin, too.
    `connect-src 'self' ws://${host} wss://${host}`,
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

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
    /** Audits one member, at random, after each round. */
    readonly auditsRounds?: boolean;
    /** Told how far the making of the CRS is, 0…1, at a first start. */
    readonly onCrs?: (share: number) => void;
    readonly onModel?: (record: RoundRecord, parameters: Float32Array) => void;
    /** Told why the server cannot go on: its database is older than what it signed. */
    readonly onStop?: (reason: string) => void;
  },
): Promise<Coordinator> {
  if (!existsSync(resolve(app.folder, 'index.html'))) {
    throw new SetupError(`the app is not built: ${app.folder} has no index.html; npm run build`);
  }
  let room: TaskRoom | undefined;
  const folder = await openDataFolder(config.dataFolder, {
    onLost() {
      const reason = 'another server took the data folder while this one was stopped';
      server.log.error(reason);
      room?.close(reason);
      app.onStop?.(reason);
    },
  });
  const server = fastify({
    logger: { level: config.logLevel, base: null },
    bodyLimit: limits.serverFrameBytes,
    requestTimeout: 60_000,
  });
  server.server.maxConnections = limits.connections;
  if (arithmetic.name === 'BigInt') {
    server.log.warn('there is no WebAssembly here: commitments take several times as long');
  }
  const thread = startOwner((thrown) => {
    // Without its Data Owner the server can do nothing; what it said is stored.
    throw new Error('the Data Owner’s thread ended', { cause: thrown });
  });
  let store: Store | undefined;
  try {
    const settings = app.task ?? digitsTask(config);
    const scalars = scalarsFor(settings);
    const make = () => makeCrs(scalars, thread, app.onCrs ?? (() => undefined));
    // At a first start, while the database is made: 15 s became 11 s on two cores.
    const early = existsSync(folder.database) ? null : make();
    early?.catch(() => undefined); // whoever waits for it is told
    store = await Store.open(folder.database);
    const crs = await openCrs(store, scalars, () => early ?? make());
    const { id, description, isNew } = await findTask(store, settings, folder.owner.id, crs);
    await thread.service.open({
      task: id,
      crs: crs.file,
      crsDigest: crs.digest,
      secret: folder.owner.secret,
      revoked: await store.revoked(id),
    });
    if (isNew) await addTask(store, id, description, thread);
    const opened = await TaskRoom.open({
      id,
      description,
      store,
      owner: folder.owner,
      thread,
      iceServers: config.iceServers,
      log: server.log,
      now: () => performance.timeOrigin + performance.now(),
      ...(app.onModel ? { onModel: app.onModel } : {}),
      ...(app.onStop ? { onStop: app.onStop } : {}),
      auditsRounds: app.auditsRounds ?? false,
    });
    room = opened;
    const traffic = new Traffic();
    const options = { room: opened, crs, traffic, tokenHash: folder.tokenHash };
    await addRoutes(server, options, app.folder, new OwnNames(config.names));
    const url = await listen(server, config);
    const close = async () => {
      opened.close();
      await server.close();
      await store?.close();
      await thread.close();
      folder.release();
    };
    let closing: Promise<void> | null = null;
    return {
      url,
      room: opened,
      traffic,
      newToken: folder.newToken,
      close: () => (closing ??= close()),
    };
  } catch (thrown) {
    await server.close();
    await store?.close();
    await thread.close();
    folder.release();
    throw thrown;
  }
}

async function addRoutes(
  server: FastifyInstance,
  options: OwnerApiOptions,
  appFolder: string,
  names: OwnNames,
): Promise<void> {
  const { room, traffic } = options;
  await server.register(rateLimit, { global: false });
  await server.register(websocket, { options: { maxPayload: limits.clientFrameBytes } });
  // After the WebSockets' own: else a refused one keeps its connection.
  server.addHook('onRequest', (request, reply, done) => {
    const problem = names.problem(request.headers);
    void reply.headers(headers);
    if (problem === null) {
      void reply.header('content-security-policy', policyFor(request.headers.host ?? ''));
      done();
    } else void reply.code(403).send({ error: problem });
  });
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
  const door = new Doorkeeper(() => performance.now());
  server.get('/ws', { websocket: true }, (socket) => {
    serveConnection(socket, rooms, { door, traffic });
  });
  server.get('/healthz', () => ({ ok: true }));
  await server.register(async (api) => addOwnerApi(api, options));
}

/** Stores a new task with the model that it starts from. */
async function addTask(
  store: Store,
  id: TaskId,
  description: TaskDescription,
  thread: OwnerThread,
): Promise<void> {
  const parameters = startingParameters(description);
  const about = { opening: noOpening, round: 0, kind: 'model' } as const;
  const { signed: header } = await thread.service.create(about, float32ToBytes(parameters));
  await store.addTask(id, description, { round: 0, header, parameters });
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
