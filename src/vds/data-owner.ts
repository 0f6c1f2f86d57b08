import * as v from 'valibot';
import { decodeCanonical, encodeCanonical, encodeG1, encodeG2, G1, groupOrder, hashToScalar, identityOf, invertScalar, toScalar, type G2Point, type Identity, type Signed } from '../crypto/index.ts'; // prettier-ignore
import { at, bytesOf, equalBytes, err, headerIdField, hexToBytes, ok, taskIdField } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import { accumulatorKey, revocationElement } from './accumulator.ts';
import { cutPayloads, drawBlinders, sealPayloads, type BatchDescription } from './batch.ts';
import type { CommitmentKey } from './commitment.ts';
import type { Crs, OnProgress } from './crs.ts';
import { admitHeader, decodeHeader, formatOf, headerId, signHeader } from './header.ts';
import type { SignedHeader, VerifiedHeader } from './header.ts';
import { checkCore, listDigest, maxRevoked, signCore, signFreshness, type StateUpdate } from './state.ts'; // prettier-ignore
import type { SumOrder } from './sum.ts';
import { encodeWitness, Verifier, type Witness } from './verifier.ts';

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
  /** The signing key; the accumulator's trapdoor s is derived from its secret and the task. */
  readonly identity: Identity;
  /** Cryptographically secure. */
  readonly random: Random;
  /** Batches revoked so far, in order. */
  readonly revoked?: readonly HeaderId[];
  /** Tests only: takes the CRS whose trapdoor is public. */
  readonly allowTestCrs?: boolean;
}

/** What of a Data Owner may lie in a database: all but its secret. */
const recordSchema = v.strictObject({
  type: v.literal('data-owner'),
  version: v.literal(1),
  task: taskIdField,
  crs: bytesOf(32),
  revoked: v.pipe(v.array(headerIdField), v.maxLength(maxRevoked)),
});

/** An epoch as it was published: its core, and the server key that it added. */
interface Epoch {
  readonly core: Signed;
  /** Π(e_i + s), secret: f is its multiple of the generator. */
  readonly secretProduct: bigint;
  /** s^epoch, secret. */
  readonly secretPower: bigint;
  /** [s^epoch]₁, compressed. */
  readonly key: Uint8Array;
}

/**
 * The Data Owner of VDS.md: signs what is admitted, revokes, replaces. It sees headers; of data
 * and of others' chunks it sees nothing. What it decides is the caller's to keep: the revoked
 * batches in their order are all of its state, from which a restart makes the same epochs again,
 * byte for byte.
 */
export class DataOwner {
  readonly #options: DataOwnerOptions;
  readonly #verifier: Verifier;
  /** s */
  readonly #secret: bigint;
  readonly #accumulatorKey: G2Point;
  readonly #revoked: HeaderId[];
  /** Epochs 0 …, as far as somebody asked. */
  readonly #epochs: Epoch[] = [];

  /** @throws if the CRS is the tests' and not allowed */
  constructor(options: DataOwnerOptions) {
    const { identity, ...rest } = options;
    const { task } = options;
    this.#options = options;
    this.#verifier = new Verifier({ ...rest, ownerKey: identity.id });
    this.#secret = hashToScalar('accumulator', identity.secret, hexToBytes(task));
    this.#accumulatorKey = accumulatorKey(this.#secret);
    this.#revoked = [...(options.revoked ?? [])];
  }

  /**
   * The Data Owner that {@link record} and {@link secret} were taken of.
   *
   * @param record canonical CBOR
   * @param secret the Ed25519 seed, 32 bytes
   */
  static restore(
    record: Uint8Array,
    secret: Uint8Array,
    rest: Pick<DataOwnerOptions, 'crs' | 'random' | 'allowTestCrs'>,
  ): Result<DataOwner> {
    const decoded = decodeCanonical(record);
    if (!decoded.ok) return err(`Data Owner: ${decoded.error}`);
    const parsed = v.safeParse(recordSchema, decoded.value);
    if (!parsed.success) return err(`Data Owner: ${v.summarize(parsed.issues)}`);
    const { task, crs, revoked } = parsed.output;
    if (!equalBytes(crs, rest.crs.digest)) return err('Data Owner: of another CRS');
    return ok(new DataOwner({ ...rest, task, identity: identityOf(secret), revoked }));
  }

