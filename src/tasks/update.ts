import { InvalidArgument } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { OUTCOMES, type Row, type TaskId, type TaskStatus } from '../task.js';
import { type AttemptResult, complete, fail, release, reset, retry, start } from './lifecycle.js';

/** One change of a batch: what to do with which task. */
export interface TaskChange extends AttemptResult {
  readonly task: TaskId | Row;
  readonly action: 'start' | 'complete' | 'fail' | 'release' | 'reset' | 'retry';
}

type Action = (table: TaskTable, row: Row, change: TaskChange) => void;
const ACTIONS: Readonly<Record<TaskChange['action'], Action>> = {
  start: (table, row) => start(table, row),
  complete,
  fail,
  release: (table, row) => release(table, row),
  reset: (table, row) => reset(table, row),
  retry: (table, row) => retry(table, row),
};

interface Undo {
  readonly row: Row;
  readonly status: TaskStatus;
  readonly outcome: number;
  readonly attempt: number;
}

/**
 * Applies changes in order; if one is refused, those before it are taken back in reverse order.
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
      const row = rowOf(change.task);
      const { status, outcome, attempt } = table.read(row)!;
      apply(table, row, change);
      done.push({ row, status, outcome: OUTCOMES.indexOf(outcome), attempt });
    }
  } catch (error) {
    for (const { row, status, outcome, attempt } of done.reverse()) {
      table.transition(row, table.status(row), status, outcome, attempt);
    }
    throw error;
  }
}

function apply(table: TaskTable, row: Row, change: TaskChange): void {
  const action = ACTIONS[change.action];
  if (action === undefined) throw new InvalidArgument(`Unknown action ${JSON.stringify(change.action)}.`);
  action(table, row, change);
}
