import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { largestSwarm } from '../src/protocol/index.ts';

/** Something the person who starts the server has to put right; shown as one line, without a stack. */
export class SetupError extends Error {}

const whole = (low: number, high: number) =>
  v.pipe(
    v.number('must be a number'),
    v.integer('must be a whole number'),
    v.minValue(low, `must be at least ${low}`),
    v.maxValue(high, `must be at most ${high}`),
  );
const text = v.pipe(v.string('must be a text'), v.minLength(1, 'must not be empty'));

const iceServerSchema = v.pipe(
  v.strictObject({
    urls: v.pipe(text, v.regex(/^(stun|stuns|turn|turns):/, 'must start with stun: or turn:')),
    username: v.exactOptional(text),
    credential: v.exactOptional(text),
    /** Shared with the TURN server: each member gets credentials that expire, and never sees it. */
    secret: v.exactOptional(text),
  }),
  v.check(
    ({ secret, username, credential }) =>
      secret === undefined || (username === undefined && credential === undefined),
    'has a secret, from which credentials are made, and credentials',
  ),
  v.check(
    ({ secret, urls }) => secret === undefined || /^turns?:/.test(urls),
    'has a secret, which only a turn: server takes',
  ),
);

const hostName = v.pipe(
  text,
  v.regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i, 'must be host names, such as swarm.example.org'),
);

/** Everything that can be set, with its default: the one place where a setting is registered. */
export const configSchema = v.strictObject({
  /** TCP port; 0 takes any free one. */
  port: v.optional(whole(0, 65535), 4242),
  /** Address to listen on; 0.0.0.0 for every machine of the network. */
  host: v.optional(text, 'localhost'),
  /** Names besides localhost and the machine's own under which tabs reach the server. */
  names: v.optional(v.pipe(v.array(hostName), v.maxLength(16)), []),
  /** Where the database and the Data Owner's key live; made if it is not there. */
  dataFolder: v.optional(text, 'data'),
  logLevel: v.optional(v.picklist(['silent', 'error', 'warn', 'info', 'debug'], 'must be one of silent, error, warn, info, debug'), 'warn'), // prettier-ignore
  /** STUN and TURN servers for tabs that are not on one network. */
  iceServers: v.optional(v.pipe(v.array(iceServerSchema), v.maxLength(8)), []),
  /** Rounds of the default task; unless given it goes on by itself. */
  rounds: v.optional(v.nullable(whole(1, 100_000)), null),
  /** Members with data that the default task waits for. */
  minimumMembers: v.optional(whole(1, 200), 2),
  /** Which members are connected with each other. */
  topology: v.optional(v.picklist(['mesh', 'random-regular', 'ring', 'star'], 'must be one of mesh, random-regular, ring, star'), 'random-regular'), // prettier-ignore
  /**
   * With how many others, in the random-regular topology. Of what was tried in simulated swarms 12 neighbours and 9 slots
   * were the fastest: one seed's 64 chunks took a hundred peers 1.14–1.15 times as long as their links need, four
   * simulations, and 1.16 times with 20 and 12, where 1.45 % of what was sent was no chunk instead of 1 %.
   */
  degree: v.optional(v.pipe(whole(2, 20), v.multipleOf(2, 'must be even')), 12),
  /** Neighbours that a tab serves at once, besides one that it tries. */
  uploadSlots: v.optional(whole(1, 40), 9),
  /** Local epochs of a round. */
  localEpochs: v.optional(whole(1, 100), 2),
  /** Built-in digits each member trains on. */
  samplesPerMember: v.optional(whole(10, 100_000), 1500),
  /** 0: every digit equally often on every member; else Dirichlet(alpha) shares. */
  alpha: v.optional(v.pipe(v.number('must be a number'), v.minValue(0), v.maxValue(1000)), 0),
});
export type Config = v.InferOutput<typeof configSchema>;

type Key = keyof typeof configSchema.entries;

