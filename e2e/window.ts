import { EventEmitter, once } from 'node:events';
import WebSocket from 'ws';
import { launchArguments } from '../scripts/browser.ts';
import { openDisplay } from '../scripts/display.ts';
import { makeProfile, startBrowser } from './browser-process.ts';

/** A tab of a {@link RealWindow}. */
export interface WindowTab {
  evaluate<T>(expression: string): Promise<T>;
  /** Brings it to the front: the others are hidden. */
  show(): Promise<void>;
}

/** One window of a browser as people have it: on a screen, with one tab in front. */
export interface RealWindow {
  open(url: string): Promise<WindowTab>;
  close(): Promise<void>;
}

/** What tests otherwise switch off, because all their tabs are to be in front. */
const throttling = /^--disable-(background-timer-throttling|renderer-backgrounding|backgrounding)/;

/**
 * Opens a window without any tool in it that would make hidden tabs believe that they are in front, as
 * Playwright does: spoken to by the DevTools protocol alone.
 */
export async function openWindow(): Promise<RealWindow> {
  const display = await openDisplay();
  const { profile, remove } = await makeProfile();
  const kept = launchArguments.filter((argument) => !throttling.test(argument));
  const switches = [...kept, '--window-size=1200,800'];
  const browser = await startBrowser(profile, switches, display.environment);
  const connection = await connect(browser.endpoint);
  return {
    async open(url) {
      const empty = { url: 'about:blank' };
      const { targetId } = (await connection.send('Target.createTarget', empty)) as { targetId: string }; // prettier-ignore
      const attached = await connection.send('Target.attachToTarget', { targetId, flatten: true });
      const { sessionId } = attached as { sessionId: string };
      await connection.send('Page.enable', {}, sessionId);
      // A tab that is still on its way to its page has nothing that an expression could be evaluated in.
      const loaded = connection.once('Page.loadEventFired', sessionId);
      await connection.send('Page.navigate', { url }, sessionId);
      await loaded;
      return {
        async evaluate<T>(expression: string) {
          const options = { expression, returnByValue: true, awaitPromise: true };
          const answer = await connection.send('Runtime.evaluate', options, sessionId);
          const { result, exceptionDetails } = answer as { result: { value: T }; exceptionDetails?: { text: string } }; // prettier-ignore
          if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.text}`);
          return result.value;
        },
        async show() {
          await connection.send('Target.activateTarget', { targetId });
        },
      };
    },
    async close() {
      connection.close();
      await browser.kill();
      display.close();
      await remove();
    },
  };
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** The DevTools protocol: calls with numbers, their answers, and events. */
async function connect(endpoint: string) {
  const socket = new WebSocket(endpoint);
  const events = new EventEmitter();
  const calls = new Map<number, { resolve(value: unknown): void; reject(reason: Error): void }>();
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('message', (data: Buffer) => {
    const { id, method, sessionId, result, error } = JSON.parse(data.toString()) as Message;
    if (method !== undefined) events.emit(`${method} ${sessionId ?? ''}`);
    const call = id === undefined ? undefined : calls.get(id);
    if (id === undefined || call === undefined) return;
    calls.delete(id);
    if (error) call.reject(new Error(error.message));
    else call.resolve(result);
  });
  let next = 0;
  return {
    send(method: string, params: object, sessionId?: string): Promise<unknown> {
      const id = next++;
      return new Promise((resolve, reject) => {
        calls.set(id, { resolve, reject });
        socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
      });
    },
    async once(event: string, sessionId: string): Promise<void> {
      await once(events, `${event} ${sessionId}`);
    },
    close: () => socket.close(),
  };
}
