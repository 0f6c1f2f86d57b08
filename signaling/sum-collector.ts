import { bytesToUint16, concatBytes, err, ok, type PeerId, type Result } from '../src/lib/index.ts'; // prettier-ignore
import { applySum, totalOf, type Tensor } from '../src/learning/index.ts';
import type { CoordinatorEffect } from '../src/rounds/index.ts';
import { blindingBytes, chunkCount, decodeHeader, payloadBytes, type ScalarCount, type SignedHeader } from '../src/vds/index.ts'; // prettier-ignore

export type CollectEffect = Extract<CoordinatorEffect, { type: 'collect' }>;

/** A whole sum, as one member delivered it. Nothing of it is verified yet. */
export interface DeliveredSum {
  readonly signed: SignedHeader;
  readonly payloads: readonly Uint8Array[];
}

/** Puts the header and the chunks of one member's sum together, and makes the next model of them. */
export class SumCollector {
  readonly asked: CollectEffect;
  readonly #tensors: readonly Tensor[];
  readonly #scalars: ScalarCount;
  readonly #sumBytes: number;
  readonly #parts: (Uint8Array | undefined)[];
  #signed: SignedHeader | null = null;

  constructor(asked: CollectEffect, tensors: readonly Tensor[], scalars: ScalarCount) {
    this.asked = asked;
    this.#tensors = tensors;
    this.#scalars = scalars;
    this.#sumBytes = 2 * tensors.reduce((sum, tensor) => sum + tensor.length, 0);
    const chunks = chunkCount(this.#sumBytes, scalars, 'sum');
    this.#parts = Array.from({ length: chunks }, () => undefined);
  }

  /** Takes the sum's header; the error says what is wrong with it. */
  open(from: PeerId, signed: SignedHeader): Result<null> {
    if (from !== this.asked.from) return err('a sum from somebody who was not asked');
    const header = decodeHeader(signed.header);
    if (!header.ok) return header;
    const { author, kind, round, byteLength } = header.value;
    if (author !== from) return err('the header of the sum is by another author');
    if (kind !== 'sum' || round !== this.asked.round || byteLength !== this.#sumBytes) {
      return err('the header is not of the sum that was asked for');
    }
    this.#signed = signed;
    return ok(null);
  }

  /** Takes a chunk; the error says what is wrong with it. */
  add(from: PeerId, index: number, payload: Uint8Array): Result<null> {
    if (from !== this.asked.from) return err('a sum from somebody who was not asked');
    if (index >= this.#parts.length) return err(`sum chunk ${index} is out of range`);
    const expected = payloadBytes(this.#sumBytes, this.#scalars, 'sum', index);
    if (payload.length !== expected) return err(`sum chunk ${index} has a wrong length`);
    this.#parts[index] = payload;
    return ok(null);
  }

  /** The sum, once header and chunks are all there. */
  get delivered(): DeliveredSum | null {
    const payloads = this.#parts.filter((part) => part !== undefined);
    if (this.#signed === null || payloads.length < this.#parts.length) return null;
    return { signed: this.#signed, payloads };
  }

  /** The next model; an error if it is not finite. */
  apply({ payloads }: DeliveredSum, parameters: Float32Array): Result<Float32Array> {
    const lanes = payloads.map((payload) => payload.subarray(blindingBytes));
    const sum = bytesToUint16(concatBytes(...lanes));
    const { scales, order } = this.asked;
    const total = totalOf(order.summands.map(({ weight }) => weight));
    const next = applySum(parameters, sum, total, scales, this.#tensors);
    return next.every(Number.isFinite) ? ok(next) : err('the model is not finite');
  }
}
