import type { StatusWord, TaskTable } from '../memory/table.js';
import { OUTCOMES, type Row, type TaskId, type TaskStatus } from '../task.js';
import { anything, type Check, checkOptions, milliseconds, oneOf, wholeFrom } from '../values.js';
import { type AttemptResult, complete, fail, release, reset, retry, start } from './lifecycle.js';

/** One change of a batch: what to do with which task. */
export interface TaskChange extends AttemptResult {
  readonly task: TaskId | Row;
  readonly action: 'start' | 'complete' | 'fail' | 'release' | 'reset' | 'retry';
}

type Action = (table: TaskTable, row: Row, change: TaskChange) => void;
const ACTIONS: ReadonlyMap<TaskChange['action'], Action> = new Map<TaskChange['action'], Action>([
  ['start', (table, row) => start(table, row)],
  ['complete', complete],
  ['fail', fail],
  ['release', (table, row) => release(table, row)],
  ['reset', (table, row) => reset(table, row)],
  ['retry', (table, row) => retry(table, row)],
]);

const CHANGE = {
  // Has an error of its own.
  task: anything,
  action: oneOf([...ACTIONS.keys()]),
  outcome: anything,
  duration: milliseconds,
  epoch: wholeFrom(0),
} satisfies Record<keyof TaskChange, Check>;

/** How to take one change back. */
interface Undo {
  readonly row: Row;
  readonly before: StatusWord;
  /** Milliseconds. */
  readonly duration: number;
  /** The status that the change led to. */
  readonly after: TaskStatus;
}

/**
 * Applies changes in order; if one is refused, those before it are taken back in reverse order. Other threads may see
 * and use what is done meanwhile: a task that another thread has moved on since is left to it.
 * @throws UnknownTask, IllegalTransition, InvalidArgument
 */
export function applyAll(
  table: TaskTable,
  changes: Iterable<TaskChange>,
  rowOf: (task: TaskId | Row) => Row,
): void {
  const done: Undo[] = [];
  try {
    for (const change of changes) {
      checkOptions('a change', change, CHANGE, ['action']);
      const row = rowOf(change.task);
      const before = table.read(row)!;
      const duration = table.duration(row);
      ACTIONS.get(change.action)!(table, row, change);
      done.push({ row, before, duration, after: table.status(row) });
    }
  } catch (error) {
    done.reverse().forEach((change) => {
      takeBack(table, change);
    });
    throw error;
  }
}

function takeBack(table: TaskTable, { row, before, duration, after }: Undo): void {
  const outcome = OUTCOMES.indexOf(before.outcome);
  if (!table.transition(row, after, before.status, outcome, before.attempt)) return;
  if (table.duration(row) !== duration) table.setDuration(row, duration || undefined);
}
