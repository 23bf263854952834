import assert from 'node:assert/strict';
import type { TableHandle } from '../../../src/memory/handle.js';
import type { TaskTable } from '../../../src/memory/table.js';
import { type Row, type TaskDefinition, TaskStatus } from '../../../src/task.js';
import type { TaskManager } from '../../../src/tasks/task-manager.js';
import type { Code } from '../code.js';
import type { Model } from '../model.js';

/** A table, and the same from the outside, for checks when no thread runs. */
export interface SharedTasks {
  readonly handle: TableHandle;
  readonly tasks: TaskManager;
  readonly table: TaskTable;
}

export function makeTasks(
  { TaskManager, TaskTable }: Code,
  definitions: readonly TaskDefinition[],
  isOrdered = false,
): SharedTasks {
  const table = TaskTable.create();
  const tasks = new TaskManager(table);
  tasks.define(definitions);
  if (isOrdered) tasks.prioritize();
  return { handle: table.handle(), tasks, table };
}

export interface Attached {
  readonly table: TaskTable;
  readonly tasks: TaskManager;
}

/** Threads attach again whenever they go on; to ask the system which one this is takes longer than all the rest. */
const ALIVE = { systemId: 1, isAlive: () => true, isThis: () => false };

export function attach({ TaskManager, TaskTable }: Code, { handle }: SharedTasks): Attached {
  const table = TaskTable.from(handle, ALIVE);
  return { table, tasks: new TaskManager(table) };
}

export const rowsOf = (results: readonly unknown[]): Row[] => results.flat() as Row[];

/** What must hold of every table when no thread runs: the derived columns say what the statuses say, and what is ready is found. */
export function checkTable({ tasks, table }: SharedTasks): void {
  const seen = [0, 0, 0, 0];
  const ready: number[] = [];
  for (let row = 0 as Row; row < table.rowCount; row++) {
    if (!table.isLive(row)) continue;
    const status = table.status(row);
    seen[status]!++;
    const waiting = [...table.dependencies.view(row)].filter(
      (at) => table.status(at as Row) !== TaskStatus.Completed,
    );
    assert.equal(table.pending(row), waiting.length, `dependencies that row ${row} waits for`);
    if (status === TaskStatus.Pending && waiting.length === 0) ready.push(row);
  }
  const { completed, failed, inProgress, pending } = tasks.counts();
  assert.deepEqual([pending, inProgress, completed, failed], seen, 'counts');
  const found: number[] = [];
  for (let row = table.claim(); row >= 0; row = table.claim()) found.push(row);
  assert.deepEqual(found.sort(), ready, 'ready rows that are found');
}

function claimOnce(attached: Attached): Row | undefined {
  const { table, tasks } = attached;
  const row = tasks.claim();
  if (row === undefined) return undefined;
  for (const at of table.dependencies.view(row)) {
    assert.equal(
      table.status(at as Row),
      TaskStatus.Completed,
      `row ${row} was claimed before row ${at} was Completed`,
    );
  }
  return row;
}

/** Two tasks: `a` is Completed, and `b`, which needs it, is ready. */
function makeStarted(code: Code): SharedTasks {
  const shared = makeTasks(code, DIAMOND.slice(0, 2));
  shared.tasks.start('a');
  shared.tasks.complete('a');
  return shared;
}

export const DIAMOND = [
  { id: 'a' },
  { id: 'b', dependencies: ['a'] },
  { id: 'c', dependencies: ['a'] },
  { id: 'd', dependencies: ['b', 'c'] },
];

/** Threads that claim and complete. */
export function claims(code: Code, threads: number, each: number): Model<SharedTasks> {
  const work = (shared: SharedTasks): Row[] => {
    const attached = attach(code, shared);
    const done: Row[] = [];
    for (let turn = 0; turn < each; turn++) {
      const row = claimOnce(attached);
      if (row === undefined) continue;
      attached.tasks.complete(row);
      done.push(row);
    }
    return done;
  };
  return {
    name: `claim and complete, ${threads} threads, ${each} each`,
    setup: () => makeTasks(code, DIAMOND, true),
    threads: Array.from({ length: threads }, () => work),
    check(shared, results) {
      const done = rowsOf(results);
      assert.equal(new Set(done).size, done.length, `completed once each: ${done}`);
      for (const row of done) assert.equal(shared.table.read(row)!.attempt, 1);
      assert.equal(shared.tasks.counts().completed, done.length);
      checkTable(shared);
    },
  };
}

const attempt = (action: () => void): boolean => {
  try {
    action();
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'ILLEGAL_TRANSITION') return false;
    throw error;
  }
};

/** Two threads start the same task: one does. */
export function starts(code: Code): Model<SharedTasks> {
  const start = (shared: SharedTasks): unknown => attempt(() => attach(code, shared).tasks.start('a'));
  return {
    name: 'a task is started by two',
    setup: () => makeTasks(code, DIAMOND.slice(0, 1)),
    threads: [start, start],
    check(shared, results) {
      assert.deepEqual(results.filter(Boolean).length, 1, 'threads that started it');
      assert.equal(shared.tasks.get('a').attempt, 1);
      checkTable(shared);
    },
  };
}

/** A task is started as soon as it may be. */
export function startsInOrder(code: Code): Model<SharedTasks> {
  return {
    name: 'a task is started while its dependency is completed',
    setup: () => makeTasks(code, DIAMOND.slice(0, 2)),
    threads: [
      (shared) => {
        const { tasks } = attach(code, shared);
        tasks.start('a');
        tasks.complete('a');
      },
      (shared) => {
        const { tasks } = attach(code, shared);
        if (attempt(() => tasks.start('b'))) assert.equal(tasks.status('a'), TaskStatus.Completed);
      },
    ],
    check: checkTable,
  };
}

