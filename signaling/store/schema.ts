import {
  customType,
  integer,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
} from 'drizzle-orm/pg-core';

const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/** Common reference strings by chunk size: one serves all tasks with chunks of so many scalars. */
export const crsFiles = pgTable('crs_files', {
  scalars: integer('scalars').primaryKey(),
  file: bytes('file').notNull(),
  madeAt: timestamp('made_at', { withTimezone: true }).notNull().defaultNow(),
});

/** A task: its canonical description, whose hash is the id. */
export const tasks = pgTable('tasks', {
  id: text('id').primaryKey(),
  /** Canonical CBOR of a TaskDescription. */
  description: bytes('description').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
  /** Until which round the Data Owner lets it go on; null: as the description says. */
  lastRound: integer('last_round'),
});

/** The model after a round; round 0 is the one that a task starts from. */
export const checkpoints = pgTable(
  'checkpoints',
  {
    task: text('task')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    round: integer('round').notNull(),
    /** Canonical CBOR of a SignedHeader. */
    header: bytes('header').notNull(),
    /** float32, little-endian. */
    parameters: bytes('parameters').notNull(),
  },
  (table) => [primaryKey({ columns: [table.task, table.round] })],
);

/** Headers that the Data Owner admitted. */
export const headers = pgTable(
  'headers',
  {
    task: text('task')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    id: text('id').notNull(),
    kind: text('kind').notNull(),
    round: integer('round').notNull(),
    author: text('author').notNull(),
    /** Canonical CBOR of a SignedHeader. */
    signed: bytes('signed').notNull(),
    admittedAt: timestamp('admitted_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.task, table.id] })],
);

/** Batches that the Data Owner revoked, in order. */
export const revocations = pgTable(
  'revocations',
  {
    task: text('task')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    /** 1, 2, …: the epoch that it began. */
    epoch: integer('epoch').notNull(),
    header: text('header').notNull(),
    revokedAt: timestamp('revoked_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.task, table.epoch] }),
    unique().on(table.task, table.header),
  ],
);

/** The bytes of batches of kind 'file', which the Data Owner made. */
export const files = pgTable(
  'files',
  {
    task: text('task')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    header: text('header').notNull(),
    bytes: bytes('bytes').notNull(),
  },
  (table) => [primaryKey({ columns: [table.task, table.header] })],
);

/** What is told of a closed round. */
export const rounds = pgTable(
  'rounds',
  {
    task: text('task')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    round: integer('round').notNull(),
    /** Canonical CBOR of a RoundRecord. */
    record: bytes('record').notNull(),
    /** Canonical CBOR of the signed manifest; null of rounds that were closed before it was kept. */
    manifest: bytes('manifest'),
    /** The header of the sum that the round was closed with. */
    sum: text('sum'),
    /** How many of the updates that made its model were revoked since. */
    revokedUpdates: integer('revoked_updates').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.task, table.round] })],
);

/** Members that the Data Owner excluded: nothing that they author from then on is admitted. */
export const exclusions = pgTable(
  'exclusions',
  {
    task: text('task')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    peer: text('peer').notNull(),
    excludedAt: timestamp('excluded_at', { withTimezone: true }).notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.task, table.peer] })],
);