/** The environment variable of each setting; lists are for the file. */
const variables: Partial<Record<string, Key>> = {
  PORT: 'port',
  HOST: 'host',
  MURMURATION_NAMES: 'names',
  MURMURATION_DATA_FOLDER: 'dataFolder',
  MURMURATION_LOG_LEVEL: 'logLevel',
  MURMURATION_ROUNDS: 'rounds',
  MURMURATION_MINIMUM_MEMBERS: 'minimumMembers',
  MURMURATION_TOPOLOGY: 'topology',
  MURMURATION_DEGREE: 'degree',
  MURMURATION_UPLOAD_SLOTS: 'uploadSlots',
  MURMURATION_LOCAL_EPOCHS: 'localEpochs',
  MURMURATION_SAMPLES_PER_MEMBER: 'samplesPerMember',
  MURMURATION_ALPHA: 'alpha',
};
const fileVariable = 'MURMURATION_CONFIG';
/** Not a setting of the server: what `npm run owner` shows it. */
const tokenVariable = 'MURMURATION_OWNER_TOKEN';

/**
 * Reads the configuration: the file that MURMURATION_CONFIG names (JSON), over it the environment.
 *
 * @throws SetupError naming the key that is unknown or out of range.
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const path = environment[fileVariable];
  const settings: Record<string, unknown> = path === undefined ? {} : readFile(path);
  const sources = new Map(Object.keys(settings).map((key) => [key, `${key} in ${path ?? ''}`]));
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === '') continue;
    const key = variables[name];
    if (key === undefined) {
      if (!name.startsWith('MURMURATION_') || name === fileVariable || name === tokenVariable)
        continue;
      const known = [fileVariable, ...Object.keys(variables)].join(', ');
      throw new SetupError(`${name} is not a setting. Known: ${known}`);
    }
    settings[key] = valueOf(key, name, value);
    sources.set(key, name);
  }
  const parsed = v.safeParse(configSchema, settings);
  if (parsed.success) {
    const { topology, minimumMembers } = parsed.output;
    const most = largestSwarm(topology);
    if (minimumMembers <= most) return parsed.output;
    const source = sources.get('minimumMembers') ?? 'minimumMembers';
    throw new SetupError(
      `${source}: must be at most ${most} in the ${topology} topology, it is ${minimumMembers}`,
    );
  }
  const issue = parsed.issues[0];
  const key = v.getDotPath(issue) ?? '';
  const source = sources.get(key.split('.')[0] ?? '') ?? key;
  if (issue.type === 'strict_object') {
    const known = Object.keys(configSchema.entries).join(', ');
    throw new SetupError(`${source} is not a setting. Known: ${known}`);
  }
  // What is wrong with an object as a whole is not shown: it may hold a secret.
  const shown = typeof issue.input === 'object' ? '' : `, it is ${JSON.stringify(issue.input)}`;
  throw new SetupError(`${source}: ${issue.message}${shown}`);
}

const numeric: ReadonlySet<Key> = new Set<Key>([
  'port',
  'rounds',
  'minimumMembers',
  'degree',
  'uploadSlots',
  'localEpochs',
  'samplesPerMember',
  'alpha',
]);

function valueOf(key: Key, name: string, value: string): unknown {
  if (numeric.has(key)) return toNumber(name, value);
  return key === 'names' ? value.split(',').map((each) => each.trim()) : value;
}

function toNumber(name: string, value: string): number {
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number)) {
    throw new SetupError(`${name}: must be a number, it is ${JSON.stringify(value)}`);
  }
  return number;
}

function readFile(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (thrown) {
    const why = (thrown instanceof Error ? thrown.message : String(thrown)).replace(/\s+/g, ' ');
    throw new SetupError(`the configuration file ${path} cannot be read: ${why}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SetupError(`the configuration file ${path} must hold one JSON object`);
  }
  return { ...value };
}
