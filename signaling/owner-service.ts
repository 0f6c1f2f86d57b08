import { identityOf, type Signed } from '../src/crypto/index.ts';
import {
  at,
  equalBytes,
  err,
  type HeaderId,
  type PeerId,
  type Result,
  type TaskId,
} from '../src/lib/index.ts';
import { judgeAnswer, type Answer, type Question, type Verdict } from '../src/protocol/index.ts';
import { CommitmentKey, Crs, DataOwner, Verifier, type GlobalKey, type OnProgress, type ScalarCount, type SignedHeader, type StateUpdate, type Summand, type VerifiedHeader, type Witness } from '../src/vds/index.ts'; // prettier-ignore
import { secureRandom } from './secure-random.ts';

/** The cryptography of one task's Data Owner; see {@link OwnerService}. */
export interface OwnerOptions {
  readonly task: TaskId;
  readonly crs: Uint8Array<ArrayBuffer>;
  readonly crsDigest: Uint8Array;
  /** Ed25519 seed. */
  readonly secret: Uint8Array;
  readonly revoked: readonly HeaderId[];
}

/** What of a batch the Data Owner makes itself. */
export interface OwnBatch {
  readonly opening: Uint8Array;
  readonly round: number;
  readonly kind: 'model' | 'file';
  readonly replaces?: HeaderId;
}

/**
 * The Data Owner, in a thread of its own: commitments, openings and their verification take
 * milliseconds to seconds, and the server's event loop is not to wait for them.
 */
export class OwnerService {
  #owner: DataOwner | null = null;
  #verifier: Verifier | null = null;
  #key: Promise<CommitmentKey> | null = null;
  /** Digest of the CRS that the key is of. */
  #prepared: Uint8Array | null = null;
  readonly #random = secureRandom();

  /** Makes a CRS and forgets its trapdoor; the file. */
  async generateCrs(
    scalars: ScalarCount,
    onProgress: OnProgress,
  ): Promise<Uint8Array<ArrayBuffer>> {
    // Not awaited: who listens may be busy, with its database for one.
    const tell = (share: number) => void onProgress(share);
    const crs = await Crs.generate(scalars, this.#random, tell);
    this.#prepare(crs);
    return crs.file;
  }

  open({ task, crs: file, crsDigest, secret, revoked }: OwnerOptions): void {
    const crs = Crs.open(file, crsDigest);
    if (!crs.ok) throw new Error(crs.error);
    const random = this.#random;
    const identity = identityOf(secret);
    this.#owner = new DataOwner({ task, crs: crs.value, identity, random, revoked });
    this.#verifier = new Verifier({ crs: crs.value, task, ownerKey: identity.id, random });
    this.#prepare(crs.value);
  }

  /** Builds the table for commitments, once for a CRS: two seconds that nobody waits for yet. */
  #prepare(crs: Crs): void {
    if (this.#prepared && equalBytes(this.#prepared, crs.digest)) return;
    this.#prepared = crs.digest;
    this.#key = CommitmentKey.build(crs);
    this.#key.catch(() => undefined); // who needs it is told
  }

  globalKey(): GlobalKey {
    return this.#opened.globalKey;
  }

  /** @param now seconds since 1970 */
  state(now: number): StateUpdate {
    return this.#opened.state(now);
  }

  /**
   * Commits to bytes of the Data Owner's own; the header and the payloads. A model's blinders are
   * 0, so that all can make its chunks; a file is hidden.
   */
  async create(
    batch: OwnBatch,
    bytes: Uint8Array,
  ): Promise<{ readonly signed: SignedHeader; readonly payloads: readonly Uint8Array[] }> {
    const owner = this.#opened;
    if (this.#key === null) throw new Error('bug: the owner is not open');
    return owner.create(await this.#key, batch, bytes, batch.kind === 'file');
  }

  /** Verifies headers as one batch and countersigns those that hold. */
  admit(signed: readonly SignedHeader[]): Result<VerifiedHeader>[] {
    return this.#opened.admit(signed);
  }

  /** Admits the sum of admitted updates, once its chunks are its own and it is their sum. */
  admitSum(
    signed: SignedHeader,
    payloads: readonly Uint8Array[],
    manifest: Uint8Array,
    summands: readonly { readonly signed: SignedHeader; readonly weight: number }[],
  ): Result<VerifiedHeader> {
    const headers = this.#opened.admit(summands.map((each) => each.signed));
    const terms: Summand[] = [];
    for (const [k, header] of headers.entries()) {
      if (!header.ok) return err(`a summand: ${header.error}`);
      terms.push({ header: header.value, weight: at(summands, k).weight });
    }
    const sum = this.#opened.admitSum(signed, { manifest, summands: terms });
    if (!sum.ok) return sum;
    if (sum.value.columns.length !== payloads.length) return err('sum: not all of its chunks');
    const total = terms.reduce((all, { weight }) => all + weight, 0);
    for (const [index, payload] of payloads.entries()) {
      const verified = this.#checker.verifySumChunk(sum.value, index, payload, total);
      if (!verified.ok) return err(`sum chunk ${index}: ${verified.error}`);
    }
    return sum;
  }

  /** See {@link DataOwner.recognise}. */
  recognise(core: Signed): Result<'known' | 'newer' | 'forked'> {
    return this.#opened.recognise(core);
  }

  /** See {@link DataOwner.takeOver}. */
  takeOver(shown: StateUpdate): Result<number | 'forked'> {
    return this.#opened.takeOver(shown);
  }

  revoke(header: HeaderId): Result<boolean> {
    return this.#opened.revoke(header);
  }

  replace(old: HeaderId, signed: SignedHeader): Result<VerifiedHeader> {
    return this.#opened.replace(old, signed);
  }

  /** Proof that a batch is not revoked. */
  witness(header: HeaderId): Result<Witness> {
    return this.#opened.witness(header);
  }

  /** Takes the last revocation back: it could not be stored, and nobody was told. */
  unrevoke(header: HeaderId): void {
    this.#opened.unrevoke(header);
  }

  /**
   * Checks a holder's answer to a question of ours: its proof, and that of non-revocation.
   *
   * @param now seconds since 1970
   */
  judge(
    signed: SignedHeader,
    holder: PeerId,
    question: Question,
    answer: Answer,
    now: number,
  ): Verdict {
    const verifier = this.#checker;
    const auditor = this.#opened.globalKey.ownerKey;
    const state = verifier.updateState(this.#opened.state(now), now);
    if (!state.ok) return state;
    const header = verifier.verifyHeader(signed, 'admitted');
    if (!header.ok) return header;
    return judgeAnswer(verifier, header.value, question, { auditor, holder }, answer);
  }

  get #checker(): Verifier {
    if (this.#verifier === null) throw new Error('bug: the owner is not open');
    return this.#verifier;
  }

  get #opened(): DataOwner {
    if (this.#owner === null) throw new Error('bug: the owner is not open');
    return this.#owner;
  }
}
