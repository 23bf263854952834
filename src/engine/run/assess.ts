import { type ArtifactTables, type Reason, type TaskChecker, TaskFlag } from '../../artifacts/index.js';
import { IllegalTransition } from '../../errors.js';
import type { TaskTable } from '../../memory/table.js';
import { type Row, TaskStatus } from '../../task.js';
import { complete, reset } from '../../tasks/lifecycle.js';
import type { Selection } from './selection.js';

/** Tasks that are not fresh, in order, and why each is not: two lists, because a run would feel a million objects. */
export class StaleTasks {
  readonly reasons: Reason[];
  private readonly list: Int32Array;
  private count = 0;

  /** @param capacity how many there may be: lists that grow cost more than all that is put into them */
  constructor(capacity: number) {
    this.list = new Int32Array(capacity);
    this.reasons = new Array<Reason>(capacity);
  }

  get length(): number {
    return this.count;
  }

  get rows(): Int32Array {
    return this.list.subarray(0, this.count);
  }

  add(row: Row, reason: Reason): void {
    this.list[this.count] = row;
    this.reasons[this.count++] = reason;
  }
}

/** What a run has to do, as far as it can be known before it begins. */
export interface Assessment {
  /** Tasks with a command that are fresh. */
  readonly fresh: number;
  /** Those that will or may have to run, dependencies first. */
  readonly stale: StaleTasks;
  /** Those of the stale ones that have no command, and an input that is missing and can't come into being: they fail. */
  readonly lost: ReadonlyMap<Row, Reason>;
  /** What is to be settled in the table: rows that are stale, or command-less and above a stale one. */
  readonly dirty: Uint8Array;
}

export interface Subject {
  readonly table: TaskTable;
  readonly artifacts: ArtifactTables;
  readonly selection: Selection;
  readonly checker: TaskChecker;
  readonly isForced: (row: Row) => boolean;
}

const ALWAYS: Reason = { kind: 'always' };

/**
 * Looks at every task of the run, dependencies first; changes nothing. A task above a stale one is taken for stale:
 * when its turn comes it is checked again, and if what it depends on came out unchanged it is fresh (early cutoff).
 * O(tasks + edges + recorded files).
 */
export function assess(subject: Subject): Assessment {
  const { artifacts, table, selection } = subject;
  const { taskFiles } = artifacts;
  const dirty = new Uint8Array(table.rowCount);
  const stale = new StaleTasks(selection.order.length);
  const lost = new Map<Row, Reason>();
  let fresh = 0;
  for (const row of selection.order as Iterable<number> as Iterable<Row>) {
    if (taskFiles.has(row, TaskFlag.Unconditional)) {
      dirty[row] = 1;
      stale.add(row, forcedReason(subject, row) ?? ALWAYS);
      continue;
    }
    const upstream = upstreamReason(table, row, dirty);
    const isGroup = !hasCommand(subject, row);
    const loss = isGroup ? lossOf(subject, row, upstream) : undefined;
    const reason = loss ?? forcedReason(subject, row) ?? upstream ?? ownReason(subject, row);
    if (reason !== undefined) dirty[row] = 1;
    if (loss !== undefined) lost.set(row, loss);
    else if (isGroup) continue;
    if (reason === undefined) fresh++;
    else stale.add(row, reason);
  }
  return { fresh, stale, lost, dirty };
}

/**
 * The assessment without those that would come out fresh for all that can be known: tasks with literal paths that only come
 * after one that runs (ninja's order-only inputs) and read nothing that it makes. For a dry run; a run need not know.
 * O(tasks + edges + recorded files).
 */
export function foresee(subject: Subject, assessment: Assessment): Assessment {
  const running = new Set<Row>();
  const stale = new StaleTasks(assessment.stale.length);
  for (const [index, row] of assessment.stale.rows.entries() as Iterable<[number, Row]>) {
    const assumed = assessment.stale.reasons[index]!;
    const isSure = assumed.kind !== 'dependency' || !subject.artifacts.taskFiles.has(row, TaskFlag.Literal);
    const reason = isSure ? assumed : (inputReason(subject, row, running) ?? ownReason(subject, row));
    if (reason === undefined) continue;
    running.add(row);
    stale.add(row, reason);
  }
  const fresh = assessment.fresh + assessment.stale.length - stale.length;
  return { ...assessment, fresh, stale };
}

