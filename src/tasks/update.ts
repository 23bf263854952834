import type { TaskTable } from '../memory/table.js';
import type { Row, TaskId } from '../task.js';
import { anything, type Check, checkOptions, milliseconds, oneOf, wholeFrom } from '../values.js';
import { type AttemptResult, complete, fail, release, reset, retry, start } from './lifecycle.js';

/** The call of `TaskManager` that does the same: one that begins anew, one that gives an attempt up, or one that ends it. */
export type TaskAction = 'start' | 'reset' | 'retry' | 'release' | 'complete' | 'fail';

/** A change by one of some calls, without what is said with it. */
export interface ChangeOf<Action extends TaskAction> {
  /** The task that is changed. */
  readonly task: TaskId | Row;
  /** What to do with it. */
  readonly action: Action;
}

/** One change of a batch: what to do with which task. */
export type TaskChange =
  | ChangeOf<'start' | 'reset' | 'retry'>
  | (ChangeOf<'release'> & Pick<AttemptResult, 'epoch'>)
  | (ChangeOf<'complete' | 'fail'> & AttemptResult);

type Action = (table: TaskTable, row: Row, change: ChangeOf<TaskAction> & AttemptResult) => void;
const ACTIONS: ReadonlyMap<TaskAction, Action> = new Map<TaskAction, Action>([
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
} satisfies Record<keyof ChangeOf<TaskAction>, Check>;
const RELEASE = { ...CHANGE, epoch: wholeFrom(0) };
const END = { ...RELEASE, outcome: anything, duration: milliseconds } satisfies Record<
  keyof ChangeOf<TaskAction> | keyof AttemptResult,
  Check
>;

/** What a change may say, by its action: what would be without effect is refused. */
function checksOf(action: TaskAction | undefined): Readonly<Record<string, Check>> {
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
