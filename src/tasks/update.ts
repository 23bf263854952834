import type { TaskTable } from '../memory/table.js';
import type { Row, TaskId } from '../task.js';
import { anything, type Check, checkOptions, milliseconds, oneOf, wholeFrom } from '../values.js';
import { type AttemptResult, complete, fail, release, reset, retry, start } from './lifecycle.js';

/** One change of a batch: what to do with which task. */
export interface TaskChange extends AttemptResult {
  /** The task that is changed. */
  readonly task: TaskId | Row;
  /** The call of `TaskManager` that does the same. */
  readonly action: 'start' | 'complete' | 'fail' | 'release' | 'reset' | 'retry';
}

type Action = (table: TaskTable, row: Row, change: TaskChange) => void;
const ACTIONS: ReadonlyMap<TaskChange['action'], Action> = new Map<TaskChange['action'], Action>([
  ['start', (table, row) => start(table, row)],
  ['complete', complete],
  ['fail', fail],
  ['release', (table, row, { epoch }) => release(table, row, undefined, epoch)],
  ['reset', (table, row) => reset(table, row)],
  ['retry', (table, row) => retry(table, row)],
]);

const CHANGE = {
  // Has an error of its own.
  task: anything,
  action: oneOf([...ACTIONS.keys()]),
} satisfies Partial<Record<keyof TaskChange, Check>>;
const RELEASE = { ...CHANGE, epoch: wholeFrom(0) };
const END = { ...RELEASE, outcome: anything, duration: milliseconds } satisfies Record<
  keyof TaskChange,
  Check
>;

/** What a change may say, by its action: what would be without effect is refused. */
function checksOf(action: TaskChange['action'] | undefined): Readonly<Record<string, Check>> {
  if (action === 'release') return RELEASE;
  return action === 'complete' || action === 'fail' ? END : CHANGE;
}

/**
 * Applies changes in order, inside `Changes.make`, which takes back those before one that is refused.
 * @throws UnknownTask, IllegalTransition, InvalidArgument
 */
export function applyAll(
  table: TaskTable,
  changes: Iterable<TaskChange>,
  rowOf: (task: TaskId | Row) => Row,
): void {
  for (const change of changes) {
    checkOptions('a change', change, checksOf(change?.action), ['action']);
    ACTIONS.get(change.action)!(table, rowOf(change.task), change);
  }
}
