import { IllegalTransition, InvalidArgument, quote, UnknownTask } from '../errors.js';
import type { TaskTable } from '../memory/table.js';
import { OUTCOMES, type Outcome, type Row, STATUS_NAMES, TaskStatus } from '../task.js';
import { anything, type Check, checkOptions, milliseconds, shown, wholeFrom } from '../values.js';

/** What a caller may say about the end of an attempt. */
export interface AttemptResult {
  /** Why the task has its new status. */
  readonly outcome?: Outcome;
  /** Milliseconds that the attempt took; kept to a tenth of one, and no more than 59 hours. */
  readonly duration?: number;
  /** The attempt that has ended (see `TaskManager.epoch`): if another one is under way by now, this is refused. */
  readonly epoch?: number;
}

/** A task that was claimed, and which of its attempts that is. */
export interface ClaimedAttempt {
  /** The task's row. */
  readonly row: Row;
  /** Tells this attempt from all others at the task (see `AttemptResult.epoch`) but for those 2^18 changes of its status ago. */
  readonly epoch: number;
  /** 1 for the first attempt since the task was defined or reset. */
  readonly attempt: number;
}

type Codes = ReadonlyMap<Outcome, number>;

const { Pending, InProgress, Completed, Failed } = TaskStatus;

/** What an attempt may end with, by the status that it leads to: outcome → what the status word stores. */
const COMPLETED_BY = codes('executed', 'cached', 'fresh');
const FAILED_BY = codes('failed', 'timed-out', 'cancelled', 'interrupted');
const RELEASED_BY = codes('none', 'cancelled', 'interrupted');
/** Where `complete` with `fresh` or `cached`, and `reset`, may begin. */
const COMPLETED_FROM: readonly TaskStatus[] = [InProgress, Pending];
const RESET_FROM: readonly TaskStatus[] = [Completed, Failed, Pending];
const NONE = OUTCOMES.indexOf('none');
const EXECUTED = OUTCOMES.indexOf('executed');
const FAILED = OUTCOMES.indexOf('failed');
const BLOCKED = OUTCOMES.indexOf('blocked');

/** Pending → InProgress. @throws IllegalTransition also while a dependency is not Completed */
export function start(table: TaskTable, row: Row): void {
  if (!table.transition(row, Pending, InProgress, NONE)) throw refusal(table, row, InProgress);
}

/** The best ones that are ready, now InProgress; fewer than `count` if no more are. @throws InvalidArgument */
export function claimMany(table: TaskTable, count: number): Row[] {
  if (!Number.isInteger(count) || count < 0) {
    throw new InvalidArgument(`claim takes how many tasks, not ${shown(count)}.`);
  }
  const rows: Row[] = [];
  while (rows.length < count) {
    const row = table.claim();
    if (row === -1) break;
    rows.push(row);
  }
  return rows;
}

/** InProgress → Completed (outcome `executed`); with outcome `fresh` or `cached` also Pending → Completed, if ready. */
export function complete(table: TaskTable, row: Row, result?: AttemptResult): void {
  const code = result === undefined ? EXECUTED : codeOfCompletion(table, row, result);
  const epoch = result?.epoch;
  const isDone =
    epoch !== undefined || code === EXECUTED
      ? table.transition(row, InProgress, Completed, code, epoch)
      : changeFromAny(table, row, COMPLETED_FROM, Completed, code);
  if (!isDone) throw refusal(table, row, Completed, epoch);
}

function codeOfCompletion(table: TaskTable, row: Row, result: AttemptResult): number {
  const code = codeOf(COMPLETED_BY, result.outcome ?? 'executed', 'complete');
  recordDuration(table, row, result);
  return code;
}

/** InProgress → Failed. */
export function fail(table: TaskTable, row: Row, result?: AttemptResult): void {
  const code = codeOf(FAILED_BY, result?.outcome ?? 'failed', 'fail');
  recordDuration(table, row, result);
  if (table.transition(row, InProgress, Failed, code, result?.epoch)) return;
  throw refusal(table, row, Failed, result?.epoch);
}

/** InProgress → Pending: the attempt is given up. Keeps the attempt count. @param epoch of the attempt, if only that one is to be */
export function release(
  table: TaskTable,
  row: Row,
  outcome: Outcome = 'interrupted',
  epoch?: number | undefined,
): void {
  const code = codeOf(RELEASED_BY, outcome, 'release');
  if (!table.transition(row, InProgress, Pending, code, epoch)) throw refusal(table, row, Pending, epoch);
}

