import { transfer } from 'comlink';
import { identityOf } from '../crypto/index.ts';
import { Bitfield, err, messageOf, ok, ownBytes } from '../lib/index.ts';
import type { HeaderId, PeerId, Result, TaskId } from '../lib/index.ts';
import { verifyServerMessage, type RoundServerMessage, type VerifiedMessage } from '../rounds/index.ts'; // prettier-ignore
import { cutBatch, cutPayloads, headerId, joinLanes, signHeader, verifyChunk } from '../vds/index.ts'; // prettier-ignore
import type { ScalarCount, SignedHeader, VerifiedHeader } from '../vds/index.ts';
import { MemoryChunkStore, type ChunkStore } from './chunk-store.ts';
import { DexieChunkStore } from './dexie-chunk-store.ts';
import { systemRandom } from './system-random.ts';

/**
 * The tab's storage server and verifier, in its worker: nothing is stored that was not verified,
 * nothing is read that was not stored. A database that fails is replaced by memory, and that is
 * reported, once.
 */
export class StorageService {
  #store: ChunkStore = new MemoryChunkStore();
  #onTrouble: (problem: string) => void = () => undefined;
  readonly #headers = new Map<HeaderId, VerifiedHeader>();

  /** @param onTrouble told when chunks are kept in memory only, and why */
  async open(database: string, onTrouble: (problem: string) => void): Promise<void> {
    this.#onTrouble = onTrouble;
    await this.#orMemory(async () => {
      this.#store = await DexieChunkStore.open(database);
    });
  }

  /** The signature checks of a message from the coordinator. */
  verify(
    message: RoundServerMessage,
    expected: { readonly task: TaskId; readonly ownerKey: PeerId },
  ): Result<VerifiedMessage> {
    return verifyServerMessage(message, expected);
  }

  /** Makes a batch known; the bits of what is held of it. */
  async add(header: VerifiedHeader): Promise<Uint8Array<ArrayBuffer>> {
    this.#headers.set(header.id, header);
    const held = new Bitfield(header.columns.length);
    for (const index of await this.#orMemory(() => this.#store.held(header.id))) held.set(index);
    return held.toBytes();
  }

  /** Verifies a chunk, and keeps it if it holds. The error names the check that failed. */
  async accept(
    header: HeaderId,
    index: number,
    payload: Uint8Array<ArrayBuffer>,
  ): Promise<Result<null>> {
    const known = this.#headers.get(header);
    if (known === undefined) return err('batch was dropped');
    const verified = verifyChunk(known, index, payload);
    if (!verified.ok) return verified;
    await this.#orMemory(() => this.#store.put(header, index, payload));
    return ok(null);
  }

  /** A block of a chunk; null if it is not held. Offset and length in bytes. */
  async read(
    header: HeaderId,
    index: number,
    offset: number,
    length: number,
  ): Promise<Uint8Array | null> {
    const payload = await this.#orMemory(() => this.#store.get(header, index));
    if (payload === null || offset + length > payload.length) return null;
    const bytes =
      length === payload.length ? payload : ownBytes(payload.subarray(offset, offset + length));
    return transfer(bytes, [bytes.buffer]);
  }

  /** The lanes of a batch, from chunks that were verified; null unless all are held. */
  async lanes(header: HeaderId): Promise<Uint8Array | null> {
    const known = this.#headers.get(header);
    if (known === undefined) return null;
    const payloads = await Promise.all(
      known.columns.map((_, index) => this.#orMemory(() => this.#store.get(header, index))),
    );
    const complete = payloads.filter((payload) => payload !== null);
    if (complete.length < payloads.length) return null;
    const lanes = joinLanes(known, complete);
    return transfer(lanes, [lanes.buffer as ArrayBuffer]);
  }

  /** Cuts, blinds, keeps and signs an update of ours. */
  async seal(
    about: { readonly task: TaskId; readonly round: number; readonly scalars: ScalarCount },
    codes: Uint8Array,
    secret: Uint8Array,
  ): Promise<SignedHeader> {
    const author = identityOf(secret);
    const { header, payloads } = cutBatch(
      { ...about, kind: 'update', lanes: 'update', author: author.id },
      codes,
      systemRandom(),
    );
    const signed = signHeader(header, author);
    await this.#putAll(headerId(signed.header), payloads);
    return signed;
  }

  /** Keeps the chunks of a model that we computed ourselves; false if they are not its chunks. */
  async install(model: VerifiedHeader, lanes: Uint8Array): Promise<boolean> {
    const payloads = cutPayloads(lanes, model.scalars, model.lanes, null);
    if (!payloads.every((payload, index) => verifyChunk(model, index, payload).ok)) return false;
    await this.#putAll(model.id, payloads);
    return true;
  }

  async keep(headers: readonly HeaderId[]): Promise<void> {
    for (const header of this.#headers.keys()) {
      if (!headers.includes(header)) this.#headers.delete(header);
    }
    await this.#orMemory(() => this.#store.keep(headers));
  }

  async #putAll(header: HeaderId, payloads: readonly Uint8Array[]): Promise<void> {
    const puts = payloads.map((payload, index) =>
      this.#orMemory(() => this.#store.put(header, index, ownBytes(payload))),
    );
    await Promise.all(puts);
  }

  /** Runs on the store; if that fails, goes over to memory and runs there. */
  async #orMemory<T>(run: () => Promise<T>): Promise<T> {
    const store = this.#store;
    try {
      return await run();
    } catch (thrown) {
      if (store instanceof MemoryChunkStore) throw thrown;
      if (this.#store === store) {
        this.#store = new MemoryChunkStore();
        this.#onTrouble(messageOf(thrown));
      }
      return run();
    }
  }
}
