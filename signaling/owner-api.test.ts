import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeCanonical, encodeCanonical, identityOf, sha256 } from '../src/crypto/index.ts';
import {
  at,
  bytesToHex,
  float32ToBytes,
  hexToBytes,
  type HeaderId,
  utf8ToBytes,
} from '../src/lib/index.ts';
import { modelDigest } from '../src/learning/index.ts';
import { ownerApi, type OwnerApi } from '../src/protocol/index.ts';
import { checkExportedRound, decodeExportedRound, type Check, type ExportedRound } from '../src/rounds/index.ts'; // prettier-ignore
import { cutPayloads, headerId, MemoryChunkStore, signedHeaderSchema, StorageServer, Verifier, type SignedHeader, type StateUpdate, type VerifiedHeader } from '../src/vds/index.ts'; // prettier-ignore
import { readConfig } from './config.ts';
import { digitsTask, type TaskSettings } from './default-task.ts';
import { secureRandom } from './secure-random.ts';
import { ScriptedRound } from './scripted-round.ts';
import { ScriptedTab } from './scripted-tab.ts';
import { startCoordinator, type Coordinator } from './server.ts';

const folder = mkdtempSync(join(tmpdir(), 'murmuration-api-'));
const config = {
  ...readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent', MURMURATION_ROUNDS: '9' }),
  dataFolder: join(folder, 'data'),
};
const settings: TaskSettings = { ...digitsTask(config), model: { kind: 'mlp', hidden: [] } };
const unknown = '00'.repeat(32);

/** All that takes the token. */
const owned = [
  ['GET', 'batches'],
  ['GET', 'members'],
  ['GET', 'audits'],
  ['POST', `members/${unknown}/exclude`],
  ['POST', `members/${unknown}/readmit`],
  ['POST', 'continue'],
  ['POST', 'restart'],
  ['POST', 'files'],
  ['POST', 'admissions'],
  ['POST', `batches/${unknown}/revoke`],
  ['POST', `batches/${unknown}/replace`],
  ['POST', `batches/${unknown}/audits`],
  ['POST', `batches/${unknown}/queries`],
] as const;

