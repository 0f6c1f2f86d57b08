import { customType, integer, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';

const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/** A task: its canonical description, whose hash is the id. */
export const tasks = pgTable('tasks', {
  id: text('id').primaryKey(),
  /** Canonical CBOR of a TaskDescription. */
  description: bytes('description').notNull(),
  createdAt: timestamp('created_at', { withTimezone: true }).notNull().defaultNow(),
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
  },
  (table) => [primaryKey({ columns: [table.task, table.round] })],
);
