import { applySum, totalOf, type Tensor } from '../learning/index.ts';
import { bytesToUint16, concatBytes, err, ok, type PeerId, type Result } from '../lib/index.ts';
import type { ClientMessage } from '../protocol/index.ts';
import { blindingBytes, chunkCount, decodeHeader, payloadBytes, type ScalarCount, type SignedHeader } from '../vds/index.ts'; // prettier-ignore
import type { CoordinatorEffect } from './coordinator-state.ts';

export type Collect = Extract<CoordinatorEffect, { type: 'collect' }>;
type Message<T extends ClientMessage['type']> = Extract<ClientMessage, { type: T }>;

/** A whole sum, as one member delivered it. Nothing of it is verified yet. */
export interface DeliveredSum {
  readonly signed: SignedHeader;
  readonly payloads: readonly Uint8Array[];
}

/** Puts the header and the chunks of one member's sum together, and makes the next model of them. */
export class SumCollection {
  readonly asked: Collect;
  readonly #tensors: readonly Tensor[];
  readonly #scalars: ScalarCount;
  readonly #sumBytes: number;
  readonly #parts: (Uint8Array | undefined)[];
  #signed: SignedHeader | null = null;

  constructor(asked: Collect, tensors: readonly Tensor[], scalars: ScalarCount) {
    this.asked = asked;
    this.#tensors = tensors;
    this.#scalars = scalars;
    this.#sumBytes = 2 * tensors.reduce((sum, tensor) => sum + tensor.length, 0);
    const chunks = chunkCount(this.#sumBytes, scalars, 'sum');
    this.#parts = Array.from({ length: chunks }, () => undefined);
  }

  /** Which sum it is: of whom, for which manifest. */
  get about() {
    const { from, round, attempt, revision } = this.asked;
    return { from, round, attempt, revision };
  }

  /**
   * Takes a part of a sum.
   *
   * @returns the whole sum once all of it is there; the error says what is wrong with the part
   */
  take(from: PeerId, part: Message<'sum-header'> | Message<'sum'>): Result<DeliveredSum | null> {
    const { round, attempt, revision } = this.asked;
    // One that was asked for before.
    if (part.round !== round || part.attempt !== attempt || part.revision !== revision) return ok(null); // prettier-ignore
    if (from !== this.asked.from) return err('a sum from somebody who was not asked');
    const taken = part.type === 'sum' ? this.#add(part) : this.#open(from, part);
    return taken.ok ? ok(this.#delivered) : taken;
  }

  #open(from: PeerId, { signed }: Message<'sum-header'>): Result<null> {
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

  #add({ index, payload }: Message<'sum'>): Result<null> {
    if (index >= this.#parts.length) return err(`sum chunk ${index} is out of range`);
    const expected = payloadBytes(this.#sumBytes, this.#scalars, 'sum', index);
    if (payload.length !== expected) return err(`sum chunk ${index} has a wrong length`);
    this.#parts[index] = payload;
    return ok(null);
  }

  get #delivered(): DeliveredSum | null {
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
