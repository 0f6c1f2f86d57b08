import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { ownerApi, type OwnerApi } from '../src/protocol/index.ts';
import { SetupError } from '../signaling/config.ts';

const usage = `npm run owner -- COMMAND [options]

  state                                    the epoch, and what is revoked
  batches                                  admitted batches, newest first
  members                                  who is connected, and who is excluded
  revoke BATCH                             every tab drops it and refuses it
  exclude MEMBER | readmit MEMBER          refuse all that it authors from now on, or no more
  replace BATCH --round N | --file F       another model, or another file, takes its place
  continue --rounds N                      so many rounds more, after the last one
  restart                                  learn anew, from another starting model
  audit BATCH [--holder MEMBER]            does each holder (or this one) have it now?
  audits                                   what the server's audits came to
  query BATCH --columns 0,2-4 (--weights 1:5,2:1 | --seed HEX) [--holder MEMBER]
                                           x = Σ tᵢ·mᵢ of each column, with its proof
  query BATCH --parameter K [--holder MEMBER]
                                           parameter K of a model

  BATCH and MEMBER may be the beginning of an id, if only one begins so.

  --url URL        the server (http://localhost:4242)
  --token TOKEN    the Data Owner's, or MURMURATION_OWNER_TOKEN; the first start showed it
  --json           print what the server answered, one JSON object
`;

interface Options {
  readonly url: string;
  readonly token: string;
  readonly json: boolean;
  readonly holder: string | undefined;
  readonly round: string | undefined;
  readonly rounds: string | undefined;
  readonly file: string | undefined;
  readonly columns: string | undefined;
  readonly weights: string | undefined;
  readonly seed: string | undefined;
  readonly parameter: string | undefined;
}

/** The Data Owner's HTTP API, of the one task that the server has. */
class Api {
  readonly #base: string;
  readonly #token: string;

  private constructor(base: string, token: string) {
    this.#base = base;
    this.#token = token;
  }

  static async of({ url, token }: Options): Promise<Api> {
    if (!URL.canParse(url) || !/^https?:/.test(url)) throw new SetupError(`--url takes a URL such as http://localhost:4242, not ${url}`); // prettier-ignore
    const root = url.replace(/\/$/, '');
    const { tasks } = await call(`${root}/api/tasks`, {}, ownerApi.tasks);
    const [task] = tasks;
    if (task === undefined) throw new SetupError('the server has no task');
    return new Api(`${root}/api/tasks/${task.task}`, token);
  }

  get<const K extends keyof typeof ownerApi>(kind: K, path: string): Promise<OwnerApi<K>> {
    return this.#call(kind, path, {});
  }

  post<const K extends keyof typeof ownerApi>(
    kind: K,
    path: string,
    body?: Uint8Array | object,
  ): Promise<OwnerApi<K>> {
    const binary = body instanceof Uint8Array;
    const type = binary ? 'application/octet-stream' : 'application/json';
    const init = { method: 'POST' };
    if (body === undefined) return this.#call(kind, path, init);
    return this.#call(kind, path, { ...init, body: binary ? Buffer.from(body) : JSON.stringify(body) }, type); // prettier-ignore
  }

  #call<const K extends keyof typeof ownerApi>(
    kind: K,
    path: string,
    init: RequestInit,
    type?: string,
  ) {
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(type === undefined ? {} : { 'content-type': type }),
    };
    return call(`${this.#base}/${path}`, { ...init, headers }, ownerApi[kind]) as Promise<
      OwnerApi<K>
    >;
  }
}

async function call<const S extends v.GenericSchema>(
  url: string,
  init: RequestInit,
  schema: S,
): Promise<v.InferOutput<S>> {
  const response = await fetch(url, init).catch((thrown: unknown) => {
    const { cause } = thrown as { cause?: unknown };
    throw new SetupError(`${new URL(url).origin} cannot be reached: ${String(cause ?? thrown)}`);
  });
  const value: unknown = await response.json().catch(() => null);
  const refusal = v.safeParse(ownerApi.error, value);
  if (refusal.success) throw new SetupError(refusal.output.error);
  const parsed = v.safeParse(schema, value);
  if (!parsed.success) throw new SetupError(`${url} is not a Murmuration server of this version`);
  return parsed.output;
}

/** The one of these ids that begins so. */
function only(what: string, ids: readonly string[], beginning: string): string {
  if (beginning === '') throw new SetupError(`which ${what}?\n\n${usage}`);
  if (/^[0-9a-f]{64}$/.test(beginning)) return beginning;
  const found = [...new Set(ids.filter((id) => id.startsWith(beginning)))];
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const many = found.length > 1 ? `${found.length} begin` : 'none begins';
  throw new SetupError(`${what} ${beginning}: ${many} so, of ${ids.length}`);
}

