import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, timed } from '../suite.js';

const COUNT = 50_000;
/** Tasks that are handed in at a time: more than its threads can take up, so none of them waits. */
const AT_A_TIME = 1000;
const ROUNDS = 5;

/** Microseconds that a task of piscina takes which does nothing, by two threads that have started before. */
export async function emptyPiscinaTask(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const filename = join(folder, 'nothing.cjs');
  writeFileSync(filename, 'module.exports = () => {};');
  const { Piscina } = createRequire(import.meta.url)('piscina') as typeof import('piscina');
  const pool = new Piscina({ filename, minThreads: 2, maxThreads: 2 });
  const run = async (): Promise<void> => {
    for (let done = 0; done < COUNT; done += AT_A_TIME) {
      await Promise.all(Array.from({ length: AT_A_TIME }, () => pool.run(undefined)));
    }
  };
  await run();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(((await timed(run)) * 1e3) / COUNT);
  await pool.destroy();
  rmSync(folder, { recursive: true });
  return median(rounds);
}
