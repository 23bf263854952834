import type { Reason, TaskChecker } from '../../artifacts/index.js';
import type { TaskTable } from '../../memory/table.js';
import { type Row, TaskStatus } from '../../task.js';
import { complete, reset } from '../../tasks/lifecycle.js';
import type { Selection } from './selection.js';

/** A task that is not fresh, and why. */
export interface Stale {
  readonly row: Row;
  readonly reason: Reason;
}

/** What a run has to do, as far as it can be known before it begins. */
export interface Assessment {
  /** Tasks with a command that are fresh. */
  readonly fresh: number;
  /** Those that will or may have to run, dependencies first. */
  readonly stale: readonly Stale[];
  /** What is to be settled in the table: rows that are stale, or command-less and above a stale one. */
  readonly dirty: Uint8Array;
}

interface Subject {
  readonly table: TaskTable;
  readonly selection: Selection;
  readonly checker: TaskChecker;
  readonly hasCommand: (row: Row) => boolean;
  readonly isForced: (row: Row) => boolean;
}

/**
 * Looks at every task of the run, dependencies first; changes nothing. A task above a stale one is taken for stale:
 * when its turn comes it is checked again, and if what it depends on came out unchanged it is fresh (early cutoff).
 * O(tasks + edges + recorded files).
 */
export function assess(subject: Subject): Assessment {
  const { table, selection, hasCommand } = subject;
  const dirty = new Uint8Array(table.rowCount);
  const stale: Stale[] = [];
  let fresh = 0;
  for (const row of selection.order as Iterable<number> as Iterable<Row>) {
    const reason = upstreamReason(table, row, dirty) ?? ownReason(subject, row);
    if (reason !== undefined) dirty[row] = 1;
    if (!hasCommand(row)) continue;
    if (reason === undefined) fresh++;
    else stale.push({ row, reason });
  }
  return { fresh, stale, dirty };
}

/** Makes the table say what was found: stale tasks Pending, fresh ones Completed. */
export function settle(table: TaskTable, selection: Selection, { dirty }: Assessment): void {
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

function ownReason({ checker, hasCommand, isForced }: Subject, row: Row): Reason | undefined {
  if (!hasCommand(row)) return undefined;
  if (isForced(row)) return { kind: 'forced' };
  const verdict = checker.check(row);
  return verdict.fresh ? undefined : verdict.reason;
}
