import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { at, type TaskId } from '../src/lib/index.ts';
import { limits, taskIdOf, type TaskDescription } from '../src/protocol/index.ts';
import { ScriptedRound } from '../signaling/scripted-round.ts';
import { ScriptedTab } from '../signaling/scripted-tab.ts';
import type { BenchResult } from './result.ts';

const honest = 3;
const rounds = 7;
const strangers = 1_000;
const joinsPerSecond = 200;

/**
 * What a crowd costs a coordinator and its members: round times of three scripted members with
 * nobody else there, and with 1,000 strangers that say nothing, 200 joins a second and a member
 * that sends as much as it may; and the memory of a connection.
 */
export async function coordinator(): Promise<BenchResult> {
  const folder = await mkdtemp(join(tmpdir(), 'murmuration-bench-'));
  const server = fork('bench/coordinator-server.ts', {
    execArgv: ['--import', 'tsx', '--expose-gc'],
    env: {
      ...process.env,
      PORT: '0',
      MURMURATION_DATA_FOLDER: folder,
      MURMURATION_LOG_LEVEL: 'error',
      MURMURATION_MINIMUM_MEMBERS: String(honest),
    },
  });
  let crowd: ChildProcess | null = null;
  try {
    const [{ url }] = (await once(server, 'message')) as [{ url: string }];
    console.error('memory of connections …');
    const bytesPerConnection = await memoryOf(url, server);
    console.error(`${rounds} rounds of ${honest} members …`);
    const members = await Members.join(url);
    const quiet = await members.roundTimes();
    console.error('and as many in a crowd …');
    crowd = spawn(process.execPath, ['--import', 'tsx', 'bench/coordinator-crowd.ts', url, String(strangers), String(joinsPerSecond), 'flood'], { stdio: 'inherit' }); // prettier-ignore
    await pause(5_000); // until it is there
    const before = await usageOf(server);
    const start = performance.now();
    const attacked = await members.roundTimes();
    const seconds = (performance.now() - start) / 1000;
    const after = await usageOf(server);
    return {
      ratios: { roundTimeUnderAttack: median(attacked) / median(quiet) },
      values: {
        bytesPerConnection,
        strangers,
        joinsPerSecond,
        roundMs: median(quiet),
        roundMsUnderAttack: median(attacked),
        serverLoadUnderAttack: (after.cpuSeconds - before.cpuSeconds) / seconds,
        bytesUnderAttack: after.bytes,
        worstMsUnderAttack: Math.max(...attacked),
      },
    };
  } finally {
    crowd?.kill();
    server.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

async function usageOf(server: ChildProcess): Promise<Usage> {
  server.send('usage');
  const [usage] = (await once(server, 'message')) as [Usage];
  return usage;
}

/** Bytes that the server holds for each connection of those that say nothing. */
async function memoryOf(url: string, server: ChildProcess): Promise<number> {
  const connect = async () => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}ws`);
    await once(socket, 'message');
    return socket;
  };
  const end = async (sockets: readonly WebSocket[]) => {
    for (const socket of sockets) socket.terminate();
    await pause(1_000);
  };
  const several = () => Promise.all(Array.from({ length: limits.strangers - 1 }, connect));
  await end(await several()); // what is made once
  const before = (await usageOf(server)).bytes;
  const sockets = await several();
  const each = Math.round(((await usageOf(server)).bytes - before) / sockets.length);
  await end(sockets);
  return each;
}

interface Usage {
  readonly bytes: number;
  readonly cpuSeconds: number;
}

interface Room {
  readonly id: TaskId;
  readonly description: TaskDescription;
  /** Of the newest model. */
  parameters: Float32Array;
}

/** Members that do what they should. */
class Members {
  readonly #tabs: readonly ScriptedTab[];
  readonly #room: Room;
  readonly #scripted: ScriptedRound;

  private constructor(tabs: readonly ScriptedTab[], room: Room, scripted: ScriptedRound) {
    this.#tabs = tabs;
    this.#room = room;
    this.#scripted = scripted;
  }

  static async join(url: string): Promise<Members> {
    const joined = await Promise.all(Array.from({ length: honest }, () => ScriptedTab.join(url)));
    const { description, model } = at(joined, 0).welcome;
    const room: Room = { id: taskIdOf(description), description, parameters: new Float32Array() };
    const scripted = await ScriptedRound.with({ url, room });
    room.parameters = await scripted.downloadModel(scripted.verified(model));
    const tabs = joined.map(({ tab }) => tab);
    for (const tab of tabs) tab.send({ type: 'ready', samples: 100 });
    return new Members(tabs, room, scripted);
  }

  /** ms of each of some rounds. */
  async roundTimes(): Promise<number[]> {
    const taken: number[] = [];
    for (let n = 0; n < rounds; n++) {
      const start = performance.now();
      const model = await this.#scripted.run(this.#tabs);
      taken.push(performance.now() - start);
      this.#room.parameters = await this.#scripted.downloadModel(model);
    }
    return taken;
  }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
