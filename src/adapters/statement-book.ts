import type { Dexie, Table } from 'dexie';
import type { TaskId } from '../lib/index.ts';
import type { Freeze } from '../protocol/index.ts';
import type { StateUpdate } from '../vds/index.ts';
import { openDatabase, type Schema } from './database.ts';

/** What the versions of the database have: the first one kept no states. */
const schemas: readonly Schema[] = [
  { tables: { freezes: 'task' } },
  { tables: { states: 'task' } },
];

type KeptState = StateUpdate & { readonly task: TaskId };

/**
 * The Data Owner's last word, by task, over reloads: the newest freeze, so that no other of the
 * same attempt is taken, and the newest state, so that no older one is. Where there is no database
 * both are kept in memory, and a reload forgets them.
 */
export class StatementBook {
  readonly #freezes: Shelf<Freeze>;
  readonly #states: Shelf<KeptState>;

  private constructor(db: Dexie | null) {
    this.#freezes = new Shelf(db && db.table('freezes'));
    this.#states = new Shelf(db && db.table('states'));
  }

  /** A database by an earlier version is kept, and extended; one by a later version is left alone. */
  static async open(name: string | null): Promise<StatementBook> {
    if (name === null) return new StatementBook(null);
    return new StatementBook(await openDatabase(name, schemas).catch(() => null));
  }

  freeze(task: TaskId): Promise<Freeze | null> {
    return this.#freezes.get(task);
  }

  keepFreeze(freeze: Freeze): Promise<void> {
    return this.#freezes.put(freeze);
  }

  async state(task: TaskId): Promise<StateUpdate | null> {
    const kept = await this.#states.get(task);
    if (kept === null) return null;
    const { core, freshness, revoked, keys } = kept;
    return { core, freshness, revoked, keys };
  }

  keepState(task: TaskId, state: StateUpdate): Promise<void> {
    return this.#states.put({ task, ...state });
  }
}

/** One value a task. */
class Shelf<T extends { readonly task: TaskId }> {
  readonly #table: Table<T, TaskId> | null;
  readonly #kept = new Map<TaskId, T>();

  constructor(table: Table<T, TaskId> | null) {
    this.#table = table;
  }

  async get(task: TaskId): Promise<T | null> {
    const kept = this.#kept.get(task);
    if (kept) return kept;
    return (await this.#table?.get(task).catch(() => undefined)) ?? null;
  }

  /** Resolves when it is kept. */
  async put(value: T): Promise<void> {
    this.#kept.set(value.task, value);
    await this.#table?.put(value).catch(() => undefined);
  }
}
