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

/** The targets with all that they need, in O(n log n) tasks and edges of it; without targets, every task, in O(tasks). */
export function select(table: TaskTable, targets: readonly Row[]): Selection {
  if (targets.length === 0) return { order: rowsByPosition(table), has: () => true };
  const wanted = reach(table.dependencies, targets);
  const { position } = table.columns;
  const order = Int32Array.from(wanted).sort((one, other) => position.get(one) - position.get(other));
  return { order, has: (row) => wanted.has(row) };
}
