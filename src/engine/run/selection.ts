import { reach } from '../../graph/dependency-graph.js';
import { rowsByPosition } from '../../graph/positions.js';
import type { TaskTable } from '../../memory/table.js';
import type { Row } from '../../task.js';

/** The tasks that a run is about. */
export interface Selection {
  /** Dependencies first. */
  readonly order: Int32Array;
  /** False for what was defined later. */
  has(row: Row): boolean;
}

/** The targets with all that they need, in O(n log n) tasks and edges of it; without targets, every task, in O(tasks). */
export function select(table: TaskTable, targets: readonly Row[]): Selection {
  const order = targets.length === 0 ? rowsByPosition(table) : needed(table, targets);
  const isChosen = new Uint8Array(table.rowCount);
  for (const row of order) isChosen[row] = 1;
  return { order, has: (row) => isChosen[row] === 1 };
}

function needed(table: TaskTable, targets: readonly Row[]): Int32Array {
  const { position } = table.columns;
  const rows = Int32Array.from(reach(table.dependencies, targets));
  return rows.sort((one, other) => position.get(one) - position.get(other));
}
