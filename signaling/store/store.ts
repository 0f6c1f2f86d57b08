import { PGlite } from '@electric-sql/pglite';
import { and, asc, count, desc, eq, inArray, lte, ne } from 'drizzle-orm';
import { drizzle, type PgliteDatabase } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import {
  decodeCanonical,
  encodeCanonical,
  signedSchema,
  type Signed,
} from '../../src/crypto/index.ts';
import { bytesToFloat32, float32ToBytes, ownBytes, type HeaderId, type PeerId, type TaskId } from '../../src/lib/index.ts'; // prettier-ignore
import { limits, namedUpdates, roundRecordSchema, taskSchema } from '../../src/protocol/index.ts';
import type { RoundRecord, TaskDescription } from '../../src/protocol/index.ts';
import type { Marked } from '../../src/rounds/index.ts';
import { decodeHeader, headerId, signedHeaderSchema, type SignedHeader } from '../../src/vds/index.ts'; // prettier-ignore
import { SetupError } from '../config.ts';
import {
  checkpoints,
  crsFiles,
  exclusions,
  files,
  headers,
  revocations,
  rounds,
  tasks,
} from './schema.ts';

/** The model after a round. */
export interface Checkpoint {
  readonly round: number;
  readonly header: SignedHeader;
  /** float32[P] */
  readonly parameters: Float32Array;
}

/** What a round was closed with. */
export interface ClosedRound {
  readonly record: RoundRecord;
  readonly manifest: Signed;
  readonly sum: SignedHeader;
}

/** A batch that the Data Owner admitted. */
export interface AdmittedBatch {
  readonly header: HeaderId;
  readonly kind: 'model' | 'update' | 'sum' | 'file';
  readonly round: number;
  readonly author: PeerId;
  readonly admittedAt: Date;
  /** The epoch that its revocation began, or null. */
  readonly revokedIn: number | null;
}

/** What the Data Owner puts in a revoked batch's place. */
export interface Replacement {
  readonly signed: SignedHeader;
  /** The model's parameters, or the file's bytes. */
  readonly content: Float32Array | Uint8Array;
}

type Transaction = Parameters<Parameters<PgliteDatabase['transaction']>[0]>[0];

