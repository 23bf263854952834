import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type BenchSuite, median, timed } from '../suite.js';
import { definitions, MILLION, openCore, resetAll } from './graphs.js';
import type { ThreadInput, ThreadJob } from './threads-worker.js';
import { turnsPerMicrosecond } from './work.js';

const ROUNDS = 5;

/** Nanoseconds a task on one thread and on two. */
interface Speeds {
  readonly one: number;
  readonly two: number;
}

export const suite: BenchSuite = {
  name: 'threads',
  async run() {
    const core = await openCore();
    core.tasks.define(definitions(MILLION));
    core.tasks.prioritize();
    const workers = startWorkers({ handle: core.share(), turns: turnsPerMicrosecond() });
    const tasks: Speeds[] = [];
    const bare: Speeds[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      bare.push(await speeds(workers, (threads) => MILLION / threads));
      tasks.push(
        await speeds(workers, () => {
          resetAll(core, MILLION);
          return 'tasks';
        }),
      );
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
    return [
      { ...compare('1 M tasks of 1 µs', tasks), target: { atLeast: 1.7 } },
      compare('the machine: the same work without tasks', bare),
    ];
  },
};

function startWorkers(workerData: ThreadInput): readonly Worker[] {
  const url = new URL('./threads-worker.js', import.meta.url);
  return [new Worker(url, { workerData }), new Worker(url, { workerData })];
}

/** @param prepare makes ready, and says what each thread shall do */
async function speeds(workers: readonly Worker[], prepare: (threads: number) => ThreadJob): Promise<Speeds> {
  const run = async (threads: number): Promise<number> => {
    const job = prepare(threads);
    return ((await timed(() => runOn(workers.slice(0, threads), job))) * 1e6) / MILLION;
  };
  return { one: await run(1), two: await run(2) };
}

async function runOn(workers: readonly Worker[], job: ThreadJob): Promise<void> {
  await Promise.all(
    workers.map((worker) => {
      const done = once(worker, 'message');
      worker.postMessage(job);
      return done;
    }),
  );
}

/** The first round warmed up. */
function compare(what: string, rounds: readonly Speeds[]) {
  const one = median(rounds.slice(1).map((speed) => speed.one));
  const two = median(rounds.slice(1).map((speed) => speed.two));
  return {
    what: `${what}: one thread ${one.toFixed(0)} ns each, two ${two.toFixed(0)}; two against one`,
    value: one / two,
    unit: 'times',
  };
}
