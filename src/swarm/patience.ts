/** How patient the engine is, in ms. What others can make us hold is bounded in `limits`. */
export const patience = {
  /** Haves are gathered so long before they are sent; the first after a while goes at once. */
  haveMs: 20,
  /** What is being sent here is offered to neighbours where that takes so long, and withdrawn when it has not come. */
  sendingMs: 20,
  soonMs: 1_500,
  /** A peer of which nothing was measured may owe so long. */
  unmeasuredMs: 12_000,
  /** Bounds of what was measured: mean and four deviations of the time that a block takes. */
  leastServiceMs: 2_000,
  mostServiceMs: 60_000,
  /** Who delivers nothing for so long while it owes is snubbed: one request at a time. */
  snubMs: 20_000,
  /** A chunk that comes drop by drop is asked for elsewhere. */
  chunkMs: 24_000,
  /** A peer that was too slow with a chunk is not asked for it again so long. */
  excludeMs: 12_000,
  /** Nor one that refused it: somebody else may have it by then. */
  refusedMs: 1_000,
  /** In the end game a chunk is late, and asked of another one, after so long at least. */
  lateMs: 250,
  /** What waits with one peer is taken back for an idle one if that is sooner by so much, and in half the time. */
  moveMs: 300,
  /** Requests worth so much of a peer's rate are under way. */
  pipelineMs: 3_000,
  /** Who is served is decided anew so often, and who is tried so often. */
  rechokeMs: 10_000,
  optimisticMs: 30_000,
  /** Who waited so long for a slot goes before those that gave more. */
  starvedMs: 15_000,
  /** A peer is new so long, and tried sooner. */
  newMs: 60_000,
  /** Rates of what was given and taken are of so long. */
  rateMs: 20_000,
  /** What takes so long to send goes to everybody once before it goes to anybody twice. */
  spreadAfterMs: 130,
  /** A chunk that was sent has so long to be passed on before it is sent to another one. */
  spreadMs: 8_000,
  /** After so long without a message one is sent, and a peer is gone that sent none. */
  keepAliveMs: 120_000,
  silentMs: 240_000,
  /** A new connection has so long to introduce itself. */
  handshakeMs: 30_000,
  /** Neighbours have so long to connect before the coordinator is asked for a chunk. */
  seedMs: 3_000,
  /** A coordinator that could not deliver is left alone so long. */
  seedRetryMs: 2_000,
} as const;
