import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type BenchSuite, median, timed } from '../suite.js';
import { definitions, MILLION, openCore, resetAll } from './graphs.js';
import type { ThreadInput } from './threads-worker.js';
import { work } from './work.js';

const ROUNDS = 5;

export const suite: BenchSuite = {
  name: 'threads',
  async run() {
    const core = openCore();
    core.tasks.define(definitions(MILLION));
    core.tasks.prioritize();
    const workerData: ThreadInput = { handle: core.table.handle(), turns: turnsPerMicrosecond() };
    const url = new URL('./threads-worker.js', import.meta.url);
    const workers = [new Worker(url, { workerData }), new Worker(url, { workerData })];
    await Promise.all(workers.map((worker) => once(worker, 'online')));
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round <= ROUNDS; round++) {
      for (const threads of [1, 2] as const) {
        resetAll(core, MILLION);
        times[threads - 1]!.push(await timed(() => runOn(workers.slice(0, threads))));
      }
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
    const [one, two] = times.map((list) => median(list.slice(1))) as [number, number];
    return [
      {
        what: `1 M tasks of 1 µs: one thread ${one.toFixed(0)} ns a task, two ${two.toFixed(0)}; two against one`,
        value: one / two,
        unit: 'times',
        target: { atLeast: 1.7 },
      },
    ];
  },
};

async function runOn(workers: readonly Worker[]): Promise<void> {
  await Promise.all(
    workers.map((worker) => {
      const done = once(worker, 'message');
      worker.postMessage('run');
      return done;
    }),
  );
}

/** By the fastest of several tries: the others were disturbed. */
function turnsPerMicrosecond(): number {
  const turns = 2_000_000;
  const rates = Array.from({ length: 7 }, () => {
    const start = performance.now();
    work(turns);
    return turns / ((performance.now() - start) * 1000);
  });
  return Math.round(Math.max(...rates));
}
