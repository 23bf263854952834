import { load, store } from '../memory/atomic.js';
import { Control } from '../memory/layout.js';
import type { TaskTable } from '../memory/table.js';

/** Positions given out for each row before they are numbered anew, and below how many positions they never are. */
const MAX_PER_ROW = 4;
const ALWAYS_FINE = 4096;

/** Rows by topological position, dependencies first; vacant rows left out. O(rows + positions given out). */
export function rowsByPosition(table: TaskTable): Int32Array {
  table.columns.position.awaken();
  const positions = table.columns.position.ints;
  const rowAt = new Int32Array(table.control[Control.NextPosition]!).fill(-1);
  const rows = table.rowCount;
  for (let row = 0; row < rows; row++) if (table.isLive(row)) rowAt[positions[row]!] = row;
  let found = 0;
  for (const row of rowAt) if (row >= 0) rowAt[found++] = row;
  return rowAt.subarray(0, found);
}

/**
 * Numbers the positions anew if giving out `more` would leave them mostly unused, after many removals. For who is alone.
 * Amortised O(1) a position given out.
 */
export function keepPositionsDense(table: TaskTable, more: number): void {
  const next = load(table.control, Control.NextPosition) + more;
  if (next <= Math.max(ALWAYS_FINE, MAX_PER_ROW * table.rowCount)) return;
  const rows = rowsByPosition(table);
  table.columns.position.keepRange(0, table.rowCount);
  rows.forEach((row, position) => {
    table.columns.position.set(row, position);
  });
  store(table.control, Control.NextPosition, rows.length);
}
