import { expose, transfer } from 'comlink';
import { at, Bitfield, err, messageOf, ok, ownBytes } from '../lib/index.ts';
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import type { Answer, Parties, Question, Readers, Verdict } from '../protocol/index.ts';
import { Holder, MessageVerifier, type RoundServerMessage, type VerifiedMessage } from '../rounds/index.ts'; // prettier-ignore
import type { Block } from '../swarm/index.ts';
import { blindingBytes, cutPayloads, joinLanes, MemoryChunkStore, StorageServer, sumBlinders, verifyChunk, Verifier } from '../vds/index.ts'; // prettier-ignore
import type { ChunkStore, StateUpdate, VerifiedHeader } from '../vds/index.ts';
import { CachedChunkStore } from './cached-chunk-store.ts';
import { loadCrs, type LoadedCrs } from './crs-source.ts';
import { digestOf } from './digest.ts';
import { DexieChunkStore } from './dexie-chunk-store.ts';
import { StatementBook } from './statement-book.ts';
import { SturdyChunkStore, type StoreState } from './sturdy-chunk-store.ts';
import { systemRandom } from './system-random.ts';

/** A chunk that came from somewhere, and is yet to be verified. */
export interface ArrivedChunk {
  readonly header: HeaderId;
  readonly index: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/**
 * bytes of chunks that are in memory as well: a model of 24 MiB and the updates of a round of 200 members.
 * Measured in Chromium: who sends 64 MiB from memory to one tab takes 2.4 s, from IndexedDB 2.8.
 */
const cachedBytes = 50_331_648;

/** What verification cost and covered so far. */
export interface VerificationTotals {
  /** ms of computing */
  readonly ms: number;
  readonly headers: number;
  readonly chunks: number;
}

/** What the training worker does with the chunks of batches, which are the storage worker's. */
export type BatchAccess = Pick<StorageService, 'lanes' | 'sumBlinders' | 'keepOwn' | 'install'>;

/**
 * The tab's storage server and verifier, in its worker: nothing is stored that was not verified,
 * nothing is read that was not stored. What a database fails to take is kept in memory, what it
 * fails to give is fetched again; see {@link SturdyChunkStore}.
 */
export class StorageService {
  /** Where chunks last, and it with what is recent in memory: who audits asks for the former. */
  #disk: ChunkStore = new MemoryChunkStore();
  #store: ChunkStore = this.#disk;
  #server: StorageServer | null = null;
  #messages: MessageVerifier | null = null;
  #holder: Holder | null = null;
  readonly #random: Random = systemRandom();
  #book: StatementBook | null = null;
  #task: TaskId | null = null;
  #crs: LoadedCrs | null = null;
  #totals = { ms: 0, headers: 0, chunks: 0 };

  /**
   * @param database null: in memory, for an identity that a reload does not keep
   * @param onState told of each change of where chunks are kept; at first it is on disk
   * @param onSetAside told if what was stored before cannot be read, and is left alone
   * @param onLost told of each chunk that was kept and cannot be read
   */
  async open(
    database: string | null,
    onState: (state: StoreState) => void,
    onSetAside: () => void,
    onLost: (header: HeaderId, index: number) => Promise<void> | void,
  ): Promise<void> {
    this.#book = await StatementBook.open(database && `${database}-freezes`);
    if (database === null) return;
    const lost = async (header: HeaderId, index: number) => onLost(header, index);
    try {
      const { disk, isSetAside } = await DexieChunkStore.open(database);
      if (isSetAside) onSetAside();
      this.#disk = new SturdyChunkStore(disk, { onState, onLost: lost });
      this.#store = new CachedChunkStore(this.#disk, cachedBytes);
    } catch (thrown) {
      onState({ kind: 'broken', problem: messageOf(thrown) });
    }
  }

