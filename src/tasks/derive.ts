import { remainingPaths } from '../graph/longest-path.js';
import { rowsByPosition } from '../graph/positions.js';
import { rankDescending } from '../graph/ranking.js';
import { load, store } from '../memory/atomic.js';
import { Control, isVacant, statusOf } from '../memory/layout.js';
import type { TaskTable } from '../memory/table.js';
import { TaskStatus } from '../task.js';

/**
 * Computes all that follows from the stored columns: counters, pending counts and the ready set, in the order that it
 * has; the first claim ranks it. For a table whose columns were loaded or rewritten, while no other thread changes
 * statuses. O(rows + edges).
 */
export function derive(table: TaskTable): void {
  deriveCounts(table);
  const rows = table.rowCount;
  table.columns.pending.keepRange(0, rows);
  table.columns.pending.ints.fill(0);
  for (let row = 0; row < rows; row++) {
    if (table.isLive(row) && table.status(row) !== TaskStatus.Completed) addToDependents(table, row);
  }
  table.ready.refill(rows, (row) => table.isReady(row));
  table.parking.wake();
}

/** Computes the counters alone. O(rows). */
export function deriveCounts({ columns, control, rowCount, threads }: TaskTable): void {
  const counts = [0, 0, 0, 0];
  for (const word of columns.status.ints.subarray(0, rowCount)) {
    if (!isVacant(word)) counts[statusOf(word)]!++;
  }
  const total = counts.reduce((sum, count) => sum + count);
  store(control, Control.LiveCount, total);
  counts[TaskStatus.Pending]! -= total;
  threads.setCounters(counts);
}

/**
 * Ranks all rows anew, longest remaining path first, then by row. For who is alone. O(rows + edges), and O(1) if it would be about the same as
 * before: tasks and edges are, and less than one of a hundred durations has changed by a millisecond.
 */
export function prioritize(table: TaskTable): void {
  if (isInOrder(table)) return;
  store(table.control, Control.DurationsChanged, 0);
  const paths = remainingPaths(table, rowsByPosition(table));
  table.ready.reorder(rankDescending(paths), (row) => table.isReady(row));
  store(table.control, Control.RankedStructure, load(table.control, Control.Structure));
  store(table.control, Control.RankedRows, table.rowCount);
}

function isInOrder({ control, rowCount }: TaskTable): boolean {
  return (
    load(control, Control.DurationsChanged) <= rowCount / 128 &&
    load(control, Control.RankedStructure) === load(control, Control.Structure) &&
    load(control, Control.RankedRows) === rowCount
  );
}

function addToDependents(table: TaskTable, row: number): void {
  const { pool } = table.dependents;
  const start = table.dependents.start(row);
  const end = start + table.dependents.count(row);
  const pending = table.columns.pending.ints;
  for (let at = start; at < end; at++) pending[pool.ints[at]!]!++;
}