describe('the Data Owner’s API', () => {
  let coordinator: Coordinator;
  let scripted: ScriptedRound;
  let tabs: ScriptedTab[];
  let token = '';

  beforeAll(async () => {
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'index.html'), '');
    await start();
  }, 60_000);
  afterAll(async () => {
    await coordinator.close();
    rmSync(folder, { recursive: true });
  });

  async function start() {
    coordinator = await startCoordinator(config, { folder: join(folder, 'app'), task: settings });
    token = coordinator.newToken ?? token; // shown at the first start only
    scripted = await ScriptedRound.with(coordinator);
    const one = await ScriptedTab.join(coordinator.url);
    const other = await ScriptedTab.join(coordinator.url);
    tabs = [one.tab, other.tab];
  }

  /** Calls the API with the token; JSON unless the body is bytes. */
  async function call(method: 'GET' | 'POST', path: string, body?: unknown, bearer = token) {
    const binary = body instanceof Uint8Array;
    const type = binary ? 'application/octet-stream' : 'application/json';
    const response = await fetch(`${coordinator.url}api/tasks/${coordinator.room.id}/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${bearer}`,
        ...(body === undefined ? {} : { 'content-type': type }),
      },
      ...(body === undefined ? {} : { body: binary ? Buffer.from(body) : JSON.stringify(body) }),
    });
    return { status: response.status, json: (await response.json()) as unknown };
  }

  /** As {@link call}, of which something comes back. */
  async function ok<K extends keyof typeof ownerApi>(
    kind: K,
    ...request: Parameters<typeof call>
  ): Promise<OwnerApi<K>> {
    const { status, json } = await call(...request);
    expect([json, status < 300]).toEqual([json, true]);
    return v.parse(ownerApi[kind], json);
  }

  async function refused(...request: Parameters<typeof call>): Promise<[number, string]> {
    const { status, json } = await call(...request);
    return [status, v.parse(ownerApi.error, json).error];
  }

  /** What the API says of the state, as the signed thing that it is. */
  function updateOf(body: OwnerApi<'state'>): StateUpdate {
    const signedOf = (bytes: string, signature: string) => ({
      bytes: new Uint8Array(Buffer.from(bytes, 'base64')),
      signature: hexToBytes(signature),
    });
    return {
      core: signedOf(body.core, body.coreSignature),
      freshness: signedOf(body.freshness, body.freshnessSignature),
      revoked: body.revoked as HeaderId[],
      keys: body.keys.map(hexToBytes),
    };
  }

  const now = () => Math.floor(Date.now() / 1000);
  const stateChecked = (body: OwnerApi<'state'>) =>
    scripted.verifier.checkUpdate(updateOf(body), now());

  test('keeps a hash of its token, where only its owner reads it', () => {
    const path = join(config.dataFolder, 'owner.token.sha256');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(readFileSync(path, 'utf8')).toBe(bytesToHex(sha256(utf8ToBytes(token))));
  });

  test('tells which task it has, and who is connected', async () => {
    const response = await fetch(`${coordinator.url}api/tasks`);
    const { tasks } = v.parse(ownerApi.tasks, await response.json());
    expect(tasks).toEqual([{ task: coordinator.room.id, name: settings.name }]);
    const { members } = await ok('members', 'GET', 'members');
    expect(members.sort()).toEqual(tabs.map(({ identity }) => identity.id).sort());
  });

  test('gives everybody CRS, keys and state, which fit together', async () => {
    const key = await ok('globalKey', 'GET', 'global-key', undefined, 'none');
    const { description, id } = coordinator.room;
    expect(key).toMatchObject({ task: id, ownerKey: description.ownerKey, epoch: 0 });
    expect(key.crs).toBe(bytesToHex(scripted.verifier.crs.digest));
    expect(key.crs).toBe(bytesToHex(description.crs));
    const state = await ok('state', 'GET', 'state', undefined, 'none');
    const checked = stateChecked(state);
    expect(checked).toMatchObject({ ok: true, value: { epoch: 0 } });
    if (checked.ok) expect(bytesToHex(checked.value.accumulatorKey)).toBe(key.accumulatorKey);
  });

  test.each(owned)('%s %s takes the token', async (method, path) => {
    for (const wrong of ['', token.slice(1), `${token}0`, 'undefined']) {
      const [status, error] = await refused(method, path, undefined, wrong);
      expect([status, error]).toEqual([401, expect.stringContaining('Data Owner’s token')]);
    }
  });

  test.each([
    ['POST', `batches/${unknown}/revoke`, undefined, 409, 'no such batch was admitted'],
    ['POST', `batches/${unknown}/audits`, { holder: unknown }, 404, 'no such batch was admitted'],
    ['POST', `batches/${unknown}/audits`, { holder: 'me' }, 400, 'must be 64 lower-case hex'],
    ['POST', `batches/${unknown}/audits`, { holder: unknown, by: 1 }, 400, 'by'],
    ['POST', 'batches/no-header/revoke', undefined, 400, 'must be 64 lower-case hex'],
    ['GET', 'batches?limit=-1', undefined, 400, 'querystring'],
    ['POST', 'admissions', { signed: 'AAAA' }, 400, 'not a signed header'],
    ['POST', 'admissions', { signed: '%' }, 400, 'must be base64'],
    ['POST', 'files', { round: 1 }, 400, 'application/octet-stream'],
    ['POST', 'files', new Uint8Array(), 400, 'application/octet-stream'],
    ['POST', `batches/${unknown}/replace`, { round: -1 }, 400, 'round'],
    ['POST', `batches/${unknown}/replace`, { round: 77 }, 404, 'no model of that round'],
  ] as const)('%s %s with %j is refused clearly', async (method, path, body, status, part) => {
    expect(await refused(method, path, body)).toEqual([status, expect.stringContaining(part)]);
  });

  test('another task is not there', async () => {
    const response = await fetch(`${coordinator.url}api/tasks/${'0'.repeat(32)}/state`);
    expect(response.status).toBe(404);
  });

  test('describes itself', async () => {
    const response = await fetch(`${coordinator.url}api/openapi.json`);
    const description = (await response.json()) as { paths: Record<string, Record<string, { security?: unknown; responses: object }>> }; // prettier-ignore
    const routes = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replace('/api/tasks/{task}', '')}`),
    );
    expect(routes.sort()).toEqual(
      [
        'get /api/tasks',
        'get /audits',
        'get /batches',
        'get /batches/{header}/chunks/{index}',
        'get /crs',
        'get /batches/{header}/witness',
        'get /global-key',
        'get /models/{round}',
        'get /rounds/{round}',
        'get /rounds/{round}/export',
        'get /members',
        'get /state',
        'post /admissions',
        'post /batches/{header}/audits',
        'post /batches/{header}/queries',
        'post /batches/{header}/replace',
        'post /batches/{header}/revoke',
        'post /continue',
        'post /restart',
        'post /files',
        'post /members/{member}/exclude',
        'post /members/{member}/readmit',
      ].sort(),
    );
    const secured = Object.values(description.paths)
      .flatMap((methods) => Object.values(methods))
      .filter(({ security }) => security);
    expect(secured.length).toBe(owned.length);
    const page = await fetch(`${coordinator.url}api/`);
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('the Data Owner’s API')]); // prettier-ignore
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  });

  test('commits to a file that everybody can verify and fetch; then revokes it', async () => {
    const bytes = new Uint8Array(20_000).map((_, i) => i % 251);
    const made = await ok('admitted', 'POST', 'files', bytes);
    const header = headerOf(made);
    expect(header).toMatchObject({ id: made.header, kind: 'file', byteLength: bytes.length });
    expect(await scripted.download(header)).toEqual(bytes);

    const state = await ok('state', 'POST', `batches/${header.id}/revoke`);
    expect(state).toMatchObject({ epoch: 1, revoked: [header.id] });
    for (const tab of tabs) expect(await tab.next('state')).toMatchObject({ update: { revoked: [header.id] } }); // prettier-ignore
    expect(scripted.verifier.updateState(updateOf(state), now()).ok).toBe(true);
    expect(scripted.verifier.verifyHeader(header.signed, 'admitted')).toEqual({
      ok: false,
      error: 'header is revoked by the Data Owner',
    });
    await expect(scripted.download(header)).rejects.toThrow();
    // Once more changes nothing, and makes no epoch.
    const again = await ok('state', 'POST', `batches/${header.id}/revoke`);
    expect([again.core, again.epoch]).toEqual([state.core, 1]);
    const { batches } = await ok('batches', 'GET', 'batches?limit=200');
    expect(batches.find((each) => each.header === header.id)?.revokedIn).toBe(1);
  });

  test('replaces a file', async () => {
    const old = await ok('admitted', 'POST', 'files', new Uint8Array(100));
    const state = await ok('state', 'POST', `batches/${old.header}/replace`, new Uint8Array(7));
    expect(state.revoked.at(-1)).toBe(old.header);
    const { batches } = await ok('batches', 'GET', 'batches?limit=1');
    const signed = await coordinator.room.desk.header(at(batches, 0).header as HeaderId);
    const header = scripted.verified(signed as SignedHeader);
    expect(header.replaces).toBe(old.header);
    expect(await scripted.download(header)).toEqual(new Uint8Array(7));
  });

  test('admits a file of another author, and what was altered not', async () => {
    const author = identityOf(sha256(new Uint8Array([1])));
    const bytes = new Uint8Array(5000).fill(3);
    const sealed = await scripted.sealFile(bytes, author);
    const encoded = (signed: SignedHeader) => ({
      signed: Buffer.from(encodeCanonical(signed)).toString('base64'),
    });
    const admitted = await ok('admitted', 'POST', 'admissions', encoded(sealed));
    expect(headerOf(admitted).author).toBe(author.id);
    const signature = sealed.signature.map((byte, i) => (i === 9 ? byte ^ 1 : byte));
    const forged = encoded({ ...sealed, signature });
    expect(await refused('POST', 'admissions', forged)).toEqual([409, "header signature is not the author's"]); // prettier-ignore
  });

  test('asks a member for proofs, and judges its answers', async () => {
    const tab = at(tabs, 0);
    const header = scripted.verified(coordinator.room.desk.model.header);
    const payloads = cutPayloads(float32ToBytes(coordinator.room.parameters), 256, 'bytes', null);
    const holder = await holderOf(header, payloads);
    const audit = ok('verdict', 'POST', `batches/${header.id}/audits`, { holder: tab.identity.id });
    const asked = await tab.next('ask');
    if (asked.question.kind !== 'audit') throw new Error('not an audit');
    expect(asked.question.request.columns).toEqual(header.columns.map((_, column) => column));
    const answered = await holder.answerAudit(header, asked.question.request, {
      auditor: coordinator.room.description.ownerKey,
      holder: tab.identity.id,
    });
    if (!answered.ok) throw new Error(answered.error);
    tab.send({ type: 'answer', id: asked.id, answer: { kind: 'audit', ...answered.value } });
    expect(await audit).toMatchObject({ holds: true, reason: null });
    const { audits } = await ok('audits', 'GET', 'audits');
    expect(audits[0]).toMatchObject({ holder: tab.identity.id, header: header.id, holds: true });

    const about = { holder: tab.identity.id, columns: [0, 2], weights: [{ index: 1, weight: '1' }, { index: 256, weight: '5' }] }; // prettier-ignore
    for (const tamper of [false, true]) {
      const query = ok('verdict', 'POST', `batches/${header.id}/queries`, about);
      const { id, question } = await tab.next('ask');
      if (question.kind !== 'query') throw new Error('not a query');
      const answer = await holder.answerQuery(header, question.request);
      if (!answer.ok) throw new Error(answer.error);
      const values = answer.value.values.map((value, i) => (tamper && i === 1 ? value.map((byte, k) => (k === 31 ? byte ^ 1 : byte)) : value)); // prettier-ignore
      tab.send({ type: 'answer', id, answer: { kind: 'query', ...answer.value, values } });
      const verdict = await query;
      expect(verdict.holds).toBe(!tamper);
      expect(verdict.lanes).toBe(null);
      if (tamper) expect(verdict.reason).toMatch(/^query: /);
      else expect(BigInt(`0x${at(verdict.values, 0)}`)).toBe(plainQuery(at(payloads, 0)));
    }
  });

  test('says what an answer decodes to: the bytes of one scalar, or a field element', async () => {
    const tab = at(tabs, 0);
    const header = scripted.verified(coordinator.room.desk.model.header);
    const payloads = cutPayloads(float32ToBytes(coordinator.room.parameters), 256, 'bytes', null);
    const holder = await holderOf(header, payloads);
    const answerNext = async () => {
      const { id, question } = await tab.next('ask');
      if (question.kind !== 'query') throw new Error('not a query');
      const answer = await holder.answerQuery(header, question.request);
      if (!answer.ok) throw new Error(answer.error);
      tab.send({ type: 'answer', id, answer: { kind: 'query', ...answer.value } });
    };
    const path = `batches/${header.id}/queries`;
    const ask = async (columns: number[], weights: string | readonly object[]) => {
      const verdict = ok('verdict', 'POST', path, { holder: tab.identity.id, columns, weights });
      await answerNext();
      return verdict;
    };
    const one = await ask([0, 1], [{ index: 3, weight: '1' }]);
    const bytesOf = (column: number) => [...at(payloads, column).subarray(96 + 60, 96 + 90)];
    expect(one).toMatchObject({ holds: true, lanes: [bytesOf(0), bytesOf(1)], lanesMissing: null });
    const sum = await ask([0], [{ index: 3, weight: '1' }, { index: 4, weight: '1' }]); // prettier-ignore
    expect(sum).toMatchObject({ holds: true, lanes: null });
    expect(sum.lanesMissing).toContain('one scalar at a time');
    const projection = await ask([1], '5e'.repeat(32));
    expect(projection).toMatchObject({ holds: true, lanes: null, lanesMissing: 'a random projection has no lanes' }); // prettier-ignore

    // Bytes 28 to 31 are in two scalars: two questions.
    for (const [parameter, questions] of [
      [5, 1],
      [7, 2],
    ] as const) {
      // prettier-ignore
      const verdict = ok('verdict', 'POST', path, { holder: tab.identity.id, parameter });
      for (let k = 0; k < questions; k++) await answerNext();
      const value = at(coordinator.room.parameters, parameter);
      expect(await verdict).toMatchObject({ holds: true, parameter: value });
    }
    const count = coordinator.room.parameters.length;
    expect(await refused('POST', path, { holder: tab.identity.id, parameter: count })).toEqual([
      409,
      `the batch has parameters 0 to ${count - 1}`,
    ]);
  });

  test('an answer that does not come, or not from the one asked, is no proof', async () => {
    const [tab, other] = [at(tabs, 0), at(tabs, 1)];
    const { id: header } = scripted.verified(coordinator.room.desk.model.header);
    const asked = { holder: tab.identity.id };
    const verdict = ok('verdict', 'POST', `batches/${header}/audits`, asked);
    const { id } = await tab.next('ask');
    const refusal = { kind: 'refused', reason: 'not mine' } as const;
    other.send({ type: 'answer', id, answer: refusal });
    await other.settled();
    tab.send({ type: 'answer', id, answer: { kind: 'refused', reason: 'not held' } });
    expect(await verdict).toMatchObject({ holds: false, reason: 'refused: not held' });
    const absent = await ok('verdict', 'POST', `batches/${header}/audits`, { holder: unknown });
    expect(absent).toMatchObject({ holds: false, reason: 'the member is not connected' });
  });

  test('can be used from the terminal', async () => {
    const terminal = async (args: readonly string[], bearer = token) => {
      const child = spawn(process.execPath, ['node_modules/tsx/dist/cli.mjs', 'scripts/owner.ts', ...args, '--url', coordinator.url], {
        env: { ...process.env, MURMURATION_OWNER_TOKEN: bearer },
      }); // prettier-ignore
      let [out, errors] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
      const [code] = (await once(child, 'close')) as [number];
      return { code, out, errors };
    };
    const { header } = await ok('admitted', 'POST', 'files', new Uint8Array([1, 2, 3]));
    const before = await terminal(['state', '--json']);
    expect(v.parse(ownerApi.state, JSON.parse(before.out)).revoked).not.toContain(header);
    expect((await terminal(['batches'])).out).toContain(`${header}  file`);
    expect(await terminal(['revoke', header.slice(0, 12)], 'wrong')).toMatchObject({
      code: 1,
      errors: expect.stringContaining('Data Owner’s token') as string,
    });
    const [tab] = tabs;
    const asking = terminal(['audit', header, '--holder', tab?.identity.id.slice(0, 20) ?? '']);
    const { id } = await at(tabs, 0).next('ask');
    tab?.send({ type: 'answer', id, answer: { kind: 'refused', reason: 'not held' } });
    expect(await asking).toMatchObject({ code: 2, out: expect.stringContaining('not proved: refused: not held') as string }); // prettier-ignore
    expect(await terminal(['continue', '--rounds', '3'])).toMatchObject({ code: 0, out: '0 rounds closed, the last one is 12\n' }); // prettier-ignore
    expect((await terminal(['continue', '--rounds', '1e9'])).errors).toContain('continue takes --rounds N'); // prettier-ignore
    const revoked = await terminal(['revoke', header.slice(0, 12)]);
    expect(revoked).toMatchObject({ code: 0, out: expect.stringContaining(header) as string });
    expect((await terminal(['revoke', '123456'])).errors).toMatch(/^batch 123456: none begins so/);
    expect((await terminal(['revoke'])).errors).toContain('npm run owner -- COMMAND');
    expect((await terminal(['query', header, '--columns', 'x', '--seed', '00'])).errors).toContain('--columns takes'); // prettier-ignore
  }, 60_000);

  describe('a closed round', () => {
    let file: Uint8Array;
    let model: VerifiedHeader;
    beforeAll(async () => {
      for (const tab of tabs) tab.send({ type: 'ready', samples: 100 });
      model = await scripted.run(tabs);
      const response = await fetch(`${coordinator.url}api/tasks/${coordinator.room.id}/rounds/${model.round}/export`); // prettier-ignore
      expect(response.headers.get('content-disposition')).toContain(`round-${model.round}.`);
      file = new Uint8Array(await response.arrayBuffer());
    }, 60_000);

    const checked = async (exported: ExportedRound) => {
      const checks: Check[] = [];
      for await (const check of checkExportedRound(exported, secureRandom())) checks.push(check);
      return checks;
    };
    const exportedIn = (bytes: Uint8Array) => {
      const decoded = decodeExportedRound(bytes);
      if (!decoded.ok) throw new Error(decoded.error);
      return decoded.value;
    };

    test('is read by everybody', async () => {
      const round = await ok('round', 'GET', `rounds/${model.round}`, undefined, 'none');
      expect(round.authors.sort()).toEqual(tabs.map(({ identity }) => identity.id).sort());
      expect(round.updates).toHaveLength(2);
      const response = await fetch(`${coordinator.url}api/tasks/${coordinator.room.id}/models/${model.round}`); // prettier-ignore
      const parameters = new Float32Array(await response.arrayBuffer());
      expect(bytesToHex(modelDigest(parameters))).toBe(round.digest);
      expect(await refused('GET', 'rounds/99')).toEqual([404, expect.stringContaining('no such round')]); // prettier-ignore
    });

    test('has proofs that its batches are not revoked', async () => {
      const { epoch, witness, remainder } = await ok('witness', 'GET', `batches/${model.id}/witness`); // prettier-ignore
      const proof = { epoch, witness: hexToBytes(witness), remainder: hexToBytes(remainder) };
      const state = await ok('state', 'GET', 'state');
      expect(scripted.verifier.updateState(updateOf(state), now()).ok).toBe(true);
      expect(scripted.verifier.verifyNonMembership(model.id, proof)).toEqual({ ok: true, value: null }); // prettier-ignore
      expect(epoch).toBeGreaterThan(0);
      const [revoked = ''] = state.revoked;
      expect((await refused('GET', `batches/${revoked}/witness`))[1]).toContain('is revoked');
      expect(scripted.verifier.verifyNonMembership(revoked as HeaderId, proof).ok).toBe(false);
    });

    test('is checked with nothing but its file', async () => {
      const checks = await checked(exportedIn(file));
      expect(checks.filter(({ result }) => !result.ok)).toEqual([]);
      expect(checks.map(({ what }) => what)).toHaveLength(10);
      const path = join(folder, 'round.murmuration');
      writeFileSync(path, file);
      const child = spawn(process.execPath, ['node_modules/tsx/dist/cli.mjs', 'scripts/verify.ts', path]); // prettier-ignore
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
      const [code] = (await once(child, 'close')) as [number];
      expect([code, out]).toEqual([0, expect.stringContaining('all 10 hold')]);
    });

    const flip = (bytes: Uint8Array, at: number) => bytes.map((byte, k) => (k === at ? byte ^ 1 : byte)); // prettier-ignore
    test.each<[string, (round: ExportedRound) => ExportedRound, RegExp]>([
      ['another CRS', (round) => ({ ...round, crs: flip(round.crs, 500) }), /^the CRS/],
      ['another task', (round) => ({ ...round, description: { ...round.description, name: 'x' } }), /state/], // prettier-ignore
      ['a state that somebody else signed', (round) => ({ ...round, state: { ...round.state, core: { ...round.state.core, signature: flip(round.state.core.signature, 3) } } }), /state/], // prettier-ignore
      ['another manifest', (round) => ({ ...round, manifest: { ...round.manifest, signature: flip(round.manifest.signature, 3) } }), /manifest of round/], // prettier-ignore
      ['a round of another number', (round) => ({ ...round, record: { ...round.record, round: round.record.round + 1 } }), /manifest of round/], // prettier-ignore
      ['an update that is missing', (round) => ({ ...round, updates: round.updates.slice(1) }), /names these updates/], // prettier-ignore
      ['an update instead of the sum', (round) => ({ ...round, sum: at(round.updates, 0) }), /the sum opens/], // prettier-ignore
      ['a changed parameter', (round) => ({ ...round, parameters: flip(round.parameters, 4321) }), /chunks/], // prettier-ignore
      ['another digest', (round) => ({ ...round, record: { ...round.record, digest: flip(round.record.digest, 1) } }), /digest/], // prettier-ignore
    ])('%s is found', async (_name, change, where) => {
      const checks = await checked(change(exportedIn(file)));
      const failed = checks.filter(({ result }) => !result.ok);
      expect(failed[0]?.what).toMatch(where);
    });

    test('is marked when an update that made its model is revoked', async () => {
      const exported = exportedIn(file);
      const update = headerId(at(exported.updates, 0).header);
      await ok('state', 'POST', `batches/${update}/revoke`);
      const marked = { round: model.round, revokedUpdates: 1 };
      for (const tab of tabs) expect(await tab.next('marked')).toMatchObject(marked);
      expect(await ok('round', 'GET', `rounds/${model.round}`)).toMatchObject(marked);
      const { tab, welcome } = await ScriptedTab.join(coordinator.url);
      expect(welcome.history.map(({ round, revokedUpdates }) => ({ round, revokedUpdates }))).toEqual([marked]); // prettier-ignore
      await tab.close();
      // Its proofs say so as well: a new export names what does not hold any more.
      const response = await fetch(`${coordinator.url}api/tasks/${coordinator.room.id}/rounds/${model.round}/export`); // prettier-ignore
      const checks = await checked(exportedIn(new Uint8Array(await response.arrayBuffer())));
      const failed = checks.find(({ result }) => !result.ok);
      expect(failed?.result).toMatchObject({ error: expect.stringContaining('is revoked') as string }); // prettier-ignore
    });

    test('what is no such file is refused with words', () => {
      expect(decodeExportedRound(new Uint8Array([1, 2, 3]))).toMatchObject({ ok: false });
      expect(decodeExportedRound(file.subarray(0, 1000))).toMatchObject({ ok: false });
    });
  });

  test('excludes a member: it is sent away, and nothing that it authors is admitted', async () => {
    const identity = identityOf(new Uint8Array(32).fill(77));
    const { tab } = await ScriptedTab.join(coordinator.url, identity);
    const sealed = await scripted.sealFile(new Uint8Array([1, 2, 3]), identity);
    const excluded = await ok('members', 'POST', `members/${identity.id}/exclude`);
    expect(excluded.excluded).toEqual([identity.id]);
    expect(excluded.members).not.toContain(identity.id);
    const reason = 'the Data Owner has excluded this member';
    expect(await tab.next('refused')).toEqual({ type: 'refused', reason, again: false });
    await tab.gone;
    const again = new ScriptedTab(coordinator.url, identity);
    again.hello(await again.next('challenge'));
    expect(await again.next('refused')).toMatchObject({ reason });
    const admission = { signed: Buffer.from(encodeCanonical(sealed)).toString('base64') };
    expect(await refused('POST', 'admissions', admission)).toEqual([409, 'the Data Owner has excluded its author']); // prettier-ignore
    // Done twice is done once.
    await ok('members', 'POST', `members/${identity.id}/exclude`);
    expect((await refused('POST', `members/${coordinator.room.description.ownerKey}/exclude`))[0]).toBe(409); // prettier-ignore

    const back = await ok('members', 'POST', `members/${identity.id}/readmit`);
    expect(back.excluded).toEqual([]);
    const { tab: readmitted } = await ScriptedTab.join(coordinator.url, identity);
    await ok('admitted', 'POST', 'admissions', admission);
    await readmitted.close();
    await ok('members', 'POST', `members/${unknown}/exclude`); // looked for after the restart
  });

  test('revokes an update, rolls the model back, and a restart remembers both', async () => {
    for (const tab of tabs) tab.send({ type: 'ready', samples: 100 });
    const first = await scripted.run(tabs);
    const initial = await coordinator.room.desk.modelBytes(0);
    const { batches } = await ok('batches', 'GET', 'batches?limit=200');
    const update = batches.find(({ kind }) => kind === 'update');
    if (update === undefined) throw new Error('no update was kept');
    expect(
      batches.filter(({ kind, round }) => kind === 'sum' && round === first.round).length,
    ).toBe(1);
    await ok('state', 'POST', `batches/${update.header}/revoke`);
    expect((await refused('POST', `batches/${first.id}/revoke`))[1]).toContain('replace it instead'); // prettier-ignore
    expect((await refused('POST', `batches/${update.header}/replace`, { round: 0 }))[1]).toContain('a member made it'); // prettier-ignore

    const wrong = new Uint8Array(initial?.length ?? 0);
    wrong.set([0, 0, 0xc0, 0x7f]); // NaN
    expect((await refused('POST', `batches/${first.id}/replace`, wrong))[1]).toContain('not finite'); // prettier-ignore
    expect((await refused('POST', `batches/${first.id}/replace`, wrong.subarray(4)))[1]).toContain('float32'); // prettier-ignore

    const state = await ok('state', 'POST', `batches/${first.id}/replace`, { round: 0 });
    expect(state.revoked.slice(-2)).toEqual([update.header, first.id]);
    expect(scripted.verifier.updateState(updateOf(state), now()).ok).toBe(true);
    for (const tab of tabs) {
      const model = scripted.verified((await tab.next('replaced')).model);
      expect(model).toMatchObject({ kind: 'model', round: first.round, replaces: first.id });
      expect(float32ToBytes(await scripted.downloadModel(model))).toEqual(initial);
    }
    expect(float32ToBytes(coordinator.room.parameters)).toEqual(initial);

    const { epoch } = coordinator.room;
    await coordinator.close();
    await start();
    expect(coordinator.room.epoch).toBe(epoch);
    expect((await ok('members', 'GET', 'members')).excluded).toEqual([unknown]);
    const after = await ok('state', 'GET', 'state');
    expect(after.revoked).toEqual(state.revoked);
    expect(float32ToBytes(coordinator.room.parameters)).toEqual(initial);
    const again = await ok('state', 'POST', `batches/${update.header}/revoke`);
    expect(again.core).toBe(after.core);
  }, 60_000);

  function headerOf({ header, signed }: OwnerApi<'admitted'>): VerifiedHeader {
    const value = decodeCanonical(new Uint8Array(Buffer.from(signed, 'base64')));
    const decoded = v.parse(signedHeaderSchema, value.ok ? value.value : null);
    expect(headerId(decoded.header)).toBe(header);
    return scripted.verified(decoded);
  }

  /** Somebody who holds these chunks. */
  async function holderOf(header: VerifiedHeader, payloads: Uint8Array<ArrayBuffer>[]) {
    const { id: task, description } = coordinator.room;
    const random = { uint32: () => Math.floor(Math.random() * 2 ** 32) };
    const about = { crs: scripted.verifier.crs, task, ownerKey: description.ownerKey, random };
    const server = new StorageServer(new Verifier(about), new MemoryChunkStore(), random);
    const state = updateOf(await ok('state', 'GET', 'state'));
    expect(server.takeState(state, now()).ok).toBe(true);
    for (const [index, payload] of payloads.entries()) {
      expect((await server.put(header, index, payload.slice())).ok).toBe(true);
    }
    return server;
  }

  test('has a new token once the old one is thrown away, which then opens nothing', async () => {
    const expired = token;
    await coordinator.close();
    rmSync(join(config.dataFolder, 'owner.token.sha256'));
    await start();
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(token).not.toBe(expired);
    for (const [method, path] of owned) {
      const [status, error] = await refused(method, path, undefined, expired);
      expect([status, error]).toEqual([401, expect.stringContaining('Data Owner’s token')]);
    }
    await ok('members', 'GET', 'members');
  });
});

/** m_1 + 5·m_256 of a payload, by hand: scalars of 30 bytes, little-endian, after γ. */
function plainQuery(payload: Uint8Array): bigint {
  const scalar = (index: number) => {
    const bytes = payload.slice(96 + 30 * (index - 1), 96 + 30 * index);
    return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  };
  return scalar(1) + 5n * scalar(256);
}