/**
 * What survives the server: tasks, models, records, admitted headers, revocations. Everything
 * acknowledged is on disk.
 */
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

  /** The CRS file for chunks of `scalars` scalars, or null. */
  async crs(scalars: number): Promise<Uint8Array<ArrayBuffer> | null> {
    const rows = await this.#db.select().from(crsFiles).where(eq(crsFiles.scalars, scalars));
    const [row] = rows;
    return row === undefined ? null : ownBytes(row.file);
  }

  async addCrs(scalars: number, file: Uint8Array): Promise<void> {
    await this.#db.insert(crsFiles).values({ scalars, file });
  }

  /** The tasks, newest first; those of an older version of the protocol are left alone. */
  async tasks(): Promise<{ readonly id: TaskId; readonly description: TaskDescription }[]> {
    const rows = await this.#db.select().from(tasks).orderBy(desc(tasks.createdAt));
    return rows.flatMap(({ id, description }) =>
      isOfThisVersion(description)
        ? [{ id: id as TaskId, description: read(taskSchema, description, 'task') }]
        : [],
    );
  }

  /** Adds a task together with the model that it starts from. */
  async addTask(id: TaskId, description: TaskDescription, start: Checkpoint): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await tx.insert(tasks).values({ id, description: written(taskSchema, description) });
      await tx.insert(checkpoints).values(checkpointRow(id, start));
      await addHeaders(tx, id, [start.header]);
    });
  }

  /** Until which round the Data Owner lets a task go on; null: as its description says. */
  async lastRound(task: TaskId): Promise<number | null> {
    const rows = await this.#db.select().from(tasks).where(eq(tasks.id, task));
    return rows[0]?.lastRound ?? null;
  }

  async setLastRound(task: TaskId, lastRound: number): Promise<void> {
    await this.#db.update(tasks).set({ lastRound }).where(eq(tasks.id, task));
  }

  /** Keeps headers that the Data Owner admitted. */
  async addHeaders(task: TaskId, signed: readonly SignedHeader[]): Promise<void> {
    if (signed.length > 0) await this.#db.transaction((tx) => addHeaders(tx, task, signed));
  }

  /**
   * The model, the record and the sum of a round, together or not at all. Of older models the best
   * is kept, and no other; of rounds long ago nothing is.
   */
  async closeRound(
    task: TaskId,
    checkpoint: Checkpoint,
    { record, manifest, sum }: ClosedRound,
  ): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await tx.insert(checkpoints).values(checkpointRow(task, checkpoint));
      await tx.insert(rounds).values({
        ...{ task, round: record.round, record: written(roundRecordSchema, record) },
        ...{ manifest: encodeCanonical(manifest), sum: headerId(sum.header) },
      });
      await addHeaders(tx, task, [sum, checkpoint.header]);
      await forgetModels(tx, task, record.round - limits.keptModels);
      await forgetRounds(tx, task, record.round - limits.historyRounds);
    });
    if (record.round % limits.keptModels === 0) await this.#tidy();
  }

  /** Postgres has processes for that; here the database grew by 0.6 MB a round of 100,000 parameters. */
  async #tidy(): Promise<void> {
    await this.#client.exec('VACUUM');
    await this.#client.exec('CHECKPOINT');
  }

  async updateRecord(task: TaskId, record: RoundRecord): Promise<void> {
    await this.#db
      .update(rounds)
      .set({ record: written(roundRecordSchema, record) })
      .where(and(eq(rounds.task, task), eq(rounds.round, record.round)));
  }

  /** How a round was closed; null if it was not, or before that was kept. */
  async round(task: TaskId, round: number): Promise<ClosedRound | null> {
    const [row] = await this.#db
      .select()
      .from(rounds)
      .where(and(eq(rounds.task, task), eq(rounds.round, round)));
    if (!row?.manifest || row.sum === null) return null;
    const sum = await this.header(task, row.sum as HeaderId);
    if (sum === null) return null;
    return {
      record: recordOf(row),
      manifest: read(signedSchema, row.manifest, 'manifest'),
      sum,
    };
  }

  /**
   * The newest closed rounds, in order.
   *
   * @param onUnreadable told of rounds whose records cannot be read: they are left out
   */
  async history(
    task: TaskId,
    onUnreadable: (round: number) => void = () => undefined,
  ): Promise<RoundRecord[]> {
    const rows = await this.#db
      .select()
      .from(rounds)
      .where(eq(rounds.task, task))
      .orderBy(desc(rounds.round))
      .limit(limits.historyRounds);
    return rows.toReversed().flatMap((row) => {
      const record = readable(roundRecordSchema, row.record);
      if (record === null) onUnreadable(row.round);
      return record === null ? [] : [{ ...record, revokedUpdates: row.revokedUpdates }];
    });
  }

  /** The newest `count` models, newest first. */
  async newest(task: TaskId, limit: number): Promise<Checkpoint[]> {
    const rows = await this.#db
      .select()
      .from(checkpoints)
      .where(eq(checkpoints.task, task))
      .orderBy(desc(checkpoints.round))
      .limit(limit);
    return rows.map(checkpointOf);
  }

  /** The model after a round, or null. */
  async checkpoint(task: TaskId, round: number): Promise<Checkpoint | null> {
    const rows = await this.#db
      .select()
      .from(checkpoints)
      .where(and(eq(checkpoints.task, task), eq(checkpoints.round, round)));
    return rows.map(checkpointOf)[0] ?? null;
  }

  /** An admitted header, or null. */
  async header(task: TaskId, id: HeaderId): Promise<SignedHeader | null> {
    const rows = await this.#db
      .select({ signed: headers.signed })
      .from(headers)
      .where(and(eq(headers.task, task), eq(headers.id, id)));
    return rows.map(({ signed }) => read(signedHeaderSchema, signed, 'header'))[0] ?? null;
  }

  /** Admitted batches, newest first. */
  async batches(
    task: TaskId,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<AdmittedBatch[]> {
    const rows = await this.#db
      .select({
        header: headers.id,
        kind: headers.kind,
        round: headers.round,
        author: headers.author,
        admittedAt: headers.admittedAt,
        revokedIn: revocations.epoch,
      })
      .from(headers)
      .leftJoin(
        revocations,
        and(eq(revocations.task, headers.task), eq(revocations.header, headers.id)),
      )
      .where(eq(headers.task, task))
      .orderBy(desc(headers.admittedAt), asc(headers.id))
      .limit(page.limit)
      .offset(page.offset);
    return rows as AdmittedBatch[];
  }

  /** Revoked batches, in the order in which they were. */
  async revoked(task: TaskId): Promise<HeaderId[]> {
    const rows = await this.#db
      .select({ header: revocations.header })
      .from(revocations)
      .where(eq(revocations.task, task))
      .orderBy(asc(revocations.epoch));
    return rows.map(({ header }) => header as HeaderId);
  }

  /**
   * Keeps a revocation and what takes the batch's place, together or not at all.
   *
   * @param epoch the one that the revocation begins
   * @returns rounds whose models were made with it
   */
  async revoke(
    task: TaskId,
    header: HeaderId,
    epoch: number,
    replacement: Replacement | null,
  ): Promise<Marked[]> {
    return this.#db.transaction(async (tx) => {
      await tx.insert(revocations).values({ task, epoch, header });
      if (replacement === null) return markRounds(tx, task, [header]);
      const { signed, content } = replacement;
      await addHeaders(tx, task, [signed]);
      if (content instanceof Float32Array) {
        const { round } = decoded(signed);
        await tx
          .update(checkpoints)
          .set({ header: encodeCanonical(signed), parameters: float32ToBytes(content) })
          .where(and(eq(checkpoints.task, task), eq(checkpoints.round, round)));
      } else {
        await tx.insert(files).values({ task, header: headerId(signed.header), bytes: content });
      }
      return [];
    });
  }

  /** Keeps revocations that the database did not know any more. @param epoch of the first */
  addRevocations(task: TaskId, epoch: number, added: readonly HeaderId[]): Promise<Marked[]> {
    return this.#db.transaction(async (tx) => {
      const rows = added.map((header, k) => ({ task, epoch: epoch + k, header }));
      await tx.insert(revocations).values(rows);
      return markRounds(tx, task, added);
    });
  }

  /** Members that are excluded, in the order in which they were. */
  async excluded(task: TaskId): Promise<PeerId[]> {
    const rows = await this.#db
      .select({ peer: exclusions.peer })
      .from(exclusions)
      .where(eq(exclusions.task, task))
      .orderBy(asc(exclusions.excludedAt), asc(exclusions.peer));
    return rows.map(({ peer }) => peer as PeerId);
  }

  async exclude(task: TaskId, peer: PeerId): Promise<void> {
    await this.#db.insert(exclusions).values({ task, peer }).onConflictDoNothing();
  }

  async readmit(task: TaskId, peer: PeerId): Promise<void> {
    const own = and(eq(exclusions.task, task), eq(exclusions.peer, peer));
    await this.#db.delete(exclusions).where(own);
  }

  /** Keeps a batch of kind 'file' with its payloads, one after the other. */
  async addFile(task: TaskId, signed: SignedHeader, bytes: Uint8Array): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await addHeaders(tx, task, [signed]);
      await tx.insert(files).values({ task, header: headerId(signed.header), bytes });
    });
  }

  /** The payloads of a batch of kind 'file', one after the other, or null. */
  async file(task: TaskId, header: HeaderId): Promise<Uint8Array | null> {
    const rows = await this.#db
      .select({ bytes: files.bytes })
      .from(files)
      .where(and(eq(files.task, task), eq(files.header, header)));
    return rows[0]?.bytes ?? null;
  }

  async fileCount(task: TaskId): Promise<number> {
    const rows = await this.#db.select({ n: count() }).from(files).where(eq(files.task, task));
    return rows[0]?.n ?? 0;
  }
}

