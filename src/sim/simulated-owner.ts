import { identityOf, sha256, type Identity } from '../crypto/index.ts';
import { applySum, modelDigest, parameterCount, tensorsOf, totalOf } from '../learning/index.ts';
import { assert, at, bytesToUint16, float32ToBytes, ok, seededRandom, utf8ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, Result, TaskId } from '../lib/index.ts';
import { taskIdOf, type TaskDescription } from '../protocol/index.ts';
import { finishRecord, type CoordinatorEffect, type CoordinatorEvent } from '../rounds/index.ts';
import { admitHeader, DataOwner, headerId, verifyChunk } from '../vds/index.ts';
import type { SignedHeader, SumOrder, VerifiedHeader } from '../vds/index.ts';
import { describeTask, type RoundSettings } from './round-task.ts';
import { crs, nameOf, seal, type Sealed } from './sealing.ts';
import { lanesOf } from './sums.ts';

type Outcome = Extract<CoordinatorEvent, { type: 'collected' }>['outcome'];

const refused = (reason: string): Outcome => ({ type: 'refused', reason });

/** What was admitted, by all that it depends on: simulations that start alike admit the same. */
const admissions = new Map<string, VerifiedHeader>();

/**
 * The Data Owner and what else the coordinator's shell does about batches: seals models, judges
 * sums, revokes, replaces.
 */
export class SimulatedOwner {
  readonly identity: Identity = identityOf(sha256(utf8ToBytes('owner')));
  readonly description: TaskDescription;
  readonly task: TaskId;
  readonly dataOwner: DataOwner;
  /** Models by round. */
  readonly models: Float32Array[] = [];
  /** Payloads of its own batches. */
  readonly payloads = new Map<HeaderId, readonly Uint8Array[]>();

  constructor(settings: RoundSettings) {
    this.description = describeTask(this.identity.id, settings);
    this.task = taskIdOf(this.description);
    const { task, identity } = this;
    const random = seededRandom(2);
    this.dataOwner = new DataOwner({ task, crs, identity, random, allowTestCrs: true });
    this.models[0] = new Float32Array(parameterCount(this.tensors)).fill(0.5);
  }

  get tensors() {
    return tensorsOf(this.description.data, this.description.model);
  }

  /** A model as the Data Owner seals and admits it. */
  sign(
    round: number,
    parameters: Float32Array,
    more: { readonly opening?: Uint8Array; readonly replaces?: HeaderId } = {},
  ): SignedHeader {
    const about = { task: this.task, round, kind: 'model', ...more } as const;
    const { signed, payloads } = seal(about, float32ToBytes(parameters), this.identity, 0);
    this.payloads.set(headerId(signed.header), payloads);
    return admitHeader(signed, this.identity);
  }

  /** Verifies and countersigns headers, as one batch. */
  admit(signed: readonly SignedHeader[]): Result<VerifiedHeader>[] {
    const nameIn = (each: SignedHeader) => nameOf([this.task, this.dataOwner.revoked, each]);
    const unknown = signed.filter((each) => !admissions.has(nameIn(each)));
    const verdicts = this.dataOwner.admit(unknown);
    unknown.forEach((each, k) => {
      const verdict = at(verdicts, k);
      if (verdict.ok) admissions.set(nameIn(each), verdict.value);
    });
    return signed.map((each) => {
      const known = admissions.get(nameIn(each));
      return known ? ok(known) : at(verdicts, unknown.indexOf(each));
    });
  }

  /** Admits a sum that was delivered, and makes the next model of it. @param now ms */
  close(
    asked: Extract<CoordinatorEffect, { type: 'collect' }>,
    { signed, payloads }: Sealed,
    now: number,
  ): Outcome {
    const { round, scales, order, record } = asked;
    const sum = this.#admitSum(signed, order);
    if (!sum.ok) return refused(sum.error);
    if (payloads.length !== sum.value.columns.length) return refused('sum: not all of its chunks');
    for (const [index, payload] of payloads.entries()) {
      const verified = verifyChunk(sum.value, index, payload);
      if (!verified.ok) return refused(`sum chunk ${index}: ${verified.error}`);
    }
    const base = at(this.models, round - 1);
    const total = totalOf(order.summands.map(({ weight }) => weight));
    const next = applySum(base, bytesToUint16(lanesOf(payloads)), total, scales, this.tensors);
    if (!next.every(Number.isFinite)) return { type: 'failed', reason: 'the model is not finite' };
    this.models[round] = next;
    const { opening } = sum.value;
    const model = this.sign(round, next, { opening });
    const closed = finishRecord(record, modelDigest(next), now);
    return { type: 'closed', record: closed, model, sum: sum.value.signed };
  }

  #admitSum(signed: SignedHeader, order: SumOrder): Result<VerifiedHeader> {
    const terms = order.summands.map(({ header, weight }) => [header.id, weight]);
    const name = nameOf([this.task, this.dataOwner.revoked, signed, order.manifest, terms]);
    const known = admissions.get(name);
    if (known) return ok(known);
    const verdict = this.dataOwner.admitSum(signed, order);
    if (verdict.ok) admissions.set(name, verdict.value);
    return verdict;
  }

  /** Revokes `old`, a model of `round`, and admits the one that takes its place. */
  replace(old: HeaderId, round: number, parameters: Float32Array): VerifiedHeader {
    const replaced = this.dataOwner.replace(old, this.sign(round, parameters, { replaces: old }));
    assert(replaced.ok, 'the replacement is admitted');
    this.payloads.delete(old);
    this.models[round] = parameters;
    return replaced.value;
  }
}
