import { err, type HeaderId } from '../lib/index.ts';
import {
  judgeAnswer,
  limits,
  type Answer,
  type Readers,
  type Parties,
  type Question,
  type Verdict,
} from '../protocol/index.ts';
import type { StorageServer, VerifiedHeader } from '../vds/index.ts';

/**
 * The batches that a tab holds, or is about to: who may ask what of them, and whether what others
 * say of them holds (VDS.md, “Linear query” and “Audit”).
 */
export class Holder {
  readonly #server: StorageServer;
  readonly #batches = new Map<
    HeaderId,
    { readonly header: VerifiedHeader; readonly readers: Readers }
  >();

  constructor(server: StorageServer) {
    this.#server = server;
  }

  /** Makes a batch known; false if it is revoked. */
  add(header: VerifiedHeader, readers: Readers): boolean {
    if (this.#server.verifier.isRevoked(header.id)) return false;
    this.#batches.set(header.id, { header, readers });
    return true;
  }

  get(header: HeaderId): VerifiedHeader | undefined {
    return this.#batches.get(header)?.header;
  }

  drop(headers: readonly HeaderId[]): void {
    for (const header of headers) this.#batches.delete(header);
  }

  keep(headers: readonly HeaderId[]): void {
    this.drop([...this.#batches.keys()].filter((header) => !headers.includes(header)));
  }

  /**
   * Answers with proofs, an audit for who asks it only. A query tells of the data: of an update it
   * is answered to the members of its round, who have the chunks anyhow, and not to the server.
   */
  async answer(header: HeaderId, question: Question, parties: Parties): Promise<Answer> {
    const known = this.#batches.get(header);
    if (known === undefined) return refused('the batch is not here');
    if (question.kind === 'query') {
      if (known.readers?.has(parties.auditor) === false) {
        return refused('queries of an update are answered to the members of its round only');
      }
      const answer = await this.#server.answerQuery(known.header, question.request);
      return answer.ok ? { kind: 'query', ...answer.value } : refused(answer.error);
    }
    const answer = await this.#server.answerAudit(known.header, question.request, parties);
    return answer.ok ? { kind: 'audit', ...answer.value } : refused(answer.error);
  }

  /** Checks an answer and its proof of non-revocation. The error names the check that failed. */
  judge(header: HeaderId, question: Question, parties: Parties, answer: Answer): Verdict {
    const known = this.get(header);
    if (known === undefined) return err('the batch was dropped');
    return judgeAnswer(this.#server.verifier, known, question, parties, answer);
  }
}

function refused(reason: string): Answer {
  return { kind: 'refused', reason: reason.slice(0, limits.reasonLength) };
}
