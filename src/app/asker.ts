import type { Remote } from 'comlink';
import { systemRandom, type StorageService } from '../adapters/index.ts';
import { encodeScalar, toScalar } from '../crypto/index.ts';
import { tensorsOf } from '../learning/index.ts';
import { at, err, messageOf, shortId, type HeaderId, type PeerId, type Result } from '../lib/index.ts'; // prettier-ignore
import { limits, type Question, type TaskDescription, type Verdict } from '../protocol/index.ts';
import { carryOut, planMean, planParameter, type QueryPlan } from '../rounds/index.ts';
import type { VerifiedHeader } from '../vds/index.ts';
import type { RunningTab } from './running-tab.ts';
import type { AskedView } from './state.ts';
import { addLog, type AppStore } from './store.ts';

/** Questions that are remembered. */
const keptQuestions = 20;
/** ms in which a peer may be asked only so often, and a little more: its clock is its own. */
const rationMs = 10_500;
/** Rounds whose scales are remembered: those whose updates are kept. */
const keptRounds = 3;

/** What a tab asks with, once it is part of a task. */
interface Means {
  readonly self: PeerId;
  readonly description: TaskDescription;
  readonly tab: Pick<RunningTab, 'ask' | 'snapshot'>;
  readonly storage: Pick<Remote<StorageService>, 'judge'>;
}

/** Asks neighbours to prove something of batches that they hold, and judges the answers. */
export class Asker {
  readonly #store: AppStore;
  #means: Means | null = null;
  #next = 0;
  readonly #cancelled = new Set<number>();
  /** When each peer was asked. ms */
  readonly #askedAt = new Map<PeerId, number[]>();
  /** By round: what a step of each tensor's codes is worth. */
  readonly #scales = new Map<number, readonly number[]>();

  constructor(store: AppStore) {
    this.#store = store;
  }

  join(means: Means): void {
    this.#means = means;
  }

  /** A round's quantiser, as its manifest says. @param scales float32 step by tensor */
  learnScales(round: number, scales: readonly number[]): void {
    this.#scales.set(round, scales);
    const [oldest] = this.#scales.keys();
    if (this.#scales.size > keptRounds && oldest !== undefined) this.#scales.delete(oldest);
  }

  /** Challenges holders to prove that they still have a batch: all of it, or 64 chunks at random. */
  async audit(holders: readonly PeerId[], header: HeaderId, chunks: number): Promise<void> {
    const epoch = this.#store.getState().proofs.epoch ?? 0;
    const columns = drawColumns(chunks);
    const audits = holders.map((holder) => {
      const nonce = crypto.getRandomValues(new Uint8Array(32));
      return this.#one(holder, header, { kind: 'audit', request: { nonce, epoch, columns } });
    });
    await Promise.all(audits);
  }

  /**
   * Asks for `x = Σ t_i·m_i` of chunks of a batch.
   *
   * @param columns in ascending order
   * @param weights t_i, taken mod r, by ascending i from 1; or all of them, drawn from a new seed
   */
  async query(
    holder: PeerId,
    header: HeaderId,
    columns: readonly number[],
    weights: readonly { readonly index: number; readonly weight: bigint }[] | 'random',
  ): Promise<void> {
    const asked =
      weights === 'random'
        ? { kind: 'seed' as const, seed: crypto.getRandomValues(new Uint8Array(32)) }
        : {
            kind: 'sparse' as const,
            entries: weights.map(({ index, weight }) => ({ index, weight: encodeScalar(toScalar(weight)) })), // prettier-ignore
          };
    const request = { columns: [...columns], weights: asked };
    await this.#one(holder, header, { kind: 'query', request });
  }

  /** Asks for one parameter. @param index in its tensor, flat */
  async parameter(
    holder: PeerId,
    header: HeaderId,
    tensor: number,
    index: number,
    about: string,
  ): Promise<void> {
    await this.#planned('parameter', holder, header, tensor, about, (batch, { offset }) =>
      planParameter(batch, offset + index),
    );
  }

  /** Asks for the mean of a tensor of an update. */
  async mean(holder: PeerId, header: HeaderId, tensor: number, about: string): Promise<void> {
    await this.#planned('mean', holder, header, tensor, about, planMean);
  }

  /** Gives up on a question that takes several. */
  cancel(id: number): void {
    this.#cancelled.add(id);
  }

