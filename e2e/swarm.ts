import { test as base, type BrowserContext, type Page } from '@playwright/test';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { readConfig, type Config } from '../signaling/config.ts';
import { makeCrs, openCrs } from '../signaling/crs.ts';
import { digitsTask, scalarsFor, type TaskSettings } from '../signaling/default-task.ts';
import { startOwner } from '../signaling/owner-thread.ts';
import { startCoordinator, type Coordinator } from '../signaling/server.ts';
import { Store } from '../signaling/store/store.ts';

/** Settings of a test's task, over a small digits task. */
export interface SwarmSettings extends Partial<TaskSettings> {
  readonly minimum?: number;
  readonly topology?: string;
  readonly iceServers?: Config['iceServers'];
}

/** A coordinator of a test, which can be stopped and started again on its folder and port. */
export interface TestCoordinator extends Coordinator {
  readonly dataFolder: string;
  stop(): Promise<void>;
  startAgain(): Promise<Coordinator>;
}

/** 25,450 parameters: seven chunks an update, and a CRS that a tab verifies in a second. */
const smallModel = { kind: 'mlp' as const, hidden: [32] };

/** What a lying tab does; see lying-training.worker.ts, and lying-storage.worker.ts of answers. */
export type Lie = 'gamma' | 'header' | 'sum' | 'answer';

const workerOf = (lie: Lie) => (lie === 'answer' ? 'storage' : 'training');

/** What a browser that has been here before keeps. */
type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>;

interface KeptDatabases extends StorageState {
  origins: (StorageState['origins'][number] & { indexedDB: { name: string }[] })[];
}

interface WorkerFixtures {
  /**
   * One for all tests of a worker: what a browser keeps, it keeps for an origin.
   */
  readonly port: number;
  /** A browser that has verified the CRS of {@link emptyDatabase}: two seconds less a context. */
  readonly knownCrs: StorageState;
  /** A database without a task, copied for each coordinator: making one with a CRS takes ten seconds. */
  readonly emptyDatabase: string;
  /** The script of a worker that tells a lie, bundled. */
  readonly lyingWorker: (lie: Lie) => Promise<string>;
}

interface Fixtures {
  /** Starts a coordinator on a free port; it is stopped after the test. */
  readonly coordinate: (settings?: SwarmSettings) => Promise<TestCoordinator>;
  /** Opens a tab in a context of its own, or in the one that is given. */
  readonly openTab: (url: string, context?: BrowserContext) => Promise<Page>;
  /** A context whose tabs have a worker that lies. */
  readonly liar: (lie: Lie) => Promise<BrowserContext>;
}

