import type { StorageService, TrainingService } from '../adapters/index.ts';
import { bytesToHex, shortId, type HeaderId } from '../lib/index.ts';
import { limits, type Metrics, type RoundRecord } from '../protocol/index.ts';
import type { VerifiedMessage } from '../rounds/index.ts';
import type { OnlookerPort, StepTimes } from '../tab/index.ts';
import type { Asker } from './asker.ts';
import type { OwnerDriver } from './owner-driver.ts';
import type { ProofBook } from './proof-book.ts';
import type { ProofsView, WorkTotals } from './state.ts';
import { addLog, addNotice, type AppStore } from './store.ts';

export interface Onlookers {
  readonly store: AppStore;
  readonly proofBook: ProofBook;
  readonly asker: Asker;
  readonly owner: OwnerDriver;
  /** What the workers computed so far. */
  readonly storage: { totals(): Promise<ReturnType<StorageService['totals']>> };
  readonly training: { totals(): Promise<ReturnType<TrainingService['totals']>> };
  /** The tab takes no part in training until its user says so. */
  readonly pause: () => void;
  /** Whether the coordinator was told of the newest state that this tab knows. */
  readonly hasShownState: () => boolean;
  /** Connects anew, and tells it. */
  readonly showState: () => void;
}

/** Writes what happens in the tab into the store, for people to see. */
export class Scoreboard {
  readonly #to: Onlookers;
  #work: WorkTotals = { commit: 0, verify: 0, evaluate: 0 };

  constructor(to: Onlookers) {
    this.#to = to;
  }

  /** What the tab tells of. */
  port(): Omit<OnlookerPort, 'asked'> {
    const { store, proofBook, pause } = this.#to;
    return {
      followed: ({ message }) => this.#followed(message),
      'not-followed': ({ what, reason }) => this.#notFollowed(what, reason),
      'bad-chunk': ({ header, index, from, reason }) => {
        proofBook.refused(from, `chunk ${index} of ${shortId(header)}`, reason, 'tab');
      },
      computed: ({ round, digest }) => {
        const hex = bytesToHex(digest);
        store.setState(({ digests }) => ({ digests: new Map(digests).set(round, hex) }));
      },
      measured: ({ round, metrics }) => {
        store.setState(({ own }) => ({ own: new Map(own).set(round, metrics) }));
      },
      timed: ({ round, steps }) => void this.#timed(round, steps).catch(() => undefined),
      pause,
      log: ({ level, peer, text }) => {
        addLog(store, level, peer === null ? text : `${shortId(peer)} ${text}`);
      },
    };
  }

  proofs(change: Partial<ProofsView>): void {
    if (Object.keys(change).length === 0) return;
    this.#to.store.setState(({ proofs }) => ({ proofs: { ...proofs, ...change } }));
  }