/**
 * Assesses, and makes the table say what was found: from then on the tasks are the run's. For who is alone, so that it is about one
 * moment.
 * @throws IllegalTransition if somebody holds a task of the run
 */
export function takeOver(subject: Subject): Assessment {
  refuseHeld(subject.table, subject.selection);
  const assessment = assess(subject);
  settle(subject.table, subject.selection, assessment);
  return assessment;
}

/** @throws IllegalTransition if somebody holds a task of the run: its own claims could not be told from theirs */
function refuseHeld(table: TaskTable, { order }: Selection): void {
  const held = order.find((row) => table.status(row as Row) === TaskStatus.InProgress);
  if (held === undefined) return;
  const why = 'somebody has claimed it, and a run needs all of its tasks for itself';
  throw new IllegalTransition(table.names.nameOf(held), 'InProgress', 'Pending', why);
}

/** Makes the table say what was found: stale tasks Pending, fresh ones Completed. */
export function settle(table: TaskTable, selection: Selection, { dirty }: Pick<Assessment, 'dirty'>): void {
  for (const row of selection.order as Iterable<number> as Iterable<Row>) {
    const status = table.status(row);
    if (dirty[row] === 1) reset(table, row);
    else if (status !== TaskStatus.Completed) {
      if (status === TaskStatus.Failed) reset(table, row);
      complete(table, row, { outcome: 'fresh' });
    }
  }
}

function upstreamReason(table: TaskTable, row: Row, dirty: Uint8Array): Reason | undefined {
  const { dependencies } = table;
  const start = dependencies.start(row);
  const end = start + dependencies.count(row);
  for (let at = start; at < end; at++) {
    const dependency = dependencies.pool.ints[at]!;
    if (dirty[dependency] === 1) return { kind: 'dependency', task: table.names.nameOf(dependency) };
  }
  return undefined;
}

/** Why a task without a command fails. Where globs are allowed, what runs before it may yet make the file by one. */
function lossOf({ artifacts, checker }: Subject, row: Row, upstream: Reason | undefined): Reason | undefined {
  const { taskFiles } = artifacts;
  if (!taskFiles.has(row, TaskFlag.DeclaresInputs)) return undefined;
  if (upstream !== undefined && !taskFiles.has(row, TaskFlag.Literal)) return undefined;
  const verdict = checker.check(row);
  return !verdict.fresh && verdict.reason.kind === 'input-missing' ? verdict.reason : undefined;
}

/** Comes before all others, as when the task is started. */
function forcedReason(subject: Subject, row: Row): Reason | undefined {
  return hasCommand(subject, row) && subject.isForced(row) ? { kind: 'forced' } : undefined;
}

function ownReason(subject: Subject, row: Row): Reason | undefined {
  if (!hasCommand(subject, row)) return undefined;
  const verdict = subject.checker.check(row);
  return verdict.fresh ? undefined : verdict.reason;
}

function hasCommand({ artifacts }: Subject, row: Row): boolean {
  return artifacts.taskFiles.has(row, TaskFlag.Command);
}

/** That a file which the task reads is made by one that runs. */
function inputReason({ table, artifacts }: Subject, row: Row, running: ReadonlySet<Row>): Reason | undefined {
  const { files, records, taskFiles } = artifacts;
  const discovered = records.read(row)?.discovered.filter((_, index) => index % 2 === 0) ?? [];
  for (const file of [...taskFiles.inputs.view(row), ...discovered]) {
    const producer = files.producer(file);
    if (producer === -1 || !running.has(producer)) continue;
    return { kind: 'dependency', task: table.names.nameOf(producer) };
  }
  return undefined;
}
