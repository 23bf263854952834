import type { StatusCounts } from '../memory/counters.js';
import { isVacant, statusOf } from '../memory/layout.js';
import type { TaskTable } from '../memory/table.js';
import type { TaskState } from '../task.js';

/** Of a row that holds no task. */
const VACANT = 255;

/** How tasks stood at one moment. */
export interface TaskSnapshot {
  readonly counts: StatusCounts;
  /** Row → TaskStatus; 255 for a row that held no task. */
  readonly statuses: Uint8Array;
  /** The ones that were asked for, in that order. */
  readonly tasks: readonly TaskState[];
}

/** @param read gives the tasks that were asked for */
export function takeSnapshot(table: TaskTable, read: () => TaskState[]): TaskSnapshot {
  // Others wait no longer than to copy the words takes: what they mean is looked at afterwards.
  const { words, ...rest } = table.threads.alone(() => {
    table.renew();
    return { words: table.statusWords(), counts: table.counts(), tasks: read() };
  });
  return { ...rest, statuses: Uint8Array.from(words, (word) => (isVacant(word) ? VACANT : statusOf(word))) };
}
