import { PGlite } from '@electric-sql/pglite';
import { and, asc, desc, eq } from 'drizzle-orm';
import { drizzle, type PgliteDatabase } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { decodeCanonical, encodeCanonical } from '../../src/crypto/index.ts';
import { bytesToFloat32, float32ToBytes, type TaskId } from '../../src/lib/index.ts';
import { roundRecordSchema, taskSchema } from '../../src/protocol/index.ts';
import type { RoundRecord, TaskDescription } from '../../src/protocol/index.ts';
import { signedHeaderSchema, type SignedHeader } from '../../src/vds/index.ts';
import { SetupError } from '../config.ts';
import { checkpoints, rounds, tasks } from './schema.ts';

/** The model after a round. */
export interface Checkpoint {
  readonly round: number;
  readonly header: SignedHeader;
  /** float32[P] */
  readonly parameters: Float32Array;
}

/** What survives the server: tasks, models, records. Everything acknowledged is on disk. */
export class Store {
  readonly #client: PGlite;
  readonly #db: PgliteDatabase;

  private constructor(client: PGlite) {
    this.#client = client;
    this.#db = drizzle(client);
  }

  /**
   * Opens the database, and brings it up to date.
   *
   * @param folder null keeps it in memory
   */
  static async open(folder: string | null): Promise<Store> {
    const client = await PGlite.create(folder === null ? 'memory://' : folder);
    const store = new Store(client);
    const migrations = fileURLToPath(new URL('../migrations', import.meta.url));
    await migrate(store.#db, { migrationsFolder: migrations });
    return store;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async tasks(): Promise<{ readonly id: TaskId; readonly description: TaskDescription }[]> {
    const rows = await this.#db.select().from(tasks).orderBy(desc(tasks.createdAt));
    return rows.map((row) => ({
      id: row.id as TaskId,
      description: read(taskSchema, row.description, 'task'),
    }));
  }

  /** Adds a task together with the model that it starts from. */
  async addTask(id: TaskId, description: TaskDescription, start: Checkpoint): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await tx.insert(tasks).values({ id, description: encodeCanonical(description) });
      await tx.insert(checkpoints).values(checkpointRow(id, start));
    });
  }

  /** The model and the record of a round, together or not at all. */
  async closeRound(task: TaskId, checkpoint: Checkpoint, record: RoundRecord): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await tx.insert(checkpoints).values(checkpointRow(task, checkpoint));
      await tx
        .insert(rounds)
        .values({ task, round: record.round, record: encodeCanonical(record) });
    });
  }

  async updateRecord(task: TaskId, record: RoundRecord): Promise<void> {
    await this.#db
      .update(rounds)
      .set({ record: encodeCanonical(record) })
      .where(and(eq(rounds.task, task), eq(rounds.round, record.round)));
  }

  /** Closed rounds, in order. */
  async history(task: TaskId): Promise<RoundRecord[]> {
    const rows = await this.#db
      .select()
      .from(rounds)
      .where(eq(rounds.task, task))
      .orderBy(asc(rounds.round));
    return rows.map((row) => read(roundRecordSchema, row.record, 'round'));
  }

  /** The newest `count` models, newest first. */
  async newest(task: TaskId, count: number): Promise<Checkpoint[]> {
    const rows = await this.#db
      .select()
      .from(checkpoints)
      .where(eq(checkpoints.task, task))
      .orderBy(desc(checkpoints.round))
      .limit(count);
    return rows.map((row) => ({
      round: row.round,
      header: read(signedHeaderSchema, row.header, 'checkpoint'),
      parameters: bytesToFloat32(row.parameters),
    }));
  }
}

function checkpointRow(task: TaskId, { round, header, parameters }: Checkpoint) {
  return {
    task,
    round,
    header: encodeCanonical(header),
    parameters: float32ToBytes(parameters),
  };
}

function read<const S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
  what: string,
): v.InferOutput<S> {
  const decoded = decodeCanonical(bytes);
  const parsed = decoded.ok ? v.safeParse(schema, decoded.value) : null;
  if (parsed?.success) return parsed.output;
  throw new SetupError(
    `the database holds a ${what} that this version cannot read; use another data folder`,
  );
}
