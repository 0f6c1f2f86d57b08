import { chunkKey, shuffle, type ChunkKey, type PeerId, type Random } from '../lib/index.ts';
import type { SwarmEvent } from './events.ts';
import type { Batch } from './batch.ts';
import type { Chunk } from './buckets.ts';
import type { Inventory } from './inventory.ts';
import type { Outbox } from './outbox.ts';
import { patience } from './patience.ts';
import type { Peer } from './peer.ts';

type Event<T extends SwarmEvent['type']> = Extract<SwarmEvent, { type: T }>;

/** Chunks asked of the coordinator at once. */
const atOnce = 2;

/**
 * The server as the seed of last resort: asked for chunks of models that no neighbour has, once
 * these had time to connect. Those who all lack a chunk share the asking out, and give each other
 * the rest.
 */
export class LastResort {
  readonly #self: PeerId;
  readonly #inventory: Inventory;
  readonly #outbox: Outbox;
  readonly #random: Random;
  readonly #asked = new Set<ChunkKey>();
  #notBefore = -Infinity;
  #neighbours: readonly PeerId[] = [];

  constructor(self: PeerId, inventory: Inventory, outbox: Outbox, random: Random) {
    this.#self = self;
    this.#inventory = inventory;
    this.#outbox = outbox;
    this.#random = random;
  }

  setNeighbours(peers: readonly PeerId[]): void {
    this.#neighbours = peers;
  }

  /** A chunk that the coordinator sent, asked for or not; it is verified like any other. */
  seeded({ header, index, payload }: Event<'seeded'>, now: number): void {
    const batch = this.#inventory.get(header);
    if (payload !== null && batch && !batch.held.has(index)) {
      this.#outbox.put({ type: 'store', header: batch.header, index, payload, from: null });
      return;
    }
    if (payload === null) this.#notBefore = now + patience.seedRetryMs;
    this.#asked.delete(chunkKey(header, index));
    this.#inventory.setNeeded(header, index);
  }

  stored({ header, index }: Event<'stored'>): void {
    this.#asked.delete(chunkKey(header, index));
  }

  refused({ header, index, from, reason }: Event<'refused'>, now: number): void {
    this.#asked.delete(chunkKey(header, index));
    if (from !== null) return;
    this.#notBefore = now + patience.seedRetryMs;
    this.#outbox.log('warn', null, `the coordinator sent a bad chunk ${index}: ${reason}`);
  }

  ask(peers: ReadonlyMap<PeerId, Peer>, now: number): void {
    if (this.#asked.size >= atOnce || now < this.#notBefore) return;
    const lacking = [...this.#inventory.batches].filter(
      ({ header, held }) => header.kind === 'model' && !held.complete,
    );
    if (lacking.length === 0) return;
    const here = [...peers.values()].filter(({ ready }) => ready);
    const areAllHere = this.#neighbours.every((id) => peers.get(id)?.ready === true);
    const ids = [this.#self, ...here.map(({ id }) => id)].sort();
    const rank = ids.indexOf(this.#self);
    for (const batch of lacking) {
      if (!areAllHere && now < batch.addedAt + patience.seedMs) continue;
      const isShared = now < batch.addedAt + 2 * patience.seedMs;
      const wanted = this.#needed(batch).filter(
        (chunk) =>
          (!isShared || chunk.index % ids.length === rank) && !isWithNeighbour(chunk, here, now),
      );
      for (const chunk of shuffle(wanted, this.#random)) {
        if (this.#asked.size >= atOnce) return;
        this.#inventory.setPending(chunk);
        this.#asked.add(chunkKey(batch.header.id, chunk.index));
        this.#outbox.put({ type: 'seed', header: batch.header.id, index: chunk.index });
      }
    }
  }

  /** ms */
  nextWake(now: number): number {
    let next = this.#notBefore > now ? this.#notBefore : Infinity;
    for (const { header, held, addedAt } of this.#inventory.batches) {
      if (header.kind !== 'model' || held.complete) continue;
      for (const time of [addedAt + patience.seedMs, addedAt + 2 * patience.seedMs]) {
        if (time > now && time < next) next = time;
      }
    }
    return next;
  }

  #needed({ header }: Batch): Chunk[] {
    const chunks = header.columns.map((_, index) => this.#inventory.chunk(header.id, index));
    return chunks
      .filter((chunk) => chunk?.state === 'needed')
      .filter((chunk) => chunk !== undefined);
  }
}

/** A claim by a peer that does not deliver is none. */
function isWithNeighbour(
  { batch, index, availability }: Chunk,
  peers: readonly Peer[],
  now: number,
) {
  if (availability === 0) return false;
  return peers.some(
    ({ id, holdings }) => holdings.has(batch.header.id, index) && !batch.isExcluded(index, id, now),
  );
}