  /** What may lie in a database: task, CRS digest, revoked batches. Canonical CBOR, no secret. */
  get record(): Uint8Array {
    const { task, crs } = this.#options;
    const revoked = [...this.#revoked];
    return encodeCanonical({ type: 'data-owner', version: 1, task, crs: crs.digest, revoked });
  }

  /** All that is secret, to be kept apart: the Ed25519 seed, 32 bytes. s follows from it. */
  get secret(): Uint8Array {
    return this.#options.identity.secret.slice();
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

  /** The state of now, its freshness signed anew. @param now seconds since 1970 */
  state(now: number): StateUpdate {
    const { task, identity } = this.#options;
    const { core } = this.#epochAt(this.epoch);
    return {
      core,
      freshness: signFreshness(task, core, now, identity),
      revoked: [...this.#revoked],
      keys: this.#epochs.slice(1, this.epoch + 1).map(({ key }) => key),
    };
  }

  /**
   * The proof that a batch is not revoked, by the trapdoor: `u = −Π(e_i − y)`,
   * `w = [(f(s) + u)/(s + y)]₁`; an error if it is.
   */
  witness(header: HeaderId): Result<Witness> {
    if (this.isRevoked(header)) return err('the batch is revoked by the Data Owner');
    const element = revocationElement(header);
    const product = this.#revoked.reduce(
      (product, each) => (product * toScalar(revocationElement(each) - element)) % groupOrder,
      1n,
    );
    const remainder = toScalar(-product);
    const { secretProduct } = this.#epochAt(this.epoch);
    const secretQuotient =
      ((secretProduct + remainder) * invertScalar(toScalar(this.#secret + element))) % groupOrder;
    const witness = secretQuotient === 0n ? G1.ZERO : G1.BASE.multiply(secretQuotient);
    return ok(encodeWitness(this.epoch, { witness, remainder }));
  }

  /** Makes epochs up to this one; each follows from the one before, deterministically. */
  #epochAt(epoch: number): Epoch {
    for (let i = this.#epochs.length; i <= epoch; i++) this.#epochs.push(this.#makeEpoch(i));
    return at(this.#epochs, epoch);
  }

  #makeEpoch(epoch: number): Epoch {
    const { task, identity } = this.#options;
    const before = this.#epochs[epoch - 1];
    let [secretProduct, secretPower] = [1n, 1n];
    if (before !== undefined) {
      const element = revocationElement(at(this.#revoked, epoch - 1));
      secretProduct = (before.secretProduct * toScalar(this.#secret + element)) % groupOrder;
      secretPower = (before.secretPower * this.#secret) % groupOrder;
    }
    const accumulator = G1.BASE.multiply(secretProduct);
    const points = { accumulator, accumulatorKey: this.#accumulatorKey };
    const revoked = this.#revoked.slice(0, epoch);
    const core = signCore({ task, epoch }, revoked, points, before?.core ?? null, identity);
    return { core, secretProduct, secretPower, key: encodeG1(G1.BASE.multiply(secretPower)) };
  }

  /**
   * What a core that somebody shows is to this Data Owner: one that it knows, a newer one, which it
   * must have signed before its database was restored from a backup, or of another history than its
   * own. An error if it did not sign it.
   */
  recognise(core: Signed): Result<'known' | 'newer' | 'forked'> {
    const { task, identity } = this.#options;
    const checked = checkCore(core, { task, ownerKey: identity.id });
    if (!checked.ok) return checked;
    const { epoch } = checked.value;
    if (epoch > this.epoch) return ok('newer');
    return ok(equalBytes(this.#epochAt(epoch).core.bytes, core.bytes) ? 'known' : 'forked');
  }

  /**
   * Takes over what this Data Owner has signed and does not know any more, shown by somebody who
   * kept it: a newer core with the list that it names. To be asked before anything new is signed.
   *
   * @returns how many revocations were taken over; 'forked' if the shown state does not go on from
   * this Data Owner's: to go on would sign two histories. An error if what is shown does not hold.
   */
  takeOver(shown: Pick<StateUpdate, 'core' | 'revoked'>): Result<number | 'forked'> {
    const { task, identity } = this.#options;
    const checked = checkCore(shown.core, { task, ownerKey: identity.id });
    if (!checked.ok) return checked;
    const { epoch, list, count } = checked.value;
    if (
      count !== epoch ||
      count !== shown.revoked.length ||
      !equalBytes(list, listDigest(shown.revoked))
    ) {
      return err('state: the list of revoked batches is not the signed one');
    }
    const before = this.epoch;
    if (epoch <= before) {
      return ok(equalBytes(this.#epochAt(epoch).core.bytes, shown.core.bytes) ? 0 : 'forked');
    }
    const follows = this.#revoked.every((header, k) => shown.revoked[k] === header);
    if (follows) this.#revoked.push(...shown.revoked.slice(before));
    const { core } = this.#epochAt(this.epoch);
    if (follows && equalBytes(core.bytes, shown.core.bytes)) return ok(epoch - before);
    this.#revoked.length = before;
    this.#epochs.length = Math.min(this.#epochs.length, before + 1);
    return ok('forked');
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
    const format = formatOf(about.kind);
    const blinding = hiding ? drawBlinders(bytes.length, crs.scalars, format, random) : null;
    const payloads = cutPayloads(bytes, crs.scalars, format, blinding);
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
    if (this.isRevoked(verified.value.id)) return err('header is revoked by the Data Owner');
    return ok({ ...verified.value, signed: admitHeader(signed, this.#options.identity) });
  }

  /**
   * Revokes a batch: the epoch grows, and every state from now on names it.
   *
   * @returns whether it made an epoch: revoking twice changes nothing
   */
  revoke(header: HeaderId): Result<boolean> {
    if (this.isRevoked(header)) return ok(false);
    if (this.#revoked.length >= maxRevoked) {
      return err(`the task has ${maxRevoked} revoked batches, the most there may be: start a new one`); // prettier-ignore
    }
    this.#revoked.push(header);
    return ok(true);
  }

  /** Takes the newest revocation back, of which nobody was told yet: it could not be stored. */
  unrevoke(header: HeaderId): void {
    if (this.#revoked.at(-1) !== header) return;
    this.#revoked.pop();
    this.#epochs.length = Math.min(this.#epochs.length, this.epoch + 1);
  }

  /**
   * Revokes a batch and admits the one that names it as replaced, both or neither.
   */
  replace(old: HeaderId, signed: SignedHeader): Result<VerifiedHeader> {
    const decoded = decodeHeader(signed.header);
    if (!decoded.ok) return decoded;
    if (decoded.value.replaces !== old) return err('the new header does not name the old batch');
    if (headerId(signed.header) === old) return err('a batch cannot replace itself');
    if (this.isRevoked(old)) return err('the batch is revoked already');
    const revoked = this.revoke(old);
    if (!revoked.ok) return revoked;
    const admitted = at(this.admit([signed]), 0);
    if (!admitted.ok) this.unrevoke(old);
    return admitted;
  }
}
