import { load, store } from '../memory/atomic.js';
import { LISTS } from '../memory/handle.js';
import { Control } from '../memory/layout.js';
import { findVacantRows } from '../memory/rows.js';
import type { TaskTable } from '../memory/table.js';
import { derive, deriveCounts } from '../tasks/derive.js';
import type { Extents } from './pages.js';

/** What is stored of the table's control block. */
export interface TableControl {
  readonly rowCount: number;
  readonly nextPosition: number;
  /** `Control.Structure`: what was derived from the tasks keeps it to see whether they have changed since. */
  readonly structure: number;
}

/**
 * What is stored of the task table. The statuses come first: a record is written before the status that it allows,
 * so whatever is Completed in the copied statuses has its record in the pages that are copied after them.
 */
export function tableExtents(table: TaskTable): Extents {
  const rows = table.rowCount;
  const { status, duration, priority, position } = table.columns;
  const columns = [status, duration, priority, position] as const;
  return [
    ...columns.map((column) => [column, rows * 4] as const),
    ...table.names.regions(rows),
    ...LISTS.flatMap((name) => table.lists[name].regions(rows)),
  ];
}

export function readControl(table: TaskTable): TableControl {
  const { control, rowCount } = table;
  return {
    rowCount,
    nextPosition: load(control, Control.NextPosition),
    structure: load(control, Control.Structure),
  };
}

/** Completes a table whose stored regions were loaded. O(rows + edges). */
export function restoreTable(table: TaskTable, control: TableControl): void {
  restoreForReading(table, control);
  for (const lists of Object.values(table.lists)) {
    if (lists.wasted > 0.5) lists.compact(control.rowCount);
  }
  if (table.names.wasted > 0.5) {
    table.names.compact(control.rowCount);
    // What was derived from tasks knows them by where names and details lie, and asks only of details whether they have moved.
    table.details.compact(control.rowCount);
  }
  completeTable(table);
}

/** As far as it goes without edges: until `completeTable`, nothing may be claimed or change its status. O(rows). */
export function restoreForReading(table: TaskTable, control: TableControl): void {
  const { rowCount, nextPosition, structure } = control;
  for (const column of Object.values(table.columns)) column.ensure(rowCount * 4);
  // A state of before there were artifacts of tasks has none of them.
  for (const lists of Object.values(table.lists)) lists.ensureRows(rowCount);
  store(table.control, Control.NextPosition, nextPosition);
  store(table.control, Control.RowCount, rowCount);
  store(table.control, Control.Structure, structure);
  table.names.catchUp(rowCount);
  deriveCounts(table);
}

/** After `restoreForReading`, before the first change: brings all that is asleep, and adds what was left out. O(rows + edges). */
export function awakenTable(table: TaskTable): void {
  for (const [region] of tableExtents(table)) region.awaken();
  completeTable(table);
}

function completeTable(table: TaskTable): void {
  table.ready.extend(0, table.rowCount);
  derive(table);
  findVacantRows(table);
}
