import { modelDigest } from '../learning/index.ts';
import { at, bytesToFloat32, bytesToHex, type PeerId } from '../lib/index.ts';
import { headerId } from '../vds/index.ts';
import { plainModel } from './averaging.ts';
import type { RoundNetwork } from './round-network.ts';
import { lanesOf } from './sums.ts';

/** What became of a closed round. */
export interface Outcome {
  readonly authors: readonly PeerId[];
  /** SHA-256 of the model that its authors' updates plainly average to; hex. */
  readonly plain: string;
  /** Those of the record, of the coordinator's model, of the models that the members hold. */
  readonly models: readonly string[];
}

/** The outcome of the newest round, by what every tab that is online holds. */
export function outcomeOf({ coordinator, owner, members, updates, asked }: RoundNetwork): Outcome {
  const { history, model } = coordinator.snapshot();
  const record = at(history, history.length - 1);
  const { round, attempt, authors } = record;
  const isOfAttempt = (each: { readonly round: number; readonly attempt: number }) =>
    each.round === round && each.attempt === attempt;
  const counting = updates.filter((each) => isOfAttempt(each) && authors.includes(each.author));
  const trained = asked.filter(isOfAttempt);
  const plain = plainModel(at(owner.models, round - 1), counting, trained, owner.tensors);
  const held = [...members.values()]
    .filter(({ online }) => online)
    .map((member) => bytesToFloat32(lanesOf(member.held.get(headerId(model.header)) ?? [])));
  const hash = (parameters: Float32Array) => bytesToHex(modelDigest(parameters));
  return {
    authors: [...authors].sort(),
    plain: hash(plain),
    models: [bytesToHex(record.digest), hash(at(owner.models, round)), ...held.map(hash)],
  };
}