/** Tests of real tabs on a real coordinator. A page error fails the test. */
export const test = base.extend<Fixtures, WorkerFixtures>({
  emptyDatabase: [
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'murmuration-db-'));
      const store = await Store.open(join(folder, 'db'));
      const thread = startOwner((thrown) => {
        throw thrown;
      });
      const scalars = scalarsFor({ ...digitsTask(readConfig({})), model: smallModel });
      await openCrs(store, scalars, () => makeCrs(scalars, thread, () => undefined));
      await thread.close();
      await store.close();
      await use(join(folder, 'db'));
      await rm(folder, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],

  port: [
    async ({}, use) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
      const address = server.address();
      await new Promise((resolve) => server.close(resolve));
      await use(typeof address === 'object' && address !== null ? address.port : 0);
    },
    { scope: 'worker' },
  ],

  knownCrs: [
    async ({ browser, emptyDatabase, port }, use) => {
      const dataFolder = await mkdtemp(join(tmpdir(), 'murmuration-test-'));
      await cp(emptyDatabase, join(dataFolder, 'db'), { recursive: true });
      const config = { ...readConfig({ MURMURATION_LOG_LEVEL: 'error' }), port, dataFolder };
      const task = { ...digitsTask(config), model: smallModel };
      const coordinator = await startCoordinator(config, { folder: 'dist', task });
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto(coordinator.url);
      await page.getByText('CRS loaded and verified').waitFor();
      // The type does not say what the option adds.
      const { origins } = (await context.storageState({ indexedDB: true })) as KeptDatabases;
      const crsOnly = origins.map(({ origin, indexedDB }) => ({
        ...{ origin, localStorage: [] }, // an identity is a context's own
        indexedDB: indexedDB.filter(({ name }) => name === 'murmuration-crs'),
      }));
      await context.close();
      await coordinator.close();
      await rm(dataFolder, { recursive: true, force: true });
      await use({ cookies: [], origins: crsOnly });
    },
    { scope: 'worker' },
  ],

  lyingWorker: [
    async ({}, use) => {
      const scripts = new Map<Lie, Promise<string>>();
      await use((lie) => {
        const script = scripts.get(lie) ?? bundleLie(lie);
        scripts.set(lie, script);
        return script;
      });
    },
    { scope: 'worker' },
  ],

  liar: async ({ browser, lyingWorker }, use) => {
    await use(async (lie) => {
      const body = await lyingWorker(lie);
      const context = await browser.newContext();
      await context.route(`**/assets/${workerOf(lie)}.worker-*.js`, async (route) => {
        await route.fulfill({ response: await route.fetch(), body });
      });
      return context;
    });
  },

  coordinate: async ({ emptyDatabase, port }, use) => {
    const running = new Set<Coordinator>();
    const folders: string[] = [];
    await use(async ({ minimum = 2, topology = '', iceServers = [], ...settings } = {}) => {
      const config = readConfig({
        PORT: '0',
        MURMURATION_LOG_LEVEL: 'error',
        MURMURATION_MINIMUM_MEMBERS: String(minimum),
        MURMURATION_TOPOLOGY: topology,
        MURMURATION_ROUNDS: '2',
        MURMURATION_LOCAL_EPOCHS: '1',
        MURMURATION_SAMPLES_PER_MEMBER: '300',
      });
      const dataFolder = await mkdtemp(join(tmpdir(), 'murmuration-test-'));
      folders.push(dataFolder);
      await cp(emptyDatabase, join(dataFolder, 'db'), { recursive: true });
      const task = { ...digitsTask(config), model: smallModel, ...settings };
      const start = async (port: number) => {
        const coordinator = await startCoordinator(
          { ...config, port, dataFolder, iceServers },
          { folder: 'dist', task, auditsRounds: true },
        );
        running.add(coordinator);
        return coordinator;
      };
      const coordinator = await start(running.size === 0 ? port : 0);
      return {
        ...coordinator,
        dataFolder,
        async stop() {
          running.delete(coordinator);
          await coordinator.close();
        },
        startAgain: () => start(Number(new URL(coordinator.url).port)),
      };
    });
    for (const coordinator of running) await coordinator.close();
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  },

  openTab: async ({ browser, knownCrs }, use) => {
    const contexts = new Set<BrowserContext>();
    const errors: string[] = [];
    await use(async (url, given) => {
      const context = given ?? (await browser.newContext({ storageState: knownCrs }));
      contexts.add(context);
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(url);
      return page;
    });
    for (const context of contexts) await context.close();
    if (errors.length > 0) throw new Error(`errors on a page: ${errors.join('; ')}`);
  },
});

/** One file, as a worker of the page could be. */
async function bundleLie(lie: Lie): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    define: { __LIE__: JSON.stringify(lie) },
    build: {
      write: false,
      lib: { entry: `e2e/lying-${workerOf(lie)}.worker.ts`, formats: ['es'] },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  });
  const [output] = (Array.isArray(built) ? built : [built]).flatMap((each) =>
    'output' in each ? each.output : [],
  );
  if (output?.type !== 'chunk') throw new Error('the lying worker was not built');
  return output.code;
}

export { expect } from '@playwright/test';

/** From now on pages of a context have what they connect with in `connections`. */
export async function watchConnections(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const Real = RTCPeerConnection;
    globalThis.connections = [];
    globalThis.RTCPeerConnection = class extends Real {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        globalThis.connections.push(this);
      }
    };
  });
}

declare global {
  var connections: RTCPeerConnection[];
}

/** The full id of the tab's member. */
export async function selfId(page: Page): Promise<string> {
  const id = await page.getByTestId('self-id').getAttribute('data-id');
  if (id === null) throw new Error('the tab has no identity yet');
  return id;
}

/** Waits for the row of a closed round; the digest of its model. */
export async function closedRound(page: Page, round: number): Promise<string> {
  const row = page.locator(`[data-testid=history-row][data-round="${round}"]`);
  await row.waitFor();
  return (await row.getAttribute('data-digest')) ?? '';
}
