import { CapacityExceeded } from '../errors.js';
import { TaskStatus } from '../task.js';
import { load, store } from './atomic.js';
import { LISTS } from './handle.js';
import { Control, isVacant, nextStatus, VACANT_BIT } from './layout.js';
import { MAX_ROWS } from './parts.js';
import type { TaskTable } from './table.js';

/*
 * Rows are given out and taken back by the thread that is alone: vacant ones first, the last one first, then new ones. The vacant ones
 * are a list, linked by the holder column, which says nothing else of a row without a task: 1 + the next row, or 0.
 */

/**
 * Rows for `count` tasks, with room in every column, still vacant. O(count).
 * @throws CapacityExceeded
 */
export function takeRows(table: TaskTable, count: number): Int32Array {
  const { control } = table;
  const before = table.rowCount;
  const vacant = before - load(control, Control.LiveCount);
  const fresh = Math.max(0, count - vacant);
  if (before + fresh > MAX_ROWS) throw new CapacityExceeded('A state', MAX_ROWS);
  if (fresh > 0) extend(table, before, before + fresh);
  const rows = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    rows[index] = index < count - fresh ? takeVacant(table) : before + index - (count - fresh);
  }
  return rows;
}

function takeVacant(table: TaskTable): number {
  const row = load(table.control, Control.FirstVacant) - 1;
  store(table.control, Control.FirstVacant, table.columns.holder.ints[row]!);
  table.ready.forget(row);
  return row;
}

/** Takes rows back that hold no task. O(rows). */
export function giveBackRows(table: TaskTable, rows: Int32Array): void {
  const { control } = table;
  const { holder } = table.columns;
  for (let index = rows.length - 1; index >= 0; index--) {
    const row = rows[index]!;
    holder.keep(row);
    holder.ints[row] = load(control, Control.FirstVacant);
    store(control, Control.FirstVacant, row + 1);
  }
}

/** Finds the vacant rows of a table that was loaded. O(rows) if there are any. */
export function findVacantRows(table: TaskTable): void {
  const { rowCount } = table;
  store(table.control, Control.FirstVacant, 0);
  if (rowCount === load(table.control, Control.LiveCount)) return;
  const status = table.columns.status.ints;
  const rows = new Int32Array(rowCount).map((_, row) => row);
  giveBackRows(
    table,
    rows.filter((row) => isVacant(status[row]!)),
  );
}

/** Makes a filled-in row a Pending task. The last step: now other threads see it. */
export function makeLive(table: TaskTable, row: number): void {
  const { status } = table.columns;
  const word = nextStatus(status.get(row), TaskStatus.Pending, 0, 0);
  status.set(row, word);
  table.tell(row, word);
}

function extend(table: TaskTable, from: number, to: number): void {
  const { status, ...others } = table.columns;
  for (const column of Object.values(others)) column.ensure(to * 4);
  table.names.reserve(to);
  for (const name of LISTS) table.lists[name].ensureRows(to);
  table.ready.extend(from, to);
  // Last: another thread whose view of the statuses covers a row relies on all other columns covering it.
  status.ensure(to * 4);
  for (let row = from; row < to; row++) status.put(row, VACANT_BIT);
  store(table.control, Control.RowCount, to);
}