  async #one(holder: PeerId, header: HeaderId, question: Question): Promise<void> {
    const start = performance.now();
    const view = this.#open({ kind: question.kind, about: null, header, holder });
    const verdict = await this.#ask(holder, header, question);
    this.#close(view, start, { verdict });
  }

  /** A question that takes several linear queries: all must hold. */
  async #planned(
    kind: 'parameter' | 'mean',
    holder: PeerId,
    header: HeaderId,
    tensor: number,
    about: string,
    plan: (batch: VerifiedHeader, tensor: ReturnType<typeof tensorsOf>[number]) => Result<QueryPlan>, // prettier-ignore
  ): Promise<void> {
    const start = performance.now();
    const view = this.#open({ kind, about, header, holder });
    const means = this.#means;
    const batch = means?.tab
      .snapshot()
      .swarm.batches.find((each) => each.header.id === header)?.header;
    if (!means || !batch) {
      this.#close(view, start, { verdict: err('the batch was dropped') });
      return;
    }
    const { data, model } = means.description;
    const planned = plan(batch, at(tensorsOf(data, model), tensor));
    if (!planned.ok) {
      this.#close(view, start, { verdict: planned });
      return;
    }
    const total = planned.value.requests.length;
    const { verdict, value } = await carryOut(planned.value, async (request, done) => {
      this.#change(view.id, { progress: { done, total } });
      await this.#ration(holder);
      if (this.#cancelled.has(view.id)) return err('stopped before all was asked');
      return this.#ask(holder, header, { kind: 'query', request });
    });
    this.#cancelled.delete(view.id);
    const scale = batch.kind === 'update' ? (this.#scales.get(batch.round)?.[tensor] ?? null) : null; // prettier-ignore
    const result = value === null ? null : { value, isCode: batch.kind === 'update', scale };
    this.#close(view, start, { verdict, result });
  }

  async #ask(holder: PeerId, header: HeaderId, question: Question): Promise<Verdict> {
    const means = this.#means;
    if (means === null) return err('this tab is part of no task yet');
    this.#askedAt.set(holder, [...(this.#askedAt.get(holder) ?? []), performance.now()]);
    const answer = await means.tab.ask(holder, header, question);
    return means.storage
      .judge(header, question, { auditor: means.self, holder }, answer)
      .catch((thrown: unknown) => err(messageOf(thrown)));
  }

  /** Waits until a peer may be asked once more without being asked too much. */
  async #ration(holder: PeerId): Promise<void> {
    const now = performance.now();
    const recent = (this.#askedAt.get(holder) ?? []).filter((time) => time > now - rationMs);
    this.#askedAt.set(holder, recent);
    const first = recent.at(-limits.questionsPerTenSeconds);
    if (first === undefined) return;
    await new Promise((resolve) => setTimeout(resolve, first + rationMs - now));
  }

  #open(about: Pick<AskedView, 'kind' | 'about' | 'header' | 'holder'>): AskedView {
    const nothing = { verdict: null, result: null, progress: null, asOf: null, ms: null };
    const view = { ...about, id: this.#next++, at: Date.now(), ...nothing };
    this.#store.setState(({ asked }) => ({ asked: [view, ...asked].slice(0, keptQuestions) }));
    return view;
  }

  #change(id: number, change: Partial<AskedView>): void {
    this.#store.setState(({ asked }) => ({
      asked: asked.map((each) => (each.id === id ? { ...each, ...change } : each)),
    }));
  }

  #close(
    { id, kind, header, holder }: AskedView,
    start: number,
    came: { readonly verdict: Verdict; readonly result?: AskedView['result'] },
  ): void {
    const { asOf } = this.#store.getState().proofs;
    this.#change(id, { ...came, progress: null, asOf, ms: performance.now() - start });
    const what = `${kind} of ${shortId(header)} at ${shortId(holder)}`;
    if (came.verdict.ok) addLog(this.#store, 'info', `${what}: proved`);
    else addLog(this.#store, 'warn', `${what}: ${came.verdict.error}`);
  }
}

/** Columns of a batch of so many: all, or as many as may be asked for, at random; ascending. */
function drawColumns(chunks: number): number[] {
  const left = Array.from({ length: chunks }, (_, column) => column);
  const random = systemRandom();
  while (left.length > limits.askedColumns) left.splice(random.uint32() % left.length, 1);
  return left;
}
