import { decodeG1, decodeScalar, encodeG1, encodeScalar, pointBytes, scalarBytes } from '../crypto/index.ts'; // prettier-ignore
import { at, equalBytes, err, ok } from '../lib/index.ts';
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import * as v from 'valibot';
import { nonMembershipHolds, type NonMembership } from './accumulator.ts';
import { verifyAudit, type AuditAnswer, type AuditRequest } from './audit.ts';
import { verifyChunk } from './batch.ts';
import type { Crs } from './crs.ts';
import { openingClaims, verifySignatures, type SignedHeader, type VerifiedHeader } from './header.ts'; // prettier-ignore
import { falseClaims, type OpeningClaim } from './opening.ts';
import { verifyQuery, type QueryAnswer, type QueryRequest } from './query.ts';
import { checkState, listDigest, type CheckedState, type StateUpdate } from './state.ts';
import { verifySum, type Summand } from './sum.ts';

const byteArray = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'not bytes');

/** Proof that a batch is not revoked, as it travels: the epoch it is for, w and u. */
export const witnessSchema = v.strictObject({
  epoch: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff)),
  witness: v.pipe(byteArray, v.length(pointBytes.g1)),
  remainder: v.pipe(byteArray, v.length(scalarBytes)),
});
export type Witness = v.InferOutput<typeof witnessSchema>;

export function encodeWitness(epoch: number, { witness, remainder }: NonMembership): Witness {
  return { epoch, witness: encodeG1(witness), remainder: encodeScalar(remainder) };
}

/** Headers whose opening was checked and need not be again: a few rounds of them. */
const rememberedHeaders = 512;

export interface VerifierOptions {
  /** The pinned CRS. */
  readonly crs: Crs;
  readonly task: TaskId;
  /** The Data Owner's key, pinned by the task. */
  readonly ownerKey: PeerId;
  /** Cryptographically secure: batches are checked with weights that nobody can foresee. */
  readonly random: Random;
}

/**
 * The Verifier of VDS.md: checks what others say against the pinned CRS and the Data Owner's key.
 * It trusts nobody, holds no secret, and takes no size or number from a request. Every refusal
 * names the check that failed.
 */
export class Verifier {
  readonly crs: Crs;
  readonly #options: VerifierOptions;
  #state: CheckedState | null = null;
  #revoked: ReadonlySet<HeaderId> = new Set();
  /** Headers whose opening holds, the least recently asked for first. */
  readonly #opened = new Map<HeaderId, VerifiedHeader>();

  constructor(options: VerifierOptions) {
    this.crs = options.crs;
    this.#options = options;
  }

  /** The newest state, or null before the first. */
  get state(): CheckedState | null {
    return this.#state;
  }

  isRevoked(header: HeaderId): boolean {
    return this.#revoked.has(header);
  }

