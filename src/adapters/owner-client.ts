import * as v from 'valibot';
import { err, messageOf, ok, type HeaderId, type PeerId, type Result, type TaskId } from '../lib/index.ts'; // prettier-ignore
import { ownerApi, type OwnerApi } from '../protocol/index.ts';

/** A batch that the Data Owner admitted, as its API tells it. */
export type AdmittedBatch = Omit<OwnerApi<'batches'>['batches'][number], 'header' | 'author'> & {
  readonly header: HeaderId;
  readonly author: PeerId;
};

/** An audit of the coordinator's, as its API tells it. */
export type AuditResult = Omit<OwnerApi<'audits'>['audits'][number], 'header' | 'holder'> & {
  readonly header: HeaderId;
  readonly holder: PeerId;
};

/** Speaks with the Data Owner's HTTP API. The token is kept here alone, for as long as the tab is open. */
export class OwnerClient {
  readonly #base: string;
  readonly #token: string;

  constructor(task: TaskId, token: string) {
    this.#base = `/api/tasks/${task}`;
    this.#token = token;
  }

  /** The newest admitted batches, newest first. */
  async batches(): Promise<Result<readonly AdmittedBatch[]>> {
    const answer = await this.#call('GET', 'batches?limit=100', ownerApi.batches);
    return answer.ok ? ok(answer.value.batches as AdmittedBatch[]) : answer;
  }

  /** What the coordinator's audits came to, the newest first. */
  async audits(): Promise<Result<readonly AuditResult[]>> {
    const answer = await this.#call('GET', 'audits', ownerApi.audits);
    return answer.ok ? ok(answer.value.audits as AuditResult[]) : answer;
  }

  revoke(header: HeaderId): Promise<Result<unknown>> {
    return this.#call('POST', `batches/${header}/revoke`, ownerApi.state);
  }

  /** Puts the model of an earlier round in the current one's place. */
  rollBack(header: HeaderId, round: number): Promise<Result<unknown>> {
    return this.#call('POST', `batches/${header}/replace`, ownerApi.state, { round });
  }

  /** Lets the task go on for so many rounds after its last one. */
  goOn(rounds: number): Promise<Result<unknown>> {
    return this.#call('POST', 'continue', ownerApi.rounds, { rounds });
  }

  /** Begins to learn anew, from another starting model. */
  restart(): Promise<Result<unknown>> {
    return this.#call('POST', 'restart', ownerApi.rounds);
  }

  async #call<const S extends v.GenericSchema>(
    method: 'GET' | 'POST',
    path: string,
    schema: S,
    body?: OwnerApi<'rollBack' | 'moreRounds'>,
  ): Promise<Result<v.InferOutput<S>>> {
    try {
      const response = await fetch(`${this.#base}/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      const value: unknown = await response.json();
      const refusal = v.safeParse(ownerApi.error, value);
      if (refusal.success) return err(refusal.output.error);
      const parsed = v.safeParse(schema, value);
      return parsed.success ? ok(parsed.output) : err('the server answered something unknown');
    } catch (thrown) {
      return err(`the server cannot be reached: ${messageOf(thrown)}`);
    }
  }
}
