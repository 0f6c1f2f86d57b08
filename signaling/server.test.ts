import { mkdirSync, mkdtempSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { encodeCanonical, identityOf, type Identity } from '../src/crypto/index.ts';
import type { TaskId } from '../src/lib/index.ts';
import {
  clientCodec,
  largestSwarm,
  limits,
  protocolVersion,
  taskIdOf,
  verifyMembership,
} from '../src/protocol/index.ts';
import { readConfig, SetupError, type Config } from './config.ts';
import { openDataFolder } from './data-folder.ts';
import { digitsTask, type TaskSettings } from './default-task.ts';
import { ScriptedRound } from './scripted-round.ts';
import { ScriptedTab } from './scripted-tab.ts';
import { startCoordinator, type Coordinator } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'murmuration-server-'));
const app = join(folder, 'app');
const task: TaskSettings = {
  ...digitsTask(readConfig({ MURMURATION_TOPOLOGY: 'mesh' })),
  model: { kind: 'mlp', hidden: [] },
};

function configWith(dataFolder: string, more: Partial<Config> = {}): Config {
  const config = readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent' });
  return { ...config, dataFolder: join(folder, dataFolder), ...more };
}

const start = (config: Config) => startCoordinator(config, { folder: app, task });

beforeAll(() => {
  mkdirSync(join(app, 'assets'), { recursive: true });
  writeFileSync(join(app, 'index.html'), '<!doctype html><title>the app</title>');
  writeFileSync(join(app, 'assets', 'index-abc.js'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a coordinator', () => {
  let coordinator: Coordinator;
  let scripted: ScriptedRound;
  let tabs: ScriptedTab[] = [];
  const chunkUrl = (header: string, index: number | string, id: string = coordinator.room.id) =>
    `${coordinator.url}api/tasks/${id}/batches/${header}/chunks/${index}`;

  beforeAll(async () => {
    coordinator = await start(configWith('data', { topology: 'mesh' }));
    scripted = await ScriptedRound.with(coordinator);
  }, 60_000);
  afterAll(async () => coordinator.close());
  beforeEach(async () => {
    await vi.waitFor(() => expect(coordinator.room.snapshot().members).toEqual([]));
  });
  afterEach(async () => {
    await Promise.all(tabs.map((tab) => tab.close()));
    tabs = [];
  });

  async function member(identity?: Identity) {
    const joined = await ScriptedTab.join(coordinator.url, identity);
    tabs.push(joined.tab);
    return joined;
  }

  /** A tab that is not a member yet, with the challenge that it was sent. */
  async function connect() {
    const tab = new ScriptedTab(coordinator.url);
    tabs.push(tab);
    return { tab, challenge: await tab.next('challenge') };
  }

  describe('welcomes a member', () => {
    test('with the task, its membership and the model, all by the Data Owner', async () => {
      const { tab, welcome } = await member();
      const { description, membership, model, history, state } = welcome;
      expect(taskIdOf(description)).toBe(coordinator.room.id);
      const { ownerKey } = description;
      const expected = { task: taskIdOf(description), peer: tab.identity.id, ownerKey };
      expect(verifyMembership(membership, expected).ok).toBe(true);
      expect(scripted.verified(model)).toMatchObject({ kind: 'model', round: 0 });
      expect(history).toEqual([]);
      const checked = scripted.verifier.checkUpdate(state, Math.floor(Date.now() / 1000));
      expect(checked).toMatchObject({ ok: true, value: { epoch: 0, count: 0 } });
    });

    test('that names the task of its link', async () => {
      const { tab, challenge } = await connect();
      tab.hello(challenge, { task: coordinator.room.id });
      expect((await tab.next('welcome')).type).toBe('welcome');
    });

    test('and tells the others who is there, and who is not any more', async () => {
      const { tab: first } = await member();
      const { tab: second } = await member();
      /** Lists come at most so often: what is told in the end counts. */
      const hears = async (...expected: string[]) => {
        let told: string[] = [];
        while (told.join() !== expected.sort().join()) {
          told = (await first.next('members')).members.map(({ peer }) => peer).sort();
        }
      };
      await hears(first.identity.id, second.identity.id);
      await second.close();
      await hears(first.identity.id);
    });

    test('once: of two connections with one identity the older is closed', async () => {
      const { tab: older } = await member(identityOf(new Uint8Array(32).fill(9)));
      const { tab: newer } = await member(identityOf(new Uint8Array(32).fill(9)));
      expect(await older.next('refused')).toEqual({
        type: 'refused',
        reason: 'the same identity connected again',
        again: false,
      });
      await older.gone;
      await newer.settled();
      expect(coordinator.room.snapshot().members.map(({ peer }) => peer)).toEqual([
        newer.identity.id,
      ]);
    });

    test('until the task is full', async () => {
      for (let i = 0; i < largestSwarm('mesh'); i++) await member();
      const { tab, challenge } = await connect();
      tab.hello(challenge);
      expect((await tab.next('refused')).reason).toBe('the task is full: it takes 20 members');
      await tab.gone;
      await tabs[0]?.settled();
    });
  });

  describe('relays signals', () => {
    test('to the addressee alone, with the true sender', async () => {
      const [{ tab: a }, { tab: b }, { tab: c }] = [await member(), await member(), await member()];
      a.send({ type: 'signal', to: b.identity.id, session: 3, data: 'for b' });
      a.send({ type: 'signal', to: c.identity.id, session: 4, data: 'for c' });
      const from = a.identity.id;
      expect(await b.next('signal')).toEqual({ type: 'signal', from, session: 3, data: 'for b' });
      // What a said to b came before: had c been sent it, it would be the first here.
      expect(await c.next('signal')).toEqual({ type: 'signal', from, session: 4, data: 'for c' });
    });

    test('of members only', async () => {
      const { tab: a } = await member();
      for (let i = 1; i < largestSwarm('mesh'); i++) await member();
      const { tab: stranger, challenge } = await connect();
      stranger.hello(challenge);
      stranger.send({ type: 'signal', to: a.identity.id, session: 0, data: 'let me in' });
      await stranger.gone;
      await a.settled();
      expect(a.heard('signal')).toEqual([]);
    });

    test('so many from one member to another, whatever else it has to say', async () => {
      const [{ tab: a }, { tab: b }, { tab: c }] = [await member(), await member(), await member()];
      const signal = { type: 'signal', session: 0, data: '{}' } as const;
      for (let i = 0; i < 4 * limits.signalsPerTenSeconds; i++) {
        a.send({ ...signal, to: b.identity.id });
      }
      a.send({ ...signal, to: c.identity.id });
      await c.next('signal');
      c.send({ ...signal, to: b.identity.id, data: 'all came' });
      let heard = 0;
      while ((await b.next('signal')).data !== 'all came') heard++;
      expect(heard).toBeGreaterThanOrEqual(limits.signalsPerTenSeconds);
      expect(heard).toBeLessThan(2 * limits.signalsPerTenSeconds);
      await a.settled();
    });

    test('to nobody if the addressee is not there', async () => {
      const { tab } = await member();
      const to = identityOf(new Uint8Array(32).fill(8)).id;
      tab.send({ type: 'signal', to, session: 0, data: 'anybody?' });
      await tab.settled();
    });
  });

  describe('refuses, says why, closes, and goes on serving the others:', () => {
    type Scene = Awaited<ReturnType<typeof connect>>;
    const refusals: [string, (scene: Scene) => void, RegExp][] = [
      [
        'a hello signed by another key',
        ({ tab, challenge }) =>
          tab.hello(challenge, { signer: identityOf(new Uint8Array(32).fill(6)) }),
        /^the hello is not signed by its key$/,
      ],
      [
        'a hello that answers another challenge',
        ({ tab, challenge }) => tab.hello(challenge, { nonce: new Uint8Array(32) }),
        /^the hello is not signed by its key$/,
      ],
      [
        'another version',
        ({ tab, challenge }) => tab.hello(challenge, { version: 1 }),
        new RegExp(`^this server speaks version ${protocolVersion}, your page 1: reload it$`),
      ],
      [
        'an unknown task',
        ({ tab, challenge }) => tab.hello(challenge, { task: '00'.repeat(16) as TaskId }),
        /^this server does not have the task that the link names$/,
      ],
      ['another message first', ({ tab }) => tab.send({ type: 'rest' }), /^say hello first$/],
      [
        'a second hello',
        ({ tab, challenge }) => {
          tab.hello(challenge);
          tab.hello(challenge);
        },
        /^a second hello$/,
      ],
      ['garbage', ({ tab }) => tab.sendFrame(new Uint8Array([0xff, 1, 2])), /^malformed frame: /],
      ['an empty frame', ({ tab }) => tab.sendFrame(new Uint8Array()), /^malformed frame: /],
      ['a text frame', ({ tab }) => tab.sendFrame('hello'), /^not a binary message$/],
      [
        'an unknown message',
        ({ tab }) => tab.sendFrame(encodeCanonical({ type: 'shout' })),
        /^bad message: /,
      ],
      [
        'garbage from a member',
        ({ tab, challenge }) => {
          tab.hello(challenge);
          tab.sendFrame(new Uint8Array(65_536).fill(0x81));
        },
        /^malformed frame: /,
      ],
    ];
    test.each(refusals)('%s', async (_, misbehave, reason) => {
      const { tab: bystander } = await member();
      const scene = await connect();
      misbehave(scene);
      const refused = await scene.tab.next('refused');
      expect(refused.reason).toMatch(reason);
      expect(refused.again).toBe(false);
      await scene.tab.gone;
      await bystander.settled();
    });

    const endless = 'x'.repeat(5000);
    test.each([
      ['a type', { type: endless }],
      ['a key', { type: 'rest', [endless]: 1 }],
      ['a value', { type: 'ready', samples: endless }],
    ])('%s that is longer than a reason may be', async (_, message) => {
      const { tab } = await connect();
      tab.sendFrame(encodeCanonical(message));
      expect((await tab.next('refused')).reason).toMatch(/^bad message: /);
    });

    test('a first frame longer than a hello may be', async () => {
      const { tab } = await connect();
      tab.sendFrame(new Uint8Array(limits.helloFrameBytes + 1));
      expect((await tab.next('refused')).reason).toBe('too long a hello');
      await tab.gone;
    });

    test('a frame beyond the bound, without reading it', async () => {
      const { tab: bystander } = await member();
      const { tab } = await connect();
      tab.sendFrame(new Uint8Array(limits.clientFrameBytes + 1));
      await tab.gone;
      await bystander.settled();
    });

    test('whatever it sends after that', async () => {
      const { tab: bystander } = await member();
      const { tab, challenge } = await connect();
      tab.sendFrame(new Uint8Array([0xff]));
      tab.hello(challenge);
      expect((await tab.next('refused')).reason).toMatch(/^malformed frame/);
      await tab.gone;
      await bystander.settled();
      expect(coordinator.room.snapshot().members).toHaveLength(1);
    });

    test('more messages than a mesh needs', async () => {
      const { tab: bystander } = await member();
      const { tab, challenge } = await connect();
      tab.hello(challenge);
      const rest = clientCodec.encode({ type: 'rest' });
      for (let i = 0; i < 3 * limits.messagesPerTenSeconds; i++) tab.sendFrame(rest);
      expect(await tab.next('refused')).toMatchObject({ reason: 'too many messages', again: true });
      await tab.gone;
      await bystander.settled();
    });
  });

  describe('seeds the model', () => {
    test('in chunks that verify against the header of the welcome', async () => {
      const { welcome } = await member();
      const parameters = await scripted.downloadModel(scripted.verified(welcome.model));
      expect(parameters).toEqual(coordinator.room.parameters);
      expect(parameters.length).toBe(28 * 28 * 10 + 10);
    });

    test('and nothing else', async () => {
      const { id } = scripted.verified(coordinator.room.snapshot().model);
      const none = [
        chunkUrl(id, 9999),
        chunkUrl('0'.repeat(64), 0),
        chunkUrl(id, 0, '0'.repeat(32)),
      ];
      for (const url of none) expect([url, (await fetch(url)).status]).toEqual([url, 404]);
      const bad = [
        chunkUrl(id, -1),
        chunkUrl(id, '0.0'),
        chunkUrl(id, '1e0'),
        chunkUrl(id.toUpperCase(), 0),
        chunkUrl('__proto__', 0),
        chunkUrl('..%2F..', 0),
      ];
      for (const url of bad) expect([url, (await fetch(url)).status]).toEqual([url, 400]);
    });
  });

  describe('serves the app', () => {
    test.each([
      '',
      'index.html',
      'assets/index-abc.js',
      'healthz',
      'nowhere',
      'api/tasks/1/batches/2/chunks/3',
    ])('with its policy, and without isolation: /%s', async (path) => {
      const { headers } = await fetch(coordinator.url + path);
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
      expect(headers.get('cross-origin-embedder-policy')).toBeNull();
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'self'");
      expect(policy).toContain("object-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("'unsafe-eval'");
      const { host } = new URL(coordinator.url);
      expect(policy).toContain(`connect-src 'self' ws://${host} wss://${host};`);
    });

    test('to nobody that asks for another name, and to no page from elsewhere', async () => {
      const { port } = new URL(coordinator.url);
      const ask = (path: string, headers: Record<string, string>) =>
        new Promise<[number | undefined, string]>((resolve, reject) => {
          const request = get({ port, path, headers }, (response) => {
            let body = '';
            response.setEncoding('utf8').on('data', (text: string) => (body += text));
            response.on('end', () => resolve([response.statusCode, body]));
          });
          request.on('error', reject);
        });
      for (const path of ['/', '/api/tasks', '/ws', '/healthz', '/nowhere']) {
        const rebound = { host: `evil.example:${port}`, origin: `http://evil.example:${port}` };
        expect(await ask(path, rebound)).toEqual([403, expect.stringContaining('MURMURATION_NAMES=evil.example')]); // prettier-ignore
        const elsewhere = { host: `localhost:${port}`, origin: 'https://evil.example' };
        expect(await ask(path, elsewhere)).toEqual([403, expect.stringContaining('which is not from here')]); // prettier-ignore
      }
      // Nor to one that asks for a WebSocket.
      const socket = new WebSocket(`ws://localhost:${port}/ws`, { origin: 'https://evil.example' });
      const [refused] = (await once(socket, 'error')) as [Error];
      expect(refused.message).toContain('403');
    });

    test('and caches nothing but what has a hash in its name', async () => {
      const page = await fetch(coordinator.url);
      expect(await page.text()).toContain('the app');
      expect(page.headers.get('cache-control')).toBe('no-cache');
      const asset = await fetch(`${coordinator.url}assets/index-abc.js`);
      expect(asset.headers.get('cache-control')).toContain('immutable');
    });

    test('and no file from outside its folder', async () => {
      for (const path of ['..%2fdata%2fowner.key', '%2e%2e/data/owner.key', 'assets/..%5c..%5cx']) {
        expect((await fetch(coordinator.url + path)).status).toBeGreaterThanOrEqual(400);
      }
    });
  });

  // Last: whoever comes after a crowd has to wait.
  describe('in a crowd', () => {
    test('of strangers that say nothing has room for the next, and ends the first', async () => {
      const { tab: bystander } = await member();
      const crowd = await Promise.all(
        Array.from({ length: limits.strangers }, async () => (await connect()).tab),
      );
      const { tab } = await member();
      await Promise.race(crowd.map(({ gone }) => gone));
      await Promise.all([tab.settled(), bystander.settled()]);
    });

    test('of newcomers lets members come back', async () => {
      const { tab: bystander } = await member();
      const crowd = await Promise.all(
        Array.from({ length: limits.joinsPerTenSeconds + 50 }, () => connect()),
      );
      // Signed by another key: they are looked at, and nobody joins.
      const signer = identityOf(new Uint8Array(32).fill(6));
      const answers = crowd.map(({ tab, challenge }) => {
        tab.hello(challenge, { signer });
        return tab.next('refused');
      });
      const refused = await Promise.all(answers);
      const late = refused.filter(({ reason }) => reason === 'too many come at once');
      expect(late.length).toBeGreaterThan(0);
      expect(late.every(({ again }) => again)).toBe(true);
      const { welcome } = await member(bystander.identity);
      expect(welcome.description).toEqual(coordinator.room.description);
    });
  });
});

describe('a start', () => {
  test('on the same folder has the same task, owner and model', async () => {
    const seen = async () => {
      const coordinator = await start(configWith('again'));
      const { tab, welcome } = await ScriptedTab.join(coordinator.url);
      const { room } = coordinator;
      const scripted = await ScriptedRound.with(coordinator);
      const header = scripted.verified(welcome.model);
      const state = {
        id: room.id,
        owner: room.description.ownerKey,
        header: header.id,
        downloaded: await scripted.downloadModel(header),
        parameters: room.parameters,
      };
      await coordinator.close();
      expect((await tab.next('refused')).again).toBe(true);
      await tab.gone;
      expect(existsSync(join(folder, 'again', 'lock'))).toBe(false);
      return state;
    };
    const before = await seen();
    expect(before.downloaded).toEqual(before.parameters);
    expect(await seen()).toEqual(before);
  }, 90_000);

  test('on a port that is taken says which, and leaves the folder free', async () => {
    const other = createServer().listen(0, 'localhost');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const failed = start(configWith('taken', { port }));
    await expect(failed).rejects.toThrow(SetupError);
    await expect(failed).rejects.toThrow(`port ${port} is taken; stop what uses it or set PORT`);
    expect(existsSync(join(folder, 'taken', 'lock'))).toBe(false);
    other.close();
  }, 60_000);

  test('without the app says to build it, and makes no folder', async () => {
    const failed = startCoordinator(configWith('unbuilt'), { folder: join(folder, 'nothing') });
    await expect(failed).rejects.toThrow(SetupError);
    await expect(failed).rejects.toThrow('npm run build');
    expect(existsSync(join(folder, 'unbuilt'))).toBe(false);
  });

  test('in a folder that is in use touches nothing of it', async () => {
    const path = join(folder, 'used');
    mkdirSync(path);
    const other = await openDataFolder(path, { onLost: () => undefined });
    rmSync(join(path, 'owner.key'));
    await expect(start(configWith('used'))).rejects.toThrow('in use by another server');
    other.release();
    expect(existsSync(join(path, 'owner.key'))).toBe(false);
    expect(existsSync(join(path, 'db'))).toBe(false);
  });
});
