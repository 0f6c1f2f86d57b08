import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig, SetupError } from './config.ts';

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'murmuration-config-'))));
afterAll(() => rmSync(folder, { recursive: true }));

/** A configuration file with these contents. */
function fileWith(contents: string): string {
  const path = join(folder, `${process.hrtime.bigint()}.json`);
  writeFileSync(path, contents);
  return path;
}

/** The one line that reading this environment ends with. */
function complaint(environment: Record<string, string | undefined>): string {
  try {
    readConfig(environment);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(SetupError);
    const { message } = thrown as SetupError;
    expect(message).not.toMatch(/[\r\n]/);
    return message;
  }
  return 'accepted';
}

describe('the configuration', () => {
  test('has a default for everything', () => {
    expect(readConfig({})).toEqual({
      port: 4242,
      host: 'localhost',
      dataFolder: 'data',
      logLevel: 'warn',
      iceServers: [],
      names: [],
      rounds: null,
      minimumMembers: 2,
      topology: 'random-regular',
      degree: 12,
      uploadSlots: 9,
      localEpochs: 2,
      samplesPerMember: 1500,
      alpha: 0,
    });
  });

  test('is taken from the environment, numbers as numbers', () => {
    const config = readConfig({
      PORT: '0',
      HOST: '0.0.0.0',
      MURMURATION_DATA_FOLDER: 'elsewhere',
      MURMURATION_LOG_LEVEL: 'debug',
      MURMURATION_ROUNDS: '7',
      MURMURATION_MINIMUM_MEMBERS: '3',
      MURMURATION_TOPOLOGY: 'ring',
      MURMURATION_DEGREE: '8',
      MURMURATION_UPLOAD_SLOTS: '7',
      MURMURATION_LOCAL_EPOCHS: '1',
      MURMURATION_SAMPLES_PER_MEMBER: '200',
      MURMURATION_ALPHA: '0.5',
      MURMURATION_NAMES: 'swarm.example.org, Laptop-7.local',
    });
    expect(config).toEqual({
      port: 0,
      host: '0.0.0.0',
      dataFolder: 'elsewhere',
      logLevel: 'debug',
      iceServers: [],
      names: ['swarm.example.org', 'Laptop-7.local'],
      rounds: 7,
      minimumMembers: 3,
      topology: 'ring',
      degree: 8,
      uploadSlots: 7,
      localEpochs: 1,
      samplesPerMember: 200,
      alpha: 0.5,
    });
  });

  test('is taken from the file, and over it from the environment', () => {
    const iceServers = [{ urls: 'turn:turn.example', username: 'u', credential: 'c' }];
    const file = fileWith(JSON.stringify({ port: 5000, rounds: 9, iceServers }));
    const config = readConfig({ MURMURATION_CONFIG: file, PORT: '6000' });
    expect(config).toMatchObject({ port: 6000, rounds: 9, iceServers, host: 'localhost' });
  });

  test('leaves alone what is not its own, and what is empty', () => {
    expect(complaint({ PATH: '/bin', PORTAL: 'x', PORT: '', MURMURATION_ROUNDS: undefined })).toBe(
      'accepted',
    );
  });
});