/** Drops models up to a round, but for the best that is kept: that of the highest accuracy or R². */
async function forgetModels(tx: Transaction, task: TaskId, upTo: number) {
  const kept = await tx
    .select({ round: checkpoints.round, record: rounds.record })
    .from(checkpoints)
    .leftJoin(rounds, and(eq(rounds.task, checkpoints.task), eq(rounds.round, checkpoints.round)))
    .where(eq(checkpoints.task, task));
  const scores = kept.flatMap(({ round, record }) => {
    const metrics = record && readable(roundRecordSchema, record)?.metrics;
    return metrics ? [{ round, accuracy: metrics.accuracy }] : [];
  });
  // Of equal ones the newest.
  const [best] = scores.sort((a, b) => b.accuracy - a.accuracy || b.round - a.round);
  const old = kept.map(({ round }) => round).filter((round) => round <= upTo && round !== best?.round); // prettier-ignore
  if (old.length === 0) return;
  await tx
    .delete(checkpoints)
    .where(and(eq(checkpoints.task, task), inArray(checkpoints.round, old)));
}

/** Drops what was kept of rounds up to one, their revocations excepted. */
async function forgetRounds(tx: Transaction, task: TaskId, upTo: number) {
  await tx.delete(rounds).where(and(eq(rounds.task, task), lte(rounds.round, upTo)));
  await tx
    .delete(headers)
    .where(and(eq(headers.task, task), ne(headers.kind, 'file'), lte(headers.round, upTo)));
}

