import { encodeG1, encodeG2, hashToScalar, type G2Point, type Identity } from '../crypto/index.ts';
import { at, err, hexToBytes, ok } from '../lib/index.ts';
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import { accumulate, accumulatorKey, serverKeys } from './accumulator.ts';
import { cutPayloads, drawBlinders, sealPayloads, type BatchDescription } from './batch.ts';
import type { CommitmentKey } from './commitment.ts';
import type { Crs, OnProgress } from './crs.ts';
import { admitHeader, decodeHeader, headerId, signHeader } from './header.ts';
import type { SignedHeader, VerifiedHeader } from './header.ts';
import { maxRevoked, signState, type StateUpdate } from './state.ts';
import type { SumOrder } from './sum.ts';
import { Verifier } from './verifier.ts';

/** What everybody may know, and pins: the Data Owner's public half. */
export interface GlobalKey {
  readonly task: TaskId;
  /** Ed25519. */
  readonly ownerKey: PeerId;
  /** n */
  readonly scalars: number;
  /** SHA-256 of the CRS. */
  readonly crs: Uint8Array;
  /** [s]₂, compressed. */
  readonly accumulatorKey: Uint8Array;
}

export interface DataOwnerOptions {
  readonly task: TaskId;
  readonly crs: Crs;
  /** The signing key; the accumulator's trapdoor is derived from it. */
  readonly identity: Identity;
  /** Cryptographically secure. */
  readonly random: Random;
  /** Batches revoked so far, in order. */
  readonly revoked?: readonly HeaderId[];
  /** Tests only: takes the CRS whose trapdoor is public. */
  readonly allowTestCrs?: boolean;
}

/**
 * The Data Owner of VDS.md: signs what is admitted, revokes, replaces. It sees headers; of data
 * and of others' chunks it sees nothing. What it decides is the caller's to keep: the revoked
 * batches in their order are all of its state.
 */
export class DataOwner {
  readonly #options: DataOwnerOptions;
  readonly #verifier: Verifier;
  readonly #secret: bigint;
  readonly #accumulatorKey: G2Point;
  readonly #revoked: HeaderId[];

  /** @throws if the CRS is the tests' and not allowed */
  constructor(options: DataOwnerOptions) {
    const { crs, task, identity, random } = options;
    if (crs.isTest && options.allowTestCrs !== true) {
      throw new Error('the CRS is the one for tests: its trapdoor is public, generate another one');
    }
    this.#options = options;
    this.#verifier = new Verifier({ crs, task, ownerKey: identity.id, random });
    this.#secret = hashToScalar('accumulator', identity.secret, hexToBytes(task));
    this.#accumulatorKey = accumulatorKey(this.#secret);
    this.#revoked = [...(options.revoked ?? [])];
  }

  get crs(): Crs {
    return this.#options.crs;
  }

  get globalKey(): GlobalKey {
    const { task, crs, identity } = this.#options;
    const accumulatorKey = encodeG2(this.#accumulatorKey);
    return { task, ownerKey: identity.id, scalars: crs.scalars, crs: crs.digest, accumulatorKey };
  }

  get revoked(): readonly HeaderId[] {
    return this.#revoked;
  }

  isRevoked(header: HeaderId): boolean {
    return this.#revoked.includes(header);
  }

  /** Grows by one with every revocation. */
  get epoch(): number {
    return this.#revoked.length;
  }

  /** The signed state of now, with what it speaks of. @param now seconds since 1970 */
  state(now: number): StateUpdate {
    const { task, identity } = this.#options;
    const revoked = [...this.#revoked];
    const accumulator = accumulate(this.#secret, revoked);
    const points = { accumulator, accumulatorKey: this.#accumulatorKey };
    return {
      state: signState({ task, epoch: this.epoch }, revoked, points, now, identity),
      revoked,
      keys: serverKeys(this.#secret, revoked.length).map(encodeG1),
    };
  }

  /**
   * Commits to bytes of the Data Owner's own and admits them.
   *
   * @param hiding whether the commitment hides the bytes; a model's does not, so that all members
   * who compute it arrive at the same chunks
   */
  async create(
    key: CommitmentKey,
    about: Omit<BatchDescription, 'author' | 'task'>,
    bytes: Uint8Array,
    hiding: boolean,
    onProgress?: OnProgress,
  ): Promise<{ readonly signed: SignedHeader; readonly payloads: Uint8Array<ArrayBuffer>[] }> {
    const { task, identity, crs, random } = this.#options;
    const blinding = hiding ? drawBlinders(bytes.length, crs.scalars, 'bytes', random) : null;
    const payloads = cutPayloads(bytes, crs.scalars, 'bytes', blinding);
    const description = { ...about, task, author: identity.id };
    const { header } = await sealPayloads(key, description, payloads, null, onProgress);
    return { signed: admitHeader(signHeader(header, identity), identity), payloads };
  }

  /** Verifies headers of others as one batch and countersigns those that hold. */
  admit(signed: readonly SignedHeader[]): Result<VerifiedHeader>[] {
    const verified = this.#verifier.verifyHeaders(signed, 'any');
    return verified.map((result, place): Result<VerifiedHeader> => {
      if (!result.ok) return result;
      if (this.isRevoked(result.value.id)) return err('header is revoked by the Data Owner');
      const { replaces } = result.value;
      if (replaces !== null && !this.isRevoked(replaces)) {
        return err('header replaces a batch that is not revoked');
      }
      const admitted = admitHeader(at(signed, place), this.#options.identity);
      return ok({ ...result.value, signed: admitted });
    });
  }

  /** Countersigns a sum that opens against the updates of a manifest. */
  admitSum(signed: SignedHeader, order: SumOrder): Result<VerifiedHeader> {
    const revoked = order.summands.find(({ header }) => this.isRevoked(header.id));
    if (revoked) return err('sum: of an update that is revoked');
    const verified = this.#verifier.verifySum(signed, order, 'any');
    if (!verified.ok) return verified;
    return ok({ ...verified.value, signed: admitHeader(signed, this.#options.identity) });
  }

  /** Revokes a batch: the epoch grows, and every state from now on names it. */
  revoke(header: HeaderId): Result<null> {
    if (this.isRevoked(header)) return err('the batch is revoked already');
    if (this.#revoked.length >= maxRevoked) {
      return err(`the task has ${maxRevoked} revoked batches, the most there may be: start a new one`); // prettier-ignore
    }
    this.#revoked.push(header);
    return ok(null);
  }

  /** Takes the newest revocation back, of which nobody was told yet: it could not be stored. */
  unrevoke(header: HeaderId): void {
    if (this.#revoked.at(-1) === header) this.#revoked.pop();
  }

  /**
   * Revokes a batch and admits the one that names it as replaced, both or neither.
   */
  replace(old: HeaderId, signed: SignedHeader): Result<VerifiedHeader> {
    const decoded = decodeHeader(signed.header);
    if (!decoded.ok) return decoded;
    if (decoded.value.replaces !== old) return err('the new header does not name the old batch');
    if (headerId(signed.header) === old) return err('a batch cannot replace itself');
    const revoked = this.revoke(old);
    if (!revoked.ok) return revoked;
    const admitted = at(this.admit([signed]), 0);
    if (!admitted.ok) this.#revoked.pop();
    return admitted;
  }
}
