import { OwnerClient } from '../adapters/index.ts';
import type { HeaderId, Result } from '../lib/index.ts';
import { addLog, type AppStore } from './store.ts';

/** The Data Owner's part of the page: there for who has the token, and on nobody else's screen. */
export class OwnerDriver {
  readonly #store: AppStore;
  #client: OwnerClient | null = null;

  constructor(store: AppStore) {
    this.#store = store;
  }

  /** Tries the token; what the Data Owner may see is shown if it is the right one. */
  async open(token: string): Promise<void> {
    const { task } = this.#store.getState();
    if (task === null) return;
    this.#store.setState({ owner: { state: 'opening' } });
    const client = new OwnerClient(task.id, token.trim());
    const batches = await client.batches();
    if (!batches.ok) {
      this.#store.setState({ owner: { state: 'closed', problem: batches.error } });
      return;
    }
    this.#client = client;
    this.#store.setState({
      owner: { state: 'open', batches: batches.value, audits: [], busy: null, problem: null },
    });
    await this.refresh();
  }

  /** Forgets the token. */
  close(): void {
    this.#client = null;
    this.#store.setState({ owner: { state: 'closed', problem: null } });
  }

  revoke(header: HeaderId): Promise<void> {
    return this.#act(header, (client) => client.revoke(header));
  }

  rollBack(header: HeaderId, round: number): Promise<void> {
    return this.#act(header, (client) => client.rollBack(header, round));
  }

  /** Lets the task go on for so many rounds after its last one. */
  goOn(rounds: number): Promise<void> {
    return this.#act('task', (client) => client.goOn(rounds));
  }

  /** Forgets what was learned. */
  restart(): Promise<void> {
    return this.#act('task', (client) => client.restart());
  }

  /** Gets the lists of batches and audits anew, if they are shown. */
  async refresh(): Promise<void> {
    const batches = await this.#client?.batches();
    const audits = await this.#client?.audits();
    const { owner } = this.#store.getState();
    if (batches?.ok !== true || audits?.ok !== true || owner.state !== 'open') return;
    this.#store.setState({ owner: { ...owner, batches: batches.value, audits: audits.value } });
  }

  async #act(
    busy: HeaderId | 'task',
    action: (client: OwnerClient) => Promise<Result<unknown>>,
  ): Promise<void> {
    const client = this.#client;
    const { owner } = this.#store.getState();
    if (client === null || owner.state !== 'open' || owner.busy !== null) return;
    this.#store.setState({ owner: { ...owner, busy, problem: null } });
    const done = await action(client);
    const problem = done.ok ? null : done.error;
    if (problem !== null) addLog(this.#store, 'warn', `Data Owner: ${problem}`);
    const after = this.#store.getState().owner;
    if (after.state !== 'open') return; // closed meanwhile
    this.#store.setState({ owner: { ...after, busy: null, problem } });
    await this.refresh();
  }
}
