import { reach } from '../../graph/dependency-graph.js';
import { rowsByPosition } from '../../graph/positions.js';
import type { TaskTable } from '../../memory/table.js';
import type { Row } from '../../task.js';

/** The tasks that a run is about. */
export interface Selection {
  /** Dependencies first. */
  readonly order: Int32Array;
  has(row: Row): boolean;
}

/** The targets with all that they need; without targets, every task. O(tasks + edges). */
export function select(table: TaskTable, targets: readonly Row[]): Selection {
  const all = rowsByPosition(table);
  if (targets.length === 0) return { order: all, has: () => true };
  const wanted = new Uint8Array(table.rowCount);
  for (const row of reach(table.dependencies, targets)) wanted[row] = 1;
  return { order: all.filter((row) => wanted[row] === 1), has: (row) => wanted[row] === 1 };
}
