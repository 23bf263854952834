import { type Row, TaskStatus } from '../../../src/task.js';
import type { TaskManager } from '../../../src/tasks/task-manager.js';
import { dependenciesOf } from './cast.js';
import type { Answer } from './orders.js';

/** A thread that is not woken for so long, in milliseconds, while work was made, has missed a wake-up. */
const PATIENCE = 20_000;

/**
 * Claims and completes until all is Completed, and sleeps while there is nothing to claim. No thread resets anything meanwhile. So each
 * task is run once by one thread, after its dependencies, and who sleeps is woken.
 */
export function drain(tasks: TaskManager, size: number): Answer {
  const faults: string[] = [];
  let [operations, completed] = [0, 0];
  const isOver = (): boolean => tasks.counts().completed === tasks.counts().total;
  while (faults.length === 0 && !isOver()) {
    operations += 2;
    const row = tasks.claim();
    if (row === undefined) {
      if (tasks.waitForWorkSync({ isOver, timeout: PATIENCE }) === 'timed-out') {
        faults.push(`lost wake-up: nothing to claim for ${PATIENCE} ms: ${JSON.stringify(tasks.counts())}`);
      }
      continue;
    }
    for (const dependency of row < size ? dependenciesOf(row) : []) {
      const status = tasks.status(dependency as Row);
      if (status !== TaskStatus.Completed)
        faults.push(`row ${row} was claimed before its dependency ${dependency}`);
    }
    tasks.complete(row);
    completed++;
  }
  return { operations, completed, faults };
}
