import { concatBytes, err, float32ToBytes, ok, type HeaderId, type PeerId, type Result, type TaskId } from '../src/lib/index.ts'; // prettier-ignore
import {
  limits,
  verifyManifest,
  type Answer,
  type Question,
  type RoundRecord,
  type Signed,
  type TaskDescription,
} from '../src/protocol/index.ts';
import { decodeHeader, headerId, noOpening, payloadBytes, type GlobalKey, type ScalarCount, type SignedHeader, type StateUpdate, type SumOrder, type VerifiedHeader, type Witness } from '../src/vds/index.ts'; // prettier-ignore
import type { DeliveredSum, ExportedRound, Marked } from '../src/rounds/index.ts';
import type { OwnerThread } from './owner-thread.ts';
import type { AdmittedBatch, Checkpoint, Replacement, Store } from './store/store.ts';

/** Something was revoked: the new state and, if it was the current model, what takes its place. */
export interface Revocation {
  readonly update: StateUpdate;
  readonly replacement: SignedHeader | null;
  /** Models that were made with it. */
  readonly marked: readonly Marked[];
}

export interface DeskOptions {
  readonly id: TaskId;
  readonly description: TaskDescription;
  readonly store: Store;
  /** Opened for this task. */
  readonly thread: OwnerThread;
  /** ms since 1970 */
  readonly now: () => number;
}

/**
 * The Data Owner's office for one task: what the thread decides is stored before anybody is told.
 * What changes the model or the state goes one after the other.
 */
export class OwnerDesk {
  readonly #options: DeskOptions;
  #model: Checkpoint;
  #turn: Promise<unknown> = Promise.resolve();
  #waiting: { signed: SignedHeader; settle: (result: Promise<Result<VerifiedHeader>>) => void }[] =
    [];
  #admitting = false;
  #file: { readonly header: HeaderId; readonly payloads: readonly Uint8Array[] } | null = null;

  readonly #excluded: Set<PeerId>;

  constructor(options: DeskOptions, model: Checkpoint, excluded: readonly PeerId[]) {
    this.#options = options;
    this.#model = model;
    this.#excluded = new Set(excluded);
  }

  /** Members of whom nothing is admitted any more. */
  get excluded(): ReadonlySet<PeerId> {
    return this.#excluded;
  }

  /** Admits nothing that a member authors from now on. */
  async exclude(peer: PeerId): Promise<Result<null>> {
    if (peer === this.#options.description.ownerKey) return err('the Data Owner cannot exclude itself'); // prettier-ignore
    const isFull = this.#excluded.size >= limits.excludedMembers && !this.#excluded.has(peer);
    if (isFull) return err(`${limits.excludedMembers} members are excluded already`);
    await this.#options.store.exclude(this.#options.id, peer);
    this.#excluded.add(peer);
    return ok(null);
  }

  /** Takes an exclusion back. */
  async readmit(peer: PeerId): Promise<void> {
    await this.#options.store.readmit(this.#options.id, peer);
    this.#excluded.delete(peer);
  }

  /** The newest model. */
  get model(): Checkpoint {
    return this.#model;
  }

  /** Runs a job when those before it are done. */
  exclusive<T>(job: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(job, job);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  globalKey(): Promise<GlobalKey> {
    return this.#options.thread.service.globalKey();
  }

  /** The state, signed anew. */
  state(): Promise<StateUpdate> {
    return this.#options.thread.service.state(this.#seconds());
  }

  /** Verifies, countersigns and keeps a header; those that arrive meanwhile go as one batch. */
  admit(signed: SignedHeader): Promise<Result<VerifiedHeader>> {
    return new Promise((resolve) => {
      this.#waiting.push({ signed, settle: resolve });
      void this.#admitAll();
    });
  }

  async #admitAll(): Promise<void> {
    if (this.#admitting) return;
    this.#admitting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      const results = this.#admitBatch(batch.map(({ signed }) => signed));
      batch.forEach(({ settle }, k) => {
        settle(results.then((all) => all[k] ?? err('header could not be admitted')));
      });
      await results.catch(() => undefined);
    }
    this.#admitting = false;
  }

  async #admitBatch(batch: readonly SignedHeader[]): Promise<Result<VerifiedHeader>[]> {
    const { thread, store, id } = this.#options;
    const excluded = batch.map(({ header }) => this.#isExcluded(header));
    const judged = await thread.service.admit(batch.filter((_, k) => !excluded[k]));
    const results = excluded.map((isExcluded): Result<VerifiedHeader> => {
      if (isExcluded) return err('the Data Owner has excluded its author');
      return judged.shift() ?? err('header could not be admitted');
    });
    const admitted = results.flatMap((result) => (result.ok ? [result.value.signed] : []));
    await store.addHeaders(id, admitted);
    return results;
  }

  #isExcluded(header: Uint8Array): boolean {
    const decoded = decodeHeader(header);
    return decoded.ok && this.#excluded.has(decoded.value.author);
  }

