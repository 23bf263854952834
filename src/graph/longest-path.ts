import type { TaskTable } from '../memory/table.js';
import { rowsByPosition } from './positions.js';

/** What a task costs whose duration nobody has measured, in milliseconds. */
const UNKNOWN_MS = 1;

/**
 * For each row the length, in milliseconds, of the longest path from its start to the end of the build: its own cost
 * (the recorded duration, else 1), the longest of its dependents' paths, and the user's priority; never negative.
 * O(rows + edges).
 */
export function remainingPaths(table: TaskTable, order: Int32Array): Float64Array {
  const paths = new Float64Array(table.rowCount);
  const { dependents } = table;
  const { duration, priority } = table.columns;
  for (let index = order.length - 1; index >= 0; index--) {
    const row = order[index]!;
    const start = dependents.start(row);
    const end = start + dependents.count(row);
    let longest = 0;
    for (let at = start; at < end; at++) longest = Math.max(longest, paths[dependents.pool.ints[at]!]!);
    paths[row] = Math.max(0, longest + (duration.get(row) / 10 || UNKNOWN_MS) + priority.get(row));
  }
  return paths;
}

/** The rows of a longest path through the graph by recorded durations, first to run first. O(rows + edges). */
export function criticalPath(table: TaskTable): { rows: number[]; milliseconds: number } {
  const order = rowsByPosition(table);
  const { dependencies } = table;
  const cost = new Float64Array(table.rowCount);
  const previous = new Int32Array(table.rowCount).fill(-1);
  let last = -1;
  for (const row of order) {
    for (const dependency of dependencies.items(row)) {
      if (cost[dependency]! > cost[row]!) {
        cost[row] = cost[dependency]!;
        previous[row] = dependency;
      }
    }
    cost[row]! += table.columns.duration.get(row) / 10 || UNKNOWN_MS;
    if (last < 0 || cost[row]! > cost[last]!) last = row;
  }
  const rows: number[] = [];
  for (let row = last; row >= 0; row = previous[row]!) rows.push(row);
  return { rows: rows.reverse(), milliseconds: last < 0 ? 0 : cost[last]! };
}
