import { decodeG1, type G1Point } from '../crypto/index.ts';
import { at, equalBytes, err, ok, ownBytes } from '../lib/index.ts';
import type { HeaderId, Random, Result } from '../lib/index.ts';
import { commitWithKeys, keysHold, proveNonMembership, refreshNonMembership, revocationPolynomial, type NonMembership } from './accumulator.ts'; // prettier-ignore
import { answerAudit, type AuditAnswer, type AuditParties, type AuditRequest } from './audit.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { VerifiedHeader } from './header.ts';
import { answerQuery, type QueryAnswer, type QueryRequest } from './query.ts';
import { issuedAt, type CheckedState, type StateUpdate } from './state.ts';
import { encodeWitness, type Verifier, type Witness } from './verifier.ts';

/** An answer, and the proof that the batch it is from is not revoked. */
export type Witnessed<T> = T & { readonly witness: Witness };

/** Witnesses kept fresh; more are made anew when they are asked for. */
const rememberedWitnesses = 64;

/**
 * The Storage Server of VDS.md: keeps verified chunks, and proves what it says of them. It keeps
 * no secret. Nothing is stored that was not verified, nothing is answered of what is revoked.
 */
export class StorageServer {
  readonly verifier: Verifier;
  readonly #store: ChunkStore;
  readonly #random: Random;
  #keys: readonly { readonly encoded: Uint8Array; readonly point: G1Point }[] = [];
  #revoked: readonly HeaderId[] = [];
  readonly #witnesses = new Map<HeaderId, NonMembership>();

  /** @param random cryptographically secure */
  constructor(verifier: Verifier, store: ChunkStore, random: Random) {
    this.verifier = verifier;
    this.#store = store;
    this.#random = random;
  }

  /** Verifies a chunk, and keeps it if it holds. The error names the check that failed. */
  async put(
    header: VerifiedHeader,
    index: number,
    payload: Uint8Array<ArrayBuffer>,
  ): Promise<Result<null>> {
    const verified = this.verifier.verifyChunk(header, index, payload);
    if (verified.ok) await this.#store.put(header.id, index, payload);
    return verified;
  }