describe('a setting that cannot be is named in one line', () => {
  test.each([
    [{ PORT: '65536' }, 'PORT: must be at most 65535, it is 65536'],
    [{ PORT: '-1' }, 'PORT: must be at least 0, it is -1'],
    [{ PORT: '80.5' }, 'PORT: must be a whole number, it is 80.5'],
    [{ PORT: 'http' }, 'PORT: must be a number, it is "http"'],
    [{ PORT: '42 42' }, 'PORT: must be a number, it is "42 42"'],
    [{ PORT: ' ' }, 'PORT: must be a number, it is " "'],
    [{ PORT: 'Infinity' }, 'PORT: must be a number, it is "Infinity"'],
    [{ MURMURATION_ROUNDS: '0' }, 'MURMURATION_ROUNDS: must be at least 1, it is 0'],
    [
      { MURMURATION_MINIMUM_MEMBERS: '201' },
      'MURMURATION_MINIMUM_MEMBERS: must be at most 200, it is 201',
    ],
    [
      { MURMURATION_MINIMUM_MEMBERS: '21', MURMURATION_TOPOLOGY: 'mesh' },
      'MURMURATION_MINIMUM_MEMBERS: must be at most 20 in the mesh topology, it is 21',
    ],
    [
      { MURMURATION_TOPOLOGY: 'torus' },
      'MURMURATION_TOPOLOGY: must be one of mesh, random-regular, ring, star, it is "torus"',
    ],
    [{ MURMURATION_DEGREE: '7' }, 'MURMURATION_DEGREE: must be even, it is 7'],
    [
      { MURMURATION_LOG_LEVEL: 'loud' },
      'MURMURATION_LOG_LEVEL: must be one of silent, error, warn, info, debug, it is "loud"',
    ],
  ])('%j', (environment, message) => {
    expect(complaint(environment)).toBe(message);
  });

  test('also one below 0 or above 1000 for alpha, by its name', () => {
    expect(complaint({ MURMURATION_ALPHA: '-0.1' })).toMatch(/^MURMURATION_ALPHA: .*-0\.1/);
    expect(complaint({ MURMURATION_ALPHA: '1001' })).toMatch(/^MURMURATION_ALPHA: .*1001/);
  });

  test('a misspelt variable, with those there are', () => {
    const message = complaint({ MURMURATION_ROUND: '3' });
    expect(message).toMatch(/^MURMURATION_ROUND is not a setting\. Known: /);
    expect(message).toContain('MURMURATION_ROUNDS');
    expect(message).toContain('PORT');
  });

  test('a misspelt key of the file, with those there are', () => {
    const file = fileWith('{"prot": 1}');
    expect(complaint({ MURMURATION_CONFIG: file })).toMatch(
      new RegExp(`^prot in ${file} is not a setting\\. Known: port, host, `),
    );
  });

  test('a value of the file, also one deep in a list', () => {
    const port = fileWith('{"port": "4242"}');
    expect(complaint({ MURMURATION_CONFIG: port })).toBe(
      `port in ${port}: must be a number, it is "4242"`,
    );
    const ice = fileWith('{"iceServers": [{"urls": "http://a"}]}');
    expect(complaint({ MURMURATION_CONFIG: ice })).toBe(
      `iceServers in ${ice}: must start with stun: or turn:, it is "http://a"`,
    );
    const both = fileWith(
      '{"iceServers": [{"urls": "turn:a", "secret": "s3cret", "credential": "c"}]}',
    );
    expect(complaint({ MURMURATION_CONFIG: both })).toBe(
      `iceServers in ${both}: has a secret, from which credentials are made, and credentials`,
    );
    const stun = fileWith('{"iceServers": [{"urls": "stun:a", "secret": "s3cret"}]}');
    expect(complaint({ MURMURATION_CONFIG: stun })).toBe(
      `iceServers in ${stun}: has a secret, which only a turn: server takes`,
    );
    const empty = fileWith('{"host": ""}');
    expect(complaint({ MURMURATION_CONFIG: empty })).toBe(
      `host in ${empty}: must not be empty, it is ""`,
    );
  });

  test('a value of the file that the environment replaces is not complained of', () => {
    const file = fileWith('{"port": "nonsense"}');
    expect(readConfig({ MURMURATION_CONFIG: file, PORT: '1' }).port).toBe(1);
  });
});

describe('a file that cannot be read is named in one line', () => {
  test('not there', () => {
    const file = join(folder, 'none.json');
    expect(complaint({ MURMURATION_CONFIG: file })).toMatch(
      `the configuration file ${file} cannot be read: `,
    );
  });

  test.each([
    ['empty', ''],
    ['cut off', '{"port": 1'],
    ['of several lines', '{\n  "port": 4242,\n  rounds: 3\n}\n'],
  ])('not JSON: %s', (_, contents) => {
    const file = fileWith(contents);
    expect(complaint({ MURMURATION_CONFIG: file })).toMatch(
      `the configuration file ${file} cannot be read: `,
    );
  });

  test.each(['[]', 'null', '3', '"port"'])('not an object: %s', (contents) => {
    const file = fileWith(contents);
    expect(complaint({ MURMURATION_CONFIG: file })).toBe(
      `the configuration file ${file} must hold one JSON object`,
    );
  });

  // JSON.parse quotes the lines around what it stumbles over.
  test('not JSON: a word in several lines', () => {
    const file = fileWith('{\n  "port":\nyes\n}\n');
    expect(complaint({ MURMURATION_CONFIG: file })).toMatch(
      `the configuration file ${file} cannot be read: `,
    );
  });
});
