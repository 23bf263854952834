import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { BuildState } from 'millrace';
import { type BenchRow, type BenchSuite, median, timed } from '../suite.js';
import { definitions, drain, MILLION, openCore, resetAll } from './graphs.js';

// dist/bench/core/ceiling.js → the source, which is not compiled with the others.
const SOURCE = fileURLToPath(new URL('../../../bench/core/ceiling.cpp', import.meta.url));
const ROUNDS = 5;

/** The same graph of empty tasks as run by oneTBB's flow graph, compiled here: what C++ takes for it. */
export const suite: BenchSuite = {
  name: 'ceiling',
  async run() {
    const theirs = peer();
    const core = await openCore();
    core.tasks.define(definitions(MILLION));
    core.tasks.prioritize();
    // First, because memory once shared is slower for its owner, too.
    const one = await rounds(() => void drain(core.tasks), core);
    const workers = startWorkers(core);
    const two = await rounds(() => runOn(workers), core);
    await Promise.all(workers.map((worker) => worker.terminate()));
    return [row('one thread', one, theirs?.one), row('two threads', two, theirs?.two)];
  },
};

function row(threads: string, value: number, theirs: number | undefined): BenchRow {
  const what = `1 M empty tasks, 3 dependencies each, ${threads}`;
  const said = theirs === undefined ? ' (oneTBB is not installed)' : ': oneTBB to ours';
  const beside =
    theirs === undefined ? {} : { peer: { name: 'oneTBB', value: theirs }, ratio: theirs / value };
  return { what: what + said, value, unit: 'ns a task', ...beside };
}

/** Nanoseconds a task by the number of threads; undefined if there is no compiler, or no oneTBB. */
function peer(): { readonly one: number; readonly two: number } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const program = join(folder, 'ceiling');
  try {
    execFileSync('g++', ['-O2', '-o', program, SOURCE, '-ltbb'], { stdio: 'ignore' });
    const [one, two] = ['1', '2'].map((threads) => {
      const said = execFileSync(program, [String(MILLION), threads, String(ROUNDS + 1)], {
        encoding: 'utf8',
      });
      return median(said.trim().split('\n').slice(1).map(Number));
    });
    return { one: one!, two: two! };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The first round warms up. */
async function rounds(run: () => void | Promise<void>, core: BuildState): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    resetAll(core, MILLION);
    times.push(((await timed(run)) * 1e6) / MILLION);
    if (core.tasks.counts().completed !== MILLION) throw new Error('Not all tasks were run.');
  }
  return median(times.slice(1));
}

function startWorkers(core: BuildState): readonly Worker[] {
  const url = new URL('./threads-worker.js', import.meta.url);
  const workerData = { handle: core.share(), turns: 0 };
  return [new Worker(url, { workerData }), new Worker(url, { workerData })];
}

async function runOn(workers: readonly Worker[]): Promise<void> {
  const ends = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage('tasks');
  await Promise.all(ends);
}
