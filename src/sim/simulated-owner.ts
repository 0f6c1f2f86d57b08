import { identityOf, sha256, type Identity } from '../crypto/index.ts';
import { modelDigest, parameterCount, tensorsOf } from '../learning/index.ts';
import { assert, at, float32ToBytes, ok, seededRandom, utf8ToBytes } from '../lib/index.ts'; // prettier-ignore
import type { HeaderId, Result, TaskId } from '../lib/index.ts';
import { taskIdOf, type TaskDescription } from '../protocol/index.ts';
import {
  finishRecord,
  type CoordinatorEvent,
  type DeliveredSum,
  type SumCollection,
} from '../rounds/index.ts';
import { admitHeader, DataOwner, headerId, verifyChunk } from '../vds/index.ts';
import type { SignedHeader, SumOrder, VerifiedHeader } from '../vds/index.ts';
import { describeTask, type RoundSettings } from './round-task.ts';
import { crs, nameOf, seal } from './sealing.ts';

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
  close(collection: SumCollection, delivered: DeliveredSum, now: number): Outcome {
    const { round, order, record } = collection.asked;
    const sum = this.#admitSum(delivered.signed, order);
    if (!sum.ok) return refused(sum.error);
    for (const [index, payload] of delivered.payloads.entries()) {
      const verified = verifyChunk(sum.value, index, payload);
      if (!verified.ok) return refused(`sum chunk ${index}: ${verified.error}`);
    }
    const next = collection.apply(delivered, at(this.models, round - 1));
    if (!next.ok) return { type: 'failed', reason: next.error };
    this.models[round] = next.value;
    const { opening } = sum.value;
    const model = this.sign(round, next.value, { opening });
    const closed = finishRecord(record, modelDigest(next.value), now);
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
