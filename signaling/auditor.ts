import { randomBytes, randomInt } from 'node:crypto';
import { ownBytes, type HeaderId, type PeerId, type Result } from '../src/lib/index.ts';
import { limits, type Answer, type Question, type Verdict } from '../src/protocol/index.ts';

/** An audit that was made, and what came of it. */
export interface AuditRecord {
  /** ms since 1970 */
  readonly at: number;
  readonly holder: PeerId;
  readonly header: HeaderId;
  readonly columns: readonly number[];
  readonly verdict: Verdict;
  /** From question to verdict. */
  readonly ms: number;
}

/** Columns of an audit that nobody asked for: each more costs the holder a chunk to read. */
const columnsAtRandom = 4;

interface AuditorOptions {
  readonly ask: (holder: PeerId, header: HeaderId, question: Question) => Promise<Result<Answer>>;
  readonly judge: (
    header: HeaderId,
    holder: PeerId,
    question: Question,
    answer: Answer,
  ) => Promise<Verdict>;
  /** ms since 1970 */
  readonly now: () => number;
}

/** Has members prove that they hold what the coordinator relies on them for, and keeps the verdicts. */
export class Auditor {
  readonly #options: AuditorOptions;
  /** The newest first. */
  readonly records: AuditRecord[] = [];

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** Asks for a fresh proof of these columns. */
  async audit(
    holder: PeerId,
    header: HeaderId,
    columns: readonly number[],
    epoch: number,
  ): Promise<AuditRecord> {
    const { ask, judge, now } = this.#options;
    const request = { nonce: ownBytes(randomBytes(32)), epoch, columns: [...columns] };
    const question: Question = { kind: 'audit', request };
    const start = now();
    const answer = await ask(holder, header, question);
    const verdict = answer.ok ? await judge(header, holder, question, answer.value) : answer;
    const record = { at: start, holder, header, columns, verdict, ms: Math.round(now() - start) };
    this.records.unshift(record);
    this.records.splice(limits.audits);
    return record;
  }

  /** Audits one of these holders, drawn at random, for a batch that it did not make itself. */
  async auditSomebody(
    holders: readonly PeerId[],
    batches: readonly {
      readonly id: HeaderId;
      readonly author: PeerId;
      readonly columns: number;
    }[],
    epoch: number,
  ): Promise<AuditRecord | null> {
    const holder = pick(holders);
    const batch = pick(batches.filter(({ author }) => author !== holder));
    if (holder === undefined || batch === undefined) return null;
    const size = Math.min(columnsAtRandom, batch.columns);
    return this.audit(holder, batch.id, sampleColumns(batch.columns, size), epoch);
  }
}

function pick<T>(items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[randomInt(items.length)];
}

/** So many different columns of the first `count`, in ascending order; at most what one may ask. */
export function sampleColumns(count: number, size: number = limits.askedColumns): number[] {
  const chosen = new Set<number>();
  while (chosen.size < Math.min(count, size)) chosen.add(randomInt(count));
  return [...chosen].sort((a, b) => a - b);
}
