import { Dexie, type Table } from 'dexie';
import type { TaskId } from '../lib/index.ts';
import type { Freeze } from '../protocol/index.ts';

/**
 * The newest freeze that a tab took, by task: a reload must not make it take another one of the same
 * attempt. Where there is no database it is kept in memory, and a reload forgets it.
 */
export class FreezeBook {
  readonly #table: Table<Freeze, TaskId> | null;
  readonly #kept = new Map<TaskId, Freeze>();

  private constructor(table: Table<Freeze, TaskId> | null) {
    this.#table = table;
  }

  static async open(name: string): Promise<FreezeBook> {
    const db = new Dexie(name);
    db.version(1).stores({ freezes: 'task' });
    const opened = await db.open().catch(() => null);
    return new FreezeBook(opened && db.table('freezes'));
  }

  async newest(task: TaskId): Promise<Freeze | null> {
    const stored = await this.#table?.get(task).catch(() => undefined);
    return stored ?? this.#kept.get(task) ?? null;
  }

  /** Resolves when it is kept. */
  async keep(freeze: Freeze): Promise<void> {
    this.#kept.set(freeze.task, freeze);
    await this.#table?.put(freeze).catch(() => undefined);
  }
}