  /** Admits a sum, if it is Σ a_k·u_k of its order and its chunks are its own. */
  admitSum(sum: DeliveredSum, { manifest, summands }: SumOrder): Promise<Result<VerifiedHeader>> {
    const terms = summands.map(({ header, weight }) => ({ signed: header.signed, weight }));
    return this.#options.thread.service.admitSum(sum.signed, sum.payloads, manifest, terms);
  }

  /**
   * Makes, admits and stores the model that an admitted sum leads to. For an {@link exclusive} job.
   *
   * @param parameters of the model
   */
  async closeRound(
    sum: VerifiedHeader,
    parameters: Float32Array,
    record: RoundRecord,
    manifest: Signed,
  ): Promise<{ readonly model: SignedHeader; readonly sum: SignedHeader }> {
    const { thread, store, id } = this.#options;
    const { round } = record;
    const about = { opening: sum.opening, round, kind: 'model' } as const;
    const { signed: header } = await thread.service.create(about, float32ToBytes(parameters));
    const checkpoint = { round, header, parameters };
    await store.closeRound(id, checkpoint, { record, manifest, sum: sum.signed });
    this.#model = checkpoint;
    return { model: header, sum: sum.signed };
  }

  /** Commits to a file and keeps it. */
  async createFile(bytes: Uint8Array): Promise<Result<SignedHeader>> {
    const { thread, store, id } = this.#options;
    if ((await store.fileCount(id)) >= limits.ownerFiles) return err(`the task has ${limits.ownerFiles} files already`); // prettier-ignore
    const about = { opening: noOpening, round: 0, kind: 'file' } as const;
    const { signed, payloads } = await thread.service.create(about, bytes);
    await store.addFile(id, signed, concatBytes(...payloads));
    return ok(signed);
  }