  /**
   * Checks a newer state of the Data Owner with the list of what is revoked: signature, task,
   * freshness, epoch and list.
   *
   * @param now seconds since 1970
   */
  checkUpdate(update: Omit<StateUpdate, 'keys'>, now: number): Result<CheckedState> {
    const { task, ownerKey } = this.#options;
    const checked = checkState(update.state, { task, ownerKey, known: this.#state }, now);
    if (!checked.ok) return checked;
    const { count, list } = checked.value;
    const { revoked } = update;
    if (count !== revoked.length || !equalBytes(list, listDigest(revoked))) {
      return err('state: the list of revoked batches is not the signed one');
    }
    for (const header of this.#revoked) {
      if (!revoked.includes(header)) return err('state: a revoked batch is not revoked any more');
    }
    return checked;
  }

  /** Takes a newer state, if it holds; see {@link checkUpdate}. */
  updateState(update: Omit<StateUpdate, 'keys'>, now: number): Result<CheckedState> {
    const checked = this.checkUpdate(update, now);
    if (!checked.ok) return checked;
    this.#state = checked.value;
    this.#revoked = new Set(update.revoked);
    for (const header of this.#revoked) this.#opened.delete(header);
    return checked;
  }

  /** As {@link verifyHeaders}, of one. */
  verifyHeader(signed: SignedHeader, admission: 'admitted' | 'any'): Result<VerifiedHeader> {
    return at(this.verifyHeaders([signed], admission), 0);
  }

  /**
   * Verifies headers: encoding, task, CRS, signatures, revocation, and all openings as one batch;
   * if that fails, halves name the false ones.
   *
   * @param admission 'any' where it is the Data Owner that asks, before it admits
   */
  verifyHeaders(
    signed: readonly SignedHeader[],
    admission: 'admitted' | 'any',
  ): Result<VerifiedHeader>[] {
    const { crs, task, ownerKey, random } = this.#options;
    const admitted = admission === 'admitted';
    const expected = { task, ownerKey, crs: crs.digest, scalars: crs.scalars, admitted };
    const results = signed.map((each): Result<VerifiedHeader> => {
      const verified = verifySignatures(each, expected);
      if (verified.ok && this.#revoked.has(verified.value.id)) {
        return err('header is revoked by the Data Owner');
      }
      return verified;
    });
    const unopened = results.flatMap((result, place) =>
      result.ok && !this.#opened.has(result.value.id) ? [{ place, header: result.value }] : [],
    );
    const claims: OpeningClaim[] = [];
    const places: number[] = [];
    openingClaims(unopened.map(({ header }) => header)).forEach((claim, k) => {
      const { place } = at(unopened, k);
      if (claim.ok) {
        claims.push(claim.value);
        places.push(place);
      } else {
        results[place] = claim;
      }
    });
    for (const claim of falseClaims(crs, claims, random)) {
      results[at(places, claim)] = err('header opening does not hold');
    }
    for (const result of results) if (result.ok) this.#remember(result.value);
    return results;
  }

  /** Checks a payload against a verified header, without a pairing. */
  verifyChunk(header: VerifiedHeader, index: number, payload: Uint8Array): Result<null> {
    if (this.#revoked.has(header.id)) return err('batch is revoked by the Data Owner');
    return verifyChunk(header, index, payload);
  }

  /** Whether a verified header is the weighted sum of these verified updates. */
  verifySum(sum: VerifiedHeader, summands: readonly Summand[]): Result<null> {
    if (this.#revoked.has(sum.id)) return err('sum: revoked by the Data Owner');
    return verifySum(sum, summands);
  }

  /** The answers to a linear query that hold, in the order of the columns. */
  verifyQuery(
    header: VerifiedHeader,
    request: QueryRequest,
    answer: QueryAnswer,
  ): Result<bigint[]> {
    return verifyQuery(this.crs, header, request, answer);
  }

  /** Whether a holder has the asked columns now. */
  verifyAudit(header: VerifiedHeader, request: AuditRequest, answer: AuditAnswer): Result<null> {
    return verifyAudit(this.crs, header, request, answer, this.#options.random);
  }

  /**
   * Whether a batch is not revoked, by a holder's witness alone: what somebody checks who has the
   * Data Owner's state and not its list.
   */
  verifyNonMembership(header: HeaderId, witness: Witness): Result<null> {
    const state = this.#state;
    if (state === null) return err('non-membership: no state of the Data Owner is known');
    if (witness.epoch !== state.epoch) {
      return err(`non-membership: a witness of epoch ${witness.epoch}, not ${state.epoch}`);
    }
    const point = decodeG1(witness.witness, 'identity allowed');
    if (!point.ok) return err(`non-membership: witness: ${point.error}`);
    const remainder = decodeScalar(witness.remainder);
    if (!remainder.ok) return err(`non-membership: remainder: ${remainder.error}`);
    const proof = { witness: point.value, remainder: remainder.value };
    return nonMembershipHolds(header, proof, state.f, state.s)
      ? ok(null)
      : err('non-membership: the witness does not hold');
  }

  #remember(header: VerifiedHeader): void {
    this.#opened.delete(header.id);
    this.#opened.set(header.id, header);
    const [oldest] = this.#opened.keys();
    if (this.#opened.size > rememberedHeaders && oldest) this.#opened.delete(oldest);
  }
}