/** A task is Pending and ready at first, then one without the other, then Pending and not ready. */
export function startsNever(code: Code): Model<SharedTasks> {
  return {
    name: 'a task is started only while it is Pending and ready at once',
    setup: () => makeStarted(code),
    threads: [
      (shared) => {
        const { tasks } = attach(code, shared);
        if (!attempt(() => tasks.start('b'))) return false;
        tasks.complete('b');
        tasks.reset('a');
        return attempt(() => tasks.reset('b'));
      },
      (shared) => attempt(() => attach(code, shared).tasks.start('b')),
    ],
    check(shared, results) {
      assert.equal(results.filter(Boolean).length, 1, 'threads that started it');
      checkTable(shared);
    },
  };
}

/** One thread fails, releases or completes what it has claimed, others take it up again or take it back. */
export function changes(code: Code): Model<SharedTasks> {
  return {
    name: 'fail, retry, release, reset beside claims',
    setup: () => makeTasks(code, DIAMOND.slice(0, 3), true),
    threads: [
      (shared) => {
        const { tasks } = attach(code, shared);
        const row = tasks.claim();
        if (row === undefined) return;
        tasks.fail(row);
        attempt(() => tasks.retry(row));
      },
      (shared) => {
        const { tasks } = attach(code, shared);
        const row = tasks.claim();
        if (row === undefined) return;
        tasks.release(row);
        const again = tasks.claim();
        if (again !== undefined) tasks.complete(again);
      },
      (shared) => {
        const { tasks } = attach(code, shared);
        attempt(() => tasks.reset('a'));
      },
    ],
    check: checkTable,
  };
}

const ACTS = {
  failed({ tasks }) {
    const row = tasks.claim();
    if (row === undefined) return;
    tasks.fail(row);
    attempt(() => tasks.retry(row));
  },
  released({ tasks }) {
    const row = tasks.claim();
    if (row !== undefined) tasks.release(row);
  },
  reset({ tasks }) {
    attempt(() => tasks.reset('a'));
  },
} satisfies Record<string, (attached: Attached) => void>;

/** Of `changes` one at a time, beside a thread that claims and completes: few enough steps for all interleavings with three preemptions. */
export function changedTo(code: Code, act: keyof typeof ACTS): Model<SharedTasks> {
  return {
    name: `a task is ${act} beside a claim`,
    setup: () => makeTasks(code, DIAMOND.slice(0, 2)),
    threads: [
      (shared) => ACTS[act](attach(code, shared)),
      (shared) => {
        const { tasks } = attach(code, shared);
        const row = tasks.claim();
        if (row !== undefined) tasks.complete(row);
      },
    ],
    check: checkTable,
  };
}

/** A task is completed again and again taken back, while another thread wants to start what depends on it. */
export function takenBack(code: Code): Model<SharedTasks> {
  return {
    name: 'a dependency is taken back while its dependent is started',
    setup: () => makeStarted(code),
    threads: [
      (shared) => {
        const { tasks } = attach(code, shared);
        tasks.reset('a');
        return attempt(() => tasks.start('a'));
      },
      (shared) => {
        const { tasks } = attach(code, shared);
        return attempt(() => tasks.start('b')) && attempt(() => tasks.complete('b'));
      },
      (shared) => attempt(() => attach(code, shared).tasks.complete('a')),
    ],
    check: checkTable,
  };
}

/** Two threads want to take the same task back: one does, and the other leaves no trace. */
export function takenBackTwice(code: Code): Model<SharedTasks> {
  const reset = (shared: SharedTasks): unknown => attempt(() => attach(code, shared).tasks.reset('a'));
  return { ...takenBack(code), name: 'a dependency is taken back by two', threads: [reset, reset] };
}

/** A task's word changes, and not its status, while another thread claims it. */
export function versions(code: Code): Model<SharedTasks> {
  return {
    name: 'a claim beside a change that leaves the status as it is',
    setup: () => makeTasks(code, DIAMOND.slice(0, 1)),
    threads: [
      (shared) => attempt(() => attach(code, shared).tasks.reset('a')),
      (shared) => attach(code, shared).tasks.claim(),
    ],
    check: checkTable,
  };
}

/** One thread takes the last ready task of a word of the ready set while others put some in: these. */
export function refilling(code: Code, ...given: string[]): Model<SharedTasks> {
  const release = (task: string) => (shared: SharedTasks) => attach(code, shared).tasks.release(task);
  return {
    name: `a word of the ready set is emptied and filled by ${given.length}`,
    setup() {
      const shared = makeTasks(code, [{ id: 'a' }, { id: 'b' }, { id: 'c' }]);
      for (let task = 0; task < 3; task++) shared.tasks.claim();
      shared.tasks.release('a');
      return shared;
    },
    threads: [(shared) => attach(code, shared).tasks.claim(), ...given.map(release)],
    check: checkTable,
  };
}

/** The owner orders the ready set anew, `times` times, while others make tasks ready and take them. */
export function reordering(code: Code, times: number): Model<SharedTasks> {
  return {
    name: `the ready set is ordered anew beside claims, ${times} times`,
    setup() {
      const shared = makeTasks(code, [
        { id: 'a' },
        { id: 'b', dependencies: ['a'] },
        { id: 'c', dependencies: ['a'], priority: 9 },
      ]);
      shared.tasks.start('a');
      return shared;
    },
    threads: [
      (shared) => {
        const { tasks } = attach(code, shared);
        for (let time = 0; time < times; time++) tasks.prioritize();
      },
      (shared) => attach(code, shared).tasks.complete('a'),
      (shared) => {
        const { tasks } = attach(code, shared);
        return tasks.claim();
      },
    ],
    check: checkTable,
  };
}