  /**
   * Revokes a batch.
   *
   * @param tell told, when it is stored, before anything else changes
   */
  revoke(header: HeaderId, tell: (revocation: Revocation) => void): Promise<Result<StateUpdate>> {
    return this.exclusive(async () => {
      const { thread, store, id } = this.#options;
      if ((await store.header(id, header)) === null) return err('no such batch was admitted');
      if (header === headerId(this.#model.header.header)) {
        return err('it is the current model, which members need: replace it instead');
      }
      const revoked = await thread.service.revoke(header);
      if (!revoked.ok) return revoked;
      return ok(revoked.value ? await this.#settle(header, null, tell) : await this.state());
    });
  }

  /**
   * Revokes the current model or a file, and admits what takes its place.
   *
   * @param content float32 parameters of a model, in bytes; or a file's bytes
   */
  replace(
    header: HeaderId,
    content: Uint8Array,
    tell: (revocation: Revocation) => void,
  ): Promise<Result<StateUpdate>> {
    return this.exclusive(async () => {
      const { thread, store, id } = this.#options;
      const signed = await store.header(id, header);
      const old = signed && decodeHeader(signed.header);
      if (!old?.ok) return err('no such batch was admitted');
      const { kind, round, opening } = old.value;
      if (kind !== 'model' && kind !== 'file') {
        return err(
          'a member made it, and only the Data Owner’s batches can be replaced: revoke it',
        );
      }
      if (kind === 'model' && header !== headerId(this.#model.header.header)) {
        return err('only the current model can be replaced: revoke this one');
      }
      const parameters = kind === 'model' ? parametersOf(content, this.#model.parameters.length) : null; // prettier-ignore
      if (parameters && !parameters.ok) return parameters;
      const about = { opening, round, kind, replaces: header };
      const { signed: next, payloads } = await thread.service.create(about, content);
      const replaced = await thread.service.replace(header, next);
      if (!replaced.ok) return replaced;
      const stored = { signed: next, content: parameters?.value ?? concatBytes(...payloads) };
      return ok(await this.#settle(header, stored, tell));
    });
  }

  /** What a core that a tab shows is to us; see DataOwner.recognise. */
  recognise(core: Signed): Promise<Result<'known' | 'newer' | 'forked'>> {
    return this.#options.thread.service.recognise(core);
  }

  /**
   * Takes over revocations that a tab knows of and this database, restored from a backup, does not.
   * 'forked' and 'replaced' if that is not possible: nothing more may be signed then.
   *
   * @param tell told of what was taken over, when it is stored
   */
  takeOver(
    shown: StateUpdate,
    tell: (header: HeaderId, revocation: Revocation) => void,
  ): Promise<Result<'taken' | 'forked' | 'replaced'>> {
    return this.exclusive(async () => {
      const { thread, store, id } = this.#options;
      const taken = await thread.service.takeOver(shown);
      if (!taken.ok) return taken;
      if (taken.value === 'forked') return ok('forked');
      if (taken.value === 0) return ok('taken');
      const update = await this.state();
      const first = update.revoked.length - taken.value;
      const added = update.revoked.slice(first);
      if (added.includes(headerId(this.#model.header.header))) return ok('replaced');
      let marked: Marked[];
      try {
        marked = await store.addRevocations(id, first + 1, added);
      } catch (thrown) {
        for (const header of added.toReversed()) await thread.service.unrevoke(header);
        throw thrown;
      }
      for (const [k, header] of added.entries()) {
        if (this.#file?.header === header) this.#file = null;
        tell(header, { update, replacement: null, marked: k === 0 ? marked : [] });
      }
      return ok('taken');
    });
  }

  /** Stores what the thread has revoked; if that fails, it is not revoked. */
  async #settle(
    header: HeaderId,
    replacement: Replacement | null,
    tell: (revocation: Revocation) => void,
  ): Promise<StateUpdate> {
    const { thread, store, id } = this.#options;
    const update = await this.state();
    let marked: Marked[];
    try {
      marked = await store.revoke(id, header, update.revoked.length, replacement);
    } catch (thrown) {
      await thread.service.unrevoke(header);
      throw thrown;
    }
    if (this.#file?.header === header) this.#file = null;
    const isModel = replacement?.content instanceof Float32Array;
    if (replacement && replacement.content instanceof Float32Array) {
      const { signed, content } = replacement;
      this.#model = { round: this.#model.round, header: signed, parameters: content };
    }
    tell({ update, replacement: isModel ? replacement.signed : null, marked });
    return update;
  }

  /** Admitted batches, newest first. */
  batches(page: { readonly limit: number; readonly offset: number }): Promise<AdmittedBatch[]> {
    return this.#options.store.batches(this.#options.id, page);
  }

  /** An admitted header, or null. */
  header(id: HeaderId): Promise<SignedHeader | null> {
    return this.#options.store.header(this.#options.id, id);
  }

  /** The parameters after a round, float32 in bytes, or null. */
  async modelBytes(round: number): Promise<Uint8Array | null> {
    const kept = await this.#options.store.checkpoint(this.#options.id, round);
    return kept && float32ToBytes(kept.parameters);
  }

  /** All by which a closed round is proved; null if it was not closed, or its proofs were not kept. */
  async exportRound(round: number, crs: Uint8Array): Promise<ExportedRound | null> {
    const { store, id, description } = this.#options;
    const closed = await store.round(id, round);
    const after = await store.checkpoint(id, round);
    if (closed === null || after === null) return null;
    const manifest = verifyManifest(closed.manifest, { task: id, ownerKey: description.ownerKey });
    if (!manifest.ok) throw new Error(`the database holds a manifest that does not verify: ${manifest.error}`); // prettier-ignore
    const updates: SignedHeader[] = [];
    for (const { header } of manifest.value.entries) {
      const signed = await store.header(id, header);
      if (signed) updates.push(signed);
    }
    return {
      ...{ type: 'exported-round', version: 1, description, crs, updates, ...closed },
      state: await this.state(),
      model: after.header,
      parameters: float32ToBytes(after.parameters),
    };
  }

  /** Proof that an admitted batch is not revoked. */
  async witness(header: HeaderId): Promise<Result<Witness>> {
    const { store, id, thread } = this.#options;
    if ((await store.header(id, header)) === null) return err('no such batch was admitted');
    return thread.service.witness(header);
  }

  /** Whether a holder's answer to a question about an admitted batch holds; the values it proves. */
  async judge(header: HeaderId, holder: PeerId, question: Question, answer: Answer) {
    const { thread, store, id } = this.#options;
    const signed = await store.header(id, header);
    if (signed === null) return err('no such batch was admitted');
    return thread.service.judge(signed, holder, question, answer, this.#seconds());
  }

  /** A chunk of a file, or null. */
  async fileChunk(header: HeaderId, index: number): Promise<Uint8Array | null> {
    const { store, id, description } = this.#options;
    if (this.#file?.header !== header) {
      const bytes = await store.file(id, header);
      if (bytes === null || (await store.revoked(id)).includes(header)) return null;
      this.#file = { header, payloads: splitPayloads(bytes, description.exchange.scalars) };
    }
    return this.#file.payloads[index] ?? null;
  }

  #seconds(): number {
    return Math.floor(this.#options.now() / 1000);
  }
}

/** Payloads that were kept one after the other: all are full but the last. */
function splitPayloads(bytes: Uint8Array, scalars: ScalarCount): Uint8Array[] {
  const full = payloadBytes(Number.MAX_SAFE_INTEGER, scalars, 'bytes', 0);
  const length = Math.ceil(bytes.length / full);
  return Array.from({ length }, (_, i) => bytes.subarray(i * full, (i + 1) * full));
}

/** The parameters that bytes are, if they are those of a model of `count` parameters. */
function parametersOf(bytes: Uint8Array, count: number): Result<Float32Array> {
  if (bytes.length !== 4 * count) {
    return err(`a model of ${bytes.length} bytes: it must be ${count} float32, ${4 * count} bytes`);
  }
  const parameters = new Float32Array(bytes.slice().buffer);
  return parameters.every(Number.isFinite) ? ok(parameters) : err('the model has values that are not finite'); // prettier-ignore
}
