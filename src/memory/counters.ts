import { TaskStatus } from '../task.js';
import { add, load, sub } from './atomic.js';
import { Control } from './layout.js';

const { Pending, InProgress } = TaskStatus;

/** Counter word by status; the others follow from `Begun`. */
const COUNTER = [0, 0, Control.Completed, Control.Failed] as const;

// As constants of this module: V8 inlines only so much bytecode, and looking into `Control` is a lot of it.
const { Begun: BEGUN, Completed: COMPLETED, Failed: FAILED, LiveCount: LIVE } = Control;

/** The statuses, counted. */
export interface StatusCounts {
  readonly total: number;
  readonly pending: number;
  readonly inProgress: number;
  readonly completed: number;
  readonly failed: number;
}

/** O(1); exact as soon as the transitions under way in other threads have returned. */
export function countsOf(control: Int32Array): StatusCounts {
  const completed = load(control, COMPLETED);
  const failed = load(control, FAILED);
  const begun = load(control, BEGUN);
  const total = load(control, LIVE);
  return {
    total,
    pending: Math.max(0, total - begun),
    inProgress: Math.max(0, begun - completed - failed),
    completed,
    failed,
  };
}

/**
 * Counts a transition. `Begun` goes up first and down first, and is read last: who counts may miss a task in progress, but sees none
 * too many.
 */
export function countTransition(control: Int32Array, from: TaskStatus, to: TaskStatus): void {
  if (from === Pending) add(control, BEGUN, 1);
  else if (from !== InProgress) sub(control, COUNTER[from], 1);
  if (to === Pending) sub(control, BEGUN, 1);
  else if (to !== InProgress) add(control, COUNTER[to], 1);
}
