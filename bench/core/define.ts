import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type BenchSuite, median } from '../suite.js';

const ROUNDS = 3;

interface Measured {
  readonly ms: number;
  /** Megabytes. */
  readonly resident: number;
}

export const suite: BenchSuite = {
  name: 'define',
  async run() {
    const results = await measure();
    const parsed = await measure('parsed');
    return [
      {
        what: 'define 1 M tasks with 3 dependencies each, in a fresh process',
        value: median(results.map(({ ms }) => ms)),
        unit: 'ms',
        target: { atMost: 3500 },
      },
      {
        what: 'the same definitions as JSON.parse gives them',
        value: median(parsed.map(({ ms }) => ms)),
        unit: 'ms',
      },
      {
        what: 'resident memory that the same 1 M tasks keep',
        value: median(results.map(({ resident }) => resident)),
        unit: 'MB',
        target: { atMost: 250 },
      },
    ];
  },
};

async function measure(...args: string[]): Promise<Measured[]> {
  const file = fileURLToPath(new URL('./define-process.js', import.meta.url));
  const results: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { stdout } = await promisify(execFile)(process.execPath, [file, ...args]);
    results.push(JSON.parse(stdout) as Measured);
  }
  return results;
}
