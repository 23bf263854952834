import type { StatusCounts } from '../memory/counters.js';
import { STATUS_MASK, VACANT_BIT } from '../memory/layout.js';
import type { TaskTable } from '../memory/table.js';
import type { TaskState } from '../task.js';

/** Of a row that holds no task. */
const VACANT = 255;

/** How tasks stood at one moment. */
export interface TaskSnapshot {
  /** All tasks by status. */
  readonly counts: StatusCounts;
  /** Row → TaskStatus; 255 for a row that held no task. */
  readonly statuses: Uint8Array;
  /** The ones that were asked for, in that order. */
  readonly tasks: readonly TaskState[];
}

/**
 * @param read gives the tasks that were asked for
 * @param into memory to be used again, if it is large enough
 */
export function takeSnapshot(
  table: TaskTable,
  read: () => TaskState[],
  into: Uint8Array = new Uint8Array(0),
): TaskSnapshot {
  // Filled, so that the system gives its pages now, and not while others wait: that may take longer than all the rest.
  const room = into.length >= table.rowCount ? into : new Uint8Array(table.rowCount).fill(VACANT);
  return table.changes.still(() => {
    const rows = table.rowCount;
    const statuses = room.length >= rows ? room.subarray(0, rows) : new Uint8Array(rows);
    decode(table.columns.status.ints, statuses);
    return { statuses, counts: table.counts(), tasks: read() };
  });
}

/**
 * A function of its own, with locals: others wait, and V8 looks at whatever is imported again for each word, which is 3 ms of 4 for a
 * million of them.
 */
function decode(words: Int32Array, statuses: Uint8Array): void {
  const [vacantBit, vacant, mask, rows] = [VACANT_BIT, VACANT, STATUS_MASK, statuses.length];
  for (let row = 0; row < rows; row++) {
    const word = words[row]!;
    statuses[row] = (word & vacantBit) !== 0 ? vacant : word & mask;
  }
}
