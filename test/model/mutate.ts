import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Code, loadCode } from './code.js';
import { isSmall, type ModelName } from './models.js';
import type { Mutant } from './mutants.js';

const SOURCE = fileURLToPath(new URL('../../src', import.meta.url));
const PARTS = ['memory', 'graph', 'tasks', 'store', 'sync'];

/** A text of a compiled file, and what stands in its place. */
type Edit = Pick<Mutant, 'file' | 'from' | 'to'>;

/** Pages of 16 words, so that a few tasks more make regions grow. */
export const SMALL_PAGES: Edit = {
  file: 'memory/layout.js',
  from: 'PAGE_SHIFT = 14',
  to: 'PAGE_SHIFT = 6',
};

/** Calls back with the code as the mutant has it. */
export async function withMutant<T>(mutant: Mutant, use: (code: Code) => T): Promise<T> {
  return await withEdits(isSmall(mutant.model) ? [SMALL_PAGES, mutant] : [mutant], use);
}

/** Calls back with what ships; for models of growth, with small pages. */
export async function withShipped<T>(model: ModelName, use: (code: Code) => T): Promise<T> {
  if (isSmall(model)) return await withEdits([SMALL_PAGES], use);
  return use(await loadCode(SOURCE));
}

async function withEdits<T>(edits: readonly Edit[], use: (code: Code) => T): Promise<T> {
  const folder = mkdtempSync(join(SOURCE, '..', 'mutant-'));
  try {
    const copy = join(folder, 'src');
    for (const part of PARTS) cpSync(join(SOURCE, part), join(copy, part), { recursive: true });
    for (const name of readdirSync(SOURCE)) {
      if (name.endsWith('.js')) copyFileSync(join(SOURCE, name), join(copy, name));
    }
    for (const { file, from, to } of edits) {
      const path = join(copy, file);
      const text = readFileSync(path, 'utf8');
      if (text.split(from).length !== 2) throw new Error(`"${from}" is not once in ${file}`);
      writeFileSync(
        path,
        text.replace(from, () => to),
      );
    }
    return use(await loadCode(copy));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
