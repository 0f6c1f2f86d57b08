import { hexToBytes, type HeaderId, type PeerId } from '../../lib/index.ts';
import { manifestDigest, type RoundRecord } from '../../protocol/index.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { Collected, CollectedSum } from '../coordinator-state.ts';
import { manifestMessage, type IssuedManifest } from '../manifest-maker.ts';
import { patience } from '../patience.ts';
import { summandsOf } from '../verify-message.ts';
import { goOnWithout } from './going-on.ts';
import type { Next, Phase } from './phase.ts';

/** One member after the other is asked for the sum, until one is proved. */
export class Collecting implements Phase {
  readonly name = 'collecting';
  readonly #context: CoordinatorContext;
  readonly #issued: IssuedManifest;
  readonly #digest: string;
  readonly #record: RoundRecord;
  /** Members that agree on the digest and have not been asked yet. */
  #candidates: readonly PeerId[];
  #from: PeerId | null = null;
  /** All of the sum has come, and is being judged: nothing else is waited for. */
  #delivered = false;
  #deadline = 0;

  constructor(
    context: CoordinatorContext,
    issued: IssuedManifest,
    digest: string,
    candidates: readonly PeerId[],
    now: number,
  ) {
    this.#context = context;
    this.#issued = issued;
    this.#candidates = candidates;
    this.#digest = digest;
    const { attempt, manifest } = issued;
    this.#record = {
      ...{ round: attempt.round, attempt: attempt.attempt, revision: manifest.revision },
      authors: manifest.entries.map((entry) => entry.author),
      ms: Math.round(now - attempt.openedAt),
      digest: hexToBytes(digest),
      metrics: null,
    };
  }

  get attempt() {
    return this.#issued.attempt;
  }

  get deadline(): number | null {
    return this.#delivered ? null : this.#deadline;
  }

  /** Whether this sum is what the round waits for. */
  isWaitingFor({ from, revision }: CollectedSum): boolean {
    return this.#from === from && this.#issued.manifest.revision === revision;
  }

  /** From here on the round waits for the shell alone, which always answers. */
  delivered() {
    this.#delivered = true;
  }

  /** Takes what became of the sum. */
  collected({ from, result }: Collected): Next | null {
    if (result.ok) return { to: 'closed', record: this.#record, ...result.value };
    this.#context.caught(from, 'sum', result.error);
    this.#from = null;
    return null;
  }

  hear() {
    // The sum itself is the shell's business.
  }

  step(now: number): Next | null {
    const { members } = this.#context;
    if (this.#from !== null) {
      if (this.#delivered) return null;
      if (members.mayStillCome(this.#from, now) && now < this.#deadline) return null;
    }
    const [from, ...others] = this.#candidates.filter((peer) => members.isOnline(peer));
    if (from === undefined) return { to: 'failed', reason: 'nobody could deliver the sum' };
    this.#from = from;
    this.#candidates = others;
    this.#delivered = false;
    this.#deadline = now + patience.collectMs;
    const { manifest, signed, scales, headers } = this.#issued;
    const { round, attempt, revision } = manifest;
    const order = {
      manifest: manifestDigest(signed),
      summands: summandsOf(manifest, [...headers.values()]),
    };
    const record = this.#record;
    const digest = this.#digest;
    this.#context.effect({ type: 'collect', from, round, attempt, revision, scales, order, digest, record }); // prettier-ignore
    this.#context.send(from, { type: 'upload', round, attempt, revision });
    return null;
  }

  catchUp(peer: PeerId) {
    if (this.#issued.headers.has(peer)) this.#context.send(peer, manifestMessage(this.#issued));
  }

  revoked(revoked: readonly HeaderId[]): Next | null {
    const authors = [...this.#issued.headers].filter(([, { id }]) => revoked.includes(id));
    if (authors.length === 0) return null;
    return goOnWithout(this.#context, this.#issued, authors.map(([author]) => author)); // prettier-ignore
  }
}