/** Completed or Failed → Pending, as if newly defined; nothing happens to a task that is Pending. */
export function reset(table: TaskTable, row: Row): void {
  if (!changeFromAny(table, row, RESET_FROM, Pending, NONE)) throw refusal(table, row, Pending);
}

/**
 * Changes the status from whichever of several it has. What it has is looked at once, and again only if another thread changed it meanwhile: to try one
 * after the other could miss all of them, though at each moment it was one.
 */
function changeFromAny(
  table: TaskTable,
  row: Row,
  from: readonly TaskStatus[],
  to: TaskStatus,
  code: number,
): boolean {
  while (table.isLive(row)) {
    const epoch = table.epoch(row);
    const status = table.status(row);
    if (!from.includes(status)) return false;
    if (table.transition(row, status, to, code)) return true;
    // Nobody has changed it, so it was not ready.
    if (table.pending(row) !== 0 && table.epoch(row) === epoch) return false;
  }
  return false;
}

/** Failed → Pending with the attempts kept. */
export function retry(table: TaskTable, row: Row): void {
  if (!table.transition(row, Failed, Pending, FAILED)) throw refusal(table, row, Pending);
}

/** Says of a Pending task that it waits for one that failed. */
export function block(table: TaskTable, row: Row): void {
  if (!table.transition(row, Pending, Pending, BLOCKED)) throw refusal(table, row, Pending);
}

/** Before the swap that ends the attempt, but never for an attempt that isn't under way. */
function recordDuration(table: TaskTable, row: Row, result: AttemptResult | undefined): void {
  if (result?.duration === undefined || table.status(row) !== InProgress) return;
  if (result.epoch !== undefined && table.epoch(row) !== result.epoch) return;
  table.setDuration(row, result.duration);
}

const RESULT = { outcome: anything, duration: milliseconds, epoch: wholeFrom(0) } satisfies Record<
  keyof AttemptResult,
  Check
>;
const RELEASE = { epoch: RESULT.epoch };

/** Checks what a caller says about the end of an attempt. @throws InvalidArgument */
export function checkResult(action: string, result: AttemptResult | undefined): void {
  if (result !== undefined) checkOptions(action, result, RESULT);
}

/** The same of the attempt that is given up. @throws InvalidArgument */
export function checkRelease(of: { readonly epoch?: number } | undefined): void {
  if (of !== undefined) checkOptions('release', of, RELEASE);
}

function codes(...outcomes: Outcome[]): Codes {
  return new Map(outcomes.map((outcome) => [outcome, OUTCOMES.indexOf(outcome)]));
}

/** @throws InvalidArgument if the outcome is none of them */
function codeOf(known: Codes, outcome: Outcome, action: string): number {
  const code = known.get(outcome);
  if (code !== undefined) return code;
  const list = [...known.keys()].join(', ');
  throw new InvalidArgument(`${shown(outcome)} is no outcome to ${action} a task with; use one of: ${list}.`);
}

/** Of one moment: never of the midst of another thread's transaction, which may not happen. @param epoch of the attempt that it was about, if of one */
function refusal(
  table: TaskTable,
  row: Row,
  to: TaskStatus,
  epoch?: number,
): IllegalTransition | UnknownTask {
  return table.changes.look(() => refusalNow(table, row, to, epoch));
}

function refusalNow(
  table: TaskTable,
  row: Row,
  to: TaskStatus,
  epoch: number | undefined,
): IllegalTransition | UnknownTask {
  if (!table.isLive(row)) return new UnknownTask(row);
  const from = table.status(row);
  const why =
    from === InProgress && to !== InProgress
      ? `${epoch === undefined ? 'an' : 'another'} attempt is under way`
      : whatItNeeds(table, row, from, to);
  return new IllegalTransition(table.names.nameOf(row), STATUS_NAMES[from], STATUS_NAMES[to], why);
}

function whatItNeeds(table: TaskTable, row: Row, from: TaskStatus, to: TaskStatus): string | undefined {
  if (from !== Pending || to === Failed) return undefined;
  for (const dependency of table.dependencies.items(row)) {
    if (table.status(dependency as Row) !== Completed) {
      return `it waits for ${quote(table.names.nameOf(dependency))}`;
    }
  }
  return undefined;
}