  /**
   * Gets the task's CRS, by the digest that the task pins, and starts to check everything against
   * it.
   *
   * @returns whether this browser verified it before; else {@link verifyCrs} is due
   */
  async join(about: {
    readonly task: TaskId;
    readonly ownerKey: PeerId;
    /** SHA-256 of the task's description. */
    readonly settings: Uint8Array;
    readonly crs: Uint8Array;
  }): Promise<Result<{ readonly isVerified: boolean }>> {
    const { task, ownerKey, settings } = about;
    const loaded = await loadCrs(task, about.crs, this.#random);
    if (!loaded.ok) return loaded;
    const { crs, verify } = loaded.value;
    if (crs.isTest) return err('CRS: the one for tests, whose trapdoor everybody knows');
    this.#crs = loaded.value;
    const verifier = new Verifier({ crs, task, ownerKey, random: this.#random });
    this.#server = new StorageServer(verifier, this.#disk, this.#random);
    this.#holder = new Holder(this.#server);
    this.#task = task;
    const kept = await this.newestState(task);
    if (kept) this.#server.resumeState(kept);
    const frozen = (await this.#book?.freeze(task)) ?? null;
    this.#messages = new MessageVerifier(this.#server, { task, ownerKey, settings }, frozen);
    return ok({ isVerified: verify === null });
  }

  /**
   * Verifies the CRS point by point, unless this browser did before: seconds, in which messages are
   * answered. Nothing is committed to with one that was not verified.
   *
   * @returns the file, to commit with in another worker
   */
  async verifyCrs(onProgress: (share: number) => void): Promise<Result<Uint8Array<ArrayBuffer>>> {
    if (this.#crs === null) return err('bug: no CRS was loaded');
    const { crs, verify } = this.#crs;
    const verified = (await verify?.(onProgress)) ?? ok(null);
    return verified.ok ? ok(crs.file) : verified;
  }

  /** Verifies a message from the coordinator: signatures, openings, states, sums. */
  async verify(message: RoundServerMessage): Promise<Result<VerifiedMessage>> {
    const messages = this.#messages;
    if (messages === null) return err('bug: a message before the CRS');
    if (message.type === 'manifest') this.#totals.headers += message.headers.length;
    if (message.type === 'closed') this.#totals.headers += 2;
    const verified = this.#timed(() => messages.verify(message, Math.floor(Date.now() / 1000)));
    if (!verified.ok) return verified;
    // Kept before anything follows from it.
    if (verified.value.type === 'frozen') await this.#book?.keepFreeze(verified.value.freeze);
    if (message.type === 'welcome') await this.#keepState(message.state);
    if (message.type === 'state') await this.#keepState(message.update);
    return verified;
  }

  /** The newest state of a task that this tab took, before it was loaded anew or after. */
  async newestState(task: TaskId): Promise<StateUpdate | null> {
    return (await this.#book?.state(task)) ?? null;
  }

  async #keepState(state: StateUpdate): Promise<void> {
    if (this.#task !== null) await this.#book?.keepState(this.#task, state);
  }

  /** Lets the training worker at the chunks of batches, and at nothing else. @param port its end */
  connect(port: MessagePort): void {
    const access: BatchAccess = {
      lanes: (header) => this.lanes(header),
      sumBlinders: (summands) => this.sumBlinders(summands),
      keepOwn: (header, payloads) => this.keepOwn(header, payloads),
      install: (model, lanes) => this.install(model, lanes),
    };
    expose(access, port);
  }

  /** Makes a batch known; the bits of what is held of it. */
  async add(header: VerifiedHeader, readers: Readers): Promise<Uint8Array<ArrayBuffer>> {
    const held = new Bitfield(header.columns.length);
    if (this.#holder?.add(header, readers) !== true) return held.toBytes();
    for (const index of await this.#store.held(header.id)) held.set(index);
    return held.toBytes();
  }

  /** Verifies a chunk, and keeps it if it holds. The error names the check that failed. */
  async accept(
    header: HeaderId,
    index: number,
    payload: Uint8Array<ArrayBuffer>,
  ): Promise<Result<null>> {
    const digest = await digestOf(payload);
    const known = this.#holder?.get(header);
    const server = this.#server;
    if (known === undefined || server === null) return err('batch was dropped');
    const verified = this.#timed(() => server.verifier.verifyChunk(known, index, payload, digest));
    if (!verified.ok) return verified;
    this.#totals.chunks++;
    await this.#store.put(header, index, payload);
    return ok(null);
  }

  /** As {@link accept}, several chunks at once. */
  acceptAll(chunks: readonly ArrivedChunk[]): Promise<Result<null>[]> {
    return Promise.all(chunks.map(({ header, index, payload }) => this.accept(header, index, payload))); // prettier-ignore
  }

  /** Blocks of chunks; null for one that is not held. Offset and length in bytes. */
  async readAll(
    blocks: readonly Pick<Block, 'header' | 'index' | 'offset' | 'length'>[],
  ): Promise<(Uint8Array<ArrayBuffer> | null)[]> {
    const read = await Promise.all(
      blocks.map(async ({ header, index, offset, length }) => {
        const payload = await this.#store.get(header, index);
        if (payload === null || offset + length > payload.length) return null;
        return length === payload.length
          ? payload
          : ownBytes(payload.subarray(offset, offset + length));
      }),
    );
    return transfer(read, read.flatMap((bytes) => bytes?.buffer ?? [])); // prettier-ignore
  }

  /** A whole chunk; null if it is not held. */
  async chunk(header: HeaderId, index: number): Promise<Uint8Array | null> {
    const payload = await this.#store.get(header, index);
    return payload && transfer(payload, [payload.buffer]);
  }

  /** The lanes of a batch, from chunks that were verified; null unless all are held. */
  async lanes(header: HeaderId): Promise<Uint8Array | null> {
    const known = this.#holder?.get(header);
    const payloads = await this.#payloads(header);
    if (payloads === null || known === undefined) return null;
    const lanes = joinLanes(known, payloads);
    return transfer(lanes, [lanes.buffer as ArrayBuffer]);
  }

  /** The blinders of every column of a weighted sum of batches that are held; null if one is not. */
  async sumBlinders(
    summands: readonly { readonly header: HeaderId; readonly weight: number }[],
  ): Promise<bigint[][] | null> {
    const terms: { payloads: Uint8Array[]; weight: number }[] = [];
    for (const { header, weight } of summands) {
      const payloads = await this.#payloads(header);
      if (payloads === null) return null;
      terms.push({ payloads: payloads.map((each) => each.slice(0, blindingBytes)), weight });
    }
    return sumBlinders(terms);
  }

  /** Keeps the chunks of a batch that this tab made itself. */
  async keepOwn(header: HeaderId, payloads: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    await Promise.all(payloads.map((payload, index) => this.#store.put(header, index, payload)));
  }

  /** Keeps the chunks of a model that we computed ourselves; false if they are not its chunks. */
  async install(model: VerifiedHeader, lanes: Uint8Array): Promise<boolean> {
    const payloads = cutPayloads(lanes, model.scalars, model.lanes, null);
    const digests = await Promise.all(payloads.map(digestOf));
    const holds = (payload: Uint8Array, index: number) =>
      verifyChunk(model, index, payload, at(digests, index)).ok;
    if (!payloads.every(holds)) return false;
    await this.keepOwn(model.id, payloads);
    return true;
  }

  async keep(headers: readonly HeaderId[]): Promise<void> {
    this.#holder?.keep(headers);
    await this.#store.keep(headers);
  }

  /** Drops batches that were revoked, or that nobody is to have any more. */
  async drop(headers: readonly HeaderId[]): Promise<void> {
    this.#holder?.drop(headers);
    await this.#store.drop(headers);
  }

  /** Answers a question about a batch that is held; see {@link Holder}. */
  async answer(header: HeaderId, question: Question, parties: Parties): Promise<Answer> {
    const nothing = { kind: 'refused' as const, reason: 'the batch is not here' };
    return (await this.#holder?.answer(header, question, parties)) ?? nothing;
  }

  /** Checks an answer and its proof of non-revocation. The error names the check that failed. */
  judge(header: HeaderId, question: Question, parties: Parties, answer: Answer): Verdict {
    const judge = () => this.#holder?.judge(header, question, parties, answer);
    return this.#timed(judge) ?? err('the batch was dropped');
  }

  /** What verification cost so far. */
  totals(): VerificationTotals {
    return { ...this.#totals };
  }

  /** The payloads of a complete batch, or null. */
  async #payloads(header: HeaderId): Promise<Uint8Array[] | null> {
    const known = this.#holder?.get(header);
    if (known === undefined) return null;
    const payloads = await Promise.all(
      known.columns.map((_, index) => this.#store.get(header, index)),
    );
    const complete = payloads.filter((payload) => payload !== null);
    return complete.length < payloads.length ? null : complete;
  }

  #timed<T>(work: () => T): T {
    const start = performance.now();
    try {
      return work();
    } finally {
      this.#totals.ms += performance.now() - start;
    }
  }
}
