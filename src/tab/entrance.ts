import type { TaskId } from '../lib/index.ts';
import { protocolVersion, taskIdOf, type ServerMessage } from '../protocol/index.ts';

type Message<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

/** What is to be done about a message of the coordinator's, before the tab hears of it, if it does. */
export type EntranceEffect =
  /** Answer the challenge: prove who this is, and name the task, null for the coordinator's default. */
  | { readonly type: 'hello'; readonly nonce: Uint8Array; readonly task: TaskId | null }
  /** Show the newest state of the Data Owner's that is known here: the coordinator lost it. */
  | { readonly type: 'show-state'; readonly task: TaskId | null }
  /** The first welcome: take part in the task. */
  | { readonly type: 'join'; readonly task: TaskId; readonly welcome: Message<'welcome'> }
  /** One after a reconnection, to the task that this tab takes part in. */
  | { readonly type: 'rejoin'; readonly task: TaskId; readonly welcome: Message<'welcome'> }
  /** Credentials expire: connect anew in so long, or, null, need not. ms */
  | { readonly type: 'renew'; readonly afterMs: number | null }
  /** The connection ends, and the coordinator is tried again. */
  | { readonly type: 'turned-away'; readonly reason: string }
  /** Nothing more happens until the user does something about it. */
  | { readonly type: 'stop'; readonly reason: string }
  /** It is the tab's to hear. */
  | { readonly type: 'pass'; readonly message: ServerMessage };

/** ms; half of what credentials for TURN servers last. */
const renewAfterMs = 6 * 60 * 60 * 1000;

/** How a tab comes into its task, and comes back: the coordinator's and the link's word on which. */
export class Entrance {
  /** The task of the link, then the one that this tab takes part in. */
  #task: TaskId | null;
  #hasJoined = false;

  /** @param wanted the task of the link; null for the coordinator's default */
  constructor(wanted: TaskId | null) {
    this.#task = wanted;
  }

  handle(message: ServerMessage): EntranceEffect[] {
    switch (message.type) {
      case 'challenge':
        return [this.#challenged(message)];
      case 'show-state':
        return [{ type: 'show-state', task: this.#task }];
      case 'refused': {
        const { reason, again } = message;
        if (again) return [{ type: 'turned-away', reason }];
        return [{ type: 'stop', reason: `The coordinator refused: ${reason}.` }];
      }
      case 'welcome':
        return this.#welcomed(message);
      default:
        return [{ type: 'pass', message }];
    }
  }

  #challenged({ nonce, version }: Message<'challenge'>): EntranceEffect {
    if (version === protocolVersion) return { type: 'hello', nonce, task: this.#task };
    const reason = `This page is of version ${protocolVersion}, the coordinator of ${version}: reload.`;
    return { type: 'stop', reason };
  }

  #welcomed(welcome: Message<'welcome'>): EntranceEffect[] {
    const task = taskIdOf(welcome.description);
    if (this.#task !== null && this.#task !== task) {
      const reason = 'The coordinator offers another task than the one that the link names.';
      return [{ type: 'stop', reason }];
    }
    const doesExpire = welcome.iceServers.some(({ credential }) => credential !== undefined);
    const type = this.#hasJoined ? 'rejoin' : 'join';
    this.#task = task;
    this.#hasJoined = true;
    return [
      { type, task, welcome },
      { type: 'renew', afterMs: doesExpire ? renewAfterMs : null },
      { type: 'pass', message: welcome },
    ];
  }
}