  #followed(message: VerifiedMessage): void {
    const { store, proofBook, asker, owner } = this.#to;
    switch (message.type) {
      case 'welcome':
      case 'state':
        this.#revocations(message);
        break;
      case 'members':
        store.setState({ members: message.members });
        break;
      case 'manifest':
        asker.learnScales(message.manifest.round, message.manifest.scales);
        break;
      case 'open': {
        const { round, cohort } = message.open;
        this.#log('info', `round ${round} opened with ${cohort.length} members`);
        store.setState({ cohort });
        break;
      }
      case 'replaced':
        this.#log('warn', `the Data Owner replaced the model of round ${message.model.round}`);
        break;
      case 'closed':
        this.#record(message.record);
        void owner.refresh();
        proofBook.closed(message.record.round, message.sum);
        break;
      case 'caught':
        this.#log('warn', `${message.what} of ${shortId(message.peer)} refused: ${message.reason}`);
        proofBook.refused(message.peer, message.what, message.reason, 'owner');
        break;
      case 'failed':
        this.#log('warn', `round ${message.round} failed: ${message.reason}`);
        break;
      case 'metrics':
        void owner.refresh(); // the round's audit is done by then
        this.#measured(message.round, message.metrics);
        break;
      case 'marked':
        this.#marked(message.round, message.revokedUpdates);
        break;
      case 'finished':
        store.setState({ finished: true });
        break;
      case 'last-round':
        this.#lastRound(message.lastRound);
        break;
      default:
        break;
    }
  }

  #revocations({ revoked, asOf }: { revoked: readonly HeaderId[]; asOf: number }): void {
    const before = this.#to.store.getState().proofs.revoked;
    for (const header of revoked) {
      if (before.includes(header)) continue;
      this.#log('warn', `batch ${shortId(header)} is revoked by the Data Owner`);
    }
    this.proofs({ revoked, epoch: revoked.length, asOf: asOf * 1000 });
  }

  /** The coordinator said something that does not hold: it is not followed, and people are told. */
  #notFollowed(type: string, reason: string): void {
    const { store, proofBook, pause, hasShownState, showState } = this.#to;
    this.#log('error', `the coordinator's ${type} was refused: ${reason}`);
    // The first hello names no task: now that it is known, the coordinator is told what this tab knows.
    if (type === 'welcome' && !hasShownState()) {
      showState();
      return;
    }
    proofBook.refused(null, type, reason, 'tab');
    addNotice(store, `The coordinator said something that does not hold (${type}): ${reason}.`);
    if (type === 'closed') pause(); // a model that nobody proved is not trained on
  }

  #record(record: RoundRecord): void {
    this.#log('info', `round ${record.round} closed: ${record.authors.length} updates`);
    this.#to.store.setState(({ history }) => ({
      history: [...history.filter((each) => each.round !== record.round), record].slice(
        -limits.historyRounds,
      ),
    }));
  }

  /** A model turns out to have been made with updates that are revoked. */
  #marked(round: number, revokedUpdates: number): void {
    this.#log(
      'warn',
      `model ${round} was made with ${revokedUpdates === 1 ? 'an update' : `${revokedUpdates} updates`} revoked since`,
    );
    this.#to.store.setState(({ history }) => ({
      history: history.map((each) => (each.round === round ? { ...each, revokedUpdates } : each)),
    }));
  }

  /** The Data Owner lets the task go on. */
  #lastRound(lastRound: number | null): void {
    const { store } = this.#to;
    const { history } = store.getState();
    const isFinished = lastRound !== null && (history.at(-1)?.round ?? 0) >= lastRound;
    store.setState({ lastRound, finished: isFinished });
    this.#log(
      'info',
      `the task goes on ${lastRound === null ? 'without a last round' : `until round ${lastRound}`}`,
    );
  }

  #measured(round: number, metrics: Metrics): void {
    this.#to.store.setState(({ history }) => ({
      history: history.map((each) => (each.round === round ? { ...each, metrics } : each)),
    }));
  }

  /** Where a round's time went. */
  async #timed(round: number, steps: StepTimes): Promise<void> {
    const { store, storage, training } = this.#to;
    const [{ ms: verify }, { commit, evaluate }] = await Promise.all([
      storage.totals(),
      training.totals(),
    ]);
    const work = workSince(this.#work, { commit, verify, evaluate });
    this.#work = { commit, verify, evaluate };
    store.setState(({ timings }) => ({
      timings: new Map([...timings, [round, { steps, work }] as const].slice(-limits.historyRounds)), // prettier-ignore
    }));
  }

  #log(level: 'info' | 'warn' | 'error', text: string): void {
    addLog(this.#to.store, level, text);
  }
}

/** What was computed since. */
function workSince(before: WorkTotals, totals: WorkTotals): WorkTotals {
  return {
    commit: totals.commit - before.commit,
    verify: totals.verify - before.verify,
    evaluate: totals.evaluate - before.evaluate,
  };
}
