import { bls12_381 } from '@noble/curves/bls12-381.js';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, multiplication, sums } from './kernel-fields.ts';

/** The part of AssemblyScript's compiler that is used: its own types declare other globals. */
interface Compiler {
  main(
    args: readonly string[],
    files: {
      readFile(name: string): string | null;
      writeFile(name: string, contents: Uint8Array | string): void;
      listFiles(): string[];
    },
  ): Promise<{ error: Error | null; stderr: { toString(): string } }>;
}
const compiler: string = 'assemblyscript/asc';
const { default: asc } = (await import(compiler)) as { default: Compiler };

/**
 * Builds the WebAssembly kernel from src/crypto/kernel/assembly and the field arithmetic that is
 * generated, and writes it to src/crypto/kernel/module.ts. With --check it writes nothing and
 * fails if what is there is not what the sources give.
 */
const folder = 'src/crypto/kernel';
const fp = { name: 'Fp', prime: bls12_381.fields.Fp.ORDER, limbs: 14 };
const fr = { name: 'Fr', prime: bls12_381.fields.Fr.ORDER, limbs: 10 };
const fields = [
  constants(fp),
  multiplication(fp),
  sums(fp),
  constants(fr),
  multiplication(fr),
].join('\n\n');

function readSource(name: string): string | null {
  if (name === 'fields.ts') return fields;
  if (!/^[a-z]+\.ts$/.test(name)) return null;
  return readFileSync(join(folder, 'assembly', name), 'utf8');
}

async function build(): Promise<string> {
  let binary: Uint8Array | string = '';
  const { error, stderr } = await asc.main(
    [
      'index.ts',
      '--outFile',
      'kernel.wasm',
      '-O3',
      '--runtime',
      'stub',
      '--noAssert',
      '--enable',
      'simd',
    ],
    {
      readFile: readSource,
      writeFile: (name, contents) => {
        if (name === 'kernel.wasm') binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Buffer.from(binary).toString('base64');
}

const base64 = await build();
const rows = base64.match(/.{1,96}/g) ?? [];
const text = `/**
 * The WebAssembly kernel, base64: \`npm run kernel\` makes it from assembly/, and \`npm run check\`
 * compares it with what the sources give.
 */
export const kernelBase64 =
  '${rows.join("' +\n  '")}';
`;
const path = join(folder, 'module.ts');
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    console.error(`${path} is not what ${folder}/assembly gives: run \`npm run kernel\``);
    process.exit(1);
  }
} else {
  writeFileSync(path, text);
  console.log(`${path}: ${(base64.length * 3) / 4} bytes`);
}
