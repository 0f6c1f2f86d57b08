import * as v from 'valibot';
import { decodeG1, decodeScalar, encodeG1, encodeScalar, pointBytes, scalarBytes, type Signed } from '../crypto/index.ts'; // prettier-ignore
import { at, bytesOf, equalBytes, err, ok, whole } from '../lib/index.ts';
import type { HeaderId, PeerId, Random, Result, TaskId } from '../lib/index.ts';
import { nonMembershipHolds, stepHolds, type NonMembership } from './accumulator.ts';
import { verifyAudit, type AuditAnswer, type AuditParties, type AuditRequest } from './audit.ts';
import { verifyChunk } from './batch.ts';
import { refuseTestCrs, type Crs } from './crs.ts';
import { proveFraud, verifyFraud, type FraudProof } from './fraud.ts';
import { headerId, openingClaims, verifySignatures, type Header, type SignedHeader, type VerifiedHeader } from './header.ts'; // prettier-ignore
import { claimsHold, falseClaims, type OpeningClaim } from './opening.ts';
import { verifyQuery, type QueryAnswer, type QueryRequest } from './query.ts';
import { checkCore, checkState, listDigest, type CheckedState, type StateUpdate } from './state.ts';
import { fitsOrder, sumCommitments, sumLanesHold, type SumOrder } from './sum.ts';

/** Proof that a batch is not revoked, as it travels: the epoch it is for, w and u. */
export const witnessSchema = v.strictObject({
  epoch: whole(0, 0xffffffff),
  witness: bytesOf(pointBytes.g1),
  remainder: bytesOf(scalarBytes),
});
export type Witness = v.InferOutput<typeof witnessSchema>;

export function encodeWitness(epoch: number, { witness, remainder }: NonMembership): Witness {
  return { epoch, witness: encodeG1(witness), remainder: encodeScalar(remainder) };
}

/** Headers whose opening was checked and need not be again: a few rounds of them. */
const rememberedHeaders = 512;

/** Two cores of one epoch, both signed by the Data Owner: a proof that can be passed on. */
export interface Equivocation {
  readonly epoch: number;
  readonly cores: readonly [Signed, Signed];
}

export interface VerifierOptions {
  /** The pinned CRS. */
  readonly crs: Crs;
  readonly task: TaskId;
  /** The Data Owner's key, pinned by the task. */
  readonly ownerKey: PeerId;
  /** Cryptographically secure: batches are checked with weights that nobody can foresee. */
  readonly random: Random;
  /** Tests only: takes the CRS whose trapdoor is public. */
  readonly allowTestCrs?: boolean;
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
  /** In the order in which they were. */
  #revoked: ReadonlySet<HeaderId> = new Set();
  #alarm: Equivocation | null = null;
  /** Headers whose opening holds, the least recently asked for first. */
  readonly #opened = new Map<HeaderId, VerifiedHeader>();

