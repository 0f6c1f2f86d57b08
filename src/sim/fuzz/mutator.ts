import { decodeCanonical, encodeCanonical } from '../../crypto/index.ts';
import { at, concatBytes, randomBytes, randomInt, uniform, type Random } from '../../lib/index.ts';

/** Frames that are remembered to be mutated and crossed. */
const corpusSize = 400;

const edges: readonly unknown[] = [
  ...[0, 1, -1, 2, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53],
  ...[0.5, -0.5, 1e-300, 1e38, 1e308, NaN, Infinity, -Infinity],
  ...['', ' ', 'x'.repeat(600), '0'.repeat(64), 'f'.repeat(64), '\uFEFF', '__proto__', '\u0000'],
  ...[null, true, false, undefined],
];

interface Place {
  readonly parent: unknown[] | Record<string, unknown>;
  readonly key: string | number;
}

/** Makes frames of what real frames are made of, wrong in one or several places. */
export class Mutator {
  readonly #random: Random;
  readonly #corpus: Uint8Array[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Remembers a real frame. */
  learn(frame: Uint8Array): void {
    if (this.#corpus.length < corpusSize) this.#corpus.push(frame);
    else this.#corpus[randomInt(this.#random, corpusSize)] = frame;
  }

  get knows(): number {
    return this.#corpus.length;
  }

  /** A real frame, wrong somewhere. */
  frame(): Uint8Array {
    const frame = this.pick(this.#corpus);
    if (uniform(this.#random) < 0.3) return this.bytes(frame);
    const decoded = decodeCanonical(frame);
    if (!decoded.ok) return this.bytes(frame);
    try {
      return encodeCanonical(this.value(decoded.value));
    } catch {
      return this.bytes(frame); // what came out has no encoding
    }
  }

  /** A value of a real frame, wrong in one to three places. */
  value(value: unknown): unknown {
    const box = { value: structuredClone(value) };
    for (let n = randomInt(this.#random, 3); n >= 0; n--) this.#wound(box);
    // Once, at the end: a multiple of multiples would be what no frame can hold.
    if (uniform(this.#random) < 0.1) this.#multiply(box);
    return box.value;
  }

  /** Bytes flipped, cut, put in, doubled, or followed by those of another frame. */
  bytes(frame: Uint8Array): Uint8Array {
    const random = this.#random;
    const place = randomInt(random, frame.length + 1);
    const [head, tail] = [frame.subarray(0, place), frame.subarray(place)];
    switch (randomInt(random, 6)) {
      case 0: {
        const flipped = frame.slice();
        for (let n = randomInt(random, 4); n >= 0 && flipped.length > 0; n--) {
          const index = randomInt(random, flipped.length);
          flipped[index] = at(flipped, index) ^ (1 << randomInt(random, 8));
        }
        return flipped;
      }
      case 1:
        return head.slice();
      case 2:
        return tail.slice();
      case 3:
        return concatBytes(head, randomBytes(random, 1 + randomInt(random, 20)), tail);
      case 4:
        return concatBytes(head, tail, tail);
      default: {
        const other = this.#corpus.length > 0 ? this.pick(this.#corpus) : frame;
        return concatBytes(head, other.subarray(randomInt(random, other.length + 1)));
      }
    }
  }

  pick<T>(items: readonly T[]): T {
    return at(items, randomInt(this.#random, items.length));
  }

  #wound(box: { value: unknown }): void {
    const places = placesOf(box);
    if (places.length === 0) return; // all of it is gone
    const { parent, key } = this.pick(places);
    const held = Reflect.get(parent, key) as unknown;
    const put = (value: unknown) => void Reflect.set(parent, key, value);
    switch (randomInt(this.#random, 6)) {
      case 0:
        put(this.pick(edges));
        break;
      case 1:
        put(this.#near(held));
        break;
      case 2:
        if (Array.isArray(parent)) parent.splice(Number(key), 1);
        else Reflect.deleteProperty(parent, key);
        break;
      case 3:
        if (Array.isArray(parent)) parent.push(held);
        else Reflect.set(parent, this.pick(['extra', 'type', 'constructor', `${key}2`]), held);
        break;
      default:
        put(this.#crossed(key) ?? this.pick(edges));
    }
  }

  #multiply(box: { value: unknown }): void {
    const places = placesOf(box);
    if (places.length === 0) return;
    const { parent, key } = this.pick(places);
    const held = Reflect.get(parent, key) as unknown;
    const times = this.pick([2, 21, 1_025]);
    if (Array.isArray(parent)) parent.push(...Array.from({ length: times }, () => held));
    else
      Reflect.set(
        parent,
        key,
        Array.from({ length: times }, () => held),
      );
  }

  /** Something like it: one more or less, other bytes, another length, or what is inside changed. */
  #near(value: unknown): unknown {
    const random = this.#random;
    if (typeof value === 'number') return value + this.pick([1, -1, 0.5, 2 ** 16]);
    if (typeof value === 'string') return value.slice(randomInt(random, value.length + 1));
    if (typeof value === 'boolean') return !value;
    if (!(value instanceof Uint8Array)) return value;
    const inside = value.length > 2 ? decodeCanonical(value) : null;
    if (inside?.ok === true && typeof inside.value === 'object' && inside.value !== null) {
      return encodeCanonical(this.value(inside.value));
    }
    return this.pick([this.bytes(value), randomBytes(random, value.length), new Uint8Array(value.length)]); // prettier-ignore
  }

  /** What stands under the same key in another frame. */
  #crossed(key: string | number): unknown {
    const decoded = decodeCanonical(this.pick(this.#corpus));
    if (!decoded.ok) return undefined;
    const places = placesOf({ value: decoded.value }).filter((place) => place.key === key);
    if (places.length === 0) return undefined;
    const place = this.pick(places);
    return Reflect.get(place.parent, place.key) as unknown;
  }
}

/** Every place of a value that something else can be put in. */
function placesOf(parent: Place['parent']): Place[] {
  const places: Place[] = [];
  const keys = Array.isArray(parent) ? [...parent.keys()] : Object.keys(parent);
  for (const key of keys) {
    places.push({ parent, key });
    const value = Reflect.get(parent, key) as unknown;
    if (Array.isArray(value)) places.push(...placesOf(value as unknown[]));
    else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      places.push(...placesOf(value as Record<string, unknown>));
    }
  }
  return places;
}
