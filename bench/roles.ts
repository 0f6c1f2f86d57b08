import type { Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { AppState } from '../src/app/index.ts';
import type { HeaderId } from '../src/lib/index.ts';
import { peerCodec, type Question } from '../src/protocol/index.ts';
import { headerId } from '../src/vds/index.ts';
import { launchBrowser } from '../scripts/browser.ts';
import { readConfig } from '../signaling/config.ts';
import { digitsTask } from '../signaling/default-task.ts';
import { startCoordinator, type Coordinator } from '../signaling/server.ts';
import type { BenchResult } from './result.ts';

/** Questions of a kind: the median counts. */
const repeats = 7;
const revocations = 5;

/**
 * What the consumer's, the auditor's and the Data Owner's side cost between real tabs: a query and
 * an audit from tab to tab of a batch of 100 kB (a model of 25,450 parameters), and how long after
 * a revocation is asked for the last of the tabs refuses the batch.
 */
export async function roles(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { tabs: { type: 'string' } } });
  const count = Number(values.tabs ?? 8);
  if (!Number.isInteger(count) || count < 2 || count > 16) {
    throw new Error('npm run bench -- roles [--tabs 2…16]');
  }
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-bench-'));
  const config = readConfig({
    PORT: '0',
    MURMURATION_LOG_LEVEL: 'error',
    MURMURATION_MINIMUM_MEMBERS: String(count),
    MURMURATION_ROUNDS: '1',
    MURMURATION_LOCAL_EPOCHS: '1',
    MURMURATION_SAMPLES_PER_MEMBER: '300',
  });
  const task = { ...digitsTask(config), model: { kind: 'mlp' as const, hidden: [32] } };
  const coordinator = await startCoordinator({ ...config, dataFolder: folder }, { folder: 'dist', task }); // prettier-ignore
  const browser = await launchBrowser();
  try {
    console.error(`${count} tabs train one round …`);
    const tabs: Page[] = [];
    for (let i = 0; i < count; i++) {
      const page = await (await browser.newContext()).newPage();
      await page.goto(coordinator.url);
      tabs.push(page);
    }
    for (const tab of tabs) await tab.getByTestId('finished').waitFor({ timeout: 300_000 });
    const [asking] = tabs;
    if (asking === undefined) throw new Error('no tab');
    console.error('queries and audits …');
    const queryMs = await ask(asking, 'Linear query');
    const projectionMs = await ask(asking, 'Random projection');
    const auditMs = await ask(asking, 'Audit');
    const bytes = await bytesOfAudit(coordinator);
    console.error('revocations …');
    const revokeMs = await revoke(coordinator, tabs);
    return {
      ratios: { auditVsDownload: bytes.audit / bytes.batch },
      values: {
        tabs: count,
        queryMs,
        projectionMs,
        auditMs,
        revokeToRefusalMs: median(revokeMs),
        revokeToRefusalWorstMs: Math.max(...revokeMs),
        answerBytes: bytes.answer,
        batchBytes: bytes.batch,
      },
    };
  } finally {
    await browser.close();
    await coordinator.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Asks a neighbour about the newest model, as a user would; ms from question to verdict. */
async function ask(tab: Page, question: string): Promise<number> {
  const form = tab.getByTestId('verify');
  await form.getByLabel('Question').selectOption(question);
  await form.getByLabel('Batch').selectOption({ label: 'model 1' });
  const taken: number[] = [];
  for (let i = 0; i < repeats; i++) {
    await form.getByRole('button', { name: 'Ask for proof' }).click();
    const newest = tab.getByTestId('verdicts').locator('li').first();
    await newest.and(tab.locator('[data-state=proved]')).waitFor({ timeout: 30_000 });
    const { asked } = await snapshotOf(tab);
    taken.push(asked[0]?.ms ?? NaN);
    // A peer answers ten questions in ten seconds.
    await tab.waitForTimeout(1_100);
  }
  return median(taken);
}

/** What an audit of the newest model puts on the wire, and what the model itself would. */
async function bytesOfAudit({ room }: Coordinator) {
  const signed = room.desk.model.header;
  const header = headerId(signed.header);
  const [holder] = room.connected;
  if (holder === undefined) throw new Error('nobody is connected');
  let batch = 0;
  let chunks = 0;
  for (let chunk = await room.chunk(header, 0); chunk; chunk = await room.chunk(header, ++chunks)) batch += chunk.length; // prettier-ignore
  const asked = Array.from({ length: chunks }, (_, column) => column);
  const request = { nonce: new Uint8Array(32), epoch: room.epoch, columns: asked };
  const question: Question = { kind: 'audit', request };
  const answer = await room.ask(holder, header, question);
  if (!answer.ok || answer.value.kind !== 'audit') throw new Error('an audit was not answered'); // prettier-ignore
  const sent = peerCodec.encode({ type: 'ask', id: 1, batch: 1, question }).length;
  const got = peerCodec.encode({ type: 'answer', id: 1, answer: answer.value }).length;
  return { audit: sent + got, answer: got, batch };
}

/** ms until the last tab refuses a batch, for some updates one after the other. */
async function revoke({ room }: Coordinator, tabs: readonly Page[]): Promise<number[]> {
  const batches = await room.desk.batches({ limit: 200, offset: 0 });
  const updates = batches.filter(({ kind }) => kind === 'update').slice(0, revocations);
  const taken: number[] = [];
  for (const { header } of updates) {
    const refusals = tabs.map((tab) => refusalIn(tab, header));
    await tabs[0]?.waitForTimeout(500); // all of them watch
    const start = Date.now();
    const revoked = await room.revoke(header);
    if (!revoked.ok) throw new Error(revoked.error);
    taken.push(Math.max(...(await Promise.all(refusals))) - start);
  }
  return taken;
}

/** When a tab knows that a batch is revoked, by the machine's clock. ms */
function refusalIn(tab: Page, header: HeaderId): Promise<number> {
  return tab.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const watching = setInterval(() => {
          const { murmuration } = window as unknown as { murmuration: Watched };
          if (!murmuration.snapshot().proofs.revoked.includes(wanted)) return;
          clearInterval(watching);
          resolve(Date.now());
        }, 10);
      }),
    header,
  );
}

interface Watched {
  snapshot(): { proofs: { revoked: HeaderId[] }; asked: AppState['asked'] };
}

const snapshotOf = (tab: Page) =>
  tab.evaluate(() => {
    const { murmuration } = window as unknown as { murmuration: Watched };
    return { asked: murmuration.snapshot().asked.map(({ ms }) => ({ ms })) };
  });

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
