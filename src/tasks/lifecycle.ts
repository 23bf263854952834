import { IllegalTransition } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { OUTCOMES, type Outcome, type Row, STATUS_NAMES, TaskStatus } from '../task.js';

/** What a caller may say about the end of an attempt. */
export interface AttemptResult {
  /** Why the task has its new status. */
  readonly outcome?: Outcome;
  /** Milliseconds that the attempt took. */
  readonly duration?: number;
}

const CODE = Object.fromEntries(OUTCOMES.map((outcome, code) => [outcome, code])) as Record<Outcome, number>;

const { Pending, InProgress, Completed, Failed } = TaskStatus;

/** Pending → InProgress. @throws IllegalTransition also while a dependency is not Completed */
export function start(table: TaskTable, row: Row): void {
  if (table.pending(row) !== 0 || !table.transition(row, Pending, InProgress, 0)) {
    throw refusal(table, row, InProgress);
  }
}

/** InProgress → Completed (outcome `executed`); with outcome `fresh` or `cached` also Pending → Completed. */
export function complete(table: TaskTable, row: Row, result?: AttemptResult): void {
  if (result?.duration !== undefined) table.setDuration(row, result.duration);
  const outcome = result?.outcome ?? 'executed';
  if (table.transition(row, InProgress, Completed, CODE[outcome])) return;
  const unrun = outcome === 'fresh' || outcome === 'cached';
  if (unrun && table.pending(row) === 0 && table.transition(row, Pending, Completed, CODE[outcome])) return;
  throw refusal(table, row, Completed);
}

/** InProgress → Failed. */
export function fail(table: TaskTable, row: Row, result?: AttemptResult): void {
  if (result?.duration !== undefined) table.setDuration(row, result.duration);
  if (!table.transition(row, InProgress, Failed, CODE[result?.outcome ?? 'failed'])) {
    throw refusal(table, row, Failed);
  }
}

/** InProgress → Pending: the attempt is given up. Keeps the attempt count. */
export function release(table: TaskTable, row: Row, outcome: Outcome = 'interrupted'): void {
  if (!table.transition(row, InProgress, Pending, CODE[outcome])) throw refusal(table, row, Pending);
}

/** Completed or Failed → Pending, as if newly defined; nothing happens to a task that is Pending. */
export function reset(table: TaskTable, row: Row): void {
  const done =
    table.transition(row, Completed, Pending, CODE.none) ||
    table.transition(row, Failed, Pending, CODE.none) ||
    table.transition(row, Pending, Pending, CODE.none);
  if (!done) throw refusal(table, row, Pending);
}

/** Failed → Pending with the attempts kept. */
export function retry(table: TaskTable, row: Row): void {
  if (!table.transition(row, Failed, Pending, CODE.failed)) throw refusal(table, row, Pending);
}

/** Says of a Pending task that it waits for one that failed. */
export function block(table: TaskTable, row: Row): void {
  if (!table.transition(row, Pending, Pending, CODE.blocked)) throw refusal(table, row, Pending);
}

function refusal(table: TaskTable, row: Row, to: TaskStatus): IllegalTransition {
  const id = table.names.nameOf(row);
  const status = table.status(row);
  return new IllegalTransition(id, STATUS_NAMES[status], STATUS_NAMES[to], whyNot(table, row, status, to));
}

function whyNot(table: TaskTable, row: Row, from: TaskStatus, to: TaskStatus): string | undefined {
  if (from !== Pending || to === Failed || table.pending(row) === 0) return undefined;
  for (const dependency of table.dependencies.items(row)) {
    if (table.status(dependency as Row) !== Completed) {
      return `it waits for ${JSON.stringify(table.names.nameOf(dependency))}`;
    }
  }
  return undefined;
}
