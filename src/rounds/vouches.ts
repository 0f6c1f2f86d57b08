import { Bitfield, err, ok, type HeaderId, type PeerId, type Result } from '../lib/index.ts';
import { limits, verifyStatement, type Signed, type Statement } from '../protocol/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';

/** Chunks of batches, by who spoke of them. */
type Spoken = Map<PeerId, Map<HeaderId, Bitfield>>;

/**
 * Who found which chunks of an attempt to hold (VDS.md, “Sums”). These are facts about headers: they
 * hold across revisions, and whoever goes does not take them along.
 */
export class Vouches {
  readonly #opening: Uint8Array;
  readonly #headers: ReadonlyMap<HeaderId, VerifiedHeader>;
  readonly #vouched: Spoken = new Map();
  readonly #complained: Spoken = new Map();
  /** Chunks that the coordinator itself found to hold. */
  readonly #relayed = new Map<HeaderId, Bitfield>();
  readonly #statements = new Map<PeerId, number>();

  /**
   * @param opening of the attempt
   * @param headers of revision 1: those of a later one are among them
   */
  constructor(opening: Uint8Array, headers: Iterable<VerifiedHeader>) {
    this.#opening = opening;
    this.#headers = new Map([...headers].map((header) => [header.id, header]));
  }

  /**
   * Takes a member's statement. What it says of an unknown batch, with a wrong number of bits, or
   * of its own batch counts for nothing; a `vouch` outdoes the same member's complaint.
   */
  take(peer: PeerId, type: Statement['type'], signed: Signed): Result<null> {
    const count = (this.#statements.get(peer) ?? 0) + 1;
    this.#statements.set(peer, count);
    if (count > limits.statements) return ok(null);
    const opened = verifyStatement(signed, { type, peer, opening: this.#opening });
    if (!opened.ok) return opened;
    const spoken = type === 'vouch' ? this.#vouched : this.#complained;
    const known = spoken.get(peer) ?? new Map<HeaderId, Bitfield>();
    spoken.set(peer, known);
    for (const { header: id, bits } of opened.value.batches) {
      const header = this.#headers.get(id);
      if (header === undefined || header.author === peer) continue;
      const said = Bitfield.fromBytes(bits, header.columns.length);
      if (said === null) return err(`${type}: a wrong number of bits`);
      const field = known.get(id) ?? new Bitfield(said.length);
      for (const index of said.indices()) field.set(index);
      known.set(id, field);
    }
    return ok(null);
  }

  /** The coordinator itself found a chunk to hold. */
  takeRelayed({ id, columns }: VerifiedHeader, index: number) {
    const field = this.#relayed.get(id) ?? new Bitfield(columns.length);
    field.set(index);
    this.#relayed.set(id, field);
  }

  /** Whether a member said anything at all. */
  hasSpoken(peer: PeerId): boolean {
    return this.#vouched.has(peer) || this.#complained.has(peer);
  }

  /** Whether a member can have all of a batch: its own, or every chunk of it vouched for. */
  hasAll(peer: PeerId, { id, author }: VerifiedHeader): boolean {
    return author === peer || this.#vouched.get(peer)?.get(id)?.complete === true;
  }

  vouches(peer: PeerId, header: HeaderId, index: number): boolean {
    return this.#vouched.get(peer)?.get(header)?.has(index) === true;
  }

  /** Those that vouched for a chunk, in the order in which they first spoke. */
  vouchers(header: HeaderId, index: number): PeerId[] {
    return [...this.#vouched.keys()].filter((peer) => this.vouches(peer, header, index));
  }

  /** Those that complained of a chunk and have not vouched for it. */
  complainers(header: HeaderId, index: number): PeerId[] {
    return [...this.#complained.keys()].filter(
      (peer) =>
        this.#complained.get(peer)?.get(header)?.has(index) === true &&
        !this.vouches(peer, header, index),
    );
  }

  wasRelayed(header: HeaderId, index: number): boolean {
    return this.#relayed.get(header)?.has(index) === true;
  }

  /** Chunks of a batch that nobody but its author found to hold. */
  unvouched({ id, columns }: VerifiedHeader): number[] {
    return [...columns.keys()].filter(
      (index) => !this.wasRelayed(id, index) && this.vouchers(id, index).length === 0,
    );
  }

  /** Whether all of these but the author vouched for all of a batch, and somebody at least did. */
  isSettled(header: VerifiedHeader, checkers: readonly PeerId[]): boolean {
    const others = checkers.filter((peer) => peer !== header.author);
    if (!others.every((peer) => this.hasAll(peer, header))) return false;
    return others.length > 0 || this.unvouched(header).length === 0;
  }

  /** As settled, with the coordinator's own check in place of anybody's word. */
  isChecked(header: VerifiedHeader, checkers: readonly PeerId[]): boolean {
    const { id, author, columns } = header;
    const others = checkers.filter((peer) => peer !== author);
    return [...columns.keys()].every(
      (index) =>
        this.wasRelayed(id, index) ||
        (others.length > 0 && others.every((peer) => this.vouches(peer, id, index))),
    );
  }

  /** Whether every chunk can be had of somebody who is there. */
  canBeHad(header: VerifiedHeader, isPresent: (peer: PeerId) => boolean): boolean {
    if (isPresent(header.author)) return true;
    return [...header.columns.keys()].every(
      (index) =>
        this.wasRelayed(header.id, index) || this.vouchers(header.id, index).some(isPresent),
    );
  }
}
