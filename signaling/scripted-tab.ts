import { randomBytes } from 'node:crypto';
import { WebSocket } from 'ws';
import { identityOf, sign, type Identity, type Signed } from '../src/crypto/index.ts';
import { concatBytes, hexToBytes, type TaskId } from '../src/lib/index.ts';
import { clientCodec, protocolVersion, serverCodec } from '../src/protocol/index.ts';
import type { ClientMessage, ServerMessage } from '../src/protocol/index.ts';

type Of<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

/** For tests: the coordinator's other end, without a browser. Says what it is told to say. */
export class ScriptedTab {
  readonly identity: Identity;
  /** Resolves once the connection is gone. */
  readonly gone: Promise<void>;
  readonly #socket: WebSocket;
  /** What came and was not asked for yet. */
  readonly #inbox: ServerMessage[] = [];
  #problem: string | null = null;
  #wake: (() => void)[] = [];

  constructor(url: string, identity: Identity = identityOf(new Uint8Array(randomBytes(32)))) {
    this.identity = identity;
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}ws`);
    this.#socket.on('message', (data: Buffer) => {
      const decoded = serverCodec.decode(data);
      if (decoded.ok) this.#inbox.push(decoded.value);
      else this.#problem = `the coordinator sent what its own schema refuses: ${decoded.error}`;
      this.#notify();
    });
    this.#socket.on('error', () => this.#socket.terminate());
    this.gone = new Promise((resolve) => {
      this.#socket.on('close', () => {
        this.#problem ??= 'the connection was closed';
        this.#notify();
        resolve();
      });
    });
  }

  /** Connects and waits to be welcomed. */
  static async join(url: string, identity?: Identity) {
    const tab = new ScriptedTab(url, identity);
    tab.hello(await tab.next('challenge'));
    return { tab, welcome: await tab.next('welcome') };
  }

  /** The next message of a type; fails if the connection ends before. */
  async next<T extends ServerMessage['type']>(type: T): Promise<Of<T>> {
    for (;;) {
      const message = this.#take(type);
      if (message !== null) return message;
      await this.#change();
    }
  }

  /** All of a type that came and was not asked for. */
  heard<T extends ServerMessage['type']>(type: T): Of<T>[] {
    return this.#inbox.filter((message): message is Of<T> => message.type === type);
  }

  /** The next message of a type to any of these tabs, and whom it came to. */
  static async nextToAny<T extends ServerMessage['type']>(tabs: readonly ScriptedTab[], type: T) {
    for (;;) {
      for (const tab of tabs) {
        const message = tab.#take(type);
        if (message !== null) return { tab, message };
      }
      await Promise.race(tabs.map((tab) => tab.#change()));
    }
  }

  /** Answers a challenge, truthfully but for what `but` says. */
  hello(
    challenge: Of<'challenge'>,
    but: {
      signer?: Identity;
      version?: number;
      task?: TaskId;
      nonce?: Uint8Array;
      core?: Signed;
    } = {},
  ) {
    const signed = concatBytes(but.nonce ?? challenge.nonce, hexToBytes(this.identity.id));
    this.send({
      type: 'hello',
      version: but.version ?? protocolVersion,
      task: but.task ?? null,
      peer: this.identity.id,
      signature: sign('hello', signed, but.signer ?? this.identity),
      client: 'scripted',
      core: but.core ?? null,
    });
  }

  send(message: ClientMessage) {
    this.sendFrame(clientCodec.encode(message));
  }

  /** Sends any bytes, or a text. */
  sendFrame(frame: Uint8Array | string) {
    this.#socket.send(frame);
  }

  /** Comes back once the coordinator has handled all that was sent: a signal to oneself. */
  async settled(): Promise<void> {
    const data = randomBytes(8).toString('hex');
    this.send({ type: 'signal', to: this.identity.id, session: 0, data });
    for (;;) if ((await this.next('signal')).data === data) return;
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.gone;
  }

  #take<T extends ServerMessage['type']>(type: T): Of<T> | null {
    const index = this.#inbox.findIndex((message) => message.type === type);
    if (index >= 0) return this.#inbox.splice(index, 1)[0] as Of<T>;
    if (this.#problem !== null) throw new Error(`waiting for ${type}: ${this.#problem}`);
    return null;
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #notify() {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}