async function addHeaders(tx: Transaction, task: TaskId, signed: readonly SignedHeader[]) {
  const rows = signed.map((each) => {
    const { kind, round, author } = decoded(each);
    const id = headerId(each.header);
    return { task, id, kind, round, author, signed: encodeCanonical(each) };
  });
  await tx.insert(headers).values(rows).onConflictDoNothing();
}

/** Counts, with each round that was closed with some of these updates, that they are revoked. */
async function markRounds(
  tx: Transaction,
  task: TaskId,
  revoked: readonly HeaderId[],
): Promise<Marked[]> {
  const found = await tx
    .selectDistinct({ round: headers.round })
    .from(headers)
    .where(and(eq(headers.task, task), eq(headers.kind, 'update'), inArray(headers.id, [...revoked]))); // prettier-ignore
  const marked: Marked[] = [];
  for (const { round } of found) {
    const one = and(eq(rounds.task, task), eq(rounds.round, round));
    const [row] = await tx.select().from(rounds).where(one);
    if (!row?.manifest) continue;
    const named = namedUpdates(read(signedSchema, row.manifest, 'manifest'));
    const count = named.filter((header) => revoked.includes(header)).length;
    if (count === 0) continue; // of an attempt that failed
    const revokedUpdates = row.revokedUpdates + count;
    await tx.update(rounds).set({ revokedUpdates }).where(one);
    marked.push({ round, revokedUpdates });
  }
  return marked;
}

function recordOf(row: typeof rounds.$inferSelect): RoundRecord {
  const { revokedUpdates } = row;
  return { ...read(roundRecordSchema, row.record, 'round'), revokedUpdates };
}

/** A header that the Data Owner has verified. */
function decoded(signed: SignedHeader) {
  const header = decodeHeader(signed.header);
  if (!header.ok) throw new Error(`bug: ${header.error}`);
  return header.value;
}

function checkpointRow(task: TaskId, { round, header, parameters }: Checkpoint) {
  return {
    task,
    round,
    header: encodeCanonical(header),
    parameters: float32ToBytes(parameters),
  };
}

function checkpointOf(row: typeof checkpoints.$inferSelect): Checkpoint {
  return {
    round: row.round,
    header: read(signedHeaderSchema, row.header, 'checkpoint'),
    parameters: bytesToFloat32(row.parameters),
  };
}

const versioned = v.object({ version: v.number() });

/** Whether a task's description is of the version that this server speaks. */
function isOfThisVersion(description: Uint8Array): boolean {
  const value = decodeCanonical(description);
  const parsed = v.safeParse(versioned, value.ok ? value.value : null);
  return !parsed.success || parsed.output.version === taskSchema.entries.version.literal;
}

function read<const S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
  what: string,
): v.InferOutput<S> {
  const value = readable(schema, bytes);
  if (value !== null) return value;
  throw new SetupError(
    `the database holds a ${what} that this version cannot read; use another data folder`,
  );
}

function readable<const S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
): v.InferOutput<S> | null {
  const value = decodeCanonical(bytes);
  const parsed = value.ok ? v.safeParse(schema, value.value) : null;
  return parsed?.success ? parsed.output : null;
}

/** What cannot be read again is not stored. */
function written(schema: v.GenericSchema, value: unknown): Uint8Array {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return encodeCanonical(value);
  throw new Error(`not stored: ${v.summarize(parsed.issues)}`);
}
