import assert from 'node:assert/strict';
import type { Row } from '../../../src/task.js';
import type { Code } from '../code.js';
import type { Model } from '../model.js';
import { attach, checkTable, DIAMOND, makeTasks, rowsOf, type SharedTasks } from './tasks.js';

/** Threads that park when there is nothing to do, until all is done. */
export function parking(code: Code, threads: number): Model<SharedTasks> {
  const work = (shared: SharedTasks): Row[] => {
    const { tasks } = attach(code, shared);
    const done: Row[] = [];
    const isOver = (): boolean => {
      const { completed, total } = tasks.counts();
      return completed === total;
    };
    while (!isOver()) {
      const row = tasks.claim();
      if (row === undefined) {
        tasks.waitForWorkSync({ isOver });
      } else {
        tasks.complete(row);
        done.push(row);
      }
    }
    return done;
  };
  return {
    name: `park and wake, ${threads} threads`,
    setup: () => makeTasks(code, [{ id: 'a' }, { id: 'b', dependencies: ['a'] }]),
    threads: Array.from({ length: threads }, () => work),
    check(shared, results) {
      assert.deepEqual(rowsOf(results).sort(), [0, 1]);
      checkTable(shared);
    },
  };
}

/** A thread makes a task ready and ends; another one must wake up to do it. */
export function handingOver(code: Code): Model<SharedTasks> {
  return {
    ...parking(code, 2),
    name: 'a thread makes work for one that parks',
    setup() {
      const shared = makeTasks(code, DIAMOND.slice(0, 2));
      shared.tasks.claim();
      return shared;
    },
    threads: [
      (shared) => {
        attach(code, shared).tasks.complete('a');
        return [0];
      },
      (shared) => {
        const { tasks } = attach(code, shared);
        for (;;) {
          const row = tasks.claim();
          if (row !== undefined) return [row];
          tasks.waitForWorkSync();
        }
      },
    ],
  };
}

/** A task that was started by its name is given back while one who waits takes it out of the ready set. */
export function releasedEarly(code: Code): Model<SharedTasks> {
  return {
    name: 'a task is given back to one who waits',
    setup() {
      const shared = makeTasks(code, DIAMOND.slice(0, 1));
      shared.tasks.start('a');
      return shared;
    },
    threads: [
      (shared) => attach(code, shared).tasks.waitForWorkSync(),
      (shared) => attach(code, shared).tasks.release('a'),
    ],
    check(shared, [why]) {
      assert.equal(why, 'woken');
      checkTable(shared);
    },
  };
}
