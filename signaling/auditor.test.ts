import { describe, expect, test } from 'vitest';
import { err, ok, type HeaderId, type PeerId } from '../src/lib/index.ts';
import { limits, type Answer, type Question, type Verdict } from '../src/protocol/index.ts';
import { Auditor, sampleColumns } from './auditor.ts';

const peer = (digit: string) => digit.repeat(64) as PeerId;
const batch = (digit: string, author: PeerId, columns = 9) => ({ id: digit.repeat(64) as HeaderId, author, columns }); // prettier-ignore
const refused: Answer = { kind: 'refused', reason: 'not held' };

/** An auditor whose members refuse, and what it asked them. */
function makeAuditor(verdict: Verdict = ok({ values: [], lanes: err('masked') })) {
  const asked: { holder: PeerId; header: HeaderId; question: Question }[] = [];
  const auditor = new Auditor({
    ask: (holder, header, question) => {
      asked.push({ holder, header, question });
      return Promise.resolve(ok(refused));
    },
    judge: () => Promise.resolve(verdict),
    now: () => 1_000,
  });
  return { auditor, asked };
}

describe('an auditor', () => {
  const [a, b] = [peer('a'), peer('b')];

  test('asks with a fresh nonce each time, and keeps what came of it', async () => {
    const { auditor, asked } = makeAuditor();
    const { id } = batch('1', a);
    for (let k = 0; k < 2; k++) await auditor.audit(b, id, [1, 4], 7);
    const requests = asked.map(({ question }) => question.request);
    expect(requests).toMatchObject([
      { epoch: 7, columns: [1, 4] },
      { epoch: 7, columns: [1, 4] },
    ]);
    const nonces = asked.map(({ question }) => (question.kind === 'audit' ? question.request.nonce : null)); // prettier-ignore
    expect(nonces[0]).not.toEqual(nonces[1]);
    expect(auditor.records).toMatchObject([
      { at: 1_000, holder: b, header: id, verdict: { ok: true } },
      { at: 1_000, holder: b, header: id, verdict: { ok: true } },
    ]);
  });

  test('draws a holder and a batch that it did not make', async () => {
    const { auditor, asked } = makeAuditor();
    const batches = [batch('1', a), batch('2', b), batch('3', b, 2)];
    for (let k = 0; k < 60; k++) await auditor.auditSomebody([a, b], batches, 0);
    const pairs = new Set(asked.map(({ holder, header }) => `${holder[0] ?? ''}${header[0] ?? ''}`)); // prettier-ignore
    expect(pairs).toEqual(new Set(['a2', 'a3', 'b1']));
    for (const { header, question } of asked) {
      expect(question.request.columns).toHaveLength(header.startsWith('3') ? 2 : 4);
    }
  });

  test('asks nobody where nobody relies on anybody', async () => {
    const { auditor } = makeAuditor();
    expect(await auditor.auditSomebody([], [batch('1', a)], 0)).toBe(null);
    expect(await auditor.auditSomebody([a], [batch('1', a)], 0)).toBe(null);
    expect(auditor.records).toEqual([]);
  });

  test('remembers the newest 200', async () => {
    const { auditor } = makeAuditor(err('audit: the proof does not hold'));
    for (let k = 0; k < 205; k++) await auditor.audit(b, batch('1', a).id, [k % 9], k);
    expect(auditor.records).toHaveLength(200);
    expect(auditor.records[0]).toMatchObject({ columns: [204 % 9], verdict: { ok: false } });
  });
});

describe('sampled columns', () => {
  test('are different ones, ascending, at most what one may ask for', () => {
    for (const [count, size] of [[1, 4], [9, 4], [4, 4], [500, 100]] as const) {
      const columns = sampleColumns(count, size);
      expect(columns).toEqual([...new Set(columns)].sort((x, y) => x - y));
      expect(columns).toHaveLength(Math.min(count, size));
      expect(columns.every((column) => column >= 0 && column < count)).toBe(true);
    } // prettier-ignore
    expect(sampleColumns(500)).toHaveLength(limits.askedColumns);
  });
});