  /** @throws if the CRS is the tests' and not allowed */
  constructor(options: VerifierOptions) {
    refuseTestCrs(options);
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

  /** Two states of one epoch that the Data Owner has signed: it, or who has its key, lies. */
  get alarm(): Equivocation | null {
    return this.#alarm;
  }

  /**
   * As of when what is said about revocation holds, or null without a state. With an expired
   * freshness (the coordinator is away) nothing is dropped and nobody is struck: answers are
   * labelled with it.
   *
   * @param now seconds since 1970, by the Data Owner's clock
   */
  asOf(now: number): { readonly issuedAt: number; readonly fresh: boolean } | null {
    const state = this.#state;
    return state && { issuedAt: state.issuedAt, fresh: now <= state.notAfter };
  }

  /**
   * Checks a newer state of the Data Owner with the list of what is revoked: signatures, task,
   * freshness, epoch, list, and that what it adds is a step from the state before.
   *
   * @param now seconds since 1970, by the Data Owner's clock
   */
  checkUpdate(update: Omit<StateUpdate, 'keys'>, now: number): Result<CheckedState> {
    const { task, ownerKey } = this.#options;
    const known = this.#state;
    const checked = checkState(update, { task, ownerKey, known }, now);
    if (!checked.ok) {
      this.#watch(update);
      return checked;
    }
    const { count, list, elements, f, s } = checked.value;
    const { revoked } = update;
    if (count !== revoked.length || !equalBytes(list, listDigest(revoked))) {
      return err('state: the list of revoked batches is not the signed one');
    }
    for (const [k, header] of [...this.#revoked].entries()) {
      if (revoked[k] !== header) return err('state: a revoked batch is not revoked any more');
    }
    const [last] = revoked.slice(-1);
    if (elements.length !== Math.min(1, count) || elements[0] !== last) {
      return err('state: what the epoch revoked is not the last of the list');
    }
    if (known !== null && count === known.count + 1 && last !== undefined) {
      if (!stepHolds(known.f, f, last, s)) return err('state: the accumulator is no step from the one before'); // prettier-ignore
    }
    return checked;
  }

  /** Keeps the proof that the Data Owner signed another state of the epoch that we know. */
  #watch({ core }: Pick<StateUpdate, 'core'>): void {
    const known = this.#state;
    if (known === null || this.#alarm !== null) return;
    const other = checkCore(core, this.#options);
    if (!other.ok || other.value.epoch !== known.epoch) return;
    if (equalBytes(other.value.digest, known.digest)) return;
    this.#alarm = { epoch: known.epoch, cores: [known.signed, core] };
  }

  /**
   * Takes a newer state, if it holds; see {@link checkUpdate}.
   *
   * @param also what else is asked of it before it is taken
   */
  updateState(
    update: Omit<StateUpdate, 'keys'>,
    now: number,
    also: (state: CheckedState) => Result<unknown> = ok,
  ): Result<CheckedState> {
    const checked = this.checkUpdate(update, now);
    if (!checked.ok) return checked;
    const more = also(checked.value);
    if (!more.ok) return more;
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
   * Verifies headers that are not of sums: encoding, task, CRS, signatures, revocation, and all
   * openings as one batch; if that fails, halves name the false ones.
   *
   * @param admission 'any' where it is the Data Owner that asks, before it admits
   */
  verifyHeaders(
    signed: readonly SignedHeader[],
    admission: 'admitted' | 'any',
  ): Result<VerifiedHeader>[] {
    const { crs, random } = this.#options;
    const results = signed.map((each): Result<VerifiedHeader> => {
      const header = this.#verifySignatures(each, admission);
      if (!header.ok) return header;
      const known = this.#opened.get(header.value.id);
      if (known) return ok({ ...known, signed: each });
      const { id, ...rest } = header.value;
      const commitments = rest.columns.flatMap(({ commitment }) => commitment ?? []);
      if (commitments.length < rest.columns.length) return err('header of a sum: of what is not said'); // prettier-ignore
      return ok({ ...rest, id, signed: each, commitments });
    });
    const unopened = results.flatMap((result, place) =>
      result.ok && !this.#opened.has(result.value.id) ? [{ place, header: result.value }] : [],
    );
    const headers = unopened.map(({ header }) => header);
    const claims: OpeningClaim[] = [];
    const places: number[] = [];
    openingClaims(
      headers,
      headers.map(({ commitments }) => commitments),
    ).forEach((claim, k) => {
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

  /**
   * Verifies a sum's header: signatures, that it speaks of this manifest, and that it opens
   * against Σ a_k·C_k of these updates. A wrong sum, a left-out member or a changed weight has
   * other commitments, and does not open.
   */
  verifySum(
    signed: SignedHeader,
    order: SumOrder,
    admission: 'admitted' | 'any',
  ): Result<VerifiedHeader> {
    const verified = this.#verifySignatures(signed, admission);
    if (!verified.ok) return verified;
    const revoked = order.summands.find(({ header }) => this.#revoked.has(header.id));
    if (revoked) return err('sum: of an update that is revoked');
    const header = verified.value;
    const chunks = fitsOrder(header, order);
    if (!chunks.ok) return chunks;
    const commitments = sumCommitments(order.summands, chunks.value);
    const claim = at(openingClaims([header], [commitments]), 0);
    if (!claim.ok) return claim;
    const { crs, random } = this.#options;
    if (!claimsHold(crs, [claim.value], random)) return err('sum: it is not Σ a_k·u_k of the manifest'); // prettier-ignore
    return ok({ ...header, signed, commitments });
  }

  /** Decodes a header and checks all of it but its opening. */
  #verifySignatures(
    signed: SignedHeader,
    admission: 'admitted' | 'any',
  ): Result<Header & { readonly id: HeaderId }> {
    const { crs, task, ownerKey } = this.#options;
    const admitted = admission === 'admitted';
    const expected = { task, ownerKey, crs: crs.digest, scalars: crs.scalars, admitted };
    const verified = verifySignatures(signed, expected);
    if (!verified.ok) return verified;
    const id = headerId(signed.header);
    if (this.#revoked.has(id)) return err('header is revoked by the Data Owner');
    return ok({ ...verified.value, id });
  }

  /** Checks a payload against a verified header, without a pairing. */
  verifyChunk(
    header: VerifiedHeader,
    index: number,
    payload: Uint8Array,
    digest: Uint8Array | null = null,
  ): Result<null> {
    if (this.#revoked.has(header.id)) return err('batch is revoked by the Data Owner');
    return verifyChunk(header, index, payload, digest);
  }

  /**
   * Checks a sum's payload: as {@link verifyChunk}, and that no lane exceeds 255·A.
   *
   * @param total A
   */
  verifySumChunk(
    header: VerifiedHeader,
    index: number,
    payload: Uint8Array,
    total: number,
  ): Result<null> {
    const verified = this.verifyChunk(header, index, payload);
    if (!verified.ok) return verified;
    return sumLanesHold(payload, total) ? ok(null) : err('chunk lanes exceed what bytes add up to');
  }

  /** The proof that an author signed the digest of a payload and another value; null if it did not. */
  proveFraud(proof: FraudProof): FraudProof | null {
    return proveFraud(proof, this.#pinned);
  }

  /** Who lied, by somebody's proof. */
  verifyFraud(proof: FraudProof): Result<PeerId> {
    return verifyFraud(proof, this.#pinned);
  }

  get #pinned() {
    const { crs, task, ownerKey } = this.#options;
    return { crs: crs.digest, scalars: crs.scalars, task, ownerKey };
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
  verifyAudit(
    header: VerifiedHeader,
    request: AuditRequest,
    parties: Omit<AuditParties, 'task'>,
    answer: AuditAnswer,
  ): Result<null> {
    const { task, random } = this.#options;
    return verifyAudit(this.crs, header, request, { ...parties, task }, answer, random);
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
