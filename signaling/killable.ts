import { readConfig } from './config.ts';
import { digitsTask } from './default-task.ts';
import { startCoordinator } from './server.ts';

/** For tests: a coordinator in a process of its own, to be killed. Prints its URL. */
const [folder = '', dataFolder = ''] = process.argv.slice(2);
const config = {
  ...readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent', MURMURATION_ROUNDS: '9' }),
  dataFolder,
};
// No hidden layer: 7 850 parameters in three chunks.
const task = { ...digitsTask(config), model: { kind: 'mlp' as const, hidden: [] } };
const { url } = await startCoordinator(config, { folder, task });
process.stdout.write(`${url}\n`);