  /**
   * Takes the Data Owner's newer state with its server keys, checks both against each other, and
   * brings the witnesses up to date without the trapdoor.
   *
   * @param now seconds since 1970
   */
  takeState(update: StateUpdate, now: number): Result<null> {
    const { state: known } = this.verifier;
    const current = known !== null && known.count === this.#revoked.length;
    if (current && equalBytes(update.core.bytes, known.signed.bytes)) {
      const renewed = this.verifier.updateState(update, now); // the same state, signed anew
      return renewed.ok ? ok(null) : renewed;
    }
    const decoded = this.#decodeKeys(update);
    if (!decoded.ok) return decoded;
    const keys = decoded.value.map(({ point }) => point);
    const taken = this.verifier.updateState(update, now, (state) => this.#keysFit(keys, state, update.revoked)); // prettier-ignore
    if (!taken.ok) return taken;
    this.#refresh(known, update.revoked, keys);
    this.#keys = decoded.value;
    this.#revoked = update.revoked;
    return ok(null);
  }

  /** Whether keys are those of a state, and its accumulator that of the list. */
  #keysFit(
    keys: readonly G1Point[],
    state: CheckedState,
    revoked: readonly HeaderId[],
  ): Result<null> {
    const known = this.#keys.length;
    const same = this.#keys.every(({ point }, i) => at(keys, i) === point);
    if (!keysHold(keys, state.s, this.#random, same ? known : 0)) {
      return err('state: the server keys do not hold');
    }
    // One step from the state before was checked as such; a longer way is computed anew.
    if (this.verifier.state?.count === known && revoked.length === known + 1) return ok(null);
    const f = commitWithKeys(revocationPolynomial(revoked), keys);
    return f.equals(state.f) ? ok(null) : err('state: the accumulator is not of the list');
  }

  /** The proof that a batch is not revoked; an error if it is. */
  witness(header: HeaderId): Result<Witness> {
    const { state } = this.verifier;
    if (state === null) return err('no state of the Data Owner is known');
    const known =
      this.#witnesses.get(header) ??
      proveNonMembership(header, this.#revoked, this.#keys.map(({ point }) => point)); // prettier-ignore
    if (known === null) return err('the batch is revoked by the Data Owner');
    this.#witnesses.set(header, known);
    const [oldest] = this.#witnesses.keys();
    if (this.#witnesses.size > rememberedWitnesses && oldest) this.#witnesses.delete(oldest);
    return ok(encodeWitness(state.epoch, known));
  }

  /** Answers a linear query of columns that are held. */
  async answerQuery(
    header: VerifiedHeader,
    request: QueryRequest,
  ): Promise<Result<Witnessed<QueryAnswer>>> {
    const found = await this.#payloads(header, request.columns);
    if (!found.ok) return found;
    const answer = answerQuery(this.verifier.crs, header, request, found.value.payloads);
    return answer.ok ? ok({ ...answer.value, witness: found.value.witness }) : answer;
  }

  /** Answers an audit of columns that are held. */
  async answerAudit(
    header: VerifiedHeader,
    request: AuditRequest,
    parties: Omit<AuditParties, 'task'>,
  ): Promise<Result<Witnessed<AuditAnswer>>> {
    const found = await this.#payloads(header, request.columns);
    if (!found.ok) return found;
    const { payloads, witness } = found.value;
    if (request.epoch !== witness.epoch) {
      return err(`the audit is of epoch ${request.epoch}, the state here of ${witness.epoch}`);
    }
    const { crs } = this.verifier;
    const who = { ...parties, task: header.task };
    const answer = answerAudit(crs, header, request, who, payloads, this.#random);
    return ok({ ...answer, witness });
  }

  async #payloads(header: VerifiedHeader, columns: readonly number[]) {
    const witness = this.witness(header.id);
    if (!witness.ok) return witness;
    const payloads: Uint8Array[] = [];
    for (const column of columns) {
      const payload =
        column < header.columns.length ? await this.#store.get(header.id, column) : null;
      if (payload === null) return err(`chunk ${column} is not held`);
      payloads.push(payload);
    }
    return ok({ payloads, witness: witness.value });
  }

  /** Takes up a state that this server had before it was stopped, as of when it was signed. */
  resumeState(kept: StateUpdate): Result<null> {
    const time = issuedAt(kept);
    return time === null ? err('state: it does not say when it was signed') : this.takeState(kept, time); // prettier-ignore
  }

  /** Only what is new is decoded: a point costs 1 ms. */
  #decodeKeys({ keys, revoked }: StateUpdate): Result<{ encoded: Uint8Array; point: G1Point }[]> {
    if (keys.length !== revoked.length) return err('state: not one server key per revoked batch');
    const decoded: { encoded: Uint8Array; point: G1Point }[] = [];
    for (const [i, encoded] of keys.entries()) {
      const known = this.#keys[i];
      if (known && equalBytes(known.encoded, encoded)) {
        decoded.push(known);
        continue;
      }
      const point = decodeG1(encoded, 'identity refused');
      if (!point.ok) return err(`state: server key ${i + 1}: ${point.error}`);
      decoded.push({ encoded: ownBytes(encoded), point: point.value });
    }
    return ok(decoded);
  }

  /** `w' = f_old + (x − y)·w` for each new revocation x. */
  #refresh(known: CheckedState | null, after: readonly HeaderId[], keys: readonly G1Point[]) {
    for (let count = this.#revoked.length; count < after.length; count++) {
      const accumulator =
        count === known?.count
          ? known.f
          : commitWithKeys(revocationPolynomial(after.slice(0, count)), keys);
      for (const [header, witness] of this.#witnesses) {
        const next = refreshNonMembership(header, witness, accumulator, at(after, count));
        if (next === null) this.#witnesses.delete(header);
        else this.#witnesses.set(header, next);
      }
    }
  }
}
