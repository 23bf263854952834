import { workerData } from 'node:worker_threads';
import { TaskTable } from '../../src/memory/table.js';
import { type Row, TaskStatus } from '../../src/task.js';
import { TaskManager } from '../../src/tasks/task-manager.js';
import { randomFrom } from '../engine/lane-support.js';

/** What a racing thread is told. */
export interface RaceInput {
  readonly handle: ReturnType<TaskTable['handle']>;
  readonly seed: number;
  /** Unsteady: attempts also fail or are released; invalidate: completed tasks are also reset at once. */
  readonly mode: 'steady' | 'unsteady' | 'invalidate';
  /** One count a row: how often it was completed. */
  readonly runs: Int32Array<SharedArrayBuffer>;
  /** One flag a row: 1 while a thread runs it. */
  readonly running: Int32Array<SharedArrayBuffer>;
  /** One count: what should never be seen. */
  readonly faults: Int32Array<SharedArrayBuffer>;
}

const { handle, seed, mode, runs, running, faults } = workerData as RaceInput;
const table = TaskTable.from(handle);
const tasks = new TaskManager(table);
const random = randomFrom(seed);

const isDone = (): boolean => tasks.counts().completed === tasks.counts().total;
while (!isDone()) {
  const row = tasks.claim();
  if (row === undefined) tasks.waitForWorkSync({ timeout: 20_000, isOver: isDone });
  else attempt(row);
}

function attempt(row: Row): void {
  if (Atomics.exchange(running, row, 1) !== 0) Atomics.add(faults, 0, 1);
  // A dependency may be reset after its dependent was claimed, but not otherwise be unfinished.
  if (mode !== 'invalidate') checkDependencies(row);
  const dice = mode === 'unsteady' ? random() : 1;
  if (dice >= 0.3) Atomics.add(runs, row, 1);
  Atomics.store(running, row, 0);
  if (dice < 0.15) {
    tasks.release(row);
  } else if (dice < 0.3) {
    tasks.fail(row);
    tasks.retry(row);
  } else {
    tasks.complete(row);
    if (mode === 'invalidate' && random() < 0.2) tasks.reset(row);
  }
}

function checkDependencies(row: Row): void {
  for (const dependency of table.dependencies.items(row)) {
    if (tasks.status(dependency as Row) !== TaskStatus.Completed) Atomics.add(faults, 0, 1);
  }
}
