import { equalBytes, type HeaderId, type PeerId } from '../../lib/index.ts';
import { manifestDigest, signFreeze, type Signed } from '../../protocol/index.ts';
import type { SumOrder } from '../../vds/index.ts';
import type { CoordinatorContext } from '../coordinator-context.ts';
import type { Collected, CollectedSum, UnfinishedRecord } from '../coordinator-state.ts';
import { manifestMessage, type IssuedManifest } from '../manifest-maker.ts';
import { patience } from '../patience.ts';
import { summandsOf } from '../verify-message.ts';
import type { Vouches } from '../vouches.ts';
import type { Next, Phase, PhaseMessage } from './phase.ts';

/**
 * The manifest is frozen (VDS.md, “Sums” 4–5): one member after the other is asked for the sum,
 * until one opens. That one is the model, whatever anybody reports.
 */
export class Collecting implements Phase {
  readonly name = 'collecting';
  readonly #context: CoordinatorContext;
  readonly #issued: IssuedManifest;
  readonly #vouches: Vouches;
  readonly #freeze: Signed;
  readonly #order: SumOrder;
  readonly #record: UnfinishedRecord;
  readonly #asked = new Set<PeerId>();
  /** SHA-256 of the model that each member arrived at. */
  readonly #reports = new Map<PeerId, Uint8Array>();
  #from: PeerId | null = null;
  /** All of the sum has come, and is being judged: nothing else is waited for. */
  #delivered = false;
  #deadline: number;

  constructor(context: CoordinatorContext, issued: IssuedManifest, vouches: Vouches, now: number) {
    this.#context = context;
    this.#issued = issued;
    this.#vouches = vouches;
    this.#deadline = now + patience.collectMs;
    const { attempt, manifest, signed } = issued;
    const { round, revision } = manifest;
    const digest = manifestDigest(signed);
    this.#freeze = signFreeze(
      {
        ...{ type: 'freeze', task: context.task, round, attempt: attempt.attempt, revision },
        opening: attempt.opening,
        manifest: digest,
      },
      context.owner,
    );
    this.#order = {
      manifest: digest,
      summands: summandsOf(manifest, [...issued.headers.values()]),
    };
    this.#record = {
      ...{ round, attempt: attempt.attempt, revision },
      authors: manifest.entries.map((entry) => entry.author),
      openedAt: attempt.openedAt,
      metrics: null,
      revokedUpdates: 0,
    };
    for (const author of issued.headers.keys()) this.#tellFrozen(author);
  }

  get attempt() {
    return this.#issued.attempt;
  }

  get deadline(): number | null {
    return this.#delivered ? null : this.#deadline;
  }

  /** Whether an update is among those that are added up. */
  lists(header: HeaderId): boolean {
    return [...this.#issued.headers.values()].some(({ id }) => id === header);
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
  collected({ from, outcome }: Collected, now: number): Next | null {
    switch (outcome.type) {
      case 'closed': {
        const { digest } = outcome.record;
        for (const [peer, report] of this.#reports) {
          if (!equalBytes(report, digest)) this.#context.caughtOtherModel(peer, report);
        }
        return { to: 'closed', ...outcome };
      }
      case 'refused':
        this.#context.caught(from, 'sum', outcome.reason);
        this.#askAnother(now);
        return null;
      case 'failed':
        return { to: 'failed', reason: outcome.reason };
    }
  }

  hear(peer: PeerId, message: PhaseMessage, now: number) {
    if (!this.#issued.headers.has(peer)) return;
    if (message.type === 'no-sum') {
      const isAsked = peer === this.#from && message.revision === this.#issued.manifest.revision;
      if (isAsked && !this.#delivered) {
        this.#context.late(peer, 'it has lost what its sum is made of');
        this.#askAnother(now);
      }
    }
    if (message.type === 'done' && message.revision === this.#issued.manifest.revision) {
      this.#reports.set(peer, message.digest);
    }
    if (message.type === 'vouch' || message.type === 'complaint') {
      const taken = this.#vouches.take(peer, message.type, message.signed);
      if (!taken.ok) this.#context.caught(peer, 'vouch', taken.error);
    }
  }

  step(now: number): Next | null {
    const { members } = this.#context;
    if (this.#from !== null) {
      if (this.#delivered) return null;
      const isOver = now >= this.#deadline;
      if (members.mayStillCome(this.#from, now) && !isOver) return null;
      if (isOver && members.isOnline(this.#from)) {
        this.#context.late(this.#from, 'its sum was not delivered in time');
      }
      this.#askAnother(now);
    }
    const [from] = this.#candidates();
    if (from !== undefined) {
      this.#ask(from, now);
      return null;
    }
    // Who has not all chunks yet may come to have them.
    const mayCome = [...this.#issued.headers.keys()].some(
      (peer) => !this.#asked.has(peer) && members.mayStillCome(peer, now),
    );
    if (mayCome && now < this.#deadline) return null;
    return { to: 'failed', reason: 'nobody could deliver the sum' };
  }

  catchUp(peer: PeerId) {
    if (!this.#issued.headers.has(peer)) return;
    this.#context.send(peer, manifestMessage(this.#issued));
    this.#tellFrozen(peer);
    if (peer === this.#from && !this.#delivered) this.#askFor(peer);
  }

  revoked(revoked: readonly HeaderId[]): Next | null {
    return revoked.some((header) => this.lists(header))
      ? { to: 'failed', reason: 'an update was revoked' }
      : null;
  }

  /** Members that have every chunk and were not asked: those never struck nor late first. */
  #candidates(): PeerId[] {
    const { members } = this.#context;
    const headers = [...this.#issued.headers.values()];
    return [...this.#issued.headers.keys()]
      .filter((peer) => members.isOnline(peer) && !this.#asked.has(peer))
      .filter((peer) => headers.every((header) => this.#vouches.hasAll(peer, header)))
      .sort((a, b) => members.doubts(a) - members.doubts(b));
  }

  #ask(from: PeerId, now: number) {
    this.#from = from;
    this.#asked.add(from);
    this.#deadline = now + patience.collectMs;
    const { round, attempt, revision } = this.#issued.manifest;
    const about = { from, round, attempt, revision, scales: this.#issued.scales };
    this.#context.effect({
      type: 'collect',
      ...about,
      order: this.#order,
      manifest: this.#issued.signed,
      record: this.#record,
    });
    this.#askFor(from);
  }

  #askFor(peer: PeerId) {
    const { round, attempt, revision } = this.#issued.manifest;
    this.#context.send(peer, { type: 'upload', round, attempt, revision });
  }

  #askAnother(now: number) {
    this.#from = null;
    this.#delivered = false;
    this.#deadline = now + patience.collectMs;
  }

  #tellFrozen(peer: PeerId) {
    this.#context.send(peer, { type: 'frozen', freeze: this.#freeze });
  }
}
