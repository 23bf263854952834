import { IllegalTransition, StateUnavailable, TaskNeeded } from '../errors.js';
import { add, load, sub } from '../memory/atomic.js';
import { Control, nextStatus, VACANT_BIT } from '../memory/layout.js';
import { giveBackRows } from '../memory/rows.js';
import type { TaskTable } from '../memory/table.js';
import { type Row, TaskStatus } from '../task.js';

/**
 * Removes tasks; inside `Changes.make`. O(their edges, and the dependents of what they depend on).
 * @throws TaskNeeded if a task that stays depends on one of them, IllegalTransition if one is InProgress, StateUnavailable during a run
 */
export function removeTasks(table: TaskTable, removed: ReadonlySet<Row>): void {
  refuseDuringRun(table);
  const needed = new Set<number>();
  for (const row of removed) {
    const id = table.names.nameOf(row);
    refuseInProgress(table, row);
    for (const dependent of table.dependents.items(row)) {
      if (!removed.has(dependent as Row)) throw new TaskNeeded(id, table.names.nameOf(dependent));
    }
    for (const dependency of table.dependencies.items(row)) {
      if (!removed.has(dependency as Row)) needed.add(dependency);
    }
  }
  // One pass over each list, however many of its rows go.
  for (const row of needed) table.dependents.removeWhere(row, (dependent) => removed.has(dependent as Row));
  for (const row of removed) vacate(table, row);
  giveBackRows(table, Int32Array.from(removed));
  add(table.control, Control.Structure, 1);
}

/** While `body` is under way no task is removed or defined anew: a row remains the task that it is. */
export async function keepingTasks<T>({ control }: TaskTable, body: () => Promise<T>): Promise<T> {
  add(control, Control.Runs, 1);
  try {
    return await body();
  } finally {
    add(control, Control.Runs, -1);
  }
}

/** Alone. @throws StateUnavailable */
export function refuseDuringRun({ control }: TaskTable): void {
  if (load(control, Control.Runs) === 0) return;
  throw new StateUnavailable(
    'A run is under way, for which all tasks stay as they are: wait for its end to remove or replace some. New ones may be defined.',
  );
}

/** @throws IllegalTransition */
export function refuseInProgress(table: TaskTable, row: Row): void {
  if (table.status(row) !== TaskStatus.InProgress) return;
  throw new IllegalTransition(table.names.nameOf(row), 'InProgress', 'removed');
}

/** Empties the row; edges from other rows to it are the caller's to remove. */
export function vacate(table: TaskTable, row: Row): void {
  const status = table.status(row);
  // By way of Pending, so that counters and the ready set are left by the one function that keeps them.
  if (status !== TaskStatus.Pending)
    table.changes.quietly(() => table.transition(row, status, TaskStatus.Pending, 0));
  const word = nextStatus(table.columns.status.get(row), TaskStatus.Pending, 0, 0) | VACANT_BIT;
  table.columns.status.set(row, word);
  table.tell(row, word);
  sub(table.control, Control.LiveCount, 1);
  table.names.remove(row);
  table.dependencies.clear(row);
  table.dependents.clear(row);
  table.details.clear(row);
  table.lists.artifact.clear(row);
}
