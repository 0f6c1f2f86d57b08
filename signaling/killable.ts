import { PGlite } from '@electric-sql/pglite';
import { readConfig } from './config.ts';
import { digitsTask } from './default-task.ts';
import { startCoordinator } from './server.ts';
import { Store } from './store/store.ts';

/**
 * For tests: a coordinator in a process of its own, to be killed. Prints its URL, and the Data
 * Owner's token if it made one. With a third argument N it kills itself in the first revocation,
 * before the N-th statement that this sends to the database, or after the last.
 */
const [folder = '', dataFolder = '', dieAt] = process.argv.slice(2);
const config = {
  ...readConfig({ PORT: '0', MURMURATION_LOG_LEVEL: 'silent', MURMURATION_ROUNDS: '9' }),
  dataFolder,
};
if (dieAt !== undefined) dieInRevocation(Number(dieAt));
// No hidden layer: 7 850 parameters in three chunks.
const task = { ...digitsTask(config), model: { kind: 'mlp' as const, hidden: [] } };
const { url, newToken } = await startCoordinator(config, { folder, task });
process.stdout.write(`${url} ${newToken ?? ''}\n`);

function dieInRevocation(statement: number): void {
  const die = () => process.kill(process.pid, 'SIGKILL');
  let sent: number | null = null;
  wrap(Store.prototype, 'revoke', (revoke) => {
    return async function (this: Store, ...about) {
      sent = 0;
      const marked = await revoke.apply(this, about);
      if (sent === statement) die();
      sent = null;
      return marked;
    };
  });
  wrap(PGlite.prototype, 'execProtocolRaw', (send) => {
    return function (this: PGlite, ...about) {
      // PostgreSQL's messages Execute and Query.
      const [type] = about[0];
      const isStatement = type === 0x45 || type === 0x51;
      if (isStatement && sent !== null && sent++ === statement) die();
      return send.apply(this, about);
    };
  });
}

function wrap<T, K extends keyof T>(target: T, name: K, around: (original: T[K]) => T[K]): void {
  target[name] = around(target[name]);
}
