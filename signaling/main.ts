import { fileURLToPath } from 'node:url';
import { readConfig, SetupError } from './config.ts';
import { startCoordinator } from './server.ts';

/** `npm start`: reads the configuration, starts, says what to do next, ends tidily. */
async function main() {
  const folder = fileURLToPath(new URL('../dist', import.meta.url));
  const coordinator = await startCoordinator(readConfig(process.env), { folder });
  const { name, members, rounds } = coordinator.room.description;
  console.log(`\nMurmuration is at  ${coordinator.url}\n`);
  console.log(`Open it in ${members.minimum === 1 ? 'a tab' : `${members.minimum} tabs`}: they train “${name}” together, ${rounds} rounds.`); // prettier-ignore
  console.log('Ctrl+C stops the server; what was learned stays in its data folder.\n');
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void coordinator.close().then(() => process.exit(0)));
  }
}

main().catch((thrown: unknown) => {
  console.error(thrown instanceof SetupError ? `murmuration: ${thrown.message}` : thrown);
  process.exit(1);
});
