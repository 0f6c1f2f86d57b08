import { bytesToHex, bytesToUint16, concatBytes, err, ok, type PeerId, type Result } from '../src/lib/index.ts'; // prettier-ignore
import { applySum, modelDigest, type Tensor } from '../src/learning/index.ts';
import type { CoordinatorEffect } from '../src/rounds/index.ts';
import { blindingBytes, chunkCount, payloadBytes, type ScalarCount } from '../src/vds/index.ts';

export type CollectEffect = Extract<CoordinatorEffect, { type: 'collect' }>;

/** Puts the chunks of one member's sum together and makes the next model of them. */
export class SumCollector {
  readonly asked: CollectEffect;
  readonly #tensors: readonly Tensor[];
  readonly #scalars: ScalarCount;
  readonly #sumBytes: number;
  readonly #parts: (Uint8Array | undefined)[];

  constructor(asked: CollectEffect, tensors: readonly Tensor[], scalars: ScalarCount) {
    this.asked = asked;
    this.#tensors = tensors;
    this.#scalars = scalars;
    this.#sumBytes = 2 * tensors.reduce((sum, tensor) => sum + tensor.length, 0);
    const chunks = chunkCount(this.#sumBytes, scalars, 'sum');
    this.#parts = Array.from({ length: chunks }, () => undefined);
  }

  /** Takes a chunk; true once all are there. The error says what is wrong with it. */
  add(from: PeerId, index: number, payload: Uint8Array): Result<boolean> {
    if (from !== this.asked.from) return err('a sum from somebody who was not asked');
    if (index >= this.#parts.length) return err(`sum chunk ${index} is out of range`);
    const expected = payloadBytes(this.#sumBytes, this.#scalars, 'sum', index);
    if (payload.length !== expected) return err(`sum chunk ${index} has a wrong length`);
    this.#parts[index] = payload;
    return ok(this.#parts.every((part) => part !== undefined));
  }

  /** The next model, if it is the one that the members agreed on. */
  apply(parameters: Float32Array): Result<Float32Array> {
    const lanes = this.#parts.map((part) => part?.subarray(blindingBytes) ?? new Uint8Array());
    const sum = bytesToUint16(concatBytes(...lanes));
    const next = applySum(parameters, sum, this.asked.scales, this.#tensors);
    if (bytesToHex(modelDigest(next)) !== this.asked.digest) {
      return err('it does not lead to the model that the members agreed on');
    }
    return ok(next);
  }
}
