import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Code, loadCode } from './code.js';
import type { Mutant } from './mutants.js';

const SOURCE = fileURLToPath(new URL('../../src', import.meta.url));
const PARTS = ['memory', 'graph', 'tasks', 'store', 'sync'];

/** Calls back with the code as the mutant has it. */
export async function withMutant<T>(mutant: Mutant, use: (code: Code) => T): Promise<T> {
  const folder = mkdtempSync(join(SOURCE, '..', 'mutant-'));
  try {
    const copy = join(folder, 'src');
    for (const part of PARTS) cpSync(join(SOURCE, part), join(copy, part), { recursive: true });
    for (const name of readdirSync(SOURCE)) {
      if (name.endsWith('.js')) copyFileSync(join(SOURCE, name), join(copy, name));
    }
    const file = join(copy, mutant.file);
    const text = readFileSync(file, 'utf8');
    if (text.split(mutant.from).length !== 2) throw new Error(`"${mutant.name}" does not fit ${mutant.file}`);
    writeFileSync(
      file,
      text.replace(mutant.from, () => mutant.to),
    );
    return use(await loadCode(copy));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
