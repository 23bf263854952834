import { remainingPaths } from '../graph/longest-path.js';
import { rowsByPosition } from '../graph/positions.js';
import { rankDescending } from '../graph/ranking.js';
import { store } from '../memory/atomic.js';
import { Control } from '../memory/layout.js';
import type { TaskTable } from '../memory/table.js';
import { TaskStatus } from '../task.js';

/**
 * Computes all that follows from the stored columns: counters, pending counts and the ready set, in the order that it
 * has; the first claim ranks it. For a table whose columns were loaded or rewritten, while no other thread changes
 * statuses. O(rows + edges).
 */
export function derive(table: TaskTable): void {
  const counts = [0, 0, 0, 0];
  const pending = table.columns.pending.ints;
  pending.fill(0);
  const rows = table.rowCount;
  for (let row = 0; row < rows; row++) {
    if (!table.isLive(row)) continue;
    const status = table.status(row);
    counts[status]!++;
    if (status !== TaskStatus.Completed) addToDependents(table, row);
  }
  store(table.control, Control.Completed, counts[TaskStatus.Completed]!);
  store(table.control, Control.Failed, counts[TaskStatus.Failed]!);
  const total = counts.reduce((sum, count) => sum + count);
  store(table.control, Control.Begun, total - counts[TaskStatus.Pending]!);
  store(table.control, Control.LiveCount, total);
  table.ready.refill(rows, (row) => table.isReady(row));
  table.wake();
}

/** Ranks all rows anew, longest remaining path first, then by row. O(rows + edges). */
export function prioritize(table: TaskTable): void {
  const paths = remainingPaths(table, rowsByPosition(table));
  table.ready.reorder(rankDescending(paths), (row) => table.isReady(row));
  table.wake();
}

function addToDependents(table: TaskTable, row: number): void {
  const { pool } = table.dependents;
  const start = table.dependents.start(row);
  const end = start + table.dependents.count(row);
  const pending = table.columns.pending.ints;
  for (let at = start; at < end; at++) pending[pool.ints[at]!]!++;
}
