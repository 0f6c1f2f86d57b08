import { fileURLToPath } from 'node:url';
import { readConfig, SetupError } from './config.ts';
import { startCoordinator } from './server.ts';

/** `npm start`: reads the configuration, starts, says what to do next, ends tidily. */
async function main() {
  const folder = fileURLToPath(new URL('../dist', import.meta.url));
  const coordinator = await startCoordinator(readConfig(process.env), {
    folder,
    auditsRounds: true,
    onCrs: tellOf(),
    onStop(reason) {
      console.error(`murmuration: ${reason}`);
      process.exit(1);
    },
  });
  const { name, members, rounds } = coordinator.room.description;
  console.log(`\nMurmuration is at  ${coordinator.url}\n`);
  console.log(`Open it in ${members.minimum === 1 ? 'a tab' : `${members.minimum} tabs`}: they train “${name}” together, ${rounds === null ? 'round after round' : `${rounds} rounds`}.`); // prettier-ignore
  console.log('Ctrl+C stops the server; what was learned stays in its data folder.\n');
  if (coordinator.newToken !== null) {
    console.log(
      'The Data Owner’s token, which revokes, replaces and audits. It is shown this once:',
    );
    console.log(`  ${coordinator.newToken}\n`);
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void coordinator.close().then(() => process.exit(0)));
  }
}

/** Tells how far the making of the CRS is: on one line of a terminal, else every quarter. */
function tellOf(): (share: number) => void {
  let told = -1;
  return (share) => {
    const percent = Math.floor(share * 100);
    const isTerminal = process.stdout.isTTY;
    const step = isTerminal ? percent : Math.floor(percent / 25) * 25;
    if (step === told) return;
    told = step;
    const line = `Making the CRS, which every proof is checked with (once): ${step} %`;
    process.stdout.write(isTerminal ? `\r${line}${step === 100 ? '\n' : ''}` : `${line}\n`);
  };
}

main().catch((thrown: unknown) => {
  console.error(thrown instanceof SetupError ? `murmuration: ${thrown.message}` : thrown);
  process.exit(1);
});
