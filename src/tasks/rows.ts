import { CapacityExceeded } from '../errors.js';
import { store } from '../memory/atomic.js';
import { Control, nextStatus, VACANT_BIT } from '../memory/layout.js';
import { MAX_ROWS, type TaskTable } from '../memory/table.js';
import { TaskStatus } from '../task.js';

/** Gives out rows and takes them back: vacant rows first, then new ones. Owner only. */
export class Rows {
  private readonly table: TaskTable;
  private readonly vacant: number[] = [];

  constructor(table: TaskTable) {
    this.table = table;
    for (let row = table.rowCount - 1; row >= 0; row--) if (!table.isLive(row)) this.vacant.push(row);
  }

  /**
   * Rows for `count` tasks, with room in every column, still vacant.
   * @throws CapacityExceeded
   */
  take(count: number): Int32Array {
    const { table, vacant } = this;
    const fresh = Math.max(0, count - vacant.length);
    const before = table.rowCount;
    if (before + fresh > MAX_ROWS) throw new CapacityExceeded('A state', MAX_ROWS);
    if (fresh > 0) this.extend(before, before + fresh);
    const rows = new Int32Array(count);
    for (let index = 0; index < count; index++) {
      rows[index] = index < count - fresh ? vacant.pop()! : before + index - (count - fresh);
    }
    return rows;
  }

  /** Takes rows back that were never made live, or are no longer. */
  giveBack(rows: Int32Array): void {
    for (let index = rows.length - 1; index >= 0; index--) this.vacant.push(rows[index]!);
  }

  /** Makes a filled-in row a Pending task. The last step: now other threads see it. */
  makeLive(row: number): void {
    const word = this.table.columns.status.get(row);
    this.table.columns.status.set(row, nextStatus(word, TaskStatus.Pending, 0, 0));
  }

  private extend(from: number, to: number): void {
    const { table } = this;
    const { status, ...others } = table.columns;
    for (const column of Object.values(others)) column.ensure(to * 4);
    table.names.reserve(to);
    for (const lists of [table.dependencies, table.dependents, table.details]) lists.ensureRows(to);
    table.ready.extend(from, to);
    // Last: an attached thread whose view of the statuses covers a row relies on all other columns covering it.
    status.ensure(to * 4);
    for (let row = from; row < to; row++) status.put(row, VACANT_BIT);
    store(table.control, Control.RowCount, to);
  }
}
