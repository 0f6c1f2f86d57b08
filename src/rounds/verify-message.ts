import {
  equalBytes,
  err,
  ok,
  type HeaderId,
  type PeerId,
  type Result,
  type TaskId,
} from '../lib/index.ts';
import {
  isReduction,
  verifyFreeze,
  type Freeze,
  verifyOpen,
  type VerifiedOpen,
  verifyManifest,
  type Manifest,
  type ServerMessage,
  type VerifiedManifest,
} from '../protocol/index.ts';
import type { SignedHeader, StorageServer, VerifiedHeader } from '../vds/index.ts';

type Replace<M, R> = Omit<M, keyof R> & Readonly<R>;
type Of<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

// prettier-ignore
const unsignedTypes = ['quantise', 'relay', 'chunk', 'upload', 'caught', 'failed', 'metrics', 'marked', 'finished', 'last-round', 'members'] as const;
type UnsignedMessage = Of<(typeof unsignedTypes)[number]>;

/** Whether a message carries no signature: there is nothing of it to verify. */
export function isUnsigned(message: RoundServerMessage): message is UnsignedMessage {
  return (unsignedTypes as readonly string[]).includes(message.type);
}

/** A server message about rounds, its signed parts decoded and verified. */
export type VerifiedMessage =
  | Replace<Of<'welcome'>, { model: VerifiedHeader; revoked: readonly HeaderId[]; asOf: number }>
  | Replace<Of<'open'>, { open: VerifiedOpen; model: VerifiedHeader }>
  | Replace<Of<'manifest'>, { manifest: VerifiedManifest; headers: readonly VerifiedHeader[] }>
  | Replace<
      Of<'closed'>,
      {
        model: VerifiedHeader;
        /** null where it could not be checked: a tab that came late knows no summands. */
        sum: VerifiedHeader | null;
      }
    >
  | {
      readonly type: 'state';
      readonly epoch: number;
      readonly revoked: readonly HeaderId[];
      /** When it was the newest. Seconds since 1970, the Data Owner's clock. */
      readonly asOf: number;
    }
  | Replace<Of<'replaced'>, { model: VerifiedHeader }>
  | { readonly type: 'frozen'; readonly freeze: Freeze }
  | UnsignedMessage;

/** The messages that a {@link MessageVerifier} takes. */
export type RoundServerMessage = Of<VerifiedMessage['type']>;

/** What the task pins. */
interface Expected {
  readonly task: TaskId;
  readonly ownerKey: PeerId;
  /** SHA-256 of the task's canonical description. */
  readonly settings: Uint8Array;
}

/**
 * Verifies what the coordinator says about rounds, in the order it says it: signatures, openings,
 * states, and that a round's sum is Σ a_k·C_k of its manifest. Tens of milliseconds for a large
 * manifest: for a worker.
 */
export class MessageVerifier {
  readonly #server: StorageServer;
  readonly #expected: Expected;
  /** The attempt that is open, as far as we were told. */
  #open: VerifiedOpen | null = null;
  /** seconds that the coordinator's clock is ahead: what is fresh is so by its clock. */
  #clockOffset = 0;
  /** The newest manifest: what the next sum is a sum of. */
  #manifest: Extract<VerifiedMessage, { type: 'manifest' }> | null = null;
  /** The first freeze that came of the newest attempt that had one: it is final. */
  #freeze: Freeze | null;

  /** @param frozen the newest freeze that this tab took before it was loaded anew */
  constructor(server: StorageServer, expected: Expected, frozen: Freeze | null = null) {
    this.#server = server;
    this.#expected = expected;
    this.#freeze = frozen;
  }

