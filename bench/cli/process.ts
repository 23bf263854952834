import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from '../suite.js';

/** The command line that is measured: what ships. */
export const MILLRACE = [
  process.execPath,
  fileURLToPath(new URL('../../bundle/cli/main.cjs', import.meta.url)),
];
export const NINJA = ['ninja'];

/** One program under measurement. */
export interface Contestant {
  readonly command: readonly string[];
  readonly cwd: string;
  /** What its output must match: that it did the work, and did it well. */
  readonly expect: RegExp;
  /** Before each round, not measured. */
  readonly before?: () => void;
}

/** Runs a whole process, start and end included. Milliseconds. @throws if it did not do what it should */
export function runOnce({ command, cwd, expect, before }: Contestant): number {
  before?.();
  const start = performance.now();
  const result = spawnSync(command[0]!, command.slice(1), { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const elapsed = performance.now() - start;
  const output = `${result.stdout}${result.stderr}`;
  if (result.status !== 0 || !expect.test(output)) {
    throw new Error(`${command.join(' ')} in ${cwd} ended with ${result.status}: ${output.slice(-2000)}`);
  }
  return elapsed;
}

/** The medians of some programs, run in turn after one round that is not counted. Milliseconds. */
export function inTurn(contestants: readonly Contestant[], rounds: number): number[] {
  for (const contestant of contestants) runOnce(contestant);
  const times: number[][] = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    contestants.forEach((contestant, index) => {
      times[index]!.push(runOnce(contestant));
    });
  }
  return times.map(median);
}
