/** How patient the coordinator is, in ms. What a phase may last is the task's to say. */
export const patience = {
  /** A connection that was lost may come back so late before the round goes on without it. */
  graceMs: 5_000,
  /** A member asked for a chunk that is to go through the coordinator has so long. */
  relayMs: 5_000,
  /** A member asked for its sum has so long before another one is asked. */
  collectMs: 20_000,
  /** After a failed round, times the failures in a row, at most ten times. */
  retryMs: 1_000,
} as const;