async function batchOf(api: Api, beginning: string | undefined): Promise<string> {
  const { batches } = await api.get('batches', 'batches?limit=200');
  return only('batch', batches.map(({ header }) => header), beginning ?? ''); // prettier-ignore
}

/** Whom to ask: the holder that was named, or all that are connected. */
async function holdersOf(api: Api, named: string | undefined): Promise<string[]> {
  const { members } = await api.get('members', 'members');
  if (named !== undefined) return [only('member', members, named)];
  if (members.length === 0) throw new SetupError('no member is connected');
  return members;
}

/** `0,2-4` in ascending order. */
function columnsOf(text: string | undefined): number[] {
  const columns = (text ?? '').split(',').flatMap((part) => {
    const range = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim());
    if (range === null) throw new SetupError('--columns takes numbers of chunks, such as 0,2-4');
    const [from, to] = [Number(range[1]), Number(range[2] ?? range[1])];
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, k) => from + k);
  });
  return [...new Set(columns)].sort((a, b) => a - b);
}

/** What of a query is not about whom to ask. */
function queryOf(options: Options): object {
  const { parameter } = options;
  if (parameter === undefined) return { columns: columnsOf(options.columns), weights: weightsOf(options) }; // prettier-ignore
  if (!/^\d{1,9}$/.test(parameter)) throw new SetupError('--parameter takes its number, from 0');
  return { parameter: Number(parameter) };
}

function weightsOf({ weights, seed }: Options) {
  if ((weights === undefined) === (seed === undefined)) {
    throw new SetupError('a query takes --weights 1:5,2:1 or --seed HEX, one of them');
  }
  if (seed !== undefined) return seed;
  const entries = (weights ?? '').split(',').map((part) => {
    const pair = /^(\d{1,4}):(\d{1,77})$/.exec(part.trim());
    if (pair === null) throw new SetupError('--weights takes pairs i:t, such as 1:5,2:1');
    return { index: Number(pair[1]), weight: pair[2] ?? '0' };
  });
  return entries.sort((a, b) => a.index - b.index);
}

interface Outcome {
  readonly value: unknown;
  readonly lines: readonly string[];
  /** Whether all that was asked for holds: the exit code. */
  readonly holds: boolean;
}

const done = (value: unknown, lines: readonly string[]): Outcome => ({ value, lines, holds: true });

function stateLines({ epoch, revoked }: OwnerApi<'state'>): string[] {
  return [`epoch ${epoch}, ${revoked.length} revoked`, ...revoked.map((id) => `  ${id}`)];
}

function roundLines({ closed, lastRound }: OwnerApi<'rounds'>): string[] {
  return [
    `${closed} rounds closed, ${lastRound === null ? 'and no last one' : `the last one is ${lastRound}`}`,
  ];
}

function memberLines({ members, excluded }: OwnerApi<'members'>): string[] {
  return [...members, ...excluded.map((member) => `${member}  excluded`)];
}

function verdictLine(holder: string, verdict: OwnerApi<'verdict'>): string {
  const { holds, reason, values, lanes, parameter, lanesMissing, ms } = verdict;
  if (!holds) return `${holder.slice(0, 8)}  not proved: ${reason ?? 'no reason'}  (${ms} ms)`;
  if (parameter !== null) return `${holder.slice(0, 8)}  proved  (${ms} ms)  ${parameter}`;
  const each = values.map((value, k) => {
    const decoded = lanes?.[k];
    return decoded ? `lanes ${decoded.join(' ')}` : `x = ${BigInt(`0x${value}`)}`;
  });
  const note = lanes === null && lanesMissing !== null ? `; ${lanesMissing}` : '';
  return `${holder.slice(0, 8)}  proved  (${ms} ms)  ${each.join(' | ')}${note}`;
}

async function ask(api: Api, batch: string, options: Options, kind: 'audits' | 'queries') {
  const about = kind === 'audits' ? {} : queryOf(options);
  const verdicts: ({ holder: string } & OwnerApi<'verdict'>)[] = [];
  for (const holder of await holdersOf(api, options.holder)) {
    const verdict = await api.post('verdict', `batches/${batch}/${kind}`, { holder, ...about });
    verdicts.push({ holder, ...verdict });
  }
  const lines = verdicts.map(({ holder, ...verdict }) => verdictLine(holder, verdict));
  return { value: { verdicts }, lines, holds: verdicts.every(({ holds }) => holds) };
}

