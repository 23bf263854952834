import { parentPort, workerData } from 'node:worker_threads';
import { attachState, type StateHandle } from 'millrace';
import { work } from './work.js';

/** What a thread is told at its start. */
export interface ThreadInput {
  readonly handle: StateHandle;
  /** Turns of the work that make a microsecond. */
  readonly turns: number;
}

/** Every message after that: run tasks until all are Completed, or do the work of so many tasks without any. */
export type ThreadJob = 'tasks' | number;

const { handle, turns } = workerData as ThreadInput;
const { tasks } = attachState(handle);
const isDone = (): boolean => tasks.counts().completed === tasks.counts().total;

parentPort?.on('message', (job: ThreadJob) => {
  parentPort?.postMessage(job === 'tasks' ? runTasks() : justWork(job));
});

function runTasks(): number {
  let sum = 0;
  while (!isDone()) {
    for (let row = tasks.claim(); row !== undefined; row = tasks.claim()) {
      sum += work(turns);
      tasks.complete(row);
    }
    tasks.waitForWorkSync({ timeout: 1000, isOver: isDone });
  }
  return sum;
}

function justWork(count: number): number {
  let sum = 0;
  for (let done = 0; done < count; done++) sum += work(turns);
  return sum;
}
