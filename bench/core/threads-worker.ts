import { parentPort, workerData } from 'node:worker_threads';
import { TaskTable } from '../../src/memory/table.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { work } from './work.js';

/** What a thread is told at its start; every message after that means: run until all is Completed. */
export interface ThreadInput {
  readonly handle: ReturnType<TaskTable['handle']>;
  /** Turns of the loop that make a microsecond. */
  readonly turns: number;
}

const { handle, turns } = workerData as ThreadInput;
const tasks = new TaskManager(TaskTable.from(handle), 'attached');
const isDone = (): boolean => tasks.counts().completed === tasks.counts().total;

parentPort?.on('message', () => {
  let sum = 0;
  while (!isDone()) {
    const row = tasks.claim();
    if (row === undefined) {
      tasks.waitForWork(1000, isDone);
    } else {
      sum += work(turns);
      tasks.complete(row);
    }
  }
  parentPort?.postMessage(sum);
});