function replacement({ round, file }: Options): Uint8Array | object {
  if ((round === undefined) === (file === undefined)) {
    throw new SetupError('replace takes --round N or --file F, one of them');
  }
  if (round !== undefined) return { round: Number(round) };
  try {
    return new Uint8Array(readFileSync(file ?? ''));
  } catch (thrown) {
    throw new SetupError(`the file cannot be read: ${thrown instanceof Error ? thrown.message : ''}`); // prettier-ignore
  }
}

async function run(command: string, named: string | undefined, options: Options): Promise<Outcome> {
  const api = await Api.of(options);
  switch (command) {
    case 'state': {
      const state = await api.get('state', 'state');
      return done(state, stateLines(state));
    }
    case 'members': {
      const found = await api.get('members', 'members');
      return done(found, memberLines(found));
    }
    case 'audits': {
      const found = await api.get('audits', 'audits');
      const lines = found.audits.map(({ at, holder, header, holds, reason }) =>
        `${at}  ${header.slice(0, 8)} at ${holder.slice(0, 8)}  ${holds ? 'holds' : `not proved: ${reason ?? 'no reason'}`}`,
      ); // prettier-ignore
      return done(found, lines);
    }
    case 'exclude':
    case 'readmit': {
      const { members, excluded } = await api.get('members', 'members');
      const member = only('member', [...members, ...excluded], named ?? '');
      const found = await api.post('members', `members/${member}/${command}`);
      return done(found, memberLines(found));
    }
    case 'continue': {
      const { rounds = '' } = options;
      if (!/^[1-9]\d{0,5}$/.test(rounds)) throw new SetupError('continue takes --rounds N');
      const found = await api.post('rounds', 'continue', { rounds: Number(rounds) });
      return done(found, roundLines(found));
    }
    case 'restart': {
      const found = await api.post('rounds', 'restart');
      return done(found, roundLines(found));
    }
    case 'batches': {
      const found = await api.get('batches', 'batches?limit=200');
      const lines = found.batches.map(
        ({ header, kind, round, author, revokedIn }) =>
        [header, kind.padEnd(6), `round ${round}`, `by ${author.slice(0, 8)}`, revokedIn === null ? '' : `revoked in epoch ${revokedIn}`].join('  ').trimEnd(), // prettier-ignore
      );
      return done(found, lines);
    }
    case 'revoke': {
      const state = await api.post('state', `batches/${await batchOf(api, named)}/revoke`);
      return done(state, stateLines(state));
    }
    case 'replace': {
      const path = `batches/${await batchOf(api, named)}/replace`;
      const state = await api.post('state', path, replacement(options));
      return done(state, stateLines(state));
    }
    case 'audit':
      return ask(api, await batchOf(api, named), options, 'audits');
    case 'query':
      return ask(api, await batchOf(api, named), options, 'queries');
    default:
      throw new Error(`bug: no command ${command}`);
  }
}

/** Reads the command line. Throws SetupError on anything it does not know. */
function readOptions(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        ...{ url: text, token: text, holder: text, round: text, rounds: text, file: text },
        ...{ columns: text, weights: text, seed: text, parameter: text },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
    if (values.help === true) {
      console.log(usage);
      process.exit(0);
    }
    if (positionals.length > 2) throw new Error(`too many words: ${positionals.join(' ')}`);
    const { url = 'http://localhost:4242', json = false, holder, round, rounds, file, columns, weights, seed, parameter } = values; // prettier-ignore
    const token = values.token ?? process.env['MURMURATION_OWNER_TOKEN'] ?? '';
    const known = ['state', 'batches', 'members', 'audits', 'revoke', 'replace', 'exclude', 'readmit', 'continue', 'restart', 'audit', 'query']; // prettier-ignore
    const command = positionals[0] ?? '';
    if (!known.includes(command)) throw new Error(command === '' ? 'no command' : `no command ${command}`); // prettier-ignore
    const options: Options = {
      url,
      token,
      json,
      holder,
      round,
      rounds,
      file,
      columns,
      weights,
      seed,
      parameter,
    };
    return { command, batch: positionals[1], options };
  } catch (thrown) {
    throw new SetupError(`${thrown instanceof Error ? thrown.message : ''}\n\n${usage}`.trim());
  }
}

async function main() {
  const { command, batch, options } = readOptions(process.argv.slice(2));
  const { value, lines, holds } = await run(command, batch, options);
  console.log(options.json ? JSON.stringify(value) : lines.join('\n'));
  process.exitCode = holds ? 0 : 2;
}

main().catch((thrown: unknown) => {
  console.error(thrown instanceof SetupError ? thrown.message : thrown);
  process.exitCode = 1;
});