  /**
   * The message with its signed parts verified; the error names the check that failed.
   *
   * @param local seconds since 1970, by the own clock
   */
  verify(message: RoundServerMessage, local: number): Result<VerifiedMessage> {
    if (message.type === 'welcome') this.#clockOffset = message.now - local;
    const now = local + this.#clockOffset;
    switch (message.type) {
      case 'welcome': {
        const taken = this.#server.takeState(message.state, now);
        if (!taken.ok) return taken;
        const model = this.#model(message.model);
        const { revoked } = message.state;
        return model.ok ? ok({ ...message, model: model.value, revoked, asOf: this.#asOf }) : model;
      }
      case 'open': {
        const open = verifyOpen(message.open, this.#expected);
        if (!open.ok) return open;
        const model = this.#model(message.model);
        if (!model.ok) return model;
        if (model.value.id !== open.value.base) return err('round-open: of another model');
        this.#open = open.value;
        return ok({ ...message, open: open.value, model: model.value });
      }
      case 'replaced': {
        const model = this.#model(message.model);
        return model.ok ? ok({ ...message, model: model.value }) : model;
      }
      case 'state': {
        const taken = this.#server.takeState(message.update, now);
        if (!taken.ok) return taken;
        const { revoked } = message.update;
        const epoch = this.#server.verifier.state?.epoch ?? 0;
        return ok({ type: 'state', epoch, revoked, asOf: this.#asOf });
      }
      case 'manifest': {
        const manifest = this.#wholeManifest(message);
        if (manifest.ok) this.#manifest = manifest.value;
        return manifest;
      }
      case 'frozen':
        return this.#frozen(message);
      case 'closed':
        return this.#closed(message);
      default:
        return ok(message);
    }
  }

  get #asOf(): number {
    return this.#server.verifier.state?.issuedAt ?? 0;
  }

  #model(signed: SignedHeader): Result<VerifiedHeader> {
    const verified = this.#server.verifier.verifyHeader(signed, 'admitted');
    if (verified.ok && verified.value.kind !== 'model') return err('header is not of a model');
    return verified;
  }

  /** The manifest, and exactly the headers that it names, each by the author it names. */
  #wholeManifest(message: Of<'manifest'>): Result<Extract<VerifiedMessage, { type: 'manifest' }>> {
    const manifest = verifyManifest(message.manifest, this.#expected);
    if (!manifest.ok) return manifest;
    const known = this.#manifest?.manifest;
    const { round, attempt, revision, opening, digest } = manifest.value;
    const frozen = this.#freeze;
    if (frozen && equalBytes(frozen.opening, opening) && !equalBytes(frozen.manifest, digest)) {
      return err('manifest: another one than was frozen');
    }
    const open = this.#open;
    if (open?.round === round && open.attempt === attempt && !equalBytes(open.opening, opening)) {
      return err('manifest: of another opening than the one that was sent');
    }
    if (known?.round === round && known.attempt === attempt && known.revision < revision) {
      if (!isReduction(manifest.value, known)) {
        return err('manifest: a revision adds an author or changes a weight');
      }
    }
    const headers: VerifiedHeader[] = [];
    for (const verified of this.#server.verifier.verifyHeaders(message.headers, 'admitted')) {
      if (!verified.ok) return verified;
      headers.push(verified.value);
    }
    for (const entry of manifest.value.entries) {
      const header = headers.find((each) => each.id === entry.header);
      if (header === undefined) return err('manifest: a header that it names is missing');
      if (header.author !== entry.author) return err('manifest: a header is by another author');
      if (header.kind !== 'update' || header.round !== manifest.value.round) {
        return err('manifest: a header is not an update of this round');
      }
      if (!equalBytes(header.opening, manifest.value.opening)) {
        return err('manifest: a header is of another attempt');
      }
    }
    if (headers.length !== manifest.value.entries.length) {
      return err('manifest: headers that it does not name');
    }
    return ok({ type: 'manifest', manifest: manifest.value, headers });
  }

  /** Whether a freeze is of the manifest that we know; two freezes of one attempt are a lie. */
  #frozen({ freeze: signed }: Of<'frozen'>): Result<VerifiedMessage> {
    const freeze = verifyFreeze(signed, this.#expected);
    if (!freeze.ok) return freeze;
    const known = this.#freeze;
    if (known && equalBytes(known.opening, freeze.value.opening)) {
      if (!equalBytes(known.manifest, freeze.value.manifest)) {
        return err('freeze: another one was sent for this attempt');
      }
    }
    const manifest = this.#manifest?.manifest;
    if (!manifest || !equalBytes(manifest.digest, freeze.value.manifest)) {
      return err('freeze: of another manifest than the one that was sent');
    }
    if (!equalBytes(manifest.opening, freeze.value.opening))
      return err('freeze: of another attempt');
    this.#freeze = freeze.value;
    return ok({ type: 'frozen', freeze: freeze.value });
  }

  #closed(message: Of<'closed'>): Result<VerifiedMessage> {
    const model = this.#model(message.model);
    if (!model.ok) return model;
    if (!this.#isOfManifest(message.record) || this.#manifest === null) {
      return ok({ ...message, model: model.value, sum: null });
    }
    const { manifest, headers } = this.#manifest;
    const order = { manifest: manifest.digest, summands: summandsOf(manifest, headers) };
    const sum = this.#server.verifier.verifySum(message.sum, order, 'admitted');
    return sum.ok ? ok({ ...message, model: model.value, sum: sum.value }) : sum;
  }

  /** Whether the newest manifest that we know is the one that the round was closed with. */
  #isOfManifest({ round, attempt, revision }: Of<'closed'>['record']): boolean {
    const known = this.#manifest?.manifest;
    return known?.round === round && known.attempt === attempt && known.revision === revision;
  }
}

/** The updates of a manifest with their weights. */
export function summandsOf(manifest: Manifest, headers: readonly VerifiedHeader[]) {
  return manifest.entries.flatMap(({ header: id, weight }) => {
    const header = headers.find((each) => each.id === id);
    return header === undefined ? [] : [{ header, weight }];
  });
}
